/* The objective against finite differences; L-BFGS alone, in a bank, along a path, interrupted. */
#include <judd/base/rng.h>
#include <judd/learn/lbfgs.h>
#include <judd/learn/objective.h>

#include "learn/feature_moments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 203, DIM = 21, CLASSES = 3, SIZE = CLASSES * (DIM + 1), LANES = 5 };

static judd_comm comm;

static double normal(int64_t i, int64_t j) {
    return judd_rng_normal(7, JUDD_RNG_SHOTS, (uint32_t)j, (uint64_t)i);
}

/* Class c has mean 1 in feature c, and `gap` more; features have scales of their own. */
static judd_rows make_rows_on(const judd_comm *on, float gap) {
    judd_rows rows;
    assert_int_equal(judd_rows_create(&rows, N, DIM, LANES, on), JUDD_OK);
    assert_int_equal(judd_rows_add_targets(&rows, CLASSES), JUDD_OK);
    for (int64_t k = 0; k < judd_lanes_count(&rows.lanes); k++) {
        int64_t i = judd_lanes_first(&rows.lanes) + k;
        rows.labels[k] = (int32_t)(i % CLASSES);
        rows.folds[k] = (int16_t)(i * 7 % 4);
        for (int c = 0; c < CLASSES; c++) /* an answer of yes or no, and a part in between */
            rows.targets[k * CLASSES + c] = normal(i, c) + normal(i, 50 + c) > 0.2 ? 1.0f : 0.25f;
        for (int j = 0; j < DIM; j++) {
            float centre = j == rows.labels[k] ? 1.0f + gap : 0.0f;
            rows.x[k * DIM + j] = ((float)normal(i, j) + centre) * (1.0f + (float)j);
        }
    }
    return rows;
}

static judd_rows make_rows(float gap) {
    return make_rows_on(&comm, gap);
}

static judd_bank *make_bank_of(judd_loss_kind loss, const judd_bank_head *heads, int n) {
    judd_bank *bank = NULL;
    judd_bank_options o = {.loss = loss, .n_heads = n, .n_outputs = CLASSES, .heads = heads};
    assert_int_equal(judd_bank_create(&bank, DIM, &o), JUDD_OK);
    return bank;
}

static judd_bank *make_bank(const judd_bank_head *heads, int n) {
    return make_bank_of(JUDD_LOSS_SOFTMAX, heads, n);
}

static void check_gradient(const judd_targets *targets) {
    judd_rows rows = make_rows(0.0f);
    judd_objective *objective = NULL;
    double at[SIZE], gradient[SIZE], unused[SIZE], h = 1e-5;
    int64_t wish = comm.rank == comm.size - 1, seen = 0;
    assert_int_equal(judd_objective_create(&objective, &rows, targets, 2, &comm), JUDD_OK);
    for (int j = 0; j < SIZE; j++) at[j] = 0.05 * normal(1000, j);
    judd_objective_point point = {.at = at, .l2 = 0.3, .held_out = 2, .gradient = gradient};
    assert_int_equal(judd_objective_evaluate(objective, &point, 1, &wish, 1), JUDD_OK);
    assert_true(point.finite);
    assert_int_equal(wish, 1);
    for (int i = 0; i < N; i++)
        if (i * 7 % 4 != 2) seen += targets->weight ? targets->weight[i % CLASSES] : 1;
    assert_int_equal(point.count, seen);
    for (int j = 0; j < SIZE; j++) {
        double left[SIZE], right[SIZE];
        memcpy(left, at, sizeof at);
        memcpy(right, at, sizeof at);
        left[j] -= h;
        right[j] += h;
        judd_objective_point pair[2] = {
            {.at = left, .l2 = 0.3, .held_out = 2, .gradient = unused},
            {.at = right, .l2 = 0.3, .held_out = 2, .gradient = unused}};
        assert_int_equal(judd_objective_evaluate(objective, pair, 2, NULL, 0), JUDD_OK);
        double slope = (pair[1].value - pair[0].value) / (2.0 * h);
        assert_true(fabs(slope - gradient[j]) <= 1e-6 * (1.0 + fabs(slope)));
    }
    judd_objective_destroy(objective);
    judd_rows_free(&rows);
}

/* to [SIZE] += share times the weights of output u, or 1 for the bias, as those of output a. */
static void add_along(double *to, const double *at, int a, int u, double share) {
    if (u == CLASSES)
        to[CLASSES * DIM + a] += share;
    else
        for (int j = 0; j < DIM; j++) to[a * DIM + j] += share * at[u * DIM + j];
}

