/* Nearest centroid against scikit-learn; the same bits at any number of ranks. */
#define VECTORS_CENTROID
#include "learn/fixture.h"
#include "learn/vectors.h"

#include <judd/base/memory.h>
#include <judd/learn/centroid.h>
#include <judd/learn/evaluate.h>

enum { N_VECTORS = sizeof centroid_vectors / sizeof centroid_vectors[0], N_TEST = 50 };

static void check(const centroid_vector *v, judd_centroid_metric metric, const judd_comm *comm) {
    const int *expected = metric == JUDD_CENTROID_COSINE ? v->cosine : v->euclidean;
    const double *centre = metric == JUDD_CENTROID_COSINE ? v->unit : v->mean;
    judd_rows rows = fixture_rows(0, v->n, v->dim, v->n_classes, 0, 1, comm);
    judd_rows test = fixture_rows(5000, N_TEST, v->dim, v->n_classes, 0, 1, comm);
    float *weight = NULL, *bias = NULL;
    judd_bank *head = NULL;
    judd_standard standard;
    judd_evaluation e;
    ok(judd_memory_alloc(&weight, v->n_classes * v->dim, sizeof *weight));
    ok(judd_memory_alloc(&bias, v->n_classes, sizeof *bias));
    ok(judd_centroid_fit(weight, bias, &rows, v->n_classes, metric, comm));
    for (int64_t i = 0; i < v->n_classes * v->dim; i++)
        assert_near((double)weight[i], centre[i], 1e-7);
    ok(judd_rows_standard_identity(&standard, v->dim));
    ok(judd_bank_from_linear(&head, weight, bias, v->n_classes, v->dim));
    ok(judd_evaluate_head(&e, head, &standard, &test, comm));
    for (int i = 0; comm->rank == 0 && i < N_TEST; i++)
        assert_int_equal(e.predicted[i], expected[i]);
    judd_evaluate_free(&e);
    judd_bank_destroy(head);
    judd_rows_standard_free(&standard);
    judd_rows_free(&rows);
    judd_rows_free(&test);
    free(weight);
    free(bias);
}

static void equals_sklearn(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        check(&centroid_vectors[k], JUDD_CENTROID_EUCLIDEAN, comm);
        check(&centroid_vectors[k], JUDD_CENTROID_COSINE, comm);
    }
}

/* All ranks together and each rank alone find the same bits. */
static void same_bits_alone(void **state) {
    const judd_comm *comm = *state;
    enum { N = 333, D = 37, C = 5 };
    judd_comm self;
    ok(judd_comm_open(&self, MPI_COMM_SELF));
    for (int metric = 0; metric < 2; metric++) {
        float weight[2][C * D], bias[2][C];
        judd_rows rows = fixture_rows(0, N, D, C, 20, 1, comm);
        judd_rows alone = fixture_rows(0, N, D, C, 20, 1, &self);
        fixture_stream(&alone, &self);
        ok(judd_centroid_fit(weight[0], bias[0], &rows, C, (judd_centroid_metric)metric, comm));
        ok(judd_centroid_fit(weight[1], bias[1], &alone, C, (judd_centroid_metric)metric, &self));
        assert_memory_equal(weight[0], weight[1], sizeof weight[0]);
        assert_memory_equal(bias[0], bias[1], sizeof bias[0]);
        judd_rows_free(&rows);
        judd_rows_free(&alone);
    }
    judd_comm_close(&self);
}

/* A column of huge numbers does not take the digits of the others. */
static void columns_keep_their_digits(void **state) {
    const judd_comm *comm = *state;
    enum { N = 200, D = 3 };
    float weight[2][2 * D], bias[2];
    judd_rows rows = fixture_rows(0, N, D, 2, 0, 1, comm);
    ok(judd_centroid_fit(weight[0], bias, &rows, 2, JUDD_CENTROID_EUCLIDEAN, comm));
    for (int64_t i = 0; i < judd_lanes_count(&rows.lanes); i++) {
        rows.x[i * D] = ldexpf(rows.x[i * D], 60);
        rows.x[i * D + 1] = ldexpf(rows.x[i * D + 1], -60);
    }
    ok(judd_centroid_fit(weight[1], bias, &rows, 2, JUDD_CENTROID_EUCLIDEAN, comm));
    for (int c = 0; c < 2; c++) {
        assert_true(weight[1][c * D] == ldexpf(weight[0][c * D], 60));
        assert_true(weight[1][c * D + 1] == ldexpf(weight[0][c * D + 1], -60));
        assert_true(weight[1][c * D + 2] == weight[0][c * D + 2]);
    }
    judd_rows_free(&rows);
}

static void expect_bad(const judd_rows *rows, int n_classes, judd_centroid_metric metric,
                       judd_status status, const char *words, const judd_comm *comm) {
    float weight[64], bias[8];
    assert_int_equal(judd_centroid_fit(weight, bias, rows, n_classes, metric, comm), status);
    if (!strstr(judd_status_message(), words))
        fail_msg("'%s' is not in '%s'", words, judd_status_message());
}

static void bad_input_is_named(void **state) {
    const judd_comm *comm = *state;
    judd_rows rows = fixture_rows(0, 40, 4, 3, 0, 1, comm);
    int64_t n = judd_lanes_count(&rows.lanes);
    expect_bad(&rows, 4, JUDD_CENTROID_EUCLIDEAN, JUDD_E_DEGENERATE, "class 3 has no sample", comm);
    expect_bad(&rows, 2, JUDD_CENTROID_COSINE, JUDD_E_DATA, "has label 2", comm);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < 4; j++) rows.x[i * 4 + j] = rows.labels[i] == 1 ? 0.0f : 1.0f;
    expect_bad(&rows, 3, JUDD_CENTROID_COSINE, JUDD_E_DEGENERATE,
               "class 1's samples have no direction", comm);
    float *row = fixture_row(&rows, 3);
    if (row) row[1] = NAN;
    expect_bad(&rows, 3, JUDD_CENTROID_COSINE, JUDD_E_DATA,
               "sample 3 of the set, column 1 is not finite", comm);
    judd_rows_free(&rows);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equals_sklearn, &comm),
        cmocka_unit_test_prestate(same_bits_alone, &comm),
        cmocka_unit_test_prestate(columns_keep_their_digits, &comm),
        cmocka_unit_test_prestate(bad_input_is_named, &comm),
    };
    int failed = cmocka_run_group_tests_name("centroid", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
