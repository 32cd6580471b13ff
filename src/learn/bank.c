#include <judd/learn/bank.h>

#include <judd/base/clones.h>
#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t judd_bank_width(const judd_bank *b) {
    return (int64_t)b->options.n_heads * b->options.n_outputs;
}

int64_t judd_bank_size(const judd_bank *b) {
    const judd_parameter *last = &b->parameters[b->n_parameters - 1];
    return last->offset + judd_bank_parameter_begin(last, b->options.n_heads);
}

int64_t judd_bank_parameter_size(const judd_parameter *p) {
    return p->rows * p->columns;
}

int64_t judd_bank_parameter_begin(const judd_parameter *p, int h) {
    return h * judd_bank_parameter_size(p);
}

int judd_bank_sets(const judd_bank *b) {
    return b->options.source_weight > 0.0 ? 2 : 1;
}

bool judd_bank_is_active(const judd_bank *b, int h) {
    return b->diverged[h] < 0 && b->stopped[h] < 0;
}

/* ---- creation -----------------------------------------------------------------------------------
 */

/* The next record; its name is layerN_SUFFIX. */
static judd_status add_parameter(judd_bank *b, judd_parameter **out, const char *suffix,
                                 int64_t rows, int64_t columns, bool decays) {
    judd_status status = JUDD_OK;
    judd_parameter *p = &b->parameters[b->n_parameters];
    int64_t offset = b->n_parameters > 0 ? judd_bank_size(b) : 0;
    b->n_parameters++;
    *p = (judd_parameter){.rows = rows, .columns = columns, .offset = offset, .decays = decays};
    (void)snprintf(p->name, sizeof p->name, "layer%d_%s", b->n_layers, suffix);
    JUDD_TRY(judd_memory_alloc(&p->exponent, judd_bank_sets(b) * (int64_t)b->options.n_heads,
                               sizeof *p->exponent));
    *out = p;
done:
    return status;
}

static judd_status add_layer(judd_bank *b, int64_t inputs, int64_t outputs, bool norm) {
    judd_status status = JUDD_OK;
    judd_layer *layer = &b->layers[b->n_layers];
    *layer = (judd_layer){.inputs = inputs, .outputs = outputs};
    JUDD_TRY(add_parameter(b, &layer->weight, "weight", outputs, inputs, true));
    JUDD_TRY(add_parameter(b, &layer->bias, "bias", outputs, 1, false));
    if (norm) {
        JUDD_TRY(add_parameter(b, &layer->gain, "gain", outputs, 1, false));
        JUDD_TRY(add_parameter(b, &layer->shift, "shift", outputs, 1, false));
    }
    b->n_layers++;
done:
    return status;
}

/* The first weights of one layer of an MLP, of variance factor / inputs. */
static void draw_layer(const judd_bank *b, int l, double factor) {
    const judd_layer *layer = &b->layers[l];
    int64_t n = judd_bank_parameter_size(layer->weight);
    double deviation = sqrt(factor / (double)layer->inputs);
    for (int h = 0; h < b->options.n_heads; h++) {
        float *w = layer->weight->value + judd_bank_parameter_begin(layer->weight, h);
        for (int64_t i = 0; i < n; i++)
            w[i] = (float)(deviation * judd_rng_normal(b->options.heads[h].init_seed, JUDD_RNG_HEAD,
                                                       (uint32_t)l, (uint64_t)i));
    }
    int64_t gains = layer->gain ? judd_bank_parameter_begin(layer->gain, b->options.n_heads) : 0;
    for (int64_t i = 0; i < gains; i++) layer->gain->value[i] = 1.0f;
}

static judd_status add_layers(judd_bank *b) {
    judd_status status = JUDD_OK;
    const judd_bank_options *o = &b->options;
    int64_t inputs = b->dim;
    for (int l = 0; l < o->n_hidden; l++) {
        JUDD_TRY(add_layer(b, inputs, o->hidden[l], o->layer_norm));
        inputs = o->hidden[l];
    }
    JUDD_TRY(add_layer(b, inputs, o->n_outputs, false));
done:
    return status;
}

/* A linear head starts from zero. */
static void draw(const judd_bank *b) {
    const int last = b->n_layers - 1;
    for (int l = 0; last > 0 && l <= last; l++) draw_layer(b, l, l < last ? 2.0 : 1.0);
}

