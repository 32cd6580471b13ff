/* Philox against the vectors of its authors, the normal quantile against the C library's erfc in
 * long double, permutations against chance. */
#include "base/rng.c" /* for normal_quantile: its far tails cannot be drawn in a test's time */

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

/* Random123 1.14, tests/kat_vectors: philox4x32 10 */
static void test_vectors(void **state) {
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        judd_rng_philox(out, cases[i].key, cases[i].counter);
        assert_memory_equal(out, cases[i].want, sizeof out);
    }
    assert_true(judd_rng_bits(0, 0, 0, 0) == 0xe169c58d6627e8d5u);
}

/* Each argument, in its top and bottom bits, selects other numbers. */
static void test_keys(void **state) {
    uint64_t base = judd_rng_bits(1, JUDD_RNG_ORDER, 1, 1);
    (void)state;
    assert_true(base == judd_rng_bits(1, JUDD_RNG_ORDER, 1, 1));
    assert_true(base != judd_rng_bits(1, JUDD_RNG_FOLDS, 1, 1));
    for (int bit = 0; bit < 64; bit++) {
        uint64_t flip = UINT64_C(1) << bit;
        assert_true(base != judd_rng_bits(1 ^ flip, JUDD_RNG_ORDER, 1, 1));
        assert_true(base != judd_rng_bits(1, JUDD_RNG_ORDER, 1, 1 ^ flip));
        if (bit < 32) assert_true(base != judd_rng_bits(1, JUDD_RNG_ORDER, 1 ^ (uint32_t)flip, 1));
    }
}

/* The relative error of x = quantile(u), from the residual by Newton's step:
 * dx = (Phi(x) - u) / phi(x), in the tail that keeps all digits. */
static double quantile_error(double u) {
    long double x = (long double)normal_quantile(u);
    long double tail = u < 0.5 ? (long double)u : 1.0L - (long double)u; /* exact */
    long double residual = fabsl(x) < 0.5L ? erfl(x / sqrtl(2)) / 2 - ((long double)u - 0.5L)
                                           : 0.5L * erfcl(fabsl(x) / sqrtl(2)) - tail;
    long double density = expl(-x * x / 2) / sqrtl(2 * acosl(-1));
    return (double)fabsl(residual / density / x);
}

static void test_quantile(void **state) {
    double worst = 0;
    (void)state;
    for (int i = 1; i < 200000; i++) {
        double u = (double)i / 200000.0;
        if (u != 0.5) worst = fmax(worst, quantile_error(u));
    }
    for (double u = 0.4; u > 0x1p-53; u *= 0.99) worst = fmax(worst, quantile_error(u));
    for (double u = 0.4; u > 0x1p-50; u *= 0.99) worst = fmax(worst, quantile_error(1.0 - u));
    print_message("quantile: relative error %.3g\n", worst);
    assert_true(worst < 1e-15);
    assert_true(normal_quantile(0.5) == 0.0);
    assert_true(fabs(normal_quantile(0.975) - 1.959963984540054) < 1e-15 * 2);
    assert_true(isfinite(normal_quantile(0.5 * 0x1p-52)));
    assert_true(isfinite(normal_quantile(1.0 - 0.5 * 0x1p-52)));
}

/* Moments within 5 standard errors, and the Kolmogorov-Smirnov distance. */
static void test_normal(void **state) {
    enum { N = 200000 };
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, distance = 0;
    static int below[801];
    (void)state;
    memset(below, 0, sizeof below);
    for (int64_t i = 0; i < N; i++) {
        double x = judd_rng_normal(77, JUDD_RNG_WEIGHTS, 3, (uint64_t)i);
        m1 += x / N;
        m2 += x * x / N;
        m3 += x * x * x / N;
        m4 += x * x * x * x / N;
        below[(int)fmax(0, fmin(800, ceil((x + 4) * 100)))]++;
    }
    assert_true(fabs(m1) < 5 * sqrt(1.0 / N));
    assert_true(fabs(m2 - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(m3) < 5 * sqrt(15.0 / N));
    assert_true(fabs(m4 - 3) < 5 * sqrt(96.0 / N));
    for (int i = 0, count = 0; i <= 800; i++) {
        count += below[i];
        if (i < 800)
            distance =
                fmax(distance, fabs((double)count / N - 0.5 * erfc((400 - i) / 100.0 / sqrt(2))));
    }
    assert_true(distance < 1.95 / sqrt(N)); /* p = 0.001 */
}

static int by_value(const void *x, const void *y) {
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static void test_permutation(void **state) {
    int64_t order[1000], again[1000];
    (void)state;
    for (int64_t n = 0; n <= 1000; n += n < 20 ? 1 : 97) {
        judd_rng_permutation(order, n, 5, JUDD_RNG_SHOTS, 2);
        judd_rng_permutation(again, n, 5, JUDD_RNG_SHOTS, 2);
        assert_memory_equal(order, again, (size_t)n * sizeof *order);
        qsort(order, (size_t)n, sizeof *order, by_value);
        for (int64_t i = 0; i < n; i++) assert_int_equal(order[i], i);
    }
    judd_rng_permutation(order, 1000, 5, JUDD_RNG_SHOTS, 2);
    judd_rng_permutation(again, 1000, 6, JUDD_RNG_SHOTS, 2);
    assert_memory_not_equal(order, again, sizeof order);
    judd_rng_permutation(again, 1000, 5, JUDD_RNG_SHOTS, 3);
    assert_memory_not_equal(order, again, sizeof order);
}

/* Chi-square of the 24 orders of 4 things (23 degrees of freedom: 49.7 is p = 0.001), and of where
 * each of 10 things goes. */
static void test_uniform(void **state) {
    enum { TRIALS = 48000 };
    int count[256] = {0}, place[10][10] = {{0}};
    double chi2 = 0, chi2_place = 0;
    int64_t order[10];
    (void)state;
    for (uint64_t seed = 0; seed < TRIALS; seed++) {
        judd_rng_permutation(order, 4, seed, JUDD_RNG_ORDER, 0);
        count[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
        judd_rng_permutation(order, 10, seed, JUDD_RNG_FOLDS, 0);
        for (int i = 0; i < 10; i++) place[i][order[i]]++;
    }
    for (int i = 0; i < 256; i++)
        if (count[i]) chi2 += pow(count[i] - TRIALS / 24.0, 2) / (TRIALS / 24.0);
    for (int i = 0; i < 100; i++)
        chi2_place += pow(place[i / 10][i % 10] - TRIALS / 10.0, 2) / (TRIALS / 10.0);
    assert_true(chi2 < 49.7);
    assert_true(chi2_place < 126.1); /* 81 degrees of freedom, p = 0.001 */
}

/* A stretch of words is the same as block after block. */
static void test_words(void **state) {
    uint32_t words[203], block[4];
    (void)state;
    judd_rng_words(words, 203, 0x123456789abcdefu, JUDD_RNG_DROPOUT, 0xfedcba9876543210u);
    for (uint32_t i = 0; i < 203; i++) {
        if (i % 4 == 0)
            judd_rng_philox(block, (uint32_t[2]){0x89abcdefu, 0x1234567u},
                            (uint32_t[4]){0x76543210u, 0xfedcba98u, i / 4, JUDD_RNG_DROPOUT});
        assert_int_equal(words[i], block[i % 4]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_quantile),    cmocka_unit_test(test_normal),
        cmocka_unit_test(test_permutation), cmocka_unit_test(test_words),
        cmocka_unit_test(test_uniform)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
