/* Every kind of head: gradients against float64, and the same bits whatever stands around it. */
#include "learn/learn_fixture.h"
#include "shared_folder.h"

#include <judd/base/memory.h>
#include <judd/io/h5.h>
#include <judd/learn/checkpoint.h>
#include <judd/learn/network.h>

static comms all;

static const judd_bank_head heads[] = {
    {.learning_rate = 0.05, .l2 = 0.0, .held_out = -1, .init_seed = 1},
    {.learning_rate = 0.01, .l2 = 0.1, .held_out = 0, .init_seed = 1},
    {.learning_rate = 0.02, .l2 = 0.01, .held_out = 1, .init_seed = 9},
};
enum { N_HEADS = sizeof heads / sizeof *heads, OUTPUTS = 4 };

#define RELU JUDD_ACTIVATION_RELU
#define GELU JUDD_ACTIVATION_GELU

static const judd_bank_options kinds[] = {
    {.loss = JUDD_LOSS_SOFTMAX},
    {.loss = JUDD_LOSS_SIGMOID},
    {.loss = JUDD_LOSS_SQUARED},
    {.loss = JUDD_LOSS_SOFTMAX, .n_hidden = 1, .hidden = {7}, .activation = RELU},
    {.loss = JUDD_LOSS_SIGMOID, .n_hidden = 1, .hidden = {5}, .activation = GELU, .dropout = 0.3},
    {.loss = JUDD_LOSS_SOFTMAX,
     .n_hidden = 2,
     .hidden = {6, 5},
     .activation = GELU,
     .layer_norm = true},
    {.loss = JUDD_LOSS_SQUARED,
     .n_hidden = 3,
     .hidden = {6, 9, 5},
     .activation = RELU,
     .layer_norm = true,
     .dropout = 0.2},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* ---- problems ----------------------------------------------------------------------------------
 */

/* Answers that belong to the features, and not to each other's scale. */
static float answer_of(const problem *p, judd_loss_kind loss, int64_t i, int c) {
    float x = feature_of(p, i, c) + 0.5f * feature_of(p, i, c + 1);
    return loss == JUDD_LOSS_SIGMOID ? (float)(x > 0.0f) : 100.0f * (float)c + x * (float)(c + 1);
}

static void make_answers(judd_rows *rows, const problem *p, judd_loss_kind loss,
                         const judd_comm *comm) {
    make_rows(rows, p, comm);
    if (loss == JUDD_LOSS_SOFTMAX) return;
    OK(judd_rows_add_targets(rows, OUTPUTS));
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++)
        for (int c = 0; c < OUTPUTS; c++)
            rows->targets[i * OUTPUTS + c] =
                answer_of(p, loss, judd_lanes_first(&rows->lanes) + i, c);
}

static judd_bank_options options_of(int kind, int64_t batch, int64_t steps) {
    judd_bank_options o = kinds[kind];
    o.n_heads = N_HEADS;
    o.n_outputs = OUTPUTS;
    o.heads = heads;
    o.optimizer = JUDD_OPTIMIZER_DEFAULTS;
    o.batch = batch;
    o.steps = steps;
    o.seed = 5;
    return o;
}

static judd_bank *train(const problem *p, const judd_bank_options *o, const judd_comm *comm) {
    judd_rows rows;
    judd_bank *bank = new_bank(p->dim, o);
    make_answers(&rows, p, o->loss, comm);
    OK(judd_trainer_run(bank, &rows, comm, NULL));
    judd_rows_free(&rows);
    return bank;
}

/* ---- gradients ---------------------------------------------------------------------------------
 */

enum { MOST = 128 }; /* numbers of one tensor of one head */

/* One head in float64. */
typedef struct head {
    const problem *p;
    const judd_bank *bank;
    int h;
    double theta[JUDD_BANK_MAX_PARAMETERS][MOST];
    double mean[OUTPUTS], scale[OUTPUTS]; /* of targets */
} head;