static judd_status check_options(const judd_bank_options *o) {
    if (o->n_hidden < 0 || o->n_hidden > JUDD_BANK_MAX_HIDDEN)
        return judd_status_set(JUDD_E_CONFIG, "%d hidden layers; there may be 0 to %d", o->n_hidden,
                               JUDD_BANK_MAX_HIDDEN);
    for (int l = 0; l < o->n_hidden; l++)
        if (o->hidden[l] < 1)
            return judd_status_set(JUDD_E_CONFIG, "hidden layer %d has %d units; need at least 1",
                                   l + 1, o->hidden[l]);
    if (!(o->dropout >= 0.0 && o->dropout < 1.0))
        return judd_status_set(JUDD_E_CONFIG, "dropout %g; it must be at least 0 and below 1",
                               o->dropout);
    if (o->early_stopping.every < 0 ||
        (o->early_stopping.every > 0 && o->early_stopping.patience < 1))
        return judd_status_set(JUDD_E_CONFIG,
                               "early stopping: every %lld steps, patience %lld; both must be at "
                               "least 1",
                               (long long)o->early_stopping.every,
                               (long long)o->early_stopping.patience);
    return JUDD_OK;
}

/* ---- state --------------------------------------------------------------------------------------
 */

enum { LINE = 64 };

static bool has_second(const judd_bank *b) {
    return judd_optimizer_has_second(b->options.optimizer.kind);
}

static bool has_best(const judd_bank *b) {
    return b->options.early_stopping.every > 0;
}

static int64_t array_bytes(int64_t n, size_t size) {
    return judd_round_up(n * (int64_t)size, LINE);
}

static int64_t state_bytes(const judd_bank *b) {
    int64_t bytes = array_bytes(b->options.n_heads, sizeof *b->lost);
    for (int k = 0; k < b->n_parameters; k++)
        bytes += (2 + has_second(b) + has_best(b)) *
                 array_bytes(judd_bank_parameter_begin(&b->parameters[k], b->options.n_heads),
                             sizeof(float));
    return bytes;
}

static void *take(char **at, int64_t n, size_t size) {
    void *array = *at;
    *at += array_bytes(n, size);
    return array;
}

/* What updates change lies at `at`, aligned to LINE. */
static void lay_out_state(judd_bank *b, char *at) {
    for (int k = 0; k < b->n_parameters; k++) {
        judd_parameter *p = &b->parameters[k];
        int64_t n = judd_bank_parameter_begin(p, b->options.n_heads);
        p->value = take(&at, n, sizeof *p->value);
        p->first = take(&at, n, sizeof *p->first);
        if (has_second(b)) p->second = take(&at, n, sizeof *p->second);
        if (has_best(b)) p->best = take(&at, n, sizeof *p->best);
    }
    b->lost = take(&at, b->options.n_heads, sizeof *b->lost);
}

static char *aligned(char *memory) {
    return memory + (LINE - (uintptr_t)memory % LINE) % LINE;
}

/* Parameters and the optimiser's state, and what there is one of for each head. */
static judd_status create_state(judd_bank *b) {
    judd_status status = JUDD_OK;
    int n = b->options.n_heads;
    b->bytes = state_bytes(b);
    JUDD_TRY(judd_memory_zeros(&b->state, b->bytes + LINE, 1));
    lay_out_state(b, aligned(b->state));
    int64_t **integers[] = {&b->diverged, &b->finished, &b->best_step, &b->stopped};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        JUDD_TRY(judd_memory_alloc(integers[i], n, sizeof(int64_t)));
    JUDD_TRY(judd_memory_alloc(&b->best_loss, n, sizeof *b->best_loss));
    for (int h = 0; h < n; h++) {
        b->diverged[h] = b->best_step[h] = b->stopped[h] = -1;
        b->best_loss[h] = INFINITY;
    }
    if (b->options.curve_steps == 0) goto done;
    b->n_curve = (b->options.steps + b->options.curve_steps - 1) / b->options.curve_steps + 1;
    JUDD_TRY(judd_memory_alloc(&b->curve, n * b->n_curve, sizeof *b->curve));
    for (int64_t i = 0; i < n * b->n_curve; i++) b->curve[i] = -1;
done:
    return status;
}

