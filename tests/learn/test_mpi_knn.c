/* Weighted kNN against the formula in float64 (numpy); the same bits at any number of ranks. */
#define VECTORS_KNN
#include "learn/fixture.h"
#include "learn/vectors.h"

#include <judd/learn/knn.h>

enum { N_VECTORS = sizeof knn_vectors / sizeof knn_vectors[0], N_TEST = 60 };

/* The class with most votes, the lowest on ties; and whether `truth` is among the best five. */
static int predict(bool *top5, const judd_knn *knn, int64_t row, int n_classes, int k, int truth) {
    double votes[64];
    int best = 0, before = 0;
    judd_knn_vote(votes, knn, row, n_classes, k, JUDD_KNN_TEMPERATURE);
    for (int c = 0; c < n_classes; c++) {
        if (votes[c] > votes[best]) best = c;
        before += votes[c] > votes[truth] || (votes[c] == votes[truth] && c < truth);
    }
    *top5 = before < 5;
    return best;
}

static void equals_numpy(void **state) {
    const judd_comm *comm = *state;
    for (int c = 0; c < N_VECTORS; c++) {
        const knn_vector *v = &knn_vectors[c];
        judd_rows train = fixture_rows(0, v->n, v->dim, v->n_classes, 0, 1, comm);
        judd_rows test = fixture_rows(5000, N_TEST, v->dim, v->n_classes, 0, 1, comm);
        judd_knn_options o = {v->n_classes, v->k[v->n_k - 1], false};
        judd_knn knn;
        ok(judd_knn_search(&knn, &train, &test, &o, comm));
        int64_t first = judd_lanes_first(&test.lanes);
        for (int k = 0; k < v->n_k; k++) {
            int64_t top5 = 0;
            for (int64_t i = 0; i < knn.n_local; i++) {
                bool near;
                assert_int_equal(predict(&near, &knn, i, v->n_classes, v->k[k], test.labels[i]),
                                 v->predicted[k * N_TEST + first + i]);
                top5 += near;
            }
            ok(judd_comm_sum(comm, &top5, 1));
            assert_int_equal(top5, v->top5[k]);
        }
        for (int64_t i = 0; i < knn.n_local; i++)
            for (int64_t j = 0; j < 5 && j < knn.n_nearest; j++)
                assert_int_equal(knn.nearest[i * knn.n_nearest + j], v->near[(first + i) * 5 + j]);
        assert_int_equal(knn.n_nearest, v->k[v->n_k - 1] < v->n ? v->k[v->n_k - 1] : v->n);
        judd_knn_free(&knn);
        judd_rows_free(&train);
        judd_rows_free(&test);
    }
}

/* More rows than a block of either kind, and many equal ones: all ranks together, whose rows are
 * streamed, and each rank alone find the same neighbours in the same order with the same bits. */
static void same_bits_alone(void **state) {
    const judd_comm *comm = *state;
    enum { N = 1501, M = 700, D = 30, C = 7 };
    judd_comm self;
    ok(judd_comm_open(&self, MPI_COMM_SELF));
    judd_rows train[2], test[2];
    judd_knn knn[2];
    for (int alone = 0; alone < 2; alone++) {
        const judd_comm *c = alone ? &self : comm;
        train[alone] = fixture_rows(0, N, D, C, 3, 1, c);
        test[alone] = fixture_rows(9000, M, D, C, 3, 1, c);
        for (int64_t i = 0; i < judd_lanes_count(&train[alone].lanes); i++)
            for (int64_t j = 0; (judd_lanes_first(&train[alone].lanes) + i) % 10 < 4 && j < D; j++)
                train[alone].x[i * D + j] = (float)(j % 3) - 0.5f; /* 40 % are one point */
        if (!alone) {
            fixture_stream(&train[alone], c);
            fixture_stream(&test[alone], c);
        }
        judd_knn_options o = {C, 60, false};
        ok(judd_knn_search(&knn[alone], &train[alone], &test[alone], &o, c));
    }
    int64_t n = knn[0].n_local, first = judd_lanes_first(&test[0].lanes), most = knn[0].n_nearest;
    assert_memory_equal(knn[0].label, knn[1].label + first * most,
                        (size_t)(n * most) * sizeof(int32_t));
    assert_memory_equal(knn[0].nearest, knn[1].nearest + first * most,
                        (size_t)(n * most) * sizeof(int64_t));
    assert_memory_equal(knn[0].similarity, knn[1].similarity + first * most,
                        (size_t)(n * most) * sizeof(float));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 1; j < most; j++) {
            const float *s = knn[0].similarity + i * most;
            const int64_t *p = knn[0].nearest + i * most;
            assert_true(s[j - 1] > s[j] || (s[j - 1] == s[j] && p[j - 1] < p[j]));
        }
    for (int alone = 0; alone < 2; alone++) {
        judd_knn_free(&knn[alone]);
        judd_rows_free(&train[alone]);
        judd_rows_free(&test[alone]);
    }
    judd_comm_close(&self);
}

