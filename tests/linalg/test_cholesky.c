/* Factors against the matrix they came from, solutions and products against it, at orders around
 * the blocks' edges; a matrix that is not positive definite is refused. */
#include <judd/base/rng.h>
#include <judd/linalg/cholesky.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 200, RIGHT = 3 };

static double a[MOST * MOST], factor[MOST * MOST], b[RIGHT * MOST], x[RIGHT * MOST];

/* B B^T + 0.1 I, both triangles. */
static void make_matrix(int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = i == j ? 0.1 : 0.0;
            for (uint32_t k = 0; k < 8; k++)
                sum += judd_rng_normal(1, JUDD_RNG_SHOTS, k, (uint64_t)i) *
                       judd_rng_normal(1, JUDD_RNG_SHOTS, k, (uint64_t)j);
            a[j * n + i] = sum;
        }
}

static void check(int64_t n) {
    make_matrix(n);
    memcpy(factor, a, (size_t)(n * n) * sizeof *a);
    for (int64_t j = 0; j < n; j++) /* never looked at */
        for (int64_t i = 0; i < j; i++) factor[j * n + i] = (double)NAN;
    assert_true(judd_cholesky_factor(factor, n));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (int64_t k = 0; k <= j; k++) sum += factor[k * n + i] * factor[k * n + j];
            assert_true(fabs(sum - a[j * n + i]) <= 1e-11);
        }
    for (int64_t k = 0; k < RIGHT * n; k++)
        x[k] = b[k] = judd_rng_normal(2, JUDD_RNG_SHOTS, 0, (uint64_t)k);
    judd_cholesky_solve(x, RIGHT, factor, n);
    for (int64_t r = 0; r < RIGHT; r++)
        for (int64_t i = 0; i < n; i++) {
            double sum = 0.0;
            for (int64_t j = 0; j < n; j++) sum += a[j * n + i] * x[r * n + j];
            assert_true(fabs(sum - b[r * n + i]) <= 1e-8);
        }
    judd_cholesky_multiply(x, RIGHT, factor, n);
    for (int64_t k = 0; k < RIGHT * n; k++) assert_true(fabs(x[k] - b[k]) <= 1e-8);
}

static void solves_what_it_factored(void **state) {
    static const int64_t orders[] = {1, 2, 5, 63, 64, 65, 68, 129, MOST};
    (void)state;
    for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) check(orders[k]);
}

static void what_is_not_positive_definite_is_refused(void **state) {
    (void)state;
    make_matrix(100);
    a[80 * 100 + 80] = -1.0;
    assert_false(judd_cholesky_factor(a, 100));
    make_matrix(3);
    a[0] = (double)NAN;
    assert_false(judd_cholesky_factor(a, 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solves_what_it_factored),
        cmocka_unit_test(what_is_not_positive_definite_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
