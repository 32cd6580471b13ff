/* Metrics against scikit-learn. */
#include <judd/stats/metrics.h>

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_near(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-14)) fail_msg("%.17g, expected %.17g", got, expected);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sklearn),
        cmocka_unit_test(test_no_samples),
    };
    (void)t_vectors;
    (void)quantile_vectors;
    (void)mcnemar_vectors;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
