/* Ridge against numpy.linalg.solve and against fitting again without the held-out samples. */
/* The source itself with small limits, so that panels and blocks are what is tested. */
#define PANEL_BYTES ((int64_t)2500)
#define BLOCK_BYTES ((int64_t)1)
#include "learn/ridge_held_out.c"
/* ... and so that memory can be what a test says. */
#include <judd/comm/free_memory.h>

static double free_bytes;

static judd_status ask(const judd_comm *comm, double bytes, const char *what, const char *remedy) {
    return judd_free_memory_need(comm, bytes, free_bytes, what, remedy);
}
#define ASK ask
#include "learn/ridge.c"

#define VECTORS_RIDGE
#include "learn/fixture.h"
#include "learn/vectors.h"

typedef struct problem {
    judd_rows rows;
    float *targets;
    judd_ridge *ridge;
} problem;

static void create(problem *p, const ridge_vector *v, judd_ridge_method method,
                   const judd_comm *comm) {
    *p =
        (problem){.rows = fixture_rows(0, v->n, v->dim, v->n_targets, v->shrink, v->n_folds, comm)};
    int64_t n = judd_lanes_count(&p->rows.lanes), first = judd_lanes_first(&p->rows.lanes);
    if (v->real) {
        ok(judd_memory_alloc(&p->targets, n * v->n_targets, sizeof *p->targets));
        for (int64_t i = 0; i < n; i++)
            for (int64_t t = 0; t < v->n_targets; t++)
                p->targets[i * v->n_targets + t] = (float)fixture_entry(first + i, 200000 + t);
    }
    if ((v - ridge_vectors) % 2) fixture_stream(&p->rows, comm);
    judd_ridge_problem options = {&p->rows, p->targets, v->n_targets, method};
    ok(judd_ridge_create(&p->ridge, &options, comm));
}

static void close_problem(problem *p) {
    judd_ridge_destroy(p->ridge);
    judd_rows_free(&p->rows);
    free(p->targets);
}

static void check_weights(const ridge_vector *v, judd_ridge *ridge, int s) {
    int64_t size = v->n_targets * v->dim;
    double *weight = NULL, *bias = NULL, largest = 0.0;
    ok(judd_memory_alloc(&weight, size, sizeof *weight));
    ok(judd_memory_alloc(&bias, v->n_targets, sizeof *bias));
    ok(judd_ridge_weights(weight, bias, ridge, v->l2[s]));
    for (int64_t k = 0; k < size; k++) largest = fmax(largest, fabs(v->weight[s * size + k]));
    /* both numpy and we are within 1e-10 of the truth where the matrix is well conditioned */
    double tolerance = largest * (v->shrink > 0 ? 1e-8 : 1e-10);
    for (int64_t k = 0; k < size; k++) assert_near(weight[k], v->weight[s * size + k], tolerance);
    for (int t = 0; t < v->n_targets; t++)
        assert_near(bias[t], v->bias[s * v->n_targets + t], tolerance * (double)v->dim);
    free(weight);
    free(bias);
}

enum { N_VECTORS = sizeof ridge_vectors / sizeof ridge_vectors[0] };

static void weights_equal_numpy(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        const ridge_vector *v = &ridge_vectors[k];
        problem p;
        create(&p, v, JUDD_RIDGE_EIGEN, comm);
        for (int s = 0; s < v->n_l2; s++) check_weights(v, p.ridge, s);
        close_problem(&p);
        create(&p, v, JUDD_RIDGE_CHOLESKY, comm);
        for (int s = 0; s < v->n_l2; s++) check_weights(v, p.ridge, s);
        close_problem(&p);
        create(&p, v, JUDD_RIDGE_CHOLESKY_ONCE, comm);
        int64_t bytes = judd_ridge_bytes(p.ridge);
        check_weights(v, p.ridge, v->n_l2 - 1);
        assert_true(judd_ridge_bytes(p.ridge) < bytes || comm->size > 1);
        close_problem(&p);
    }
}

typedef struct error_sums {
    const problem *p;
    const ridge_vector *v;
    double squares[8];
    int64_t correct[8], n[8];
} error_sums;

