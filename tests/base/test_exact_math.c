/* The accuracy that exact_math.h states, against the C library in long double. */
#include <judd/base/exact_math.h>
#include <judd/base/rng.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <float.h>
#include <math.h>

static double uniform(uint32_t a, int64_t i) {
    return (double)(judd_rng_bits(4, JUDD_RNG_ORDER, a, (uint64_t)i) >> 11) * 0x1p-53;
}

static void test_exp(void **state) {
    long double worst = 0;
    (void)state;
    for (int64_t i = 0; i < 2000000; i++) {
        float x = (float)(-87.0 + 175.0 * (double)i / 2000000.0);
        if (i % 2) x = (float)((uniform(0, i) - 0.5) * pow(2.0, 6 - (double)(i % 60)));
        long double want = expl((long double)x);
        worst = fmaxl(worst, fabsl((long double)judd_exact_expf(x) - want) / want);
    }
    long double top = expl(88.0L), bottom = expl(-87.0L);
    worst = fmaxl(worst, fabsl((long double)judd_exact_expf(88.0f) - top) / top);
    worst = fmaxl(worst, fabsl((long double)judd_exact_expf(-87.0f) - bottom) / bottom);
    print_message("expf: relative error %.3Lg\n", worst);
    assert_true(worst < 2e-7L);
    assert_true(judd_exact_expf(0.0f) == 1.0f);
    assert_true(judd_exact_expf(-0.0f) == 1.0f);
    assert_true(judd_exact_expf(nextafterf(-87.0f, -100.0f)) == 0.0f);
    assert_true(judd_exact_expf(-INFINITY) == 0.0f);
    assert_true(judd_exact_expf(-FLT_MAX) == 0.0f);
    assert_true(isnan(judd_exact_expf(NAN)));
}

static void test_erfc(void **state) {
    long double worst = 0;
    (void)state;
    for (int64_t i = 0; i < 1000000; i++) {
        float x = (float)(9.0 * (double)i / 1000000.0); /* to where the result is below FLT_MIN */
        if (i % 2) x = (float)(uniform(5, i) * pow(2.0, 3 - (double)(i % 60)));
        long double want = erfcl((long double)x);
        worst = fmaxl(worst, fabsl((long double)judd_exact_erfcf(x) - want) / want);
    }
    print_message("erfcf: relative error %.3Lg\n", worst);
    assert_true(worst < 1e-6L);
    assert_true(judd_exact_erfcf(INFINITY) == 0.0f);
    assert_true(judd_exact_erfcf(FLT_MAX) == 0.0f);
    assert_true(fabsf(judd_exact_erfcf(0.0f) - 1.0f) < 1e-6f);
    assert_true(isnan(judd_exact_erfcf(NAN)));
}

static void test_log(void **state) {
    long double worst = 0, worst_near = 0;
    (void)state;
    for (int64_t i = 0; i < 1000000; i++) {
        double x = ldexp(1.0 + uniform(1, i), (int)(i % 2098) - 1074);
        double near = 1.0 + (uniform(2, i) - 0.5) * pow(2.0, -(double)(i % 52));
        long double want = logl((long double)x),
                    error = fabsl((long double)judd_exact_log(x) - want);
        worst = fmaxl(worst, fabsl(want) > 0.5L ? error / fabsl(want) : 0);
        want = logl((long double)near);
        error = fabsl((long double)judd_exact_log(near) - want);
        worst_near = fmaxl(worst_near, error);
    }
    for (int i = 0; i < 1000; i++) { /* where the reduction switches */
        double x = 0.70710678118654752440 + (i - 500) * 0x1p-53;
        long double want = logl((long double)x);
        worst_near = fmaxl(worst_near, fabsl((long double)judd_exact_log(x) - want));
    }
    print_message("log: relative error %.3Lg, near 1 absolute %.3Lg\n", worst, worst_near);
    assert_true(worst < 4e-16L);
    assert_true(worst_near < 4e-16L);
    assert_true(judd_exact_log(1.0) == 0.0);
    assert_true(judd_exact_log(0.0) == -INFINITY);
    assert_true(judd_exact_log(INFINITY) == INFINITY);
    assert_true(isnan(judd_exact_log(-1.0)));
    assert_true(isnan(judd_exact_log(-INFINITY)));
    assert_true(isnan(judd_exact_log(NAN)));
}

static void test_cospi(void **state) {
    const long double pi = acosl(-1.0L);
    long double worst = 0;
    (void)state;
    for (int64_t i = 0; i < 1000000; i++) {
        double x = (uniform(3, i) - 0.5) * pow(2.0, (double)(i % 40) - 10);
        long double r = fabsl(fmodl((long double)x, 2.0L)); /* exact */
        worst = fmaxl(worst, fabsl((long double)judd_exact_cospi(x) - cosl(pi * r)));
    }
    print_message("cospi: absolute error %.3Lg\n", worst);
    assert_true(worst < 1e-15L);
    assert_true(judd_exact_cospi(0.0) == 1.0);
    assert_true(judd_exact_cospi(1.0) == -1.0);
    assert_true(judd_exact_cospi(-1.0) == -1.0);
    assert_true(fabs(judd_exact_cospi(0.5)) < 1e-15);
    assert_true(judd_exact_cospi(0x1p60) == 1.0);
    assert_true(judd_exact_cospi(0x1p52 + 1.0) == -1.0);
    for (int i = 0; i <= 100; i++)
        assert_true(judd_exact_cospi(0.01 * i) == judd_exact_cospi(-0.01 * i));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exp), cmocka_unit_test(test_erfc),
                                       cmocka_unit_test(test_log), cmocka_unit_test(test_cospi)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
