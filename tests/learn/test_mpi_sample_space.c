/* Few samples of many features: outputs and norms among samples are those of the features, and what
 * L-BFGS finds there is a minimum here, with the same bits on any number of ranks. */
#include <judd/base/rng.h>
#include <judd/learn/lbfgs.h>
#include <judd/learn/objective.h>

#include "learn/sample_space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 47, DIM = 130, CLASSES = 3, SIZE = CLASSES * (DIM + 1), LANES = 6, N_HEADS = 4 };

static judd_comm comm, self;

static const judd_bank_head heads[N_HEADS] = {{.l2 = 1e-3, .held_out = -1},
                                              {.l2 = 0.1, .held_out = -1},
                                              {.l2 = 0.1, .held_out = 1},
                                              {.l2 = 1.0, .held_out = 2}};

static double normal(int64_t i, int64_t j) {
    return judd_rng_normal(9, JUDD_RNG_SHOTS, (uint32_t)j, (uint64_t)i);
}

/* Features that share much; sample 5 is sample 4 again, sample 6 is zero. */
static judd_rows make_rows(const judd_comm *on) {
    judd_rows rows;
    assert_int_equal(judd_rows_create(&rows, N, DIM, LANES, on), JUDD_OK);
    assert_int_equal(judd_rows_add_targets(&rows, CLASSES), JUDD_OK);
    for (int64_t k = 0; k < judd_lanes_count(&rows.lanes); k++) {
        int64_t i = judd_lanes_first(&rows.lanes) + k, of = i == 5 ? 4 : i;
        rows.labels[k] = (int32_t)(i % CLASSES);
        rows.folds[k] = (int16_t)(i / CLASSES % 4);
        for (int c = 0; c < CLASSES; c++) rows.targets[k * CLASSES + c] = normal(i, c) > 0.2;
        for (int j = 0; i != 6 && j < DIM; j++)
            rows.x[k * DIM + j] =
                (float)(1.0 + normal(of, j) + 3.0 * normal(of, 900) * normal(999, j));
    }
    return rows;
}

static void outputs_and_norms_are_those_of_the_features(void **state) {
    (void)state;
    judd_sample_space *space = NULL;
    judd_rows rows = make_rows(&comm), all = make_rows(&self);
    double w[2 * N], spoilt[2 * N], here[2 * DIM], again[2 * N];
    assert_true(judd_sample_space_fits(N, DIM));
    assert_false(judd_sample_space_fits(DIM, DIM));
    assert_false(judd_sample_space_fits(1025, 100000));
    assert_int_equal(judd_sample_space_create(&space, &rows, &comm), JUDD_OK);
    assert_non_null(space);
    for (int k = 0; k < 2 * N; k++) w[k] = normal(3, k);
    w[5] = w[N + 5] = w[6] = w[N + 6] = 0.0; /* what tells equal samples apart is next to nothing */
    memcpy(spoilt, w, sizeof w);
    judd_sample_space_leave(space, here, spoilt, 2);
    judd_sample_space_enter(space, again, here, 2);
    for (int r = 0; r < 2; r++) {
        double inside = 0.0, outside = 0.0;
        for (int j = 0; j < N; j++) inside += w[r * N + j] * w[r * N + j];
        for (int j = 0; j < DIM; j++) outside += here[r * DIM + j] * here[r * DIM + j];
        assert_true(fabs(inside - outside) <= 1e-9 * inside);
        for (int j = 0; j < N; j++) assert_true(fabs(again[r * N + j] - w[r * N + j]) <= 1e-4);
        for (int64_t k = 0; k < judd_lanes_count(&rows.lanes); k++) {
            double there = 0.0, z = 0.0;
            for (int j = 0; j < N; j++) there += space->rows.wide[k * N + j] * w[r * N + j];
            for (int j = 0; j < DIM; j++) z += (double)rows.x[k * DIM + j] * here[r * DIM + j];
            assert_true(fabs(there - z) <= 1e-8);
        }
    }
    judd_sample_space_destroy(space);
    judd_rows_free(&rows);
    judd_rows_free(&all);
}