static void add_error(void *context, int s, int64_t i, const double *predicted) {
    error_sums *e = context;
    int64_t n_targets = e->v->n_targets;
    int best = 0;
    for (int t = 0; t < n_targets; t++) {
        double y =
            e->p->targets ? (double)e->p->targets[i * n_targets + t] : e->p->rows.labels[i] == t;
        e->squares[s] += (y - predicted[t]) * (y - predicted[t]);
        if (predicted[t] > predicted[best]) best = t;
    }
    e->correct[s] += !e->v->real && best == e->p->rows.labels[i];
    e->n[s]++;
}

static void check_errors(error_sums *e, int folds, const judd_comm *comm) {
    const ridge_vector *v = e->v;
    ok(judd_comm_check(MPI_Allreduce(MPI_IN_PLACE, e->squares, 8, MPI_DOUBLE, MPI_SUM, comm->mpi),
                       "MPI_Allreduce"));
    ok(judd_comm_sum(comm, e->correct, 8));
    ok(judd_comm_sum(comm, e->n, 8));
    for (int s = 0; s < v->n_l2; s++) {
        double tolerance = v->shrink > 0 ? 1e-8 : 1e-10, expected = v->mse[2 * s + folds];
        assert_near(e->squares[s] / (double)(v->n * v->n_targets), expected, tolerance * expected);
        assert_int_equal(e->correct[s], v->correct[2 * s + folds]);
        assert_int_equal(e->n[s], v->n);
    }
}

static void held_out_predictions_equal_brute_force(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        const ridge_vector *v = &ridge_vectors[k];
        problem p;
        error_sums loo = {.p = &p, .v = v}, folds = loo;
        create(&p, v, JUDD_RIDGE_EIGEN, comm);
        ok(judd_ridge_held_out_leave_one_out(p.ridge, v->l2, v->n_l2, add_error, &loo));
        check_errors(&loo, 0, comm);
        ok(judd_ridge_held_out_folds(p.ridge, v->l2, v->n_l2, add_error, &folds));
        check_errors(&folds, 1, comm);
        close_problem(&p);
    }
}

static void expect_bad(judd_rows *rows, int n_targets, double l2, const char *words,
                       const judd_comm *comm) {
    judd_ridge *ridge = NULL;
    double *weight = NULL, bias[8];
    ok(judd_memory_alloc(&weight, rows->dim * n_targets, sizeof *weight));
    for (int method = 0; method < 2; method++) {
        judd_ridge_problem options = {rows, NULL, n_targets, (judd_ridge_method)method};
        judd_status status = judd_ridge_create(&ridge, &options, comm);
        if (status == JUDD_OK) status = judd_ridge_weights(weight, bias, ridge, l2);
        assert_int_not_equal(status, JUDD_OK);
        if (!strstr(judd_status_message(), words))
            fail_msg("'%s' is not in '%s'", words, judd_status_message());
        judd_ridge_destroy(ridge);
        ridge = NULL;
    }
    free(weight);
}

static void bad_input_is_named(void **state) {
    const judd_comm *comm = *state;
    judd_rows rows = fixture_rows(0, 60, 5, 3, 0, 2, comm);
    int64_t n = judd_lanes_count(&rows.lanes);
    expect_bad(&rows, 4, 1.0, "class 3 has no sample", comm);
    expect_bad(&rows, 2, 1.0, "has label 2, but there are 2 classes", comm);
    expect_bad(&rows, 3, -1.0, "l2 = -1", comm);
    expect_bad(&rows, 3, NAN, "l2 = nan", comm);
    for (int64_t i = 0; i < n; i++) rows.x[i * 5 + 3] = rows.x[i * 5] - rows.x[i * 5 + 1];
    expect_bad(&rows, 3, 0.0, "columns of the features depend on each other", comm);
    for (int64_t i = 0; i < n; i++) rows.x[i * 5 + 2] = 0.1f;
    expect_bad(&rows, 3, 0.0, "column 2 of the features is constant", comm);
    float *row = fixture_row(&rows, 41);
    if (row) row[4] = INFINITY;
    expect_bad(&rows, 3, 1.0, "sample 41 of the set, column 4 is not finite", comm);
    if (row) row[4] = 0.0f;
    memset(rows.labels, 0, (size_t)n * sizeof *rows.labels);
    expect_bad(&rows, 1, 1.0, "one class only", comm);
    expect_bad(&rows, 3, 1.0, "class 1 has no sample", comm);
    judd_rows_free(&rows);
}

