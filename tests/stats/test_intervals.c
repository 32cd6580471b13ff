/* Student's t and McNemar against mpmath (60 digits), Holm against its definition. */
#include <judd/base/rng.h>
#include <judd/stats/intervals.h>

#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static void assert_close(double got, double expected, double relative, const char *what, double a,
                         double b) {
    if (fabs(got - expected) <= relative * fabs(expected)) return;
    fail_msg("%s(%.17g, %.17g) = %.17g, expected %.17g, relative error %.2g", what, a, b, got,
             expected, fabs(got / expected - 1.0));
}

static void test_t_cdf(void **state) {
    (void)state;
    assert_true(COUNT(t_vectors) > 180);
    double worst = 0.0;
    for (int i = 0; i < COUNT(t_vectors); i++) {
        const t_vector *v = &t_vectors[i];
        double lower = judd_intervals_t_cdf(-v->t, v->df);
        assert_close(lower, v->tail, 1e-10, "t_cdf", -v->t, v->df);
        assert_close(judd_intervals_t_cdf(v->t, v->df), 1.0 - v->tail, 1e-14, "t_cdf", v->t, v->df);
        worst = fmax(worst, fabs(lower / v->tail - 1.0));
    }
    printf("t_cdf: worst relative error of a tail %.2g\n", worst);
}

static void test_t_cdf_edges(void **state) {
    (void)state;
    assert_true(judd_intervals_t_cdf(0.0, 3.0) == 0.5);
    assert_true(judd_intervals_t_cdf(INFINITY, 3.0) == 1.0);
    assert_true(judd_intervals_t_cdf(-INFINITY, 3.0) == 0.0);
    assert_true(isnan(judd_intervals_t_cdf(NAN, 3.0)));
    assert_true(isnan(judd_intervals_t_cdf(1.0, NAN)));
    assert_true(isnan(judd_intervals_t_cdf(1.0, 0.0)));
    assert_true(isnan(judd_intervals_t_cdf(1.0, -2.0)));
    assert_true(judd_intervals_t_cdf(-40.0, INFINITY) == 0.0);
    /* df = 1 is Cauchy, atan(1/t)/pi ~ 1/(pi t): also where t^2 overflows */
    assert_close(judd_intervals_t_cdf(-1e200, 1.0), 1.0 / (3.14159265358979323846 * 1e200), 1e-12,
                 "t_cdf", -1e200, 1.0);
    assert_close(judd_intervals_t_cdf(-1e-300, 1.0), 0.5, 1e-15, "t_cdf", -1e-300, 1.0);
}

/* Closed forms (Abramowitz & Stegun 26.7.3, 26.7.4) at many points. */
static void test_t_cdf_closed_forms(void **state) {
    (void)state;
    for (int i = 1; i < 400; i++) {
        double t = 0.037 * i;
        double cauchy = atan2(1.0, t) / 3.14159265358979323846;
        double root = sqrt(t * t + 2.0), two = 1.0 / (root * (root + t));
        assert_close(judd_intervals_t_cdf(-t, 1.0), cauchy, 1e-13, "t_cdf", -t, 1.0);
        assert_close(judd_intervals_t_cdf(-t, 2.0), two, 1e-13, "t_cdf", -t, 2.0);
        assert_close(judd_intervals_t_cdf(-t, 1e17), judd_intervals_t_cdf(-t, INFINITY), 1e-12,
                     "t_cdf", -t, 1e17);
    }
}

static void test_t_quantile(void **state) {
    (void)state;
    double worst = 0.0;
    for (int i = 0; i < COUNT(quantile_vectors); i++) {
        const quantile_vector *v = &quantile_vectors[i];
        double t = judd_intervals_t_quantile(v->p, v->df);
        assert_close(t, -v->t, 1e-10, "t_quantile", v->p, v->df);
        worst = fmax(worst, fabs(t / -v->t - 1.0));
    }
    printf("t_quantile: worst relative error %.2g\n", worst);
    assert_close(judd_intervals_t_quantile(0.975, 9.0), 2.2621571627982053, 1e-13, "t_quantile",
                 0.975, 9.0);
    assert_true(judd_intervals_t_quantile(0.5, 4.0) == 0.0);
    for (int i = 0; i < 3; i++)
        assert_true(isnan(judd_intervals_t_quantile((double[]){0.0, 1.0, NAN}[i], 4.0)));
    assert_true(isnan(judd_intervals_t_quantile(0.9, -1.0)));
}

static void test_t_quantile_inverts(void **state) {
    (void)state;
    for (int i = 0; i < 2000; i++) {
        double u = (double)(judd_rng_bits(1, JUDD_RNG_ORDER, 1, (uint64_t)i) >> 11) * 0x1p-53;
        double w = (double)(judd_rng_bits(1, JUDD_RNG_ORDER, 2, (uint64_t)i) >> 11) * 0x1p-53;
        double p = 0.5 * exp(-40.0 * u), df = exp(12.0 * w - 1.0);
        double t = judd_intervals_t_quantile(p, df);
        assert_close(judd_intervals_t_cdf(t, df), p, 1e-11, "t_cdf(t_quantile)", p, df);
    }
    /* A heavy tail whose quantile is near the end of the doubles still ends. */
    assert_true(judd_intervals_t_quantile(1e-30, 0.01) < -1e300);
}

