/* Training: gradients against float64, and the same bits whatever stands around a head. */
#include "learn/learn_fixture.h"

#include <judd/base/memory.h>
#include <judd/io/h5.h>
#include <judd/learn/loss.h>

static comms all;

static const judd_bank_head mixed_heads[] = {
    {.learning_rate = 0.1, .l2 = 0.0, .held_out = -1},
    {.learning_rate = 0.01, .l2 = 0.1, .held_out = 0},
    {.learning_rate = 0.3, .l2 = 0.01, .held_out = 1},
    {.learning_rate = 0.03, .l2 = 1.0, .held_out = 2},
    {.learning_rate = 1e-3, .l2 = 0.0, .held_out = 1},
};
enum { N_MIXED = sizeof mixed_heads / sizeof *mixed_heads };

static judd_bank_options mixed(const problem *p, int64_t batch, int64_t steps) {
    return (judd_bank_options){.n_heads = N_MIXED,
                               .n_outputs = p->n_classes,
                               .heads = mixed_heads,
                               .optimizer.momentum = 0.9,
                               .batch = batch,
                               .steps = steps,
                               .optimizer.schedule = JUDD_SCHEDULE_COSINE,
                               .seed = 5};
}

/* Train from zero on a communicator. */
static judd_bank *train(const problem *p, const judd_bank_options *o, const judd_comm *comm) {
    judd_rows rows;
    judd_bank *bank = new_bank(p->dim, o);
    make_rows(&rows, p, comm);
    OK(judd_trainer_run(bank, &rows, comm, NULL));
    assert_int_equal(bank->step, o->steps);
    judd_rows_free(&rows);
    return bank;
}

/* ---- gradients ---------------------------------------------------------------------------------
 */

/* The loss of one head as bank.h states it, in float64, by plain loops. w: [classes, dim]. */
static double loss_of(const problem *p, const double *w, const double *b, double l2, int held_out) {
    double total = 0.0, penalty = 0.0;
    int64_t count = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (fold_of(p, i) == held_out) continue;
        double z[16], sum = 0.0, top = -INFINITY;
        for (int c = 0; c < p->n_classes; c++) {
            z[c] = b[c];
            for (int64_t j = 0; j < p->dim; j++)
                z[c] += w[c * p->dim + j] * (double)feature_of(p, i, j);
            top = z[c] > top ? z[c] : top;
        }
        for (int c = 0; c < p->n_classes; c++) sum += exp(z[c] - top);
        total += log(sum) + top - z[label_of(p, i)];
        count++;
    }
    for (int64_t k = 0; k < p->n_classes * p->dim; k++) penalty += w[k] * w[k];
    return total / (double)count + 0.5 * l2 * penalty;
}

/* Central difference in one coordinate. */
static double slope(const problem *p, double *w, double *b, const judd_bank_head *head,
                    double *at) {
    const double h = 1e-5, x = *at;
    *at = x + h;
    double above = loss_of(p, w, b, head->l2, head->held_out);
    *at = x - h;
    double below = loss_of(p, w, b, head->l2, head->held_out);
    *at = x;
    return (above - below) / (2.0 * h);
}

/* One step without momentum moves a weight by -rate * gradient. */
static void gradients_are_those_of_the_loss(void **state) {
    (void)state;
    static const int64_t sizes[] = {40, 9}; /* fewer samples than lanes, too */
    for (int s = 0; s < 2; s++) {
        problem p = {
            .n = sizes[s], .dim = 6, .n_classes = 4, .n_folds = 3, .n_lanes = 16, .seed = 2};
        judd_bank_options o = mixed(&p, 1000, 1);
        o.optimizer.momentum = 0.0;
        o.optimizer.schedule = JUDD_SCHEDULE_CONSTANT;
        judd_bank *bank = new_bank(p.dim, &o);
        scatter_weights(bank, 8);
        int64_t size = p.n_classes * p.dim;
        double w[N_MIXED][24], b[N_MIXED][4];
        for (int h = 0; h < N_MIXED; h++) {
            for (int64_t k = 0; k < size; k++)
                w[h][k] = (double)bank->layers[0].weight->value[h * size + k];
            for (int c = 0; c < 4; c++) b[h][c] = (double)bank->layers[0].bias->value[h * 4 + c];
        }
        judd_rows rows;
        make_rows(&rows, &p, &all.world);
        OK(judd_trainer_run(bank, &rows, &all.world, NULL));
        for (int h = 0; h < N_MIXED; h++) {
            for (int64_t k = 0; k < size; k++) {
                double expected = slope(&p, w[h], b[h], &mixed_heads[h], &w[h][k]);
                double velocity = (double)bank->layers[0].weight->first[h * size + k];
                assert_true(fabs(velocity - expected) < 2e-6);
                double moved = w[h][k] - mixed_heads[h].learning_rate * expected;
                assert_true(fabs((double)bank->layers[0].weight->value[h * size + k] - moved) <
                            2e-6);
            }
            for (int c = 0; c < 4; c++) {
                double expected = slope(&p, w[h], b[h], &mixed_heads[h], &b[h][c]);
                assert_true(fabs((double)bank->layers[0].bias->first[h * 4 + c] - expected) < 2e-6);
            }
        }
        judd_rows_free(&rows);
        judd_bank_destroy(bank);
    }
}