static double *numbers_of(head *m, const judd_parameter *q) {
    return m->theta[q - m->bank->parameters];
}

static void norm(double *z, int64_t n, const double *gain, const double *shift) {
    double mean = 0.0, square = 0.0;
    for (int64_t j = 0; j < n; j++) mean += z[j] / (double)n;
    for (int64_t j = 0; j < n; j++) square += (z[j] - mean) * (z[j] - mean) / (double)n;
    for (int64_t j = 0; j < n; j++) z[j] = (z[j] - mean) / sqrt(square + 1e-5) * gain[j] + shift[j];
}

/* Outputs for sample i, by plain loops; dropout as bank.h says, from the same words. */
static void outputs_of(head *m, int64_t i, double z[MOST]) {
    const judd_bank *b = m->bank;
    double a[MOST];
    for (int64_t j = 0; j < b->dim; j++) a[j] = (double)feature_of(m->p, i, j);
    for (int l = 0; l < b->n_layers; l++) {
        const judd_layer *layer = &b->layers[l];
        const double *w = numbers_of(m, layer->weight), *bias = numbers_of(m, layer->bias);
        for (int64_t c = 0; c < layer->outputs; c++) {
            z[c] = bias[c];
            for (int64_t j = 0; j < layer->inputs; j++) z[c] += w[c * layer->inputs + j] * a[j];
        }
        if (l == b->n_layers - 1) return;
        if (layer->gain)
            norm(z, layer->outputs, numbers_of(m, layer->gain), numbers_of(m, layer->shift));
        uint32_t words[MOST];
        uint64_t key = judd_rng_bits(b->options.heads[m->h].init_seed, JUDD_RNG_DROPOUT,
                                     (uint32_t)l, (uint64_t)b->step);
        judd_rng_words(words, layer->outputs, key, JUDD_RNG_DROPOUT, (uint64_t)i);
        for (int64_t c = 0; c < layer->outputs; c++) {
            double keep = (double)words[c] < b->options.dropout * 0x1p32
                              ? 0.0
                              : 1.0 / (1.0 - b->options.dropout);
            double active = b->options.activation == RELU ? fmax(z[c], 0.0)
                                                          : 0.5 * z[c] * erfc(-z[c] / sqrt(2.0));
            a[c] = keep * active;
        }
    }
}

static double loss_of_sample(head *m, int64_t i) {
    double z[MOST], loss = 0.0, sum = 0.0, top = -INFINITY;
    outputs_of(m, i, z);
    for (int c = 0; c < OUTPUTS; c++) top = fmax(top, z[c]);
    for (int c = 0; c < OUTPUTS; c++) {
        double y = (double)answer_of(m->p, m->bank->options.loss, i, c);
        double d = z[c] - (y - m->mean[c]) * m->scale[c];
        sum += exp(z[c] - top);
        if (m->bank->options.loss == JUDD_LOSS_SIGMOID)
            loss += (log1p(exp(-fabs(z[c]))) + fmax(z[c], 0.0) - y * z[c]) / OUTPUTS;
        if (m->bank->options.loss == JUDD_LOSS_SQUARED) loss += d * d / OUTPUTS;
    }
    if (m->bank->options.loss == JUDD_LOSS_SOFTMAX) loss = log(sum) + top - z[label_of(m->p, i)];
    return loss;
}

/* Mean over the samples in (or, for training, outside) the head's fold, without penalty. */
static double loss_of(head *m, bool held_out) {
    double total = 0.0, count = 0.0;
    for (int64_t i = 0; i < m->p->n; i++) {
        if ((fold_of(m->p, i) == heads[m->h].held_out) != held_out) continue;
        total += loss_of_sample(m, i);
        count++;
    }
    return total / count;
}