/* ---- one copy a node ----------------------------------------------------------------------------
 */

static judd_status check_node(const judd_bank *b, const judd_comm *comm) {
    if (b->part == comm->node_rank && b->parts == comm->node_size) return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL, "a bank is shared by %d ranks of a node, not by %d",
                           b->parts, comm->node_size);
}

judd_status judd_bank_share(judd_bank *b, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    int64_t company = comm->node_size > 1;
    if (b->shared) return judd_comm_agree(comm, check_node(b, comm));
    JUDD_TRY(judd_comm_sum(comm, &company, 1));
    if (company == 0) return JUDD_OK;
    status = judd_node_memory_create(&memory, comm, b->bytes);
    if (status == JUDD_E_IO) return JUDD_OK; /* too small a /dev/shm: each rank keeps its own */
    JUDD_TRY(status);
    if (judd_node_memory_is_writer(memory))
        memcpy(judd_node_memory_data(memory), aligned(b->state), (size_t)b->bytes);
    JUDD_TRY(judd_node_memory_publish(memory));
    lay_out_state(b, judd_node_memory_data(memory));
    free(b->state);
    b->state = NULL;
    b->shared = memory;
    b->part = comm->node_rank;
    b->parts = comm->node_size;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
    return status;
}

/* x as it lies in 0 .. n. */
static int64_t within(int64_t x, int64_t n) {
    return judd_least(judd_most(x, 0), n);
}

void judd_bank_own(const judd_bank *b, const judd_parameter *p, int h, int64_t *from,
                   int64_t *stop) {
    int64_t size = judd_bank_size(b), at = p->offset + judd_bank_parameter_begin(p, h);
    *from = within(judd_part_begin(size, b->parts, b->part) - at, judd_bank_parameter_size(p));
    *stop = within(judd_part_begin(size, b->parts, b->part + 1) - at, judd_bank_parameter_size(p));
}

/* ---- life ---------------------------------------------------------------------------------------
 */

judd_status judd_bank_create(judd_bank **out, int64_t dim, const judd_bank_options *options) {
    judd_status status = JUDD_OK;
    judd_bank *b = NULL;
    judd_bank_head *heads = NULL;
    JUDD_TRY(check_options(options));
    JUDD_TRY(judd_memory_alloc(&b, 1, sizeof *b));
    b->options = *options;
    b->options.heads = NULL;
    b->options.class_weight = NULL; /* now in targets */
    b->dim = dim;
    b->parts = 1;
    JUDD_TRY(judd_targets_create(&b->targets, options->loss, options->n_heads, options->n_outputs,
                                 options->class_weight, options->label_smoothing));
    JUDD_TRY(judd_memory_alloc(&heads, options->n_heads, sizeof *heads));
    memcpy(heads, options->heads, (size_t)options->n_heads * sizeof *heads);
    b->options.heads = heads;
    JUDD_TRY(add_layers(b));
    JUDD_TRY(create_state(b));
    draw(b);
    *out = b;
    b = NULL;
done:
    judd_bank_destroy(b);
    return status;
}

void judd_bank_destroy(judd_bank *b) {
    if (!b) return;
    free((void *)b->options.heads);
    judd_targets_free(&b->targets);
    free(b->state);
    judd_node_memory_destroy(b->shared);
    for (int k = 0; k < b->n_parameters; k++) {
        free(b->parameters[k].anchor);
        free(b->parameters[k].inherited);
        free(b->parameters[k].exponent);
    }
    free(b->diverged);
    free(b->finished);
    free(b->best_loss);
    free(b->best_step);
    free(b->stopped);
    free(b->curve);
    free(b);
}

judd_status judd_bank_fit_targets(judd_bank *b, const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_targets *t = &b->targets;
    JUDD_TRY(judd_comm_agree(comm, judd_targets_check(t, rows)));
    for (int h = 0; t->loss == JUDD_LOSS_SQUARED && h < b->options.n_heads; h++) {
        int64_t n = t->n_outputs;
        int same = 0; /* an earlier head that sees the same samples */
        while (b->options.heads[same].held_out != b->options.heads[h].held_out) same++;
        if (same == h) {
            JUDD_TRY(judd_targets_fit(t, h, b->options.heads[h].held_out, rows, comm));
        } else {
            memcpy(t->mean + h * n, t->mean + same * n, (size_t)n * sizeof *t->mean);
            memcpy(t->scale + h * n, t->scale + same * n, (size_t)n * sizeof *t->scale);
        }
    }
done:
    return status;
}