static void softmax_equals_long_double(void **state) {
    (void)state;
    enum { ROWS = 200, CLASSES = 7 };
    static const judd_bank_head heads[2] = {{.held_out = -1}, {.held_out = 1}};
    judd_bank_options o = {.n_heads = 2, .n_outputs = CLASSES, .heads = heads};
    judd_bank *bank = new_bank(1, &o);
    float z[ROWS][2][CLASSES], before[ROWS][2][CLASSES];
    int32_t labels[ROWS];
    int16_t folds[ROWS];
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i % CLASSES;
        folds[i] = (int16_t)(i % 3);
        for (int k = 0; k < 2 * CLASSES; k++) {
            double size = i < 100 ? 3.0 : i < 150 ? 30.0 : 1e6; /* probabilities of 0 and 1, too */
            z[i][k / CLASSES][k % CLASSES] =
                (float)(size * judd_rng_normal(1, JUDD_RNG_WEIGHTS, (uint32_t)i, (uint64_t)k));
        }
    }
    memcpy(before, z, sizeof z);
    judd_batch batch = {.n = ROWS, .labels = labels, .folds = folds};
    judd_loss_gradient(bank, &z[0][0][0], &batch);
    for (int i = 0; i < ROWS; i++)
        for (int h = 0; h < 2; h++) {
            long double sum = 0, top = -HUGE_VALL;
            for (int c = 0; c < CLASSES; c++) top = fmaxl(top, before[i][h][c]);
            for (int c = 0; c < CLASSES; c++) sum += expl(before[i][h][c] - top);
            bool out = heads[h].held_out == folds[i];
            for (int c = 0; c < CLASSES; c++) {
                long double p = expl(before[i][h][c] - top) / sum - (c == labels[i]);
                assert_true(fabsl((out ? 0 : p) - z[i][h][c]) < 1e-6L);
            }
            long double loss = fminl(logl(sum) + top - before[i][h][labels[i]], JUDD_LOSS_MAX);
            double got = judd_loss_value(bank, h, before[i][h], &batch, i);
            assert_true(fabsl(got - loss) <= 1e-6L * (1 + loss));
        }
    judd_bank_destroy(bank);
}

/* ---- the same bits -----------------------------------------------------------------------------
 */

static void ranks_change_no_bit(void **state) {
    (void)state;
    static const struct {
        int64_t n, batch, steps;
        int lanes;
    } cases[] = {
        {100, 1000, 30, 16}, /* full batches */
        {100, 32, 60, 16},   /* mini-batches, lanes of 6 and 7 samples */
        {61, 20, 40, 7},     /* uneven lanes */
        {61, 1, 40, 16},     /* less than a sample a lane */
        {5, 256, 20, 16},    /* lanes without samples */
        {1, 256, 20, 16},    /* one sample */
        {90, 7, 25, 4},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        problem p = {.n = cases[k].n,
                     .dim = 37,
                     .n_classes = 5,
                     .n_folds = 3,
                     .n_lanes = cases[k].lanes,
                     .seed = 40 + k};
        judd_bank_options o = mixed(&p, cases[k].batch, cases[k].steps);
        judd_bank *together = train(&p, &o, &all.world), *alone = train(&p, &o, &all.self);
        assert_same_bank(together, alone);
        float sum = 0.0f;
        for (int64_t j = 0; j < judd_bank_width(alone) * alone->dim; j++)
            sum += fabsf(alone->layers[0].weight->value[j]);
        assert_true(isfinite(sum) && sum > 0.0f); /* something was learned */
        judd_bank_destroy(together);
        judd_bank_destroy(alone);
    }
}

