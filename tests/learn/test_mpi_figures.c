/* Figures of merit, their intervals and shares against scikit-learn; the same bits at any number of
 * ranks; what is not defined; scores that are not finite. */
#include "learn/fixture.h"

#include "learn/figure_vectors.h"

#include <judd/learn/figures.h>

#include <stdio.h>

enum { N_VECTORS = sizeof figure_vectors / sizeof figure_vectors[0], MOST = 280 };

/* Figures of a vector's truth and these scores, [n, n_outputs] of the whole set. */
static judd_status measure_at(judd_figures *out, const figure_vector *v, const float *score,
                              double temperature, judd_outputs_kind kind, const judd_comm *comm) {
    judd_rows rows;
    ok(judd_rows_create(&rows, v->n, 1, FIXTURE_LANES, comm));
    int64_t first = judd_lanes_first(&rows.lanes), n = judd_lanes_count(&rows.lanes);
    if (v->kind > 0) {
        ok(judd_rows_add_targets(&rows, v->n_outputs));
        memcpy(rows.targets, v->truth + first * v->n_outputs,
               (size_t)(n * v->n_outputs) * sizeof *rows.targets);
    }
    for (int64_t i = 0; v->kind == 0 && i < n; i++) rows.labels[i] = (int32_t)v->truth[first + i];
    judd_status status = judd_figures_measure(out, score + first * v->n_outputs, kind, v->n_outputs,
                                              &rows, temperature, "no sample is held out", comm);
    judd_rows_free(&rows);
    return status;
}

static judd_outputs_kind kind_of(const figure_vector *v) {
    return v->kind == 0   ? JUDD_OUTPUTS_LOGITS
           : v->kind == 1 ? JUDD_OUTPUTS_LABELS
                          : JUDD_OUTPUTS_VALUES;
}

static void near(const char *name, double got, double expected, double tolerance) {
    if (isnan(expected) ? !isnan(got) : !(fabs(got - expected) <= tolerance))
        fail_msg("%s: %.17g, expected %.17g", name, got, expected);
}

static void equals_sklearn(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        const figure_vector *v = &figure_vectors[k];
        judd_figures f;
        ok(measure_at(&f, v, v->score, v->temperature, kind_of(v), comm));
        assert_int_equal(f.n, v->n);
        if (comm->rank > 0) assert_int_equal(f.n_list, 0);
        for (int i = 0; i < 8 && v->figures[i].name && comm->rank == 0; i++) {
            const figure_value *expected = &v->figures[i];
            const judd_figure *got = judd_figures_find(&f, expected->name);
            assert_non_null(got);
            /* the bins' sums are in units of 2^-32 */
            double tolerance = strncmp(got->name, "ece", 3) == 0 ? 0x1p-31 : 1e-12;
            near(got->name, got->value, expected->value, tolerance);
            near(got->name, got->low, expected->low, 1e-6); /* slopes are taken numerically */
            near(got->name, got->high, expected->high, 1e-6);
            assert_true(!isnan(got->value) || got->note[0]); /* a reason */
        }
        double mean = 0.0;
        for (int64_t i = 0; i < v->n && f.share; i++) {
            near("share", f.share[i], v->share[i], 1e-6);
            mean += f.share[i] / (double)v->n;
        }
        if (f.share) near("mean of shares", mean, f.list[0].value, 1e-12);
        if (comm->rank == 0)
            assert_memory_equal(f.score, v->score, (size_t)(v->n * v->n_outputs) * sizeof(float));
        judd_figures_free(&f);
    }
}

