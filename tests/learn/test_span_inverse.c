/* The inverse put right on the span, where it is known: M = m I, and a Hessian S (x) k I that keeps
 * the span, with a penalty on the weights. */
#include <judd/base/rng.h>

#include "learn/span_inverse.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <string.h>

enum { OUTPUTS = 3, DIM = 7, SIZE = OUTPUTS * (DIM + 1), UNITS = OUTPUTS + 1 };

static const double M = 0.7, K = 1.3, L2 = 0.2;
static const double S[OUTPUTS][OUTPUTS] = {{0.9, -0.3, 0.1}, {-0.3, 0.5, -0.2}, {0.1, -0.2, 0.4}};

static double normal(uint32_t stream, int64_t k) {
    return judd_rng_normal(3, JUDD_RNG_SHOTS, stream, (uint64_t)k);
}

/* The second row is given; the third is minus the sum of the others, as in a softmax. */
static void make_weights(double *w, double second) {
    for (int j = 0; j < DIM; j++) {
        w[j] = normal(0, j);
        w[DIM + j] = second * normal(1, j);
        w[2 * DIM + j] = -w[j] - w[DIM + j];
    }
}

static void make(judd_span_inverse *s, const double *w) {
    double span[OUTPUTS * UNITS * UNITS * UNITS];
    int n = 0;
    for (int a = 0; a < OUTPUTS; a++)
        for (int b = a; b < OUTPUTS; b++)
            for (int u = 0; u < UNITS; u++)
                for (int v = u; v < UNITS; v++) {
                    double product = u == OUTPUTS && v == OUTPUTS;
                    for (int j = 0; u < OUTPUTS && v < OUTPUTS && j < DIM; j++)
                        product += w[u * DIM + j] * w[v * DIM + j];
                    span[n++] = S[a][b] * K * product;
                }
    judd_span_inverse_begin(s, w);
    memset(s->bent, 0, sizeof(double) * (size_t)s->n * (DIM + 1));
    for (int i = 0; i < s->n - 1; i++)
        for (int j = 0; j < DIM; j++) s->bent[i * (DIM + 1) + j] = M * s->basis[i * DIM + j];
    s->bent[(s->n - 1) * (DIM + 1) + DIM] = M;
    judd_span_inverse_end(s, span, L2);
}

/* y = the inverse x */
static void apply(judd_span_inverse *s, double *y, const double *x) {
    for (int k = 0; k < SIZE; k++) y[k] = x[k] / M;
    judd_span_inverse_add(s, y, x);
}

static void check(double second, int n) {
    double w[OUTPUTS * DIM], v[SIZE] = {0}, x[SIZE] = {0}, y[SIZE];
    judd_span_inverse s;
    make_weights(w, second);
    assert_int_equal(judd_span_inverse_create(&s, OUTPUTS, DIM, false), JUDD_OK);
    make(&s, w);
    assert_int_equal(s.n, n);
    /* on the span: that of the Hessian */
    for (int c = 0; c < OUTPUTS; c++) {
        for (int j = 0; j < DIM; j++)
            v[c * DIM + j] = normal(4, c) * w[j] + normal(5, c) * w[DIM + j];
        v[OUTPUTS * DIM + c] = normal(6, c);
    }
    for (int a = 0; a < OUTPUTS; a++)
        for (int b = 0; b < OUTPUTS; b++) {
            for (int j = 0; j < DIM; j++)
                x[a * DIM + j] += (K * S[a][b] + (a == b ? L2 : 0.0)) * v[b * DIM + j];
            x[OUTPUTS * DIM + a] += K * S[a][b] * v[OUTPUTS * DIM + b];
        }
    apply(&s, y, x);
    for (int k = 0; k < SIZE; k++) assert_true(fabs(y[k] - v[k]) <= 1e-6);
    /* orthogonal to it: that of M */
    for (int c = 0; c < OUTPUTS; c++) {
        v[OUTPUTS * DIM + c] = 0.0;
        for (int j = 0; j < DIM; j++) v[c * DIM + j] = normal(7, c * DIM + j);
        for (int i = 0; i < s.n - 1; i++) {
            double share = 0.0;
            for (int j = 0; j < DIM; j++) share += v[c * DIM + j] * s.basis[i * DIM + j];
            for (int j = 0; j < DIM; j++) v[c * DIM + j] -= share * s.basis[i * DIM + j];
        }
    }
    apply(&s, y, v);
    for (int k = 0; k < SIZE; k++) assert_true(fabs(y[k] - v[k] / M) <= 1e-12);
    judd_span_inverse_free(&s);
}