/* Large enough for several blocks of k, heads and gradient. */
static void a_head_is_the_same_alone(void **state) {
    (void)state;
    problem p = {.n = 150, .dim = 700, .n_classes = 10, .n_folds = 3, .n_lanes = 16, .seed = 9};
    judd_bank_options o = mixed(&p, 64, 12);
    judd_bank *bank = train(&p, &o, &all.world);
    int64_t rows = p.n_classes;
    for (int h = 0; h < N_MIXED; h++) {
        judd_bank_options one = o;
        one.n_heads = 1;
        one.heads = &mixed_heads[h];
        judd_bank *alone = train(&p, &one, &all.world);
        assert_same_bits(bank->layers[0].weight->value + h * rows * p.dim,
                         alone->layers[0].weight->value, rows * p.dim * 4);
        assert_same_bits(bank->layers[0].bias->value + h * rows, alone->layers[0].bias->value,
                         rows * 4);
        judd_bank_destroy(alone);
    }
    judd_bank_destroy(bank);
}

/* The sample order is drawn by seed: another seed, other mini-batches; full batches do not care. */
static void seeds_draw_the_order(void **state) {
    (void)state;
    problem p = {.n = 96, .dim = 8, .n_classes = 3, .n_lanes = 8, .seed = 1};
    for (int full = 0; full < 2; full++) {
        judd_bank_options o = mixed(&p, full ? 96 : 16, 10), other = o;
        other.seed = 6;
        judd_bank *a = train(&p, &o, &all.world), *b = train(&p, &other, &all.world);
        double difference = 0.0;
        for (int64_t k = 0; k < judd_bank_width(a) * p.dim; k++)
            difference = fmax(difference, fabs((double)a->layers[0].weight->value[k] -
                                               (double)b->layers[0].weight->value[k]));
        assert_true(full ? difference < 1e-5 : difference > 1e-4);
        judd_bank_destroy(a);
        judd_bank_destroy(b);
    }
}

/* In an epoch of equal lanes every sample is seen once: with momentum 0 and a tiny rate the sum of
 * an epoch's steps is the full-batch gradient times the number of steps. */
static void an_epoch_sees_every_sample_once(void **state) {
    (void)state;
    problem p = {.n = 96, .dim = 8, .n_classes = 3, .n_lanes = 8, .seed = 1};
    static const judd_bank_head head = {.learning_rate = 1e-3, .held_out = -1};
    judd_bank_options o = {.n_heads = 1, .n_outputs = 3, .heads = &head, .batch = 16, .steps = 6};
    judd_bank_options whole = o;
    o.optimizer.schedule = whole.optimizer.schedule = JUDD_SCHEDULE_CONSTANT;
    whole.batch = 96;
    judd_bank *parts = train(&p, &o, &all.world), *full = train(&p, &whole, &all.world);
    double difference = 0.0, size = 0.0;
    for (int64_t k = 0; k < 24; k++) {
        difference = fmax(difference, fabs((double)parts->layers[0].weight->value[k] -
                                           (double)full->layers[0].weight->value[k]));
        size = fmax(size, fabs((double)full->layers[0].weight->value[k]));
    }
    assert_true(difference < 0.01 * size); /* a sample left out would change 1/96 in each */
    judd_bank_destroy(parts);
    judd_bank_destroy(full);
}

/* ---- divergence --------------------------------------------------------------------------------
 */

static void a_diverging_head_goes_alone(void **state) {
    (void)state;
    problem p = {.n = 60, .dim = 9, .n_classes = 4, .n_folds = 3, .n_lanes = 16, .seed = 3};
    judd_bank_head heads[N_MIXED];
    memcpy(heads, mixed_heads, sizeof heads);
    heads[1].learning_rate = 1e30;
    judd_bank_options o = mixed(&p, 32, 20), calm = o;
    o.heads = heads;
    judd_bank *bank = train(&p, &o, &all.world), *other = train(&p, &calm, &all.world);
    judd_bank *alone = train(&p, &o, &all.self);
    assert_same_bank(bank, alone);
    int64_t size = p.n_classes * p.dim;
    for (int h = 0; h < N_MIXED; h++) {
        if (h == 1) {
            assert_in_range(bank->diverged[h], 0, 19);
            for (int64_t k = 0; k < size; k++)
                assert_true(bank->layers[0].weight->value[h * size + k] == 0.0f);
            continue;
        }
        assert_int_equal(bank->diverged[h], -1);
        assert_same_bits(bank->layers[0].weight->value + h * size,
                         other->layers[0].weight->value + h * size, size * 4);
    }
    judd_bank_destroy(bank);
    judd_bank_destroy(other);
    judd_bank_destroy(alone);
}