static void copy_head(head *m, const problem *p, const judd_bank *bank, int h) {
    *m = (head){.p = p, .bank = bank, .h = h};
    for (int k = 0; k < bank->n_parameters; k++) {
        const judd_parameter *q = &bank->parameters[k];
        int64_t n = judd_bank_parameter_size(q), begin = judd_bank_parameter_begin(q, h);
        assert_true(n <= MOST);
        for (int64_t i = 0; i < n; i++) m->theta[k][i] = (double)q->value[begin + i];
    }
    for (int c = 0; c < OUTPUTS; c++) {
        double sum = 0.0, square = 0.0, count = 0.0;
        for (int64_t i = 0; i < p->n; i++) {
            if (fold_of(p, i) == heads[h].held_out) continue;
            double y = (double)answer_of(p, JUDD_LOSS_SQUARED, i, c);
            sum += y;
            square += y * y;
            count++;
        }
        m->mean[c] = sum / count;
        m->scale[c] = 1.0 / sqrt(square / count - m->mean[c] * m->mean[c]);
    }
}

/* One step without momentum: the optimiser's first state is the gradient of loss and penalty. */
static void gradients_are_those_of_the_loss(void **state) {
    (void)state;
    problem p = {.n = 40, .dim = 6, .n_classes = OUTPUTS, .n_folds = 3, .n_lanes = 16, .seed = 2};
    for (int kind = 0; kind < N_KINDS; kind++) {
        judd_bank_options o = options_of(kind, 1000, 1);
        o.optimizer.momentum = 0.0;
        judd_bank *bank = new_bank(p.dim, &o), *first = new_bank(p.dim, &o);
        scatter_weights(bank, 8);
        scatter_weights(first, 8);
        judd_rows rows;
        make_answers(&rows, &p, o.loss, &all.world);
        OK(judd_trainer_run(bank, &rows, &all.world, NULL));
        for (int h = 0; h < N_HEADS; h++) {
            static head m;
            copy_head(&m, &p, first, h);
            for (int k = 0; k < bank->n_parameters; k++) {
                const judd_parameter *q = &bank->parameters[k];
                for (int64_t i = 0; i < judd_bank_parameter_size(q); i++) {
                    double x = m.theta[k][i], step = 1e-5;
                    m.theta[k][i] = x + step;
                    double above = loss_of(&m, false);
                    m.theta[k][i] = x - step;
                    double slope = (above - loss_of(&m, false)) / (2.0 * step);
                    m.theta[k][i] = x;
                    if (q->decays) slope += heads[h].l2 * x;
                    double got = (double)q->first[judd_bank_parameter_begin(q, h) + i];
                    if (!(fabs(got - slope) < 4e-6 * (1.0 + fabs(slope))))
                        fail_msg("kind %d, head %d, %s[%d]: %.9g, expected %.9g", kind, h, q->name,
                                 (int)i, got, slope);
                }
            }
        }
        judd_rows_free(&rows);
        judd_bank_destroy(bank);
        judd_bank_destroy(first);
    }
}

/* ---- the same bits -----------------------------------------------------------------------------
 */

static const problem middle = {
    .n = 90, .dim = 37, .n_classes = OUTPUTS, .n_folds = 3, .n_lanes = 16, .seed = 4};

static bool has_moved(const judd_bank *bank) {
    for (int k = 0; k < bank->n_parameters; k++) {
        const judd_parameter *p = &bank->parameters[k];
        float sum = 0.0f;
        for (int64_t i = 0; i < judd_bank_parameter_begin(p, N_HEADS); i++)
            sum += fabsf(p->first[i]);
        if (!(isfinite(sum) && sum > 0.0f)) return false;
    }
    return true;
}