/* The span against differences of the gradient along the weights. */
static void check_span(const judd_targets *targets) {
    enum { UNITS = CLASSES + 1, NUMBERS = CLASSES * (CLASSES + 1) / 2 * UNITS * (UNITS + 1) / 2 };
    judd_rows rows = make_rows(0.0f);
    judd_objective *objective = NULL;
    double at[SIZE], before[SIZE], after[SIZE], unused[SIZE], span[NUMBERS], h = 1e-5;
    int64_t wish = 0, at_number = 0;
    assert_int_equal(judd_objective_span(targets, DIM), NUMBERS);
    assert_int_equal(judd_objective_create(&objective, &rows, targets, 2, &comm), JUDD_OK);
    for (int j = 0; j < SIZE; j++) at[j] = 0.02 * normal(1000, j);
    judd_objective_point both[2] = {{.at = at, .held_out = -1, .gradient = unused},
                                    {.at = at, .held_out = 2, .gradient = unused, .span = span}};
    assert_int_equal(judd_objective_evaluate(objective, both, 2, &wish, 1), JUDD_OK);
    for (int a = 0; a < CLASSES; a++)
        for (int b = a; b < CLASSES; b++)
            for (int u = 0; u < UNITS; u++)
                for (int v = u; v < UNITS; v++) {
                    double left[SIZE], right[SIZE], along[SIZE] = {0}, curvature = 0.0;
                    memcpy(left, at, sizeof at);
                    memcpy(right, at, sizeof at);
                    add_along(left, at, b, v, -h);
                    add_along(right, at, b, v, h);
                    add_along(along, at, a, u, 1.0);
                    judd_objective_point pair[2] = {
                        {.at = left, .held_out = 2, .gradient = before},
                        {.at = right, .held_out = 2, .gradient = after}};
                    assert_int_equal(judd_objective_evaluate(objective, pair, 2, &wish, 1),
                                     JUDD_OK);
                    for (int j = 0; j < SIZE; j++)
                        curvature += along[j] * (after[j] - before[j]) / (2.0 * h);
                    double told = span[at_number++];
                    assert_true(fabs(told - curvature) <= 1e-7 * (1.0 + fabs(curvature)));
                }
    judd_objective_destroy(objective);
    judd_rows_free(&rows);
}

static void gradient_is_that_of_the_value(void **state) {
    (void)state;
    const double weight[CLASSES] = {0.5, 3.0, 1.25};
    judd_targets targets;
    assert_int_equal(judd_targets_create(&targets, JUDD_LOSS_SOFTMAX, 1, CLASSES, NULL, 0.0),
                     JUDD_OK);
    check_gradient(&targets);
    check_span(&targets);
    judd_targets_free(&targets);
    assert_int_equal(judd_targets_create(&targets, JUDD_LOSS_SOFTMAX, 1, CLASSES, weight, 0.2),
                     JUDD_OK);
    check_gradient(&targets);
    check_span(&targets);
    judd_targets_free(&targets);
    assert_int_equal(judd_targets_create(&targets, JUDD_LOSS_SIGMOID, 1, CLASSES, weight, 0.0),
                     JUDD_OK);
    check_gradient(&targets);
    check_span(&targets);
    judd_targets_free(&targets);
    assert_int_equal(judd_targets_create(&targets, JUDD_LOSS_SQUARED, 1, CLASSES, NULL, 0.0),
                     JUDD_OK);
    for (int c = 0; c < CLASSES; c++) {
        targets.mean[c] = 0.5f * (float)c;
        targets.scale[c] = 1.0f + (float)c;
    }
    check_gradient(&targets);
    judd_targets_free(&targets);
}

/* Straight from the definition, at zero weights: the loss is log(classes), whatever the samples. */
static void loss_at_zero_is_log_of_classes(void **state) {
    (void)state;
    judd_rows rows = make_rows(0.0f);
    judd_objective *objective = NULL;
    double at[SIZE] = {0}, gradient[SIZE];
    judd_targets targets;
    judd_objective_point point = {.at = at, .l2 = 1.0, .held_out = -1, .gradient = gradient};
    assert_int_equal(judd_targets_create(&targets, JUDD_LOSS_SOFTMAX, 1, CLASSES, NULL, 0.0),
                     JUDD_OK);
    assert_int_equal(judd_objective_create(&objective, &rows, &targets, 1, &comm), JUDD_OK);
    assert_int_equal(judd_objective_evaluate(objective, &point, 1, NULL, 0), JUDD_OK);
    assert_true(fabs(point.value - log((double)CLASSES)) < 1e-14);
    assert_int_equal(point.mistakes, N); /* no class is above the others */
    judd_objective_destroy(objective);
    judd_targets_free(&targets);
    judd_rows_free(&rows);
}