/* The last layer of a bank of one head then says (z / scale) + mean where it said z. */
static void fold_targets(judd_bank *one, const float *mean, const float *scale) {
    const judd_layer *last = &one->layers[one->n_layers - 1];
    for (int64_t c = 0; c < last->outputs; c++) {
        float *w = last->weight->value + c * last->inputs, *b = last->bias->value + c;
        for (int64_t j = 0; j < last->inputs; j++) w[j] = (float)((double)w[j] / (double)scale[c]);
        *b = (float)((double)*b / (double)scale[c] + (double)mean[c]);
    }
}

static judd_status anchor(judd_parameter *p) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&p->anchor, judd_bank_parameter_size(p), sizeof *p->anchor));
    JUDD_TRY(judd_memory_alloc(&p->inherited, p->rows, 1));
done:
    return status;
}

/* Row `row` of every head becomes row `other` of a head of one. */
static void inherit_row(judd_bank *b, judd_parameter *p, int64_t row, const judd_parameter *from,
                        int64_t other) {
    size_t bytes = (size_t)p->columns * sizeof *p->value;
    const float *x = from->value + other * p->columns;
    for (int h = 0; h < b->options.n_heads; h++)
        memcpy(p->value + judd_bank_parameter_begin(p, h) + row * p->columns, x, bytes);
    if (!p->anchor) return;
    memcpy(p->anchor + row * p->columns, x, bytes);
    p->inherited[row] = 1;
}

static judd_status check_layers(const judd_bank *b, const judd_bank *from) {
    const int last = b->n_layers - 1;
    bool same = b->dim == from->dim && b->n_layers == from->n_layers &&
                b->n_parameters == from->n_parameters;
    for (int l = 0; same && l < last; l++) same = b->layers[l].outputs == from->layers[l].outputs;
    return same
               ? JUDD_OK
               : judd_status_set(JUDD_E_CONFIG,
                                 "the head to start from has other features or hidden layers; give "
                                 "both the same backbone and the same layers");
}

judd_status judd_bank_inherit(judd_bank *b, const judd_bank *from, const int32_t *from_output,
                              double pull) {
    judd_status status = check_layers(b, from);
    const judd_layer *last = &b->layers[b->n_layers - 1];
    b->pull = pull;
    for (int k = 0; status == JUDD_OK && k < b->n_parameters; k++) {
        judd_parameter *p = &b->parameters[k];
        bool output = p == last->weight || p == last->bias;
        if (pull > 0.0) JUDD_TRY(anchor(p));
        for (int64_t row = 0; row < p->rows; row++) {
            int64_t other = output ? from_output[row] : row;
            if (other >= 0) inherit_row(b, p, row, &from->parameters[k], other);
        }
    }
done:
    return status;
}

judd_status judd_bank_extract(judd_bank **out, const judd_bank *bank, int h) {
    judd_bank_options o = bank->options;
    judd_bank *one = NULL;
    o.n_heads = 1;
    o.heads = &bank->options.heads[h];
    o.source_weight = 0.0;
    judd_status status = judd_bank_create(&one, bank->dim, &o);
    if (status != JUDD_OK) return status;
    for (int k = 0; k < bank->n_parameters; k++) {
        const judd_parameter *p = &bank->parameters[k];
        memcpy(one->parameters[k].value, p->value + judd_bank_parameter_begin(p, h),
               (size_t)judd_bank_parameter_size(p) * sizeof *p->value);
    }
    if (o.loss == JUDD_LOSS_SQUARED)
        fold_targets(one, bank->targets.mean + (int64_t)h * o.n_outputs,
                     bank->targets.scale + (int64_t)h * o.n_outputs);
    if (one->n_curve > 0)
        memcpy(one->curve, bank->curve + h * one->n_curve,
               (size_t)one->n_curve * sizeof *one->curve);
    one->step = bank->step;
    one->diverged[0] = bank->diverged[h];
    one->finished[0] = bank->finished[h];
    one->best_loss[0] = bank->best_loss[h];
    one->best_step[0] = bank->best_step[h];
    one->stopped[0] = bank->stopped[h];
    *out = one;
    return JUDD_OK;
}