static void ranks_change_no_bit(void **state) {
    (void)state;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int optimizer = 0; optimizer <= JUDD_OPTIMIZER_ADAMW; optimizer++) {
            judd_bank_options o = options_of(kind, optimizer == 0 ? 1000 : 32, 8);
            o.optimizer.kind = (judd_optimizer_kind)optimizer;
            o.optimizer.clip = optimizer == 1 ? 0.5 : 0.0;
            judd_bank *together = train(&middle, &o, &all.world);
            judd_bank *alone = train(&middle, &o, &all.self);
            assert_same_bank(together, alone);
            assert_true(has_moved(alone));
            judd_bank_destroy(together);
            judd_bank_destroy(alone);
        }
}

static void a_head_is_the_same_alone(void **state) {
    (void)state;
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int optimizer = 0; optimizer <= JUDD_OPTIMIZER_ADAMW; optimizer++) {
            judd_bank_options o = options_of(kind, 32, 8);
            o.optimizer.kind = (judd_optimizer_kind)optimizer;
            judd_bank *bank = train(&middle, &o, &all.self);
            for (int h = 0; h < N_HEADS; h++) {
                judd_bank_options one = o;
                one.n_heads = 1;
                one.heads = &heads[h];
                judd_bank *alone = train(&middle, &one, &all.self), *taken = NULL;
                for (int k = 0; k < bank->n_parameters; k++) {
                    const judd_parameter *p = &bank->parameters[k], *q = &alone->parameters[k];
                    int64_t begin = judd_bank_parameter_begin(p, h);
                    assert_same_bits(p->value + begin, q->value, 4 * judd_bank_parameter_size(p));
                    assert_same_bits(p->first + begin, q->first, 4 * judd_bank_parameter_size(p));
                    assert_int_equal(p->exponent[h], q->exponent[0]);
                }
                char hex[2][JUDD_SHA256_HEX];
                OK(judd_bank_extract(&taken, bank, h));
                OK(judd_bank_hash(hex[0], taken));
                judd_bank_destroy(taken);
                OK(judd_bank_extract(&taken, alone, 0));
                OK(judd_bank_hash(hex[1], taken));
                judd_bank_destroy(taken);
                assert_string_equal(hex[0], hex[1]);
                judd_bank_destroy(alone);
            }
            judd_bank_destroy(bank);
        }
}

/* A finished regression speaks in the targets' units. */
static void a_regression_is_folded_back(void **state) {
    (void)state;
    judd_bank_options o = options_of(2, 1000, 400);
    judd_bank *bank = train(&middle, &o, &all.self), *one = NULL;
    judd_network network;
    judd_rows rows;
    make_answers(&rows, &middle, o.loss, &all.self);
    OK(judd_bank_extract(&one, bank, 0));
    OK(judd_network_create(&network, one, middle.n, false));
    OK(judd_network_forward(&network, rows.x, middle.n));
    for (int c = 0; c < OUTPUTS; c++) {
        double off = 0.0, spread = 0.0;
        for (int64_t i = 0; i < middle.n; i++) {
            double y = (double)rows.targets[i * OUTPUTS + c];
            off += pow((double)network.outputs[i * OUTPUTS + c] - y, 2.0);
            spread += pow(y - 100.0 * c, 2.0);
        }
        assert_true(off < 0.02 * spread);
    }
    judd_network_destroy(&network);
    judd_rows_free(&rows);
    judd_bank_destroy(one);
    judd_bank_destroy(bank);
}

/* ---- dropout -----------------------------------------------------------------------------------
 */

enum { DROP_ROWS = 400, DROP_UNITS = 203 };

/* Which units stay, [rows, heads, units], when every unit says 1. */
static void draw_units(bool *stays, judd_bank *bank, int64_t first) {
    static float x[DROP_ROWS];
    int64_t positions[DROP_ROWS];
    judd_network network;
    for (int64_t i = 0; i < DROP_ROWS; i++) positions[i] = first + i;
    OK(judd_network_create(&network, bank, DROP_ROWS, true));
    OK(judd_network_forward_training(
        &network, &(judd_batch){.n = DROP_ROWS, .x = x, .positions = positions}));
    for (int64_t k = 0; k < (int64_t)DROP_ROWS * 2 * DROP_UNITS; k++) {
        float out = network.layers[0].out[k];
        assert_true(out == 0.0f || fabsf(out - 1.0f / 0.7f) < 1e-6f);
        stays[k] = out > 0.0f;
    }
    judd_network_destroy(&network);
}