static void test_mcnemar(void **state) {
    (void)state;
    double worst = 0.0;
    for (int i = 0; i < COUNT(mcnemar_vectors); i++) {
        const mcnemar_vector *v = &mcnemar_vectors[i];
        double p = judd_intervals_mcnemar(v->b, v->c);
        assert_close(p, v->p, 1e-10, "mcnemar", (double)v->b, (double)v->c);
        assert_true(p == judd_intervals_mcnemar(v->c, v->b));
        worst = fmax(worst, fabs(p / v->p - 1.0));
    }
    printf("mcnemar: worst relative error %.2g\n", worst);
    assert_true(judd_intervals_mcnemar(0, 0) == 1.0);
    assert_true(isnan(judd_intervals_mcnemar(-1, 3)));
    assert_true(judd_intervals_mcnemar(0, 2000) == 0.0); /* underflow, not NaN */
}

/* Holm 1979 in words: sorted p, step k of n uses n - k; stop at the first that is not rejected. */
static void check_holm(const double *p, int n) {
    double adjusted[16];
    judd_intervals_holm(adjusted, p, n);
    for (double alpha = 0.001; alpha < 1.0; alpha += 0.00717) {
        int rejected[16] = {0}, valid = 0;
        for (int i = 0; i < n; i++) valid += !isnan(p[i]);
        for (int step = 0; step < valid; step++) {
            int least = -1;
            for (int i = 0; i < n; i++)
                if (!isnan(p[i]) && !rejected[i] && (least < 0 || p[i] < p[least])) least = i;
            if (p[least] * (valid - step) > alpha) break;
            rejected[least] = 1;
        }
        for (int i = 0; i < n; i++)
            if (!isnan(p[i])) assert_int_equal(adjusted[i] <= alpha, rejected[i]);
    }
    for (int i = 0; i < n; i++) assert_int_equal(isnan(adjusted[i]), isnan(p[i]));
}

static void test_holm(void **state) {
    (void)state;
    const double textbook[4] = {0.01, 0.04, 0.03, 0.005}; /* R: p.adjust(p, "holm") */
    const double expected[4] = {0.03, 0.06, 0.06, 0.02};
    double adjusted[4];
    judd_intervals_holm(adjusted, textbook, 4);
    for (int i = 0; i < 4; i++) assert_close(adjusted[i], expected[i], 1e-15, "holm", i, 0.0);
    check_holm((const double[]){0.02, 0.02, 0.02}, 3);
    check_holm((const double[]){0.04, NAN, 0.001, 0.3, NAN, 0.04, 0.02}, 7);
    check_holm((const double[]){NAN}, 1);
    for (int r = 0; r < 50; r++) {
        double p[12];
        for (int i = 0; i < 12; i++) { /* coarse, so that there are ties */
            uint64_t bits = judd_rng_bits(3, JUDD_RNG_ORDER, (uint32_t)r, (uint64_t)i);
            p[i] = bits % 11 == 0 ? NAN : (double)(bits % 97 % 20) / 97.3;
        }
        check_holm(p, 12);
    }
}

static void test_wilson(void **state) {
    (void)state;
    double low, high;
    for (size_t i = 0; i < sizeof wilson_vectors / sizeof wilson_vectors[0]; i++) {
        const wilson_vector *v = &wilson_vectors[i];
        judd_intervals_wilson(&low, &high, v->k, v->n, v->level);
        if (!(fabs(low - v->low) <= 1e-13 && fabs(high - v->high) <= 1e-13))
            fail_msg("%.17g %.17g, expected %.17g %.17g", low, high, v->low, v->high);
    }
    judd_intervals_wilson(&low, &high, 0, 0, 0.95);
    assert_true(isnan(low) && isnan(high));
    judd_intervals_wilson(&low, &high, 3, 5, 1.0);
    assert_true(isnan(low) && isnan(high));
    judd_intervals_wilson(&low, &high, 6, 5, 0.95);
    assert_true(isnan(low) && isnan(high));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson),      cmocka_unit_test(test_t_cdf),
        cmocka_unit_test(test_t_cdf_edges), cmocka_unit_test(test_t_cdf_closed_forms),
        cmocka_unit_test(test_t_quantile),  cmocka_unit_test(test_t_quantile_inverts),
        cmocka_unit_test(test_mcnemar),     cmocka_unit_test(test_holm),
    };
    (void)metric_vectors;
    (void)ranking_vectors;
    (void)regression_vectors;
    (void)topk_vectors;
    (void)ece_vectors;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
