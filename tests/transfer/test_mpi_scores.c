/* Transferability scores against NumPy and scikit-learn, at any number of ranks and of streamed
 * rows. */
#include <judd/transfer/scores.h>

/* The sources themselves, so that small problems can be shared as large ones are. */
static int64_t order_alone = JUDD_SCORES_ALONE;
#define ORDER_ALONE order_alone
#define ROUND_BYTES ((int64_t)5000)
#include "transfer/solver.c"
#include "transfer/spectrum.c"

#include "learn/fixture.h"
#include "transfer/score_vectors.h"

#include <stdio.h>

enum { N_VECTORS = sizeof score_vectors / sizeof score_vectors[0] };

static judd_rows features_of(const score_vector *v, const judd_comm *comm) {
    judd_rows rows = fixture_rows(0, v->n, v->dim, v->n_classes, v->shrink, 1, comm);
    int64_t first = judd_lanes_first(&rows.lanes);
    for (int64_t i = 0; i < judd_lanes_count(&rows.lanes); i++) {
        float *x = rows.x + i * v->dim;
        if (v == score_vectors) memcpy(x, iris + (first + i) * 4, 4 * sizeof *x);
        if (v == score_vectors) rows.labels[i] = (int32_t)((first + i) / 50);
        if (v->spoiled) x[3] = 0.1f;
        if (v->spoiled) x[5] = x[4];
    }
    return rows;
}

static judd_rows outputs_of(const score_vector *v, const judd_rows *features,
                            const judd_comm *comm) {
    judd_rows rows;
    ok(judd_rows_create(&rows, v->n, v->n_outputs, FIXTURE_LANES, comm));
    for (int64_t i = 0; i < judd_lanes_count(&rows.lanes); i++) {
        rows.labels[i] = features->labels[i];
        for (int64_t z = 0; z < v->n_outputs; z++)
            rows.x[i * v->n_outputs + z] =
                (float)(4 * fixture_entry(judd_lanes_first(&rows.lanes) + i, 300000 + z));
    }
    return rows;
}

/* From rows in memory or, streamed, as if from a cache. */
static void measure(judd_score scores[JUDD_N_SCORES], const score_vector *v, bool from_cache,
                    const judd_comm *comm) {
    judd_rows features = features_of(v, comm), outputs = outputs_of(v, &features, comm);
    if (from_cache) fixture_stream(&features, comm);
    ok(judd_scores_measure(scores, &features, &outputs, NULL, v->n_classes, comm));
    judd_rows_free(&features);
    judd_rows_free(&outputs);
}

static void check_vector(const judd_score *got, int k) {
    for (int s = 0; s < JUDD_N_SCORES; s++) {
        double expected = score_vectors[k].value[s];
        if (!(fabs(got[s].value - expected) <= 1e-8 * (1.0 + fabs(expected))))
            fail_msg("case %d: %s is %.17g, expected %.17g (%s)", k, judd_scores_name(s),
                     got[s].value, expected, got[s].reason);
    }
}

static void equal_numpy(void **state) {
    judd_score got[JUDD_N_SCORES];
    for (int k = 0; k < N_VECTORS; k++) {
        measure(got, &score_vectors[k], false, *state);
        check_vector(got, k);
    }
}

/* As problems are solved that are too large for one rank. */
static void shared_equal_numpy(void **state) {
    judd_score got[JUDD_N_SCORES];
    order_alone = 0;
    for (int k = 2; k < 5; k++) { /* more columns than rows; small classes; both kinds of classes */
        measure(got, &score_vectors[k], false, *state);
        check_vector(got, k);
    }
    order_alone = JUDD_SCORES_ALONE;
}