/* Share of pairs (k, other k) that both stay. */
static double both(const bool *a, const bool *b, int64_t n) {
    int64_t count = 0;
    for (int64_t k = 0; k < n; k++) count += a[k] && b[k];
    return (double)count / (double)n;
}

static void dropout_keeps_its_rate(void **state) {
    (void)state;
    enum { N = DROP_ROWS * 2 * DROP_UNITS };
    static bool now[N], later[N], moved[N];
    static const judd_bank_head two[] = {{.held_out = -1, .init_seed = 1},
                                         {.held_out = -1, .init_seed = 2}};
    judd_bank_options o = {.n_heads = 2,
                           .n_outputs = 2,
                           .heads = two,
                           .n_hidden = 1,
                           .hidden = {DROP_UNITS},
                           .dropout = 0.3};
    judd_bank *bank = new_bank(1, &o);
    for (int k = 0; k < 2 * DROP_UNITS; k++) bank->layers[0].bias->value[k] = 1.0f;
    draw_units(now, bank, 0);
    draw_units(moved, bank, DROP_ROWS / 2);
    bank->step = 1;
    draw_units(later, bank, 0);
    double error = 5.0 * sqrt(0.25 / N); /* five deviations of a share, at most */
    assert_true(fabs(both(now, now, N) - 0.7) < error);
    assert_true(fabs(both(now, later, N) - 0.49) < error);                         /* other steps */
    assert_true(fabs(both(now, now + 1, N - 1) - 0.49) < error);                   /* units */
    assert_true(fabs(both(now, now + DROP_UNITS, N - DROP_UNITS) - 0.49) < error); /* heads, rows */
    assert_memory_equal(now + N / 2, moved, N / 2); /* a sample's units, wherever it stands */
    judd_bank_destroy(bank);
}

/* ---- exponents ---------------------------------------------------------------------------------
 */

/* Go on with exponents that are far too small: every tensor overflows, is added up again, and the
 * training is what it would have been but for the last bits. */
static judd_bank *go_on(const judd_comm *comm, int kind, bool spoil, int64_t *repeats) {
    judd_bank_options o = options_of(kind, 32, 5);
    judd_trainer_times times = {0};
    judd_trainer_hooks hooks = {.times = &times};
    judd_bank *bank = train(&middle, &o, comm);
    judd_rows rows;
    make_answers(&rows, &middle, o.loss, comm);
    for (int k = 0; spoil && k < bank->n_parameters; k++)
        for (int h = 0; h < 2; h++) bank->parameters[k].exponent[h] = -60;
    bank->options.steps = 9;
    OK(judd_trainer_run(bank, &rows, comm, &hooks));
    *repeats = times.repeats;
    judd_rows_free(&rows);
    return bank;
}

static void an_overflow_is_added_up_again(void **state) {
    (void)state;
    for (int kind = 2; kind < N_KINDS; kind++) {
        int64_t repeats, repeats_alone, undisturbed;
        judd_bank *bank = go_on(&all.world, kind, true, &repeats);
        judd_bank *alone = go_on(&all.self, kind, true, &repeats_alone);
        judd_bank *calm = go_on(&all.self, kind, false, &undisturbed);
        assert_same_bank(bank, alone);
        assert_int_equal(repeats, repeats_alone);
        assert_true(repeats > undisturbed);
        for (int k = 0; k < bank->n_parameters; k++) {
            const judd_parameter *p = &bank->parameters[k], *q = &calm->parameters[k];
            int64_t n = judd_bank_parameter_size(p);
            for (int64_t i = 0; i < N_HEADS * n; i++)
                assert_true(fabsf(p->value[i] - q->value[i]) < 1e-4f);
            assert_same_bits(p->value + 2 * n, q->value + 2 * n, 4 * n); /* not this head's */
        }
        judd_bank_destroy(bank);
        judd_bank_destroy(alone);
        judd_bank_destroy(calm);
    }
}

