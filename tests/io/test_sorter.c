/* Sorting in little memory: the order of qsort with ties as added, whatever is spilled. */
#include <judd/base/rng.h>
#include <judd/base/scratch.h>
#include <judd/io/sorter.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 20000, KEY = 40, DATA = 300 };

typedef struct line {
    char key[KEY];
    int64_t number, bytes; /* of data: that many times the number's last byte */
} line;

static line *make_lines(void) {
    line *lines = calloc(N, sizeof *lines);
    assert_non_null(lines);
    for (int64_t i = 0; i < N; i++) {
        uint64_t bits = judd_rng_bits(5, JUDD_RNG_ORDER, 0, (uint64_t)i);
        snprintf(lines[i].key, KEY, "%.*s%llu", (int)(bits % 20), "\xc3\xa4/aaaaaaaaaaaaaaaaaa",
                 (unsigned long long)(bits >> 40) % 5000);
        lines[i].number = i;
        lines[i].bytes = 8 + (int64_t)(bits >> 20) % (DATA - 8);
    }
    return lines;
}

static int by_key(const void *a, const void *b) {
    const line *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static void sorts(int64_t memory) {
    line *lines = make_lines();
    judd_sorter *sorter = NULL;
    const char *key = NULL;
    const void *data = NULL;
    char bytes[DATA];
    int64_t n = 0;
    assert_int_equal(judd_sorter_create(&sorter, memory), JUDD_OK);
    for (int i = 0; i < N; i++) {
        memset(bytes, (int)(lines[i].number & 127), DATA);
        memcpy(bytes, &lines[i].number, 8);
        assert_int_equal(judd_sorter_add(sorter, lines[i].key, bytes, lines[i].bytes), JUDD_OK);
    }
    qsort(lines, N, sizeof *lines, by_key);
    for (int i = 0; i < N; i++) {
        int64_t number = 0;
        assert_int_equal(judd_sorter_next(sorter, &key, &data, &n), JUDD_OK);
        assert_string_equal(key, lines[i].key);
        assert_int_equal(n, lines[i].bytes);
        memcpy(&number, data, 8);
        assert_int_equal(number, lines[i].number);
        for (int64_t j = 8; j < n; j++)
            assert_int_equal(((const char *)data)[j], lines[i].number & 127);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(judd_sorter_next(sorter, &key, &data, &n), JUDD_OK);
        assert_null(key);
    }
    assert_int_equal(judd_sorter_add(sorter, "late", NULL, 0), JUDD_E_INTERNAL);
    judd_sorter_destroy(sorter);
    free(lines);
}

static void in_memory(void **state) {
    (void)state;
    sorts(1 << 24);
}

static void in_many_runs(void **state) {
    (void)state;
    sorts(1 << 20); /* a handful */
    sorts(4096);    /* a thousand, each read in pieces smaller than a record */
}

static void of_nothing(void **state) {
    judd_sorter *sorter = NULL;
    const char *key = "";
    const void *data = NULL;
    int64_t n = 0;
    (void)state;
    assert_int_equal(judd_sorter_create(&sorter, 4096), JUDD_OK);
    assert_int_equal(judd_sorter_next(sorter, &key, &data, &n), JUDD_OK);
    assert_null(key);
    judd_sorter_destroy(sorter);
    judd_sorter_destroy(NULL);
}

static void too_long(void **state) {
    static char key[8192];
    judd_sorter *sorter = NULL;
    (void)state;
    memset(key, 'x', sizeof key - 1);
    assert_int_equal(judd_sorter_create(&sorter, 4096), JUDD_OK);
    assert_int_equal(judd_sorter_add(sorter, "a", NULL, 0), JUDD_OK);
    assert_int_equal(judd_sorter_add(sorter, key, NULL, 0), JUDD_E_DATA);
    judd_sorter_destroy(sorter);
}

/* No folder for temporary files: an error that says so, from the sorter and from scratch memory. */
static void nowhere(void **state) {
    judd_sorter *sorter = NULL;
    judd_scratch scratch;
    judd_status status = JUDD_OK;
    (void)state;
    setenv("TMPDIR", "/nowhere/at/all", 1);
    assert_int_equal(judd_sorter_create(&sorter, 4096), JUDD_OK);
    for (int i = 0; i < 1000 && status == JUDD_OK; i++)
        status = judd_sorter_add(sorter, "key", "data", 5);
    assert_int_equal(status, JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "TMPDIR"));
    assert_int_equal(judd_scratch_create(&scratch, 10), JUDD_E_IO);
    assert_null(scratch.data);
    judd_scratch_free(&scratch);
    unsetenv("TMPDIR");
    judd_sorter_destroy(sorter);
}

/* More than any disk has is an error now, not a signal later. */
static void beyond_the_disk(void **state) {
    judd_scratch scratch;
    (void)state;
    assert_int_equal(judd_scratch_create(&scratch, (int64_t)1 << 60), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "TMPDIR"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),  cmocka_unit_test(in_many_runs),
        cmocka_unit_test(of_nothing), cmocka_unit_test(too_long),
        cmocka_unit_test(nowhere),    cmocka_unit_test(beyond_the_disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
