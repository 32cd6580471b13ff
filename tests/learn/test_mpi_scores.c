/* Temperature against scipy's minimiser; likelihood, calibration and top-5 against numpy. */
#define VECTORS_SCORES
#include "learn/fixture.h"
#include "learn/vectors.h"

#include <judd/base/memory.h>
#include <judd/learn/figures.h>
#include <judd/learn/scores.h>

enum { N_VECTORS = sizeof scores_vectors / sizeof scores_vectors[0] };

static float *make_scores(int32_t **labels, const judd_lanes *lanes, int n_classes, double spread) {
    float *score = NULL;
    int64_t n = judd_lanes_count(lanes);
    ok(judd_memory_alloc(&score, n * n_classes, sizeof *score));
    ok(judd_memory_alloc(labels, n, sizeof **labels));
    for (int64_t i = 0; i < n; i++) {
        int64_t id = judd_lanes_first(lanes) + i;
        (*labels)[i] = fixture_label(id, n_classes);
        for (int c = 0; c < n_classes; c++)
            score[i * n_classes + c] = (float)(fixture_entry(id, 300000 + c) * spread +
                                               (c == (*labels)[i]) * spread * 0.25);
    }
    return score;
}

static void equals_scipy(void **state) {
    const judd_comm *comm = *state;
    for (int k = 0; k < N_VECTORS; k++) {
        const scores_vector *v = &scores_vectors[k];
        judd_lanes lanes;
        int32_t *labels = NULL;
        double t;
        judd_figures f;
        ok(judd_lanes_deal(&lanes, v->n, FIXTURE_LANES, comm->rank, comm->size));
        float *score = make_scores(&labels, &lanes, v->n_classes, v->spread);
        ok(judd_scores_temperature(&t, score, labels, v->n_classes, &lanes, comm));
        assert_near(t, v->temperature, 2e-6 * v->temperature);
        judd_rows rows = {.lanes = lanes, .labels = labels};
        ok(judd_figures_measure(&f, score, JUDD_OUTPUTS_LOGITS, v->n_classes, &rows, t, NULL,
                                comm));
        if (comm->rank == 0) {
            assert_near(judd_figures_find(&f, "nll_calibrated")->value, v->nll_there, 1e-6);
            assert_near(judd_figures_find(&f, "nll")->value, v->nll, 1e-6);
            assert_near(judd_figures_find(&f, "ece")->value, v->ece, 1e-6);
            assert_near(judd_figures_find(&f, "top5")->value * (double)v->n, v->top5, 1e-9);
        }
        judd_figures_free(&f);
        free(score);
        free(labels);
    }
}

static void same_bits_alone(void **state) {
    const judd_comm *comm = *state;
    enum { N = 333, C = 7 };
    judd_comm self;
    double t[2];
    ok(judd_comm_open(&self, MPI_COMM_SELF));
    for (int alone = 0; alone < 2; alone++) {
        const judd_comm *c = alone ? &self : comm;
        judd_lanes lanes;
        int32_t *labels = NULL;
        ok(judd_lanes_deal(&lanes, N, FIXTURE_LANES, c->rank, c->size));
        float *score = make_scores(&labels, &lanes, C, 1.0);
        ok(judd_scores_temperature(&t[alone], score, labels, C, &lanes, c));
        free(score);
        free(labels);
    }
    assert_memory_equal(&t[0], &t[1], sizeof t[0]);
    judd_comm_close(&self);
}

static void ends_of_the_range(void **state) {
    const judd_comm *comm = *state;
    enum { N = 40 };
    judd_lanes lanes;
    int32_t *labels = NULL;
    double t;
    ok(judd_lanes_deal(&lanes, N, FIXTURE_LANES, comm->rank, comm->size));
    float *score = make_scores(&labels, &lanes, 3, 1.0);
    int64_t n = judd_lanes_count(&lanes);
    for (int64_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) score[i * 3 + c] = c == labels[i] ? 1.0f : 0.0f;
    ok(judd_scores_temperature(&t, score, labels, 3, &lanes, comm));
    assert_near(t, 1e-3, 2e-4); /* all right; the slope may underflow before the end */
    for (int64_t i = 0; i < n * 3; i++) score[i] = 1.0f - score[i];
    ok(judd_scores_temperature(&t, score, labels, 3, &lanes, comm));
    assert_near(t, 1000.0, 1e-6);
    for (int64_t i = 0; i < n * 3; i++) score[i] = 0.0f;
    ok(judd_scores_temperature(&t, score, labels, 3, &lanes, comm));
    assert_true(t >= 1e-3 && t <= 1001.0);
    int64_t bad = 21 - judd_lanes_first(&lanes);
    if (bad >= 0 && bad < n) score[bad * 3 + 2] = NAN;
    assert_int_equal(judd_scores_temperature(&t, score, labels, 3, &lanes, comm), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "sample 21 of the set, class 2"));
    free(score);
    free(labels);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(equals_scipy, &comm),
        cmocka_unit_test_prestate(same_bits_alone, &comm),
        cmocka_unit_test_prestate(ends_of_the_range, &comm),
    };
    int failed = cmocka_run_group_tests_name("scores", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
