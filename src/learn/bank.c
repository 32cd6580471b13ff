#include <judd/learn/bank.h>

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

bool judd_bank_is_active(const judd_bank *b, int h) {
    return b->diverged[h] < 0 && b->stopped[h] < 0;
}

/* ---- creation -----------------------------------------------------------------------------------
 */

/* The next record; its name is layerN_SUFFIX. */
static judd_status add_parameter(judd_bank *b, judd_parameter **out, const char *suffix,
                                 int64_t rows, int64_t columns, bool decays) {
    judd_status status = JUDD_OK;
    int n_heads = b->options.n_heads;
    int64_t n = n_heads * rows * columns;
    judd_parameter *p = &b->parameters[b->n_parameters];
    int64_t offset = b->n_parameters > 0 ? judd_bank_size(b) : 0;
    b->n_parameters++;
    *p = (judd_parameter){.rows = rows, .columns = columns, .offset = offset, .decays = decays};
    (void)snprintf(p->name, sizeof p->name, "layer%d_%s", b->n_layers, suffix);
    JUDD_TRY(judd_memory_alloc(&p->value, n, sizeof *p->value));
    JUDD_TRY(judd_memory_alloc(&p->first, n, sizeof *p->first));
    if (judd_optimizer_has_second(b->options.optimizer.kind))
        JUDD_TRY(judd_memory_alloc(&p->second, n, sizeof *p->second));
    if (b->options.early_stopping.every > 0)
        JUDD_TRY(judd_memory_alloc(&p->best, n, sizeof *p->best));
    JUDD_TRY(judd_memory_alloc(&p->exponent, n_heads, sizeof *p->exponent));
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
        draw_layer(b, l, 2.0);
        inputs = o->hidden[l];
    }
    JUDD_TRY(add_layer(b, inputs, o->n_outputs, false));
    if (o->n_hidden > 0) draw_layer(b, o->n_hidden, 1.0);
done:
    return status;
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

/* What there is one of for each head. */
static judd_status create_state(judd_bank *b) {
    judd_status status = JUDD_OK;
    int n = b->options.n_heads;
    int64_t **integers[] = {&b->diverged, &b->finished, &b->best_step, &b->stopped};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        JUDD_TRY(judd_memory_alloc(integers[i], n, sizeof(int64_t)));
    JUDD_TRY(judd_memory_alloc(&b->best_loss, n, sizeof *b->best_loss));
    for (int h = 0; h < n; h++) {
        b->diverged[h] = b->best_step[h] = b->stopped[h] = -1;
        b->best_loss[h] = INFINITY;
    }
done:
    return status;
}

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
    JUDD_TRY(judd_targets_create(&b->targets, options->loss, options->n_heads, options->n_outputs,
                                 options->class_weight, options->label_smoothing));
    JUDD_TRY(judd_memory_alloc(&heads, options->n_heads, sizeof *heads));
    memcpy(heads, options->heads, (size_t)options->n_heads * sizeof *heads);
    b->options.heads = heads;
    JUDD_TRY(add_layers(b));
    JUDD_TRY(create_state(b));
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
    for (int k = 0; k < b->n_parameters; k++) {
        judd_parameter *p = &b->parameters[k];
        free(p->value);
        free(p->first);
        free(p->second);
        free(p->best);
        free(p->exponent);
    }
    free(b->diverged);
    free(b->finished);
    free(b->best_loss);
    free(b->best_step);
    free(b->stopped);
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

judd_status judd_bank_extract(judd_bank **out, const judd_bank *bank, int h) {
    judd_bank_options o = bank->options;
    judd_bank *one = NULL;
    o.n_heads = 1;
    o.heads = &bank->options.heads[h];
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
        int64_t begin = judd_bank_parameter_begin(p, h), n = judd_bank_parameter_size(p);
        clear(p->value + begin, n);
        clear(p->first + begin, n);
        if (p->second) clear(p->second + begin, n);
    }
}

static double unit_of(const judd_parameter *p, int h, int fraction) {
    return judd_exact_sum_value(1, (judd_exact_scale){(int)p->exponent[h], fraction});
}

/* PyTorch's clip_grad_norm_ over all tensors of a head, `samples` of them summed up. */
static double clip_factor(const judd_bank *b, int h, const int64_t *gradient, double samples,
                          int fraction) {
    double square = 0.0, clip = b->options.optimizer.clip;
    if (!(clip > 0.0)) return 1.0;
    for (int k = 0; k < b->n_parameters; k++) {
        const judd_parameter *p = &b->parameters[k];
        square +=
            judd_optimizer_square(gradient + p->offset + judd_bank_parameter_begin(p, h),
                                  judd_bank_parameter_size(p), unit_of(p, h, fraction) / samples);
    }
    return fmin(1.0, clip / (sqrt(square) + 1e-6));
}

/* Returns whether the head is still finite. */
static bool update_head(judd_bank *b, int h, const int64_t *gradient, double samples,
                        int fraction) {
    const judd_optimizer_options *o = &b->options.optimizer;
    const judd_bank_head *head = &b->options.heads[h];
    double rate = head->learning_rate * judd_optimizer_factor(o, b->step, b->options.steps);
    double clip = clip_factor(b, h, gradient, samples, fraction);
    bool finite = true;
    for (int k = 0; k < b->n_parameters; k++) {
        const judd_parameter *p = &b->parameters[k];
        int64_t begin = judd_bank_parameter_begin(p, h), n = judd_bank_parameter_size(p);
        judd_optimizer_update(o, p->value + begin, p->first + begin,
                              p->second ? p->second + begin : NULL, gradient + p->offset + begin, n,
                              unit_of(p, h, fraction) / samples * clip, rate,
                              p->decays ? head->l2 : 0.0, b->step);
        finite = all_finite(p->value + begin, n) && finite;
    }
    return finite;
}

void judd_bank_update(judd_bank *b, const int64_t *gradient, const int64_t *count,
                      const int64_t *bad, int fraction) {
    for (int h = 0; h < b->options.n_heads; h++) {
        if (judd_bank_is_active(b, h) && bad[h] > 0) mark_diverged(b, h);
        if (!judd_bank_is_active(b, h) || count[h] == 0) continue;
        double samples = (double)count[h] * b->targets.unit;
        if (!update_head(b, h, gradient, samples, fraction)) mark_diverged(b, h);
    }
    b->step++;
}