static void a_diverging_head_goes_alone(void **state) {
    (void)state;
    judd_bank_head wild[N_HEADS];
    memcpy(wild, heads, sizeof heads);
    wild[1].learning_rate = 1e30;
    for (int kind = 0; kind < N_KINDS; kind++) {
        judd_bank_options calm = options_of(kind, 32, 8), o = calm;
        o.heads = wild;
        judd_bank *bank = train(&middle, &o, &all.world), *alone = train(&middle, &o, &all.self);
        judd_bank *other = train(&middle, &calm, &all.self);
        assert_same_bank(bank, alone);
        assert_in_range(bank->diverged[1], 0, 7);
        assert_int_equal(bank->diverged[0], -1);
        for (int k = 0; k < bank->n_parameters; k++) {
            const judd_parameter *p = &bank->parameters[k], *q = &other->parameters[k];
            int64_t n = judd_bank_parameter_size(p);
            for (int64_t i = n; i < 2 * n; i++) assert_true(p->value[i] == 0.0f);
            assert_same_bits(p->value, q->value, 4 * n);
            assert_same_bits(p->value + 2 * n, q->value + 2 * n, 4 * n);
        }
        judd_bank_destroy(bank);
        judd_bank_destroy(alone);
        judd_bank_destroy(other);
    }
}

/* ---- early stopping ----------------------------------------------------------------------------
 */

/* Noisy labels and large rates: validation turns before the steps are used up. */
static const problem noisy = {
    .n = 60, .dim = 12, .n_classes = OUTPUTS, .n_folds = 3, .n_lanes = 16, .seed = 6};
static const problem other = {
    .n = 50, .dim = 12, .n_classes = OUTPUTS, .n_folds = 1, .n_lanes = 16, .seed = 7};

static judd_bank_options stopping(int kind) {
    judd_bank_options o = options_of(kind, 16, 300);
    o.dropout = 0.0; /* the reference below is of evaluation */
    o.optimizer.kind = JUDD_OPTIMIZER_ADAMW;
    o.early_stopping = (judd_early_stopping){.every = 5, .patience = 4};
    return o;
}

static judd_bank *train_watched(const judd_bank_options *o, const judd_comm *comm) {
    judd_bank *bank = new_bank(noisy.dim, o);
    judd_rows rows, validation;
    make_answers(&rows, &noisy, o->loss, comm);
    make_answers(&validation, &other, o->loss, comm);
    judd_trainer_hooks hooks = {.validation = &validation};
    OK(judd_trainer_run(bank, &rows, comm, &hooks));
    judd_rows_free(&rows);
    judd_rows_free(&validation);
    return bank;
}

