/* Against the compiler's own binary16: every value up, and both sides of every rounding down. */
#include <judd/base/float16.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

enum { N = 65536 };

#ifdef __FLT16_MAX__
static uint16_t reference_narrow(float x) {
    _Float16 h = (_Float16)x;
    uint16_t bits;
    memcpy(&bits, &h, sizeof bits);
    return bits;
}

static float reference_widen(uint16_t bits) {
    _Float16 h;
    memcpy(&h, &bits, sizeof h);
    return (float)h;
}

static void every_value_widens(void **state) {
    (void)state;
    static uint16_t x[N];
    static float y[N];
    for (int i = 0; i < N; i++) x[i] = (uint16_t)i;
    judd_float16_widen(y, x, N);
    for (int i = 0; i < N; i++) {
        float expected = reference_widen((uint16_t)i);
        if (isnan(expected))
            assert_true(isnan(y[i]));
        else
            assert_memory_equal(&y[i], &expected, sizeof expected);
    }
}

static void check(float x) {
    uint16_t h = 0;
    assert_int_equal(judd_float16_narrow(&h, &x, 1), -1);
    if (h != reference_narrow(x))
        fail_msg("%a: %04x, the compiler says %04x", (double)x, h, reference_narrow(x));
}

static void every_rounding(void **state) {
    (void)state;
    for (int i = 0; i < 0x7BFF; i++) { /* finite ones; between neighbours the middle is a tie */
        float low = reference_widen((uint16_t)i), high = reference_widen((uint16_t)(i + 1));
        float middle = low + (high - low) / 2;
        const float near[] = {low,    nextafterf(low, 1e9f),    nextafterf(middle, 0.0f),
                              middle, nextafterf(middle, 1e9f), nextafterf(high, 0.0f)};
        for (size_t k = 0; k < sizeof near / sizeof *near; k++) {
            check(near[k]);
            check(-near[k]);
        }
    }
}
#endif

static void the_limit(void **state) {
    (void)state;
    float x[40] = {0};
    uint16_t h[40];
    for (int i = 0; i < 40; i++) x[i] = (float)i;
    assert_int_equal(judd_float16_narrow(h, x, 40), -1);
    x[7] = nextafterf(65520.0f, 0.0f);
    assert_int_equal(judd_float16_narrow(h, x, 40), -1);
    assert_int_equal(h[7], 0x7BFF);
    const float bad[] = {65520.0f, -65520.0f, 1e30f, INFINITY, -INFINITY, NAN};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        x[33] = bad[k];
        assert_int_equal(judd_float16_narrow(h, x, 40), 33);
    }
    x[7] = 1e6f;
    assert_int_equal(judd_float16_narrow(h, x, 40), 7);
}

static const struct CMUnitTest tests[] = {
#ifdef __FLT16_MAX__
    cmocka_unit_test(every_value_widens),
    cmocka_unit_test(every_rounding),
#endif
    cmocka_unit_test(the_limit),
};

int main(void) {
    return cmocka_run_group_tests_name("float16", tests, NULL, NULL);
}