/* Training on the test set: the nearest is the sample itself, also for a row of zeros' neighbours;
 * leave-one-out finds the same neighbours without it. */
static void finds_itself(void **state) {
    const judd_comm *comm = *state;
    enum { N = 700, K = 20 };
    judd_rows rows = fixture_rows(0, N, 9, 3, 0, 1, comm);
    judd_knn all, others;
    float *zero = fixture_row(&rows, 17);
    if (zero) memset(zero, 0, 9 * sizeof *zero);
    ok(judd_knn_search(&all, &rows, &rows, &(judd_knn_options){3, K, false}, comm));
    ok(judd_knn_search(&others, &rows, &rows, &(judd_knn_options){3, K - 1, true}, comm));
    for (int64_t i = 0; i < all.n_local; i++) {
        int64_t position = judd_lanes_first(&rows.lanes) + i, k = 0;
        if (position == 17) { /* zeros are as far from everything: the first samples are nearest */
            for (; k < K - 1; k++) assert_int_equal(others.nearest[i * (K - 1) + k], k + (k >= 17));
            continue;
        }
        assert_int_equal(all.nearest[i * K], position);
        for (; k < K - 1; k++)
            assert_int_equal(others.nearest[i * (K - 1) + k], all.nearest[i * K + 1 + k]);
    }
    judd_knn_free(&all);
    judd_knn_free(&others);
    judd_rows_free(&rows);
}

static void expect_bad(const judd_rows *train, const judd_rows *test, judd_knn_options o,
                       const char *words, const judd_comm *comm) {
    judd_knn knn;
    assert_int_not_equal(judd_knn_search(&knn, train, test, &o, comm), JUDD_OK);
    if (!strstr(judd_status_message(), words))
        fail_msg("'%s' is not in '%s'", words, judd_status_message());
}

static void bad_input_is_named(void **state) {
    const judd_comm *comm = *state;
    judd_rows train = fixture_rows(0, 40, 4, 3, 0, 1, comm),
              test = fixture_rows(90, 40, 4, 3, 0, 1, comm);
    judd_rows narrow = fixture_rows(0, 40, 3, 3, 0, 1, comm);
    judd_rows one = fixture_rows(0, 1, 4, 3, 0, 1, comm);
    judd_knn_options o = {3, 5, false};
    expect_bad(&train, &narrow, o, "training rows of 4 columns, test rows of 3", comm);
    expect_bad(&train, &test, (judd_knn_options){2, 5, false}, "has label 2", comm);
    expect_bad(&train, &test, (judd_knn_options){3, 0, false}, "k = 0", comm);
    expect_bad(&one, &one, (judd_knn_options){3, 5, true}, "no neighbours", comm);
    float *row = fixture_row(&test, 39);
    if (row) row[3] = NAN;
    expect_bad(&train, &test, o,
               "knn: test: features: sample 39 of the set, column 3 is not finite", comm);
    judd_rows_free(&train);
    judd_rows_free(&test);
    judd_rows_free(&narrow);
    judd_rows_free(&one);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equals_numpy, &comm),
        cmocka_unit_test_prestate(same_bits_alone, &comm),
        cmocka_unit_test_prestate(finds_itself, &comm),
        cmocka_unit_test_prestate(bad_input_is_named, &comm),
    };
    int failed = cmocka_run_group_tests_name("knn", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