static void same_head(const judd_bank *a, int i, const judd_bank *b, int j) {
    assert_memory_equal(a->layers[0].weight->value + i * CLASSES * DIM,
                        b->layers[0].weight->value + j * CLASSES * DIM,
                        CLASSES * DIM * sizeof(float));
    assert_memory_equal(a->layers[0].bias->value + i * CLASSES,
                        b->layers[0].bias->value + j * CLASSES, CLASSES * sizeof(float));
}

/* Strengths out of order, two of them equal, twice: on all samples and without a fold. */
#define BOTH(strength)                                                                             \
    {.l2 = strength, .held_out = -1}, {                                                            \
        .l2 = strength, .held_out = 1                                                              \
    }
static const judd_bank_head heads[] = {BOTH(1e-3), BOTH(1.0),  BOTH(1e-2), BOTH(0.3),
                                       BOTH(0.1),  BOTH(3e-2), BOTH(3e-3), BOTH(3.0),
                                       BOTH(1e-2), BOTH(10.0), BOTH(30.0)};
enum { N_HEADS = sizeof heads / sizeof *heads };

static void a_head_alone_has_the_bits_it_has_in_a_bank(void **state) {
    (void)state;
    judd_rows rows = make_rows(0.0f);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    judd_lbfgs_report reports[N_HEADS];
    o.path = false;
    judd_bank *bank = make_bank(heads, N_HEADS);
    assert_int_equal(judd_lbfgs_run(bank, reports, &rows, &comm, &o, NULL), JUDD_OK);
    for (int h = 0; h < N_HEADS; h++) {
        judd_bank *alone = make_bank(&heads[h], 1);
        judd_lbfgs_report report;
        assert_int_equal(judd_lbfgs_run(alone, &report, &rows, &comm, &o, NULL), JUDD_OK);
        same_head(bank, h, alone, 0);
        assert_int_equal(report.evaluations, reports[h].evaluations);
        assert_int_equal(bank->finished[h], JUDD_LBFGS_CONVERGED);
        assert_true(reports[h].gradient <= o.tolerance);
        judd_bank_destroy(alone);
    }
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
}

/* Shares of the classes that did not add up would be a slope along which all logits can fall. */
static void a_smoothed_loss_has_a_minimum(void **state) {
    (void)state;
    static const judd_bank_head head = {.l2 = 0.01, .held_out = -1};
    judd_rows rows = make_rows(0.0f);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    o.max_iterations = 300;
    for (double smoothing = 0.1; smoothing < 0.5; smoothing += 0.1) {
        const judd_bank_options options = {
            .n_outputs = CLASSES, .n_heads = 1, .heads = &head, .label_smoothing = smoothing};
        judd_bank *bank = NULL;
        assert_int_equal(judd_bank_create(&bank, DIM, &options), JUDD_OK);
        assert_int_equal(judd_lbfgs_run(bank, NULL, &rows, &comm, &o, NULL), JUDD_OK);
        assert_int_equal(bank->finished[0], JUDD_LBFGS_CONVERGED);
        judd_bank_destroy(bank);
    }
    judd_rows_free(&rows);
}

/* The other losses: the same on one rank and on all, in a bank and alone. */
static void other_losses_have_the_same_bits(void **state) {
    (void)state;
    judd_comm self;
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    o.path = false;
    assert_int_equal(judd_comm_open(&self, MPI_COMM_SELF), JUDD_OK);
    for (judd_loss_kind loss = JUDD_LOSS_SIGMOID; loss <= JUDD_LOSS_SQUARED; loss++) {
        judd_rows rows = make_rows(0.0f), own = make_rows_on(&self, 0.0f);
        judd_bank *bank = make_bank_of(loss, heads, N_HEADS);
        assert_int_equal(judd_lbfgs_run(bank, NULL, &rows, &comm, &o, NULL), JUDD_OK);
        for (int h = 0; h < N_HEADS; h++) {
            judd_bank *alone = make_bank_of(loss, &heads[h], 1);
            assert_int_equal(judd_lbfgs_run(alone, NULL, &own, &self, &o, NULL), JUDD_OK);
            assert_int_equal(bank->finished[h], JUDD_LBFGS_CONVERGED);
            same_head(bank, h, alone, 0);
            judd_bank_destroy(alone);
        }
        judd_bank_destroy(bank);
        judd_rows_free(&rows);
        judd_rows_free(&own);
    }
    judd_comm_close(&self);
}

