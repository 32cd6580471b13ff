/* Fixed-point sums: against llrint and 64-bit long doubles, under every deal of lanes to ranks. */
#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/comm/exact_sum.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double normal(uint32_t a, int64_t b) {
    return judd_rng_normal(5, JUDD_RNG_WEIGHTS, a, (uint64_t)b);
}

static void test_scale(void **state) {
    static const struct {
        double bound;
        int lanes, exponent, fraction;
    } cases[] = {{1.0, 1, 0, 50},      {1.0000001, 1, 1, 50}, {2.0, 16, 1, 50},
                 {0.75, 4096, 0, 50},  {0.5, 4097, -1, 49},   {3.0, 1 << 20, 2, 42},
                 {1e30, 16, 100, 50},  {1e-30, 16, -99, 50},  {0.0, 16, -126, 50},
                 {-3.0, 2, 2, 50},     {1e-300, 1, -126, 50}, {DBL_MAX, 1, 1024, 50},
                 {1.0, INT_MAX, 0, 31}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        judd_exact_scale s = judd_exact_sum_scale(cases[i].bound, cases[i].lanes);
        if (s.exponent != cases[i].exponent || s.fraction != cases[i].fraction)
            fail_msg("bound %g lanes %d: exponent %d fraction %d", cases[i].bound, cases[i].lanes,
                     s.exponent, s.fraction);
    }
}

/* Every length, so that heads and tails of the vector loops are met, and halves, which must go to
 * even. */
static void test_rounding(void **state) {
    static const double bounds[] = {1.0, 3.7, 1e30, 1e-30, 1e-38, 1e38};
    float x[67];
    double y[67];
    int64_t sum_x[67], sum_y[67];
    (void)state;
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++)
        for (int n = 0; n <= 67; n++) {
            judd_exact_scale s = judd_exact_sum_scale(bounds[b], 1 << 13); /* F 49: halves exist */
            double half = ldexp(0.5, s.exponent - s.fraction);
            for (int i = 0; i < n; i++) {
                y[i] = i % 3 == 0 ? half * (double)(2 * i + 1) * (i % 2 ? 1 : -1)
                                  : bounds[b] * tanh(normal(1, 100 * n + i));
                x[i] = (float)y[i];
                sum_x[i] = sum_y[i] = 1000 + i;
            }
            assert_int_equal(judd_exact_sum_add(sum_x, x, n, s, NULL), 0);
            assert_int_equal(judd_exact_sum_add_double(sum_y, y, n, s), 0);
            for (int i = 0; i < n; i++) {
                int shift = s.fraction - s.exponent;
                assert_int_equal(sum_x[i] - 1000 - i, llrint(ldexp((double)x[i], shift)));
                assert_int_equal(sum_y[i] - 1000 - i, llrint(ldexp(y[i], shift)));
            }
        }
}

static void test_bad_values(void **state) {
    judd_exact_scale s = judd_exact_sum_scale(4.0, 16);
    float above = nextafterf(4.0f, 5.0f);
    float x[] = {NAN, INFINITY, -INFINITY, above, -above, 4.0f, -4.0f, 1e-45f, -0.0f, 1.0f, -NAN};
    enum { COUNT = sizeof x / sizeof *x };
    static const int is_bad[COUNT] = {1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1};
    (void)state;
    for (int shift = 0; shift < 40; shift++) { /* every place in a vector */
        float a[60] = {0};
        double b[60] = {0};
        int64_t sum_a[60] = {0}, sum_b[60] = {0};
        for (int i = 0; i < COUNT; i++) b[shift + i] = a[shift + i] = x[i];
        assert_int_equal(judd_exact_sum_add(sum_a, a, 60, s, NULL), 6);
        assert_int_equal(judd_exact_sum_add_double(sum_b, b, 60, s), 6);
        assert_memory_equal(sum_a, sum_b, sizeof sum_a);
        for (int i = 0; i < COUNT; i++) {
            double want = is_bad[i] ? 0.0 : (double)x[i];
            assert_true(fabs(judd_exact_sum_value(sum_a[shift + i], s) - want) < 1e-14);
        }
    }
    double huge[] = {DBL_MAX, INFINITY, -DBL_MAX, NAN, 0x1p1023};
    int64_t sum[5] = {0};
    judd_exact_scale top = judd_exact_sum_scale(DBL_MAX, 1); /* 2^E is no double */
    assert_int_equal(judd_exact_sum_add_double(sum, huge, 5, top), 2);
    assert_true(judd_exact_sum_value(sum[4], top) == 0x1p1023);
}