static void same_bits_alone(void **state) {
    const judd_comm *comm = *state;
    judd_comm self;
    ok(judd_comm_open(&self, MPI_COMM_SELF));
    for (int k = 0; k < N_VECTORS; k++) {
        const figure_vector *v = &figure_vectors[k];
        judd_figures f, alone;
        ok(measure_at(&f, v, v->score, v->temperature, kind_of(v), comm));
        ok(measure_at(&alone, v, v->score, v->temperature, kind_of(v), &self));
        if (comm->rank == 0) {
            assert_int_equal(f.n_list, alone.n_list);
            for (int i = 0; i < f.n_list; i++) {
                assert_memory_equal(&f.list[i].value, &alone.list[i].value, 3 * sizeof(double));
                assert_string_equal(f.list[i].note, alone.list[i].note);
            }
            assert_memory_equal(f.share, alone.share, (size_t)v->n * sizeof(double));
            for (int i = 0; i < f.n_columns; i++)
                assert_memory_equal(f.columns[i].value, alone.columns[i].value,
                                    (size_t)v->n_outputs * sizeof(double));
        }
        judd_figures_free(&f);
        judd_figures_free(&alone);
    }
    judd_comm_close(&self);
}

static void counts_every_sample_once(void **state) {
    const judd_comm *comm = *state;
    judd_figures f;
    const figure_vector *v = &figure_vectors[0];
    ok(measure_at(&f, v, v->score, v->temperature, kind_of(v), comm));
    if (comm->rank == 0) {
        int64_t confusion[MOST] = {0};
        for (int64_t i = 0; i < v->n; i++) {
            int best = 0;
            for (int c = 1; c < v->n_outputs; c++)
                if (v->score[i * v->n_outputs + c] > v->score[i * v->n_outputs + best]) best = c;
            assert_int_equal(f.predicted[i], best);
            confusion[(int)v->truth[i] * v->n_outputs + best]++;
        }
        assert_memory_equal(f.confusion, confusion,
                            (size_t)(v->n_outputs * v->n_outputs) * sizeof *confusion);
    }
    judd_figures_free(&f);
}

/* Without probabilities there is no likelihood; without held-out samples no temperature. */
static void undefined_figures_have_a_reason(void **state) {
    const judd_comm *comm = *state;
    judd_figures f;
    const figure_vector *v = &figure_vectors[0];
    ok(measure_at(&f, v, v->score, NAN, JUDD_OUTPUTS_INDICATORS, comm));
    if (comm->rank == 0) {
        const judd_figure *nll = judd_figures_find(&f, "nll");
        const judd_figure *warm = judd_figures_find(&f, "nll_calibrated");
        assert_true(isnan(nll->value) && isnan(nll->low) && isnan(warm->value));
        assert_non_null(strstr(nll->note, "not probabilities"));
        assert_non_null(strstr(warm->note, "no sample is held out"));
        assert_string_equal(f.list[0].name, "accuracy");
        assert_true(f.list[0].value == v->figures[0].value);
    }
    judd_figures_free(&f);
}

static void scores_that_are_not_finite(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        const figure_vector *v = &figure_vectors[k];
        float score[MOST];
        char expected[80];
        judd_figures f;
        if (v->n < 3) continue;
        memcpy(score, v->score, sizeof score);
        for (int64_t i = v->n - 2; i < v->n; i++)
            score[i * v->n_outputs + v->n_outputs - 1] = i % 2 ? NAN : INFINITY;
        snprintf(expected, sizeof expected, "score %d of sample %lld of the set", v->n_outputs - 1,
                 (long long)v->n - 2);
        ok(measure_at(&f, v, score, v->temperature, kind_of(v), comm));
        assert_non_null(strstr(f.fault, expected));
        for (int i = 0; i < f.n_list; i++) assert_true(isnan(f.list[i].value) && f.list[i].note[0]);
        assert_true(comm->rank > 0 || f.n_list >= 3);
        judd_figures_free(&f);
    }
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equals_sklearn, &comm),
        cmocka_unit_test_prestate(same_bits_alone, &comm),
        cmocka_unit_test_prestate(counts_every_sample_once, &comm),
        cmocka_unit_test_prestate(undefined_figures_have_a_reason, &comm),
        cmocka_unit_test_prestate(scores_that_are_not_finite, &comm),
    };
    int failed = cmocka_run_group_tests_name("figures", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