static void the_best_parameters_are_kept(void **state) {
    (void)state;
    int n_stopped = 0;
    for (int kind = 0; kind < N_KINDS; kind++) {
        judd_bank_options o = stopping(kind);
        const judd_comm *comm = kind % 3 == 0 ? &all.world : &all.self; /* ranks are slow here */
        judd_bank *bank = train_watched(&o, comm), *alone = train_watched(&o, &all.self);
        assert_same_bank(bank, alone);
        assert_memory_equal(bank->best_loss, alone->best_loss, N_HEADS * sizeof(double));
        assert_memory_equal(bank->stopped, alone->stopped, N_HEADS * sizeof(int64_t));
        for (int h = 0; h < N_HEADS; h++) {
            static head m;
            assert_true(bank->best_step[h] >= 5 && bank->best_step[h] % 5 == 0);
            if (bank->stopped[h] >= 0) {
                assert_int_equal(bank->stopped[h], bank->best_step[h] + 20);
                n_stopped++;
            }
            if (heads[h].held_out < 0) continue; /* validated on the other problem */
            copy_head(&m, &noisy, bank, h);
            double loss = loss_of(&m, true);
            assert_true(fabs(bank->best_loss[h] - loss) <= 1e-5 * (1.0 + loss));
            judd_bank_options one = o;
            one.n_heads = 1;
            one.heads = &heads[h];
            judd_bank *single = train_watched(&one, &all.self);
            assert_int_equal(single->stopped[0], bank->stopped[h]);
            const judd_parameter *p = bank->layers[0].weight;
            assert_same_bits(p->value + judd_bank_parameter_begin(p, h),
                             single->layers[0].weight->value, 4 * judd_bank_parameter_size(p));
            judd_bank_destroy(single);
        }
        judd_bank_destroy(bank);
        judd_bank_destroy(alone);
    }
    assert_true(n_stopped >= N_KINDS); /* or nothing of this was tested */
}

/* Without rows to be judged by, a head is trained to the end. */
static void an_unwatched_head_goes_on(void **state) {
    (void)state;
    judd_bank_options o = stopping(0), plain = o;
    plain.early_stopping.every = 0;
    judd_bank *bank = train(&noisy, &o, &all.self), *unwatched = train(&noisy, &plain, &all.self);
    assert_int_equal(bank->step, 300);
    assert_int_equal(bank->best_step[0], -1);
    assert_same_bits(bank->layers[0].weight->value, unwatched->layers[0].weight->value,
                     4 * judd_bank_parameter_size(bank->layers[0].weight));
    judd_bank_destroy(bank);
    judd_bank_destroy(unwatched);
}

/* ---- checkpoints -------------------------------------------------------------------------------
 */

typedef struct saver {
    const char *folder;
    const judd_comm *comm;
} saver;

static judd_status save_and_die(void *context, const judd_bank *bank) {
    const saver *s = context;
    if (bank->step == 20) return judd_status_set(JUDD_E_INTERNAL, "killed");
    return judd_checkpoint_save(s->folder, "me", bank, s->comm);
}

/* Train on one communicator up to a kill, on another one to the end. */
static void resume(const char *folder, const judd_bank_options *o, const judd_comm *before,
                   const judd_comm *after) {
    for (int part = 0; part < 2; part++) {
        const judd_comm *comm = part == 0 ? before : after;
        if (comm == &all.self && part == 0 && all.world.rank > 0) continue; /* one writer */
        judd_bank *bank = new_bank(noisy.dim, o);
        judd_rows rows, validation;
        saver s = {folder, comm};
        int64_t step;
        char *skipped = NULL;
        make_answers(&rows, &noisy, o->loss, comm);
        make_answers(&validation, &other, o->loss, comm);
        judd_trainer_hooks hooks = {.validation = &validation};
        if (part == 0) {
            hooks.checkpoint = save_and_die;
            hooks.context = &s;
            hooks.checkpoint_steps = 4;
        } else {
            OK(judd_comm_agree(&all.world, JUDD_OK)); /* written */
            OK(judd_checkpoint_restore(bank, &step, &skipped, folder, "me", comm));
            assert_int_equal(step, 16);
        }
        judd_status status = judd_trainer_run(bank, &rows, comm, &hooks);
        assert_int_equal(status, part == 0 ? JUDD_E_INTERNAL : JUDD_OK);
        if (part == 1) {
            judd_bank *whole = train_watched(o, &all.self);
            assert_same_bank(bank, whole);
            assert_memory_equal(bank->best_loss, whole->best_loss, N_HEADS * sizeof(double));
            judd_bank_destroy(whole);
        }
        free(skipped);
        judd_bank_destroy(bank);
        judd_rows_free(&rows);
        judd_rows_free(&validation);
    }
}