/* Whatever the last step was, weights that are not finite do not leave the trainer unmarked. */
static void divergence_in_the_last_step_is_seen(void **state) {
    (void)state;
    problem p = {.n = 60, .dim = 9, .n_classes = 4, .n_folds = 3, .n_lanes = 16, .seed = 3};
    judd_bank_head head = {.learning_rate = 1e30, .l2 = 0.1, .held_out = -1};
    for (int64_t steps = 1; steps <= 8; steps++) {
        judd_bank_options o = mixed(&p, 1000, steps);
        o.heads = &head;
        o.n_heads = 1;
        o.optimizer.schedule = JUDD_SCHEDULE_CONSTANT;
        judd_bank *bank = train(&p, &o, &all.world);
        for (int64_t k = 0; k < p.n_classes * p.dim; k++)
            assert_true(isfinite(bank->layers[0].weight->value[k]));
        for (int c = 0; c < p.n_classes; c++) assert_true(isfinite(bank->layers[0].bias->value[c]));
        if (steps > 4) assert_in_range(bank->diverged[0], 0, 4);
        judd_bank_destroy(bank);
    }
}

/* ---- hooks -------------------------------------------------------------------------------------
 */

typedef struct calls {
    int64_t n, at[16], fail_at;
    volatile sig_atomic_t stop;
    int64_t stop_at;
} calls;

static judd_status note(void *context, const judd_bank *bank) {
    calls *c = context;
    c->at[c->n++] = bank->step;
    if (bank->step == c->fail_at)
        return judd_comm_agree(&all.world, judd_status_set(JUDD_E_IO, "disk full"));
    /* one rank only gets a signal */
    if (bank->step == c->stop_at && all.world.rank == all.world.size - 1) c->stop = 1;
    return JUDD_OK;
}

static void hooks_are_called_and_obeyed(void **state) {
    (void)state;
    problem p = {.n = 60, .dim = 9, .n_classes = 4, .n_folds = 3, .n_lanes = 16, .seed = 3};
    judd_bank_options o = mixed(&p, 16, 20);
    calls c = {.fail_at = -1, .stop_at = -1};
    judd_trainer_hooks hooks = {
        .checkpoint = note, .context = &c, .checkpoint_steps = 5, .stop = &c.stop};
    judd_rows rows;
    make_rows(&rows, &p, &all.world);
    judd_bank *bank = new_bank(p.dim, &o);
    OK(judd_trainer_run(bank, &rows, &all.world, &hooks));
    assert_int_equal(c.n, 3); /* 5, 10, 15; the end needs none */
    for (int k = 0; k < 3; k++) assert_int_equal(c.at[k], 5 * (k + 1));
    judd_bank_destroy(bank);

    c = (calls){.fail_at = -1, .stop_at = 5};
    bank = new_bank(p.dim, &o);
    assert_int_equal(judd_trainer_run(bank, &rows, &all.world, &hooks), JUDD_E_AGAIN);
    assert_int_equal(bank->step, 6);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.at[1], 6); /* saved where it stopped */
    c.stop = 0;
    OK(judd_trainer_run(bank, &rows, &all.world, &hooks)); /* goes on */
    judd_bank *whole = train(&p, &o, &all.self);
    assert_same_bank(bank, whole);
    judd_bank_destroy(whole);
    judd_bank_destroy(bank);

    c = (calls){.fail_at = 10, .stop_at = -1};
    bank = new_bank(p.dim, &o);
    assert_int_equal(judd_trainer_run(bank, &rows, &all.world, &hooks), JUDD_E_IO);
    assert_int_equal(bank->step, 10);
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(gradients_are_those_of_the_loss),
    cmocka_unit_test(softmax_equals_long_double),
    cmocka_unit_test(ranks_change_no_bit),
    cmocka_unit_test(a_head_is_the_same_alone),
    cmocka_unit_test(seeds_draw_the_order),
    cmocka_unit_test(an_epoch_sees_every_sample_once),
    cmocka_unit_test(a_diverging_head_goes_alone),
    cmocka_unit_test(divergence_in_the_last_step_is_seen),
    cmocka_unit_test(hooks_are_called_and_obeyed),
};

LEARN_MAIN("trainer", tests)