judd_status judd_bank_from_linear(judd_bank **out, const float *weight, const float *bias,
                                  int n_outputs, int64_t dim) {
    static const judd_bank_head head = {.held_out = -1};
    judd_bank_options o = {.n_heads = 1, .n_outputs = n_outputs, .heads = &head};
    judd_bank *b = NULL;
    judd_status status = judd_bank_create(&b, dim, &o);
    if (status != JUDD_OK) return status;
    memcpy(b->layers[0].weight->value, weight, (size_t)(n_outputs * dim) * sizeof *weight);
    memcpy(b->layers[0].bias->value, bias, (size_t)n_outputs * sizeof *bias);
    *out = b;
    return JUDD_OK;
}

judd_status judd_bank_hash(char hex[JUDD_SHA256_HEX], const judd_bank *b) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    for (int k = 0; k < b->n_parameters; k++) {
        const judd_parameter *p = &b->parameters[k];
        int64_t n = judd_bank_parameter_begin(p, b->options.n_heads);
        judd_hash_add(hash, p->value, (size_t)n * sizeof *p->value);
    }
    judd_hash_finish(hash, hex);
    judd_hash_destroy(hash);
    return JUDD_OK;
}

/* ---- update -------------------------------------------------------------------------------------
 */

/* All exponent bits set means infinite or NaN. */
static bool all_finite(const float *x, int64_t n) {
    return judd_exact_sum_magnitude(x, n) < 0x7F800000u;
}

static void clear(float *x, int64_t n) {
    if (x) memset(x, 0, (size_t)n * sizeof *x);
}

static void mark_diverged(judd_bank *b, int h) {
    b->diverged[h] = b->step;
    for (int k = 0; k < b->n_parameters; k++) {
        const judd_parameter *p = &b->parameters[k];
        int64_t from, stop;
        judd_bank_own(b, p, h, &from, &stop);
        int64_t begin = judd_bank_parameter_begin(p, h) + from;
        clear(p->value + begin, stop - from);
        clear(p->first + begin, stop - from);
        if (p->second) clear(p->second + begin, stop - from);
    }
}

/* Numbers of a gradient at a time. */
enum { PART = 1024 };

/* The gradient of head h as the update takes it: the sets' means, weighted. */
typedef struct head_gradient {
    const judd_bank *bank;
    const judd_bank_sums *sets;
    int h;
    double factor[2]; /* of a set's sums; 0: left out */
    float part[PART];
} head_gradient;

static double unit_of(const head_gradient *g, const judd_parameter *p, int set) {
    int64_t exponent = p->exponent[set * g->bank->options.n_heads + g->h];
    return judd_exact_sum_value(1, (judd_exact_scale){(int)exponent, g->sets[set].fraction}) *
           g->factor[set];
}

JUDD_CLONES static void mix(float *out, const int64_t *x, double unit_x, const int64_t *y,
                            double unit_y, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = (float)((double)x[i] * unit_x + (double)y[i] * unit_y);
}

JUDD_CLONES static void scale(float *out, const int64_t *x, double unit, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = (float)((double)x[i] * unit);
}

/* g->part = n numbers of parameter p of the head, from `first` on. */
static void convert(head_gradient *g, const judd_parameter *p, int64_t first, int64_t n) {
    int64_t at = p->offset + judd_bank_parameter_begin(p, g->h) + first;
    const int64_t *sum = g->sets[0].gradient + at;
    if (g->factor[1] == 0.0)
        scale(g->part, sum, unit_of(g, p, 0), n);
    else
        mix(g->part, sum, unit_of(g, p, 0), g->sets[1].gradient + at, unit_of(g, p, 1), n);
}

/* PyTorch's clip_grad_norm_ over all tensors of a head. */
static double clip_factor(head_gradient *g) {
    double square = 0.0, clip = g->bank->options.optimizer.clip;
    if (!(clip > 0.0)) return 1.0;
    for (int k = 0; k < g->bank->n_parameters; k++) {
        const judd_parameter *p = &g->bank->parameters[k];
        int64_t size = judd_bank_parameter_size(p);
        for (int64_t i = 0; i < size; i += PART) {
            int64_t n = judd_least(size - i, PART);
            convert(g, p, i, n);
            for (int64_t j = 0; j < n; j++) square += (double)g->part[j] * (double)g->part[j];
        }
    }
    return fmin(1.0, clip / (sqrt(square) + 1e-6));
}