static void resumed_on_other_ranks(void **state) {
    (void)state;
    for (int kind = 4; kind < N_KINDS; kind += 2) {
        for (int direction = 0; direction < 2; direction++) {
            char folder[SHARED_FOLDER];
            OK(make_shared_folder(folder, &all.world));
            judd_bank_options o = stopping(kind);
            o.dropout = 0.1;
            o.steps = 40;
            resume(folder, &o, direction ? &all.self : &all.world,
                   direction ? &all.world : &all.self);
            OK(remove_shared_folder(folder, &all.world));
        }
    }
}

/* ---- bad input ---------------------------------------------------------------------------------
 */

static void expect(const judd_bank_options *o, judd_rows *rows, judd_status code,
                   const char *words) {
    judd_bank *bank = NULL;
    judd_status status = judd_bank_create(&bank, middle.dim, o);
    if (status == JUDD_OK) status = judd_trainer_run(bank, rows, &all.world, NULL);
    assert_int_equal(status, code);
    if (!strstr(judd_status_message(), words))
        fail_msg("\"%s\" does not say \"%s\"", judd_status_message(), words);
    judd_bank_destroy(bank);
}

static void bad_input_is_named(void **state) {
    (void)state;
    judd_rows labels, answers;
    make_answers(&labels, &middle, JUDD_LOSS_SOFTMAX, &all.world);
    make_answers(&answers, &middle, JUDD_LOSS_SQUARED, &all.world);
    judd_bank_options softmax = options_of(0, 32, 5), sigmoid = options_of(1, 32, 5);
    judd_bank_options squared = options_of(2, 32, 5), mlp = options_of(4, 32, 5);
    expect(&sigmoid, &labels, JUDD_E_DATA, "0 targets, the head has 4 outputs");
    expect(&sigmoid, &answers, JUDD_E_DATA, "a multi-label head takes 0 to 1");
    int64_t at = 70 - judd_lanes_first(&answers.lanes);
    if (at >= 0 && at < judd_lanes_count(&answers.lanes)) answers.targets[at * OUTPUTS + 2] = NAN;
    expect(&squared, &answers, JUDD_E_DATA, "sample 70 of the set, target 2 is");
    at = 3 - judd_lanes_first(&labels.lanes);
    if (at >= 0 && at < judd_lanes_count(&labels.lanes)) labels.labels[at] = OUTPUTS;
    expect(&softmax, &labels, JUDD_E_DATA, "sample 3 of the set: class 4 of 4");
    mlp.dropout = 1.0;
    expect(&mlp, &labels, JUDD_E_CONFIG, "dropout 1");
    mlp.dropout = 0.0;
    mlp.hidden[0] = 0;
    expect(&mlp, &labels, JUDD_E_CONFIG, "hidden layer 1 has 0 units");
    mlp.n_hidden = 4;
    expect(&mlp, &labels, JUDD_E_CONFIG, "4 hidden layers");
    squared.label_smoothing = 0.1;
    expect(&squared, &labels, JUDD_E_CONFIG, "smoothing");
    softmax.early_stopping.every = 3;
    expect(&softmax, &labels, JUDD_E_CONFIG, "patience 0");
    judd_rows_free(&labels);
    judd_rows_free(&answers);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradients_are_those_of_the_loss),
    cmocka_unit_test(ranks_change_no_bit),
    cmocka_unit_test(a_head_is_the_same_alone),
    cmocka_unit_test(a_regression_is_folded_back),
    cmocka_unit_test(dropout_keeps_its_rate),
    cmocka_unit_test(an_overflow_is_added_up_again),
    cmocka_unit_test(a_diverging_head_goes_alone),
    cmocka_unit_test(the_best_parameters_are_kept),
    cmocka_unit_test(an_unwatched_head_goes_on),
    cmocka_unit_test(resumed_on_other_ranks),
    cmocka_unit_test(bad_input_is_named),
};

LEARN_MAIN("heads", tests)