static judd_bank *make_bank(judd_loss_kind loss, const judd_bank_head *of, int n) {
    judd_bank *bank = NULL;
    judd_bank_options o = {.loss = loss, .n_heads = n, .n_outputs = CLASSES, .heads = of};
    assert_int_equal(judd_bank_create(&bank, DIM, &o), JUDD_OK);
    return bank;
}

/* The head's weights, float32, in the loss of the features. */
static void check_minimum(const judd_bank *bank, int h, const judd_lbfgs_report *report,
                          const judd_rows *all) {
    judd_objective *objective = NULL;
    double at[SIZE], gradient[SIZE];
    const judd_layer *layer = &bank->layers[0];
    for (int k = 0; k < CLASSES * DIM; k++)
        at[k] = (double)layer->weight->value[h * CLASSES * DIM + k];
    for (int c = 0; c < CLASSES; c++)
        at[CLASSES * DIM + c] = (double)layer->bias->value[h * CLASSES + c];
    judd_objective_point point = {.at = at,
                                  .head = h,
                                  .l2 = heads[h].l2,
                                  .held_out = heads[h].held_out,
                                  .gradient = gradient};
    assert_int_equal(judd_objective_create(&objective, all, &bank->targets, 1, &self), JUDD_OK);
    assert_int_equal(judd_objective_evaluate(objective, &point, 1, NULL, 0), JUDD_OK);
    assert_true(fabs(point.value - report->objective) <= 1e-8 * (1.0 + point.value));
    for (int k = 0; k < SIZE; k++) assert_true(fabs(gradient[k]) <= 2e-6);
    judd_objective_destroy(objective);
}

static void heads_are_minima_with_the_same_bits(void **state) {
    (void)state;
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    o.path = false;
    for (judd_loss_kind loss = JUDD_LOSS_SOFTMAX; loss <= JUDD_LOSS_SQUARED; loss++) {
        judd_rows rows = make_rows(&comm), all = make_rows(&self);
        judd_lbfgs_report reports[N_HEADS];
        judd_bank *bank = make_bank(loss, heads, N_HEADS);
        assert_int_equal(judd_lbfgs_run(bank, reports, &rows, &comm, &o, NULL), JUDD_OK);
        for (int h = 0; h < N_HEADS; h++) {
            judd_bank *alone = make_bank(loss, &heads[h], 1);
            assert_int_equal(judd_lbfgs_run(alone, NULL, &all, &self, &o, NULL), JUDD_OK);
            assert_int_equal(bank->finished[h], JUDD_LBFGS_CONVERGED);
            assert_true(reports[h].evaluations <= 100); /* among features 114 to 5,957 */
            check_minimum(bank, h, &reports[h], &all);
            size_t bytes = CLASSES * DIM * sizeof(float);
            assert_memory_equal(bank->layers[0].weight->value + h * CLASSES * DIM,
                                alone->layers[0].weight->value, bytes);
            judd_bank_destroy(alone);
        }
        judd_bank_destroy(bank);
        judd_rows_free(&rows);
        judd_rows_free(&all);
    }
}

/* Starts from finished heads, which the bank has as float32 weights of the features. */
static void a_path_finds_the_same_minima(void **state) {
    (void)state;
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    judd_lbfgs_report along[N_HEADS], alone[N_HEADS];
    judd_rows rows = make_rows(&comm);
    judd_bank *path = make_bank(JUDD_LOSS_SOFTMAX, heads, N_HEADS);
    judd_bank *bank = make_bank(JUDD_LOSS_SOFTMAX, heads, N_HEADS);
    assert_int_equal(judd_lbfgs_run(path, along, &rows, &comm, &o, NULL), JUDD_OK);
    o.path = false;
    assert_int_equal(judd_lbfgs_run(bank, alone, &rows, &comm, &o, NULL), JUDD_OK);
    for (int h = 0; h < N_HEADS; h++)
        assert_true(fabs(along[h].objective - alone[h].objective) <= 1e-12);
    judd_bank_destroy(path);
    judd_bank_destroy(bank);
    judd_rows_free(&rows);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_and_norms_are_those_of_the_features),
        cmocka_unit_test(heads_are_minima_with_the_same_bits),
        cmocka_unit_test(a_path_finds_the_same_minima),
    };
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    if (judd_comm_open(&self, MPI_COMM_SELF) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    judd_comm_close(&self);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