/* This rank's numbers of the rows [first, end) of a parameter, all inherited and pulled or none.
 * Returns whether they are still finite. */
static bool update_rows(head_gradient *g, judd_parameter *p, int64_t first, int64_t end,
                        double rate) {
    const judd_bank *b = g->bank;
    bool pulled = p->anchor && p->inherited[first], finite = true;
    int64_t from, stop;
    judd_bank_own(b, p, g->h, &from, &stop);
    from = judd_most(from, first * p->columns);
    stop = judd_least(stop, end * p->columns);
    for (int64_t i = from; i < stop; i += PART) {
        int64_t at = judd_bank_parameter_begin(p, g->h) + i, n = judd_least(stop - i, PART);
        convert(g, p, i, n);
        judd_optimizer_update(
            &b->options.optimizer,
            &(judd_optimizer_parameters){.n = n,
                                         .w = p->value + at,
                                         .first = p->first + at,
                                         .second = p->second ? p->second + at : NULL,
                                         .gradient = g->part,
                                         .anchor = pulled ? p->anchor + i : NULL,
                                         .rate = rate,
                                         .decay = pulled      ? b->pull
                                                  : p->decays ? b->options.heads[g->h].l2
                                                              : 0.0,
                                         .step = b->step});
        finite = all_finite(p->value + at, n) && finite; /* while they are in the first cache */
    }
    return finite;
}

/* Returns whether this rank's share of the head is still finite. */
static bool update_head(judd_bank *b, head_gradient *g) {
    const judd_bank_head *head = &b->options.heads[g->h];
    double rate = head->learning_rate *
                  judd_optimizer_factor(&b->options.optimizer, b->step, b->options.steps);
    double clip = clip_factor(g);
    bool finite = true;
    for (int s = 0; s < 2; s++) g->factor[s] *= clip;
    for (int k = 0; k < b->n_parameters; k++) {
        judd_parameter *p = &b->parameters[k];
        for (int64_t row = 0, end; row < p->rows; row = end) {
            for (end = row + 1; end < p->rows; end++)
                if (p->anchor && p->inherited[end] != p->inherited[row]) break;
            if (!p->anchor) end = p->rows;
            finite = update_rows(g, p, row, end, rate) && finite;
        }
    }
    return finite;
}

static judd_status meet(const judd_bank *b, const judd_comm *comm) {
    return b->shared ? judd_comm_meet_node(comm) : JUDD_OK;
}

/* What any rank of the node has found. */
static judd_status mark_lost(judd_bank *b, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    bool any = false;
    JUDD_TRY(meet(b, comm));
    for (int h = 0; h < b->options.n_heads; h++) {
        if (b->lost[h] == 0 || !judd_bank_is_active(b, h)) continue;
        mark_diverged(b, h);
        any = true;
    }
    if (any) JUDD_TRY(meet(b, comm));
done:
    return status;
}

judd_status judd_bank_update(judd_bank *b, const judd_bank_sums *sets, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    head_gradient g = {.bank = b, .sets = sets};
    for (g.h = 0; g.h < b->options.n_heads; g.h++) {
        bool bad = false;
        for (int s = 0; s < judd_bank_sets(b); s++) {
            bool there = sets[s].weight > 0.0 && sets[s].count[g.h] > 0;
            g.factor[s] =
                there ? sets[s].weight / ((double)sets[s].count[g.h] * b->targets.unit) : 0.0;
            bad = bad || (sets[s].weight > 0.0 && sets[s].bad[g.h] > 0);
        }
        if (judd_bank_is_active(b, g.h) && bad) mark_diverged(b, g.h);
        if (!judd_bank_is_active(b, g.h) || g.factor[0] == 0.0) continue;
        if (!update_head(b, &g)) b->lost[g.h] = 1;
    }
    JUDD_TRY(mark_lost(b, comm));
    b->step++;
done:
    return status;
}