static void it_is_the_inverse_on_the_span_and_beside_it(void **state) {
    (void)state;
    check(1.0, 3);  /* two directions and the biases */
    check(1e-3, 3); /* one far shorter */
    check(0.0, 2);  /* all rows on one line */
}

static void weights_that_are_zero_span_the_biases_only(void **state) {
    (void)state;
    double w[OUTPUTS * DIM] = {0};
    judd_span_inverse s;
    assert_int_equal(judd_span_inverse_create(&s, OUTPUTS, DIM, false), JUDD_OK);
    make(&s, w);
    assert_int_equal(s.n, 1);
    judd_span_inverse_free(&s);
}

static void what_is_not_positive_definite_puts_nothing_right(void **state) {
    (void)state;
    double w[OUTPUTS * DIM], span[OUTPUTS * UNITS * UNITS * UNITS] = {0}, x[SIZE] = {1.0}, y[SIZE];
    judd_span_inverse s;
    make_weights(w, 1.0);
    assert_int_equal(judd_span_inverse_create(&s, OUTPUTS, DIM, false), JUDD_OK);
    make(&s, w);
    span[0] = -5.0;
    judd_span_inverse_end(&s, span, L2);
    apply(&s, y, x);
    for (int k = 0; k < SIZE; k++) assert_true(fabs(y[k] - x[k] / M) <= 1e-15);
    judd_span_inverse_free(&s);
}

/* A softmax whose curvature along the weights is next to nothing, so that A is all but singular. */
static void what_outputs_have_in_common_is_left_alone(void **state) {
    (void)state;
    double w[OUTPUTS * DIM], x[SIZE], y[SIZE];
    for (int invariant = 0; invariant < 2; invariant++) {
        double span[OUTPUTS * UNITS * UNITS * UNITS] = {0};
        judd_span_inverse s;
        make_weights(w, 1.0);
        assert_int_equal(judd_span_inverse_create(&s, OUTPUTS, DIM, invariant), JUDD_OK);
        make(&s, w);
        for (int a = 0, n = 0; a < OUTPUTS; a++)
            for (int b = a; b < OUTPUTS; b++)
                for (int u = 0; u < UNITS; u++)
                    for (int v = u; v < UNITS; v++)
                        span[n++] = u == v ? 1e-9 * (a == b ? 2.0 : -1.0) : 0.0;
        for (int i = 0; i < s.n - 1; i++) /* make has bent them, end has used that */
            for (int j = 0; j < DIM; j++) s.bent[i * (DIM + 1) + j] = M * s.basis[i * DIM + j];
        s.bent[(s.n - 1) * (DIM + 1) + DIM] = M;
        judd_span_inverse_end(&s, span, 0.0);
        for (int c = 0; c < OUTPUTS; c++) {
            for (int j = 0; j < DIM; j++) x[c * DIM + j] = w[j];
            x[OUTPUTS * DIM + c] = 1.0;
        }
        apply(&s, y, x);
        double most = 0.0;
        for (int k = 0; k < SIZE; k++) most = fmax(most, fabs(y[k] - x[k] / M));
        if (invariant)
            assert_true(most <= 1e-6);
        else
            assert_true(most >= 1e6);
        judd_span_inverse_free(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_inverse_on_the_span_and_beside_it),
        cmocka_unit_test(weights_that_are_zero_span_the_biases_only),
        cmocka_unit_test(what_outputs_have_in_common_is_left_alone),
        cmocka_unit_test(what_is_not_positive_definite_puts_nothing_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
