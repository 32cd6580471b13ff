/* Metrics against scikit-learn. */
#include <judd/stats/metrics.h>
#include <judd/stats/ranking.h>

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_near(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-14)) fail_msg("%.17g, expected %.17g", got, expected);
}

static void ok(judd_status status) {
    assert_int_equal(status, JUDD_OK);
}

static void test_sklearn(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof metric_vectors / sizeof metric_vectors[0]; i++) {
        const metric_vector *v = &metric_vectors[i];
        assert_near(judd_metrics_accuracy(v->confusion, v->n_classes), v->accuracy);
        assert_near(judd_metrics_mean_per_class(v->confusion, v->n_classes), v->mean_per_class);
        assert_near(judd_metrics_macro_f1(v->confusion, v->n_classes), v->macro_f1);
    }
}

static void test_no_samples(void **state) {
    (void)state;
    const int64_t none[9] = {0};
    assert_true(isnan(judd_metrics_accuracy(none, 3)));
    assert_true(isnan(judd_metrics_mean_per_class(none, 3)));
    assert_true(judd_metrics_macro_f1(none, 3) == 0.0);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void test_ranking(void **state) {
    (void)state;
    double auroc, precision;
    for (size_t i = 0; i < COUNT(ranking_vectors); i++) {
        const ranking_vector *v = &ranking_vectors[i];
        double a[60], p[60], sum_a = 0.0, sum_p = 0.0;
        ok(judd_ranking_measure(&auroc, &precision, a, p, v->score, v->positive, v->n));
        assert_near(auroc, v->auroc);
        assert_near(precision, v->average_precision);
        for (int64_t k = 0; k < v->n; k++) {
            sum_a += a[k];
            sum_p += p[k];
        }
        assert_true(fabs(sum_a) < 1e-10 && fabs(sum_p) < 1e-10); /* weights of any total */
    }
    static const float score[] = {1.0f, 2.0f, NAN};
    static const uint8_t none[3] = {0}, all[3] = {1, 1, 1};
    double a[3] = {7, 7, 7}, p[3] = {7, 7, 7};
    ok(judd_ranking_measure(&auroc, &precision, a, p, score, none, 2));
    assert_true(isnan(auroc) && isnan(precision) && a[0] == 0.0 && p[1] == 0.0);
    ok(judd_ranking_measure(&auroc, &precision, a, p, score, all, 2));
    assert_true(isnan(auroc) && precision == 1.0 && a[0] == 0.0 && p[0] == 0.0);
    assert_int_equal(judd_ranking_measure(&auroc, NULL, NULL, NULL, score, none, 3), JUDD_E_DATA);
}

static void test_regression(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(regression_vectors); i++) {
        const regression_vector *v = &regression_vectors[i];
        assert_near(judd_metrics_r2(v->truth, v->predicted, v->n), v->r2);
    }
    static const float flat[] = {0.1f, 0.1f, 0.1f}, other[] = {0.1f, 0.1f, 0.2f};
    assert_true(judd_metrics_r2(flat, flat, 3) == 1.0);
    assert_true(judd_metrics_r2(flat, other, 3) == 0.0);
    assert_true(isnan(judd_metrics_r2(flat, flat, 0)));
}

static void test_top_k(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(topk_vectors); i++) {
        const topk_vector *v = &topk_vectors[i];
        int correct = 0;
        for (int r = 0; r < v->n; r++)
            correct +=
                judd_metrics_rank(v->score + r * v->n_classes, v->n_classes, v->truth[r]) < v->k;
        assert_int_equal(correct, v->correct);
    }
    static const float ties[] = {1.0f, 2.0f, 2.0f, NAN};
    assert_int_equal(judd_metrics_rank(ties, 4, 0), 2);
    assert_int_equal(judd_metrics_rank(ties, 4, 1), 0);
    assert_int_equal(judd_metrics_rank(ties, 4, 2), 1);
    assert_int_equal(judd_metrics_rank(ties, 4, 3), 3);
}

static void test_ece(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(ece_vectors); i++) {
        const ece_vector *v = &ece_vectors[i];
        judd_metrics_calibration bins = {0};
        for (int r = 0; r < v->n; r++)
            judd_metrics_calibrate(&bins, v->confidence[r], v->right[r] != 0);
        assert_true(fabs(judd_metrics_ece(&bins) - v->ece) <= 0x1p-32);
    }
    judd_metrics_calibration none = {0};
    assert_true(isnan(judd_metrics_ece(&none)));
    judd_metrics_calibrate(&none, 0.0, false);
    judd_metrics_calibrate(&none, 1.0, true);
    judd_metrics_calibrate(&none, NAN, false);
    assert_int_equal(none.count[0], 1);
    assert_int_equal(none.count[JUDD_METRICS_BINS - 1], 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sklearn), cmocka_unit_test(test_no_samples),
        cmocka_unit_test(test_ranking), cmocka_unit_test(test_regression),
        cmocka_unit_test(test_top_k),   cmocka_unit_test(test_ece),
    };
    (void)t_vectors;
    (void)quantile_vectors;
    (void)mcnemar_vectors;
    (void)wilson_vectors;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