static void bad_folds(void **state) {
    const judd_comm *comm = *state;
    double l2 = 1.0;
    error_sums unused;
    judd_ridge *ridge = NULL;
    judd_rows rows = fixture_rows(0, 60, 5, 3, 0, 1, comm);
    judd_ridge_problem options = {&rows, NULL, 3, JUDD_RIDGE_EIGEN};
    ok(judd_ridge_create(&ridge, &options, comm));
    assert_int_equal(judd_ridge_held_out_folds(ridge, &l2, 1, add_error, &unused), JUDD_E_USAGE);
    judd_ridge_destroy(ridge);
    options.method = JUDD_RIDGE_CHOLESKY;
    ok(judd_ridge_create(&ridge, &options, comm));
    assert_int_equal(judd_ridge_held_out_leave_one_out(ridge, &l2, 1, add_error, &unused),
                     JUDD_E_INTERNAL);
    judd_ridge_destroy(ridge);
    judd_rows_free(&rows);
}

static void count_finite(void *context, int s, int64_t i, const double *predicted) {
    int64_t *finite = context;
    (void)i;
    for (int t = 0; t < 3; t++) finite[s] += isfinite(predicted[t]);
}

/* 60 samples determine a model of 45 features, 40 of them do not without a penalty. */
static void a_fold_without_a_model_is_nan(void **state) {
    const judd_comm *comm = *state;
    const double l2[] = {0.0, 1.0};
    double weight[3 * 45], bias[3];
    int64_t finite[2] = {0};
    judd_ridge *ridge = NULL;
    judd_rows rows = fixture_rows(0, 60, 45, 3, 0, 3, comm);
    judd_ridge_problem options = {&rows, NULL, 3, JUDD_RIDGE_EIGEN};
    ok(judd_ridge_create(&ridge, &options, comm));
    ok(judd_ridge_weights(weight, bias, ridge, l2[0]));
    ok(judd_ridge_held_out_folds(ridge, l2, 2, count_finite, finite));
    ok(judd_comm_sum(comm, finite, 2));
    assert_int_equal(finite[0], 0);
    assert_int_equal(finite[1], 60 * 3);
    judd_ridge_destroy(ridge);
    judd_rows_free(&rows);
}

/* Order 100: 320,000 bytes by eigen-decomposition, 80,000 in place, and 8,000 short of each. */
static void memory_is_asked_for(void **state) {
    const judd_comm *comm = *state;
    judd_rows rows = fixture_rows(0, 120, 100, 3, 0, 1, comm);
    judd_ridge_problem eigen = {&rows, NULL, 3, JUDD_RIDGE_EIGEN}, once = eigen;
    once.method = JUDD_RIDGE_CHOLESKY_ONCE;
    judd_ridge *ridge = NULL;
    char words[64];
    free_bytes = 312e3;
    snprintf(words, sizeof words, "start %d ranks", comm->size + 1);
    assert_int_equal(judd_ridge_create(&ridge, &eigen, comm), JUDD_E_USAGE);
    assert_non_null(strstr(judd_status_message(), "order 100 needs 0.00032 GB"));
    assert_non_null(strstr(judd_status_message(), words));
    ok(judd_ridge_create(&ridge, &once, comm));
    judd_ridge_destroy(ridge);
    free_bytes = 320e3;
    ok(judd_ridge_create(&ridge, &eigen, comm));
    judd_ridge_destroy(ridge);
    judd_rows_free(&rows);
    free_bytes = INFINITY;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    free_bytes = INFINITY;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(weights_equal_numpy, &comm),
        cmocka_unit_test_prestate(held_out_predictions_equal_brute_force, &comm),
        cmocka_unit_test_prestate(bad_input_is_named, &comm),
        cmocka_unit_test_prestate(bad_folds, &comm),
        cmocka_unit_test_prestate(a_fold_without_a_model_is_nan, &comm),
        cmocka_unit_test_prestate(memory_is_asked_for, &comm),
    };
    int failed = cmocka_run_group_tests_name("ridge", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