/* Most of every feature is one number of the sample. */
static judd_rows make_correlated(const judd_comm *on) {
    judd_rows rows = make_rows_on(on, 0.0f);
    for (int64_t k = 0; k < judd_lanes_count(&rows.lanes); k++)
        for (int j = 0; j < DIM; j++)
            rows.x[k * DIM + j] +=
                3.0f * (1.0f + (float)j) * (float)normal(judd_lanes_first(&rows.lanes) + k, 99);
    return rows;
}

/* Against sums in plain loops, on one rank that has all rows and on all. */
static void moments_are_those_of_the_features(void **state) {
    (void)state;
    enum { ORDER = DIM + 1 };
    judd_comm self;
    double moments[ORDER * ORDER], alone[ORDER * ORDER], max_x = 0.0;
    assert_int_equal(judd_comm_open(&self, MPI_COMM_SELF), JUDD_OK);
    judd_rows rows = make_correlated(&comm), own = make_correlated(&self);
    assert_int_equal(judd_rows_max(&max_x, &own, &self), JUDD_OK);
    assert_int_equal(judd_feature_moments_make(moments, &rows, max_x, &comm), JUDD_OK);
    assert_int_equal(judd_feature_moments_make(alone, &own, max_x, &self), JUDD_OK);
    assert_memory_equal(moments, alone, sizeof moments);
    for (int i = 0; i < ORDER; i++)
        for (int j = 0; j < ORDER; j++) {
            double sum = 0.0;
            for (int64_t k = 0; j <= i && k < N; k++)
                sum += (i < DIM ? (double)own.x[k * DIM + i] : 1.0) *
                       (j < DIM ? (double)own.x[k * DIM + j] : 1.0);
            assert_true(fabs(moments[j * ORDER + i] - sum / N) <= 1e-10);
        }
    assert_true(judd_feature_moments_overlap(moments, DIM) > 3.0);
    assert_false(judd_feature_moments_fit(DIM - 1, DIM));
    judd_rows_free(&rows);
    judd_rows_free(&own);
    judd_comm_close(&self);
}

/* The bits of one rank and of a head alone. Axis by axis these heads need far more evaluations, and
 * one of them does not get there. */
static void correlated_features_have_the_same_bits(void **state) {
    (void)state;
    judd_comm self;
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    judd_lbfgs_report reports[N_HEADS];
    int64_t evaluations = 0;
    o.path = false;
    assert_int_equal(judd_comm_open(&self, MPI_COMM_SELF), JUDD_OK);
    judd_rows rows = make_correlated(&comm), own = make_correlated(&self);
    judd_bank *bank = make_bank(heads, N_HEADS);
    assert_int_equal(judd_lbfgs_run(bank, reports, &rows, &comm, &o, NULL), JUDD_OK);
    for (int h = 0; h < N_HEADS; h++) {
        judd_bank *alone = make_bank(&heads[h], 1);
        assert_int_equal(judd_lbfgs_run(alone, NULL, &own, &self, &o, NULL), JUDD_OK);
        assert_int_equal(bank->finished[h], JUDD_LBFGS_CONVERGED);
        same_head(bank, h, alone, 0);
        judd_bank_destroy(alone);
        evaluations += reports[h].evaluations;
    }
    assert_true(evaluations < 30 * N_HEADS);
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
    judd_rows_free(&own);
    judd_comm_close(&self);
}

static void a_path_finds_the_same_minima(void **state) {
    (void)state;
    judd_rows rows = make_rows(0.0f);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    judd_lbfgs_report alone[N_HEADS], along[N_HEADS];
    o.tolerance = 1e-9;
    judd_bank *path = make_bank(heads, N_HEADS), *bank = make_bank(heads, N_HEADS);
    assert_int_equal(judd_lbfgs_run(path, along, &rows, &comm, &o, NULL), JUDD_OK);
    o.path = false;
    assert_int_equal(judd_lbfgs_run(bank, alone, &rows, &comm, &o, NULL), JUDD_OK);
    int64_t saved = 0;
    for (int h = 0; h < N_HEADS; h++) {
        assert_true(fabs(along[h].objective - alone[h].objective) <= 1e-12);
        saved += alone[h].evaluations - along[h].evaluations;
    }
    assert_true(saved > N_HEADS); /* heads between others start near their minimum */
    judd_bank_destroy(path);
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
}

