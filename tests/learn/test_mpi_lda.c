/* LDA against scikit-learn. */
#define VECTORS_LDA
#include "learn/fixture.h"
#include "learn/vectors.h"

#include <judd/base/memory.h>
#include <judd/learn/lda.h>

enum { N_VECTORS = sizeof lda_vectors / sizeof lda_vectors[0] };

static void equals_sklearn(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        const lda_vector *v = &lda_vectors[k];
        int64_t size = v->n_classes * v->dim;
        double *weight = NULL, *bias = NULL, largest = 0.0;
        judd_rows rows = fixture_rows(0, v->n, v->dim, v->n_classes, 0, 1, comm);
        if (k % 2) fixture_stream(&rows, comm);
        /* the solution for one value does not depend on the others asked for */
        const double shrinkage[] = {0.9, v->shrinkage};
        ok(judd_memory_alloc(&weight, 2 * size, sizeof *weight));
        ok(judd_memory_alloc(&bias, 2 * v->n_classes, sizeof *bias));
        judd_lda_options o = {v->n_classes, v->priors, shrinkage, 2, -1, v->shrinkage < 0.0};
        for (int64_t i = 0; i < size; i++) largest = fmax(largest, fabs(v->weight[i]));
        for (int swapped = o.ledoit_wolf; swapped < 2; swapped++) {
            const double order[] = {shrinkage[swapped], shrinkage[!swapped]};
            o.shrinkage = order;
            bool flat = true;
            ok(judd_lda_fit(weight, bias, &flat, &rows, &o, comm));
            assert_false(flat);
            for (int64_t i = 0; i < size; i++)
                assert_near(weight[!swapped * size + i], v->weight[i], 1e-10 * largest);
            for (int c = 0; c < v->n_classes; c++)
                assert_near(bias[!swapped * v->n_classes + c], v->bias[c], 1e-10 * largest);
        }
        free(weight);
        free(bias);
        judd_rows_free(&rows);
    }
}

static void expect_bad(const judd_rows *rows, judd_lda_options o, const char *words,
                       const judd_comm *comm) {
    double weight[64], bias[8];
    bool flat = false;
    assert_int_not_equal(judd_lda_fit(weight, bias, &flat, rows, &o, comm), JUDD_OK);
    if (!strstr(judd_status_message(), words))
        fail_msg("'%s' is not in '%s'", words, judd_status_message());
}

/* Between others, a shrinkage without a solution is NaN and leaves theirs alone. */
static void check_mixed(const judd_rows *rows, double some, const double *expected,
                        const judd_comm *comm) {
    const double shrinkage[] = {0.0, some, 0.0};
    double weight[3 * 18], bias[3 * 3];
    bool flat = false;
    judd_lda_options o = {3, NULL, shrinkage, 3, -1, false};
    ok(judd_lda_fit(weight, bias, &flat, rows, &o, comm));
    for (int k = 0; k < 18; k++) {
        assert_true(isnan(weight[k]) && isnan(weight[36 + k]));
        assert_near(weight[18 + k], expected[k], 1e-10 * fabs(expected[k]));
    }
    for (int k = 0; k < 3; k++)
        assert_true(isnan(bias[k]) && isfinite(bias[3 + k]) && isnan(bias[6 + k]));
}

static void bad_input_is_named(void **state) {
    const judd_comm *comm = *state;
    const double none = 0.0, some = 0.1, wrong = 1.5;
    const double priors[] = {0.5, 0.5, 0.5}, negative[] = {1.5, -0.5, 0.0};
    judd_rows rows = fixture_rows(0, 60, 6, 3, 0, 1, comm);
    int64_t n = judd_lanes_count(&rows.lanes);
    expect_bad(&rows, (judd_lda_options){4, NULL, &some, 1, -1, false}, "class 3 has no sample",
               comm);
    expect_bad(&rows, (judd_lda_options){3, NULL, &wrong, 1, -1, false}, "shrinkage = 1.5", comm);
    expect_bad(&rows, (judd_lda_options){3, priors, &some, 1, -1, false}, "the priors' sum is 1.5",
               comm);
    expect_bad(&rows, (judd_lda_options){3, negative, &some, 1, -1, false}, "prior -0.5 of class 1",
               comm);
    for (int64_t i = 0; i < n; i++) rows.x[i * 6 + 4] = (float)rows.labels[i];
    expect_bad(&rows, (judd_lda_options){3, NULL, &none, 1, -1, false}, "column 4 of the features",
               comm);
    for (int64_t i = 0; i < n; i++) rows.x[i * 6 + 2] = 0.1f;
    expect_bad(&rows, (judd_lda_options){3, NULL, &none, 1, -1, false}, "column 2 of the features",
               comm);
    double weight[18], bias[3];
    bool flat = false;
    judd_lda_options o = {3, NULL, &some, 1, -1, false};
    ok(judd_lda_fit(weight, bias, &flat, &rows, &o, comm));
    check_mixed(&rows, some, weight, comm);
    float *row = fixture_row(&rows, 59);
    if (row) row[0] = NAN;
    expect_bad(&rows, o, "sample 59 of the set, column 0 is not finite", comm);
    if (row) row[0] = 0.0f;
    memset(rows.labels, 0, (size_t)n * sizeof *rows.labels);
    o.n_classes = 1;
    expect_bad(&rows, o, "one class only", comm);
    judd_rows_free(&rows);
}

/* Features that are the same everywhere, then in each class: no covariance at all. */
static void without_variance_the_nearest_mean_wins(void **state) {
    const judd_comm *comm = *state;
    const double shrinkage[] = {0.0, 0.3};
    double weight[2 * 3 * 6], bias[2 * 3];
    for (int k = 0; k < 4; k++) {
        const bool wolf = k % 2, classes_differ = k > 1;
        judd_rows rows = fixture_rows(0, 60, 6, 3, 0, 1, comm);
        judd_lda_options o = {3, NULL, shrinkage, wolf ? 1 : 2, -1, wolf};
        bool flat = false;
        for (int64_t i = 0; i < judd_lanes_count(&rows.lanes); i++)
            for (int j = 0; j < 6; j++)
                rows.x[i * 6 + j] =
                    0.125f * (float)j + (classes_differ ? (float)rows.labels[i] : 0.0f);
        ok(judd_lda_fit(weight, bias, &flat, &rows, &o, comm));
        assert_true(flat);
        for (int s = 0; s < (wolf ? 1 : 2); s++)
            for (int c = 0; c < 3; c++)
                for (int j = 0; j < 6; j++) {
                    double difference = weight[(s * 3 + c) * 6 + j] - weight[s * 3 * 6 + j];
                    assert_near(difference, classes_differ ? c : 0.0, 1e-12);
                }
        judd_rows_free(&rows);
    }
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equals_sklearn, &comm),
        cmocka_unit_test_prestate(bad_input_is_named, &comm),
        cmocka_unit_test_prestate(without_variance_the_nearest_mean_wins, &comm),
    };
    int failed = cmocka_run_group_tests_name("lda", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