/* The published vectors, digit by digit as they are given. */
static void equal_notes(void **state) {
    const judd_comm *comm = *state;
    static const float theta[4][3] = {
        {.7f, .2f, .1f}, {.6f, .3f, .1f}, {.1f, .8f, .1f}, {.2f, .2f, .6f}};
    static const int32_t z[4] = {0, 0, 1, 0};
    judd_score got[JUDD_N_SCORES];
    judd_rows features = features_of(&score_vectors[0], comm), small = {0}, outputs = {0};
    ok(judd_scores_measure(got, &features, NULL, "none", 3, comm));
    assert_near(got[JUDD_SCORE_LOGME].value, -0.16006026, 1e-8);
    assert_near(got[JUDD_SCORE_H].value, 1.19189880, 1e-8);
    assert_near(got[JUDD_SCORE_REGULARISED_H].value, 1.17784248, 1e-8);
    assert_near(got[JUDD_SCORE_TRANSRATE].value, 0.58940541, 1e-8);
    assert_true(isnan(got[JUDD_SCORE_LEEP].value));
    assert_string_equal(got[JUDD_SCORE_NCE].reason, "none");
    judd_rows_free(&features);
    for (int hard = 0; hard < 2; hard++) { /* leep, then nce */
        ok(judd_rows_create(&small, 4, 2, FIXTURE_LANES, comm));
        ok(judd_rows_create(&outputs, 4, 3, FIXTURE_LANES, comm));
        for (int64_t i = 0; i < judd_lanes_count(&small.lanes); i++) {
            int64_t id = judd_lanes_first(&small.lanes) + i;
            small.labels[i] = outputs.labels[i] = id >= 2;
            small.x[2 * i] = (float)(id * id);
            for (int k = 0; k < 3; k++)
                outputs.x[3 * i + k] =
                    hard ? (float)(z[id] == k) : (float)log(10.0 * (double)theta[id][k]);
        }
        ok(judd_scores_measure(got, &small, &outputs, NULL, 2, comm));
        if (hard)
            assert_near(got[JUDD_SCORE_NCE].value, -0.4773856262, 1e-10);
        else
            assert_near(got[JUDD_SCORE_LEEP].value, -0.4565770107, 1e-8);
        judd_rows_free(&small);
        judd_rows_free(&outputs);
    }
}

/* The same bits as one rank alone makes of streamed rows. */
static void same_bits(void **state) {
    judd_comm self;
    ok(judd_comm_open(&self, MPI_COMM_SELF));
    for (int k = 0; k < N_VECTORS; k++) {
        judd_score got[JUDD_N_SCORES], alone[JUDD_N_SCORES];
        measure(got, &score_vectors[k], false, *state);
        measure(alone, &score_vectors[k], true, &self);
        for (int s = 0; s < JUDD_N_SCORES; s++)
            if (got[s].value != alone[s].value)
                fail_msg("case %d: %s is %.17g, alone %.17g", k, judd_scores_name(s), got[s].value,
                         alone[s].value);
    }
    judd_comm_close(&self);
}

static void expect_reasons(const judd_rows *features, const judd_rows *outputs, int n_classes,
                           const char *words, const judd_comm *comm) {
    judd_score got[JUDD_N_SCORES];
    ok(judd_scores_measure(got, features, outputs, "no outputs", n_classes, comm));
    for (int s = 0; s < JUDD_N_SCORES; s++) {
        const char *expected = s == JUDD_SCORE_LEEP || s == JUDD_SCORE_NCE ? "no outputs" : words;
        assert_true(isnan(got[s].value));
        if (!strstr(got[s].reason, expected))
            fail_msg("%s: '%s' is not in '%s'", judd_scores_name(s), expected, got[s].reason);
    }
}

static void bad_input_is_a_reason(void **state) {
    const judd_comm *comm = *state;
    judd_score got[JUDD_N_SCORES];
    judd_rows rows = fixture_rows(0, 40, 5, 3, 0, 1, comm), outputs = {0};
    int64_t n = judd_lanes_count(&rows.lanes);
    expect_reasons(&rows, NULL, 4, "class 3 has no sample", comm);
    ok(judd_rows_create(&outputs, 40, 2, FIXTURE_LANES, comm));
    float *logit = fixture_row(&outputs, 11);
    if (logit) logit[1] = NAN;
    ok(judd_scores_measure(got, &rows, &outputs, NULL, 3, comm));
    assert_non_null(strstr(got[JUDD_SCORE_LEEP].reason, "sample 11 of the set, column 1"));
    assert_true(isfinite(got[JUDD_SCORE_LOGME].value));
    float *row = fixture_row(&rows, 7);
    if (row) row[2] = INFINITY;
    expect_reasons(&rows, NULL, 3, "sample 7 of the set, column 2 is not finite", comm);
    for (int64_t i = 0; i < n * 5; i++) rows.x[i] = 0.3f;
    ok(judd_scores_measure(got, &rows, NULL, "none", 3, comm));
    assert_non_null(strstr(got[JUDD_SCORE_LOGME].reason, "all 40 samples are equal"));
    for (int64_t i = 0; i < n; i++) rows.labels[i] = 0;
    expect_reasons(&rows, NULL, 1, "one class only", comm);
    judd_rows_free(&rows);
    judd_rows_free(&outputs);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equal_numpy, &comm),
        cmocka_unit_test_prestate(equal_notes, &comm),
        cmocka_unit_test_prestate(shared_equal_numpy, &comm),
        cmocka_unit_test_prestate(same_bits, &comm),
        cmocka_unit_test_prestate(bad_input_is_a_reason, &comm),
    };
    int failed = cmocka_run_group_tests_name("scores", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