typedef struct saved {
    judd_bank *bank; /* copy at the third head */
} saved;

static judd_status keep_third(void *context, const judd_bank *bank) {
    saved *s = context;
    if (bank->step < 3 || s->bank) return JUDD_OK;
    s->bank = make_bank(heads, N_HEADS);
    memcpy(s->bank->layers[0].weight->value, bank->layers[0].weight->value,
           N_HEADS * CLASSES * DIM * sizeof(float));
    memcpy(s->bank->layers[0].bias->value, bank->layers[0].bias->value,
           N_HEADS * CLASSES * sizeof(float));
    memcpy(s->bank->finished, bank->finished, N_HEADS * sizeof *bank->finished);
    s->bank->step = bank->step;
    return JUDD_OK;
}

static void going_on_from_a_checkpoint_changes_no_bit(void **state) {
    (void)state;
    judd_rows rows = make_rows(0.0f);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    saved s = {NULL};
    judd_trainer_hooks hooks = {.checkpoint = keep_third, .context = &s, .checkpoint_steps = 1};
    judd_bank *whole = make_bank(heads, N_HEADS);
    assert_int_equal(judd_lbfgs_run(whole, NULL, &rows, &comm, &o, &hooks), JUDD_OK);
    assert_non_null(s.bank);
    assert_true(s.bank->step < N_HEADS);
    assert_int_equal(judd_lbfgs_run(s.bank, NULL, &rows, &comm, &o, NULL), JUDD_OK);
    assert_int_equal(s.bank->step, N_HEADS);
    for (int h = 0; h < N_HEADS; h++) same_head(whole, h, s.bank, h);
    judd_bank_destroy(whole);
    judd_bank_destroy(s.bank);
    judd_rows_free(&rows);
}

static void a_signal_on_one_rank_stops_all_after_a_checkpoint(void **state) {
    (void)state;
    judd_rows rows = make_rows(0.0f);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    volatile sig_atomic_t stop = comm.rank == comm.size - 1;
    saved s = {NULL};
    judd_trainer_hooks hooks = {.checkpoint = keep_third, .context = &s, .stop = &stop};
    judd_bank *bank = make_bank(heads, N_HEADS);
    assert_int_equal(judd_lbfgs_run(bank, NULL, &rows, &comm, &o, &hooks), JUDD_E_AGAIN);
    assert_true(bank->step < N_HEADS);
    judd_bank_destroy(bank);
    judd_bank_destroy(s.bank);
    judd_rows_free(&rows);
}

static void separated_classes_without_l2_are_a_stated_stop(void **state) {
    (void)state;
    judd_rows rows = make_rows(20.0f);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    judd_lbfgs_report report;
    judd_bank *bank = make_bank(&(judd_bank_head){.l2 = 0.0, .held_out = -1}, 1);
    assert_int_equal(judd_lbfgs_run(bank, &report, &rows, &comm, &o, NULL), JUDD_OK);
    assert_int_equal(bank->finished[0], JUDD_LBFGS_SEPARATED);
    assert_true(report.objective < 1e-3 && report.iterations < 1000);
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
}

static void what_is_not_finite_is_marked_diverged(void **state) {
    (void)state;
    judd_rows rows = make_rows(0.0f);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    if (comm.rank == 0) rows.x[3] = INFINITY;
    judd_bank *bank = make_bank(heads, 2);
    judd_lbfgs_run(bank, NULL, &rows, &comm, &o, NULL);
    for (int h = 0; h < 2; h++) {
        assert_int_equal(bank->finished[h], JUDD_LBFGS_NOT_FINITE);
        assert_true(bank->diverged[h] >= 0);
    }
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_is_that_of_the_value),
        cmocka_unit_test(loss_at_zero_is_log_of_classes),
        cmocka_unit_test(a_head_alone_has_the_bits_it_has_in_a_bank),
        cmocka_unit_test(a_smoothed_loss_has_a_minimum),
        cmocka_unit_test(other_losses_have_the_same_bits),
        cmocka_unit_test(moments_are_those_of_the_features),
        cmocka_unit_test(correlated_features_have_the_same_bits),
        cmocka_unit_test(a_path_finds_the_same_minima),
        cmocka_unit_test(going_on_from_a_checkpoint_changes_no_bit),
        cmocka_unit_test(a_signal_on_one_rank_stops_all_after_a_checkpoint),
        cmocka_unit_test(separated_classes_without_l2_are_a_stated_stop),
        cmocka_unit_test(what_is_not_finite_is_marked_diverged),
    };
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
