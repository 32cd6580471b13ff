#include <judd/base/memory.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

static void test_alloc(void **state) {
    (void)state;
    for (int64_t count = 0; count < 300; count += 7)
        for (size_t size = 1; size <= 16; size *= 2) {
            unsigned char *p = NULL;
            assert_int_equal(judd_memory_alloc(&p, count, size), JUDD_OK);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 64, 0);
            for (size_t i = 0; i < (size_t)count * size; i++) assert_int_equal(p[i], 0);
            memset(p, 0xFF, (size_t)count * size); /* the sanitiser watches the end */
            free(p);
        }
}

static void test_grow(void **state) {
    (void)state;
    int64_t capacity = 0, *array = NULL;
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(judd_memory_grow(&array, i, i + 1, &capacity, sizeof *array), JUDD_OK);
        assert_true(capacity > i);
        array[i] = 3 * i;
    }
    for (int64_t i = 0; i < 1000; i++) assert_int_equal(array[i], 3 * i);
    free(array);
}

static void test_refused(void **state) {
    static const struct {
        int64_t count;
        size_t size;
    } cases[] = {{-1, 4},        {INT64_MIN, 1},        {INT64_MAX, 2},        {INT64_MAX, 1},
                 {INT64_MAX, 8}, {INT64_C(1) << 61, 8}, {INT64_C(1) << 62, 4}, {1, SIZE_MAX}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        void *p = &p;
        judd_status_set(JUDD_E_IO, "old");
        assert_int_equal(judd_memory_alloc(&p, cases[i].count, cases[i].size), JUDD_E_INTERNAL);
        assert_ptr_equal(p, &p); /* untouched */
        assert_non_null(strstr(judd_status_message(), "memory: "));
    }
}

static void test_text(void **state) {
    char *text = NULL, big[5000];
    (void)state;
    assert_int_equal(judd_memory_string(&text, "transfer"), JUDD_OK);
    assert_string_equal(text, "transfer");
    free(text);
    assert_int_equal(judd_memory_string(&text, ""), JUDD_OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(judd_memory_string(&text, NULL), JUDD_OK);
    assert_null(text);
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = 0;
    assert_int_equal(judd_memory_format(&text, "%s/%d", big, 42), JUDD_OK);
    assert_int_equal(strlen(text), sizeof big - 1 + 3);
    assert_string_equal(text + sizeof big - 1, "/42");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alloc), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_grow), cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