/* The worst case of the header: L addends of 2^E must not overflow, of either sign. */
static void test_extremes(void **state) {
    static const int lanes[] = {1, 2, 3, 16, 4096, 4097, 100000};
    static const double bounds[] = {1.0, 1e30, 1e-30};
    (void)state;
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++)
        for (size_t b = 0; b < 3; b++) {
            judd_exact_scale s = judd_exact_sum_scale(bounds[b], lanes[l]);
            float x[2] = {(float)ldexp(1.0, s.exponent), -(float)ldexp(1.0, s.exponent)};
            int64_t sum[2] = {0};
            for (int i = 0; i < lanes[l]; i++)
                assert_int_equal(judd_exact_sum_add(sum, x, 2, s, NULL), 0);
            assert_true(judd_exact_sum_value(sum[0], s) == ldexp(lanes[l], s.exponent));
            assert_true(judd_exact_sum_value(sum[1], s) == -ldexp(lanes[l], s.exponent));
        }
}

/* 24 lanes dealt to 1..8 ranks in any order give one set of bits, within the stated error. */
static void test_order(void **state) {
    enum { LANES = 24, N = 501 };
    static float x[LANES][N];
    int64_t first[N] = {0}, order[LANES];
    judd_exact_scale s = judd_exact_sum_scale(6.0, LANES);
    (void)state;
    for (int l = 0; l < LANES; l++)
        for (int i = 0; i < N; i++)
            x[l][i] = (float)(fmax(-6, fmin(6, normal((uint32_t)l, i))) * pow(10, -(i % 9)));
    for (int ranks = 1; ranks <= 8; ranks++)
        for (uint32_t deal = 0; deal < 5; deal++) {
            int64_t total[N] = {0};
            judd_rng_permutation(order, LANES, 9, JUDD_RNG_ORDER, deal);
            for (int r = 0; r < ranks; r++) {
                int64_t part[N] = {0};
                for (int l = r * LANES / ranks; l < (r + 1) * LANES / ranks; l++)
                    assert_int_equal(judd_exact_sum_add(part, x[order[l]], N, s, NULL), 0);
                for (int i = 0; i < N; i++) total[i] += part[i]; /* MPI_SUM of MPI_INT64_T */
            }
            if (ranks == 1 && deal == 0) memcpy(first, total, sizeof first);
            assert_memory_equal(first, total, sizeof first);
        }
    for (int i = 0; i < N; i++) {
        long double exact = 0;
        for (int l = 0; l < LANES; l++) exact += (long double)x[l][i];
        double bound = ldexp(LANES, s.exponent - s.fraction - 1);
        double got = judd_exact_sum_value(first[i], s);
        assert_true(fabsl((long double)got - exact) <=
                    (long double)bound + fabsl(exact) * 0x1p-53L);
    }
}

/* x86's long double holds every int64, so this is one rounding of the exact value. */
static void test_value(void **state) {
    static const int64_t sums[] = {0,
                                   1,
                                   -1,
                                   INT64_C(1) << 53,
                                   (INT64_C(1) << 53) + 1,
                                   (INT64_C(1) << 53) + 3,
                                   (INT64_C(1) << 54) + 2,
                                   (INT64_C(1) << 54) + 6,
                                   -((INT64_C(1) << 53) + 1),
                                   INT64_MAX,
                                   INT64_MIN + 1,
                                   (INT64_C(1) << 62) - 1};
    (void)state;
#if LDBL_MANT_DIG >= 64
    for (double bound = 1e-37; bound < 1e38; bound *= 1234.5)
        for (size_t i = 0; i < sizeof sums / sizeof *sums + 1000; i++) {
            int64_t sum = i < sizeof sums / sizeof *sums
                              ? sums[i]
                              : (int64_t)judd_rng_bits(3, JUDD_RNG_ORDER, 1, i) >> i % 40;
            judd_exact_scale s = judd_exact_sum_scale(bound, 16);
            volatile long double exact = ldexpl((long double)sum, s.exponent - s.fraction);
            assert_true(judd_exact_sum_value(sum, s) == (double)exact);
        }
#else
    (void)sums;
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),      cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_bad_values), cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_order),      cmocka_unit_test(test_value)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
