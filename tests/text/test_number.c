/* Numbers of files of vectors are those of strtof, bit for bit, and nothing else is a number. */
#include "text/number.h"

#include <judd/base/rng.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number in the middle of other text, near the end of what may be read and far from it. */
static void same_as_strtof(const char *text) {
    char line[256];
    size_t n = strlen(text);
    for (int k = 0; k < 2; k++) {
        float x = NAN, want = strtof(text, NULL);
        snprintf(line, sizeof line, "%s%s", text,
                 k ? " 0.25 1 and what else there is in a line" : "");
        const char *at = line;
        bool got = judd_number_read(&x, &at, line + (k ? strlen(line) : n));
        if (!isfinite(want)) {
            assert_false(got);
            assert_ptr_equal(at, line);
            continue;
        }
        if (!got || memcmp(&x, &want, sizeof x) != 0)
            fail_msg("%s: %.9g, strtof %.9g", text, (double)x, (double)want);
        assert_ptr_equal(at, line + n);
    }
}

static void as_files_write_them(void **state) {
    (void)state;
    char text[128];
    for (uint32_t i = 0; i < 400000; i++) {
        uint64_t bits = judd_rng_bits(7, JUDD_RNG_NOISE, i, 0);
        double x = ((double)(bits >> 11) * 0x1p-53 - 0.5) * exp2((double)(bits & 63) - 32);
        static const char *const forms[] = {"%.5g", "%.6f",  "%.8g", "%.9g",
                                            "%.4f", "%.17g", "%.6e", "%.0f"};
        snprintf(text, sizeof text, forms[bits >> 6 & 7], x);
        same_as_strtof(text);
    }
}

/* Every decimal with few digits; halfway cases between floats, and one digit beside them. */
static void near_the_middle(void **state) {
    (void)state;
    char text[128];
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t bits = (uint32_t)judd_rng_bits(8, JUDD_RNG_NOISE, i, 0);
        float a, b;
        bits = (bits & 0x807fffff) | ((100 + bits % 50) << 23);
        memcpy(&a, &bits, sizeof a);
        b = nextafterf(a, INFINITY);
        double middle = ((double)a + (double)b) / 2;
        snprintf(text, sizeof text, "%.40g", middle); /* exact */
        same_as_strtof(text);
        snprintf(text, sizeof text, "%.16g", middle);
        same_as_strtof(text);
        snprintf(text, sizeof text, "%.14g", middle);
        same_as_strtof(text);
    }
    for (int i = 0; i < 100000; i++) {
        snprintf(text, sizeof text, "%s%d.%05d", i % 2 ? "-" : "", i % 7, i);
        same_as_strtof(text);
    }
}

static void at_the_ends(void **state) {
    (void)state;
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "+0",
                                          "0.0",
                                          "-0.00000000000000000000",
                                          "1",
                                          "+1",
                                          "1.",
                                          ".5",
                                          "-.5",
                                          "1e5",
                                          "1E+05",
                                          "1e-05",
                                          "3.4028235e38",
                                          "3.40282356e38",
                                          "3.4028236e38",
                                          "1e39",
                                          "1.17549435e-38",
                                          "1e-38",
                                          "1.401298464e-45",
                                          "7e-46",
                                          "1e-400",
                                          "1e400",
                                          "123456789012345",
                                          "1234567890123456789012345",
                                          "0.000000000000000000000000000000000000000000001",
                                          "16777217",
                                          "16777219",
                                          "0.1234567",
                                          "0.12345678",
                                          "0.123456789012345678901234567890",
                                          "1e22",
                                          "1e23",
                                          "12345678.5",
                                          "99999999999999e-22"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) same_as_strtof(numbers[i]);
}

static void nothing_else(void **state) {
    (void)state;
    static const char *const others[] = {
        "",     "-",    "+",   ".",     "-.",  "e5",  "1e", "1e+",      "nan",      "inf",
        "-inf", "0x10", "1,5", "1.2.3", "1-2", "--1", "1f", "infinity", "\xd9\xa1", "1_0"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        float x = 0;
        char line[64];
        snprintf(line, sizeof line, "%s 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", others[i]);
        const char *at = line;
        assert_false(judd_number_read(&x, &at, line + strlen(line)));
        assert_ptr_equal(at, line);
        assert_false(judd_number_read(&x, &at, line + strlen(others[i])));
    }
    float row[3];
    const char *three = " 1 2\t3 \r";
    assert_int_equal(judd_number_row(row, 3, three, three + strlen(three)), 3);
    assert_int_equal(judd_number_row(row, 2, three, three + strlen(three)), 3);
    assert_int_equal(judd_number_row(row, 3, three, three + 3), 1);
    assert_int_equal(judd_number_row(row, 3, "1 x 3", "1 x 3" + 5), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_files_write_them),
        cmocka_unit_test(near_the_middle),
        cmocka_unit_test(at_the_ends),
        cmocka_unit_test(nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
