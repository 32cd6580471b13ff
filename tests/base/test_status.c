#include <judd/base/status.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

static void test_message(void **state) {
    char big[3000];
    (void)state;
    assert_string_equal(judd_status_message(), "");
    assert_int_equal(judd_status_set(JUDD_E_DATA, "%s:%d: bad", "a.tsv", 12), JUDD_E_DATA);
    assert_string_equal(judd_status_message(), "a.tsv:12: bad");
    assert_int_equal(judd_status_set(JUDD_E_IO, "again %s", judd_status_message()), JUDD_E_IO);
    assert_string_equal(judd_status_message(), "again a.tsv:12: bad");
    judd_status_set(JUDD_E_IO, "two\nlines\tand \x1b[31m");
    assert_string_equal(judd_status_message(), "two lines and  [31m");
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = 0;
    judd_status_set(JUDD_E_IO, "%s", big);
    assert_int_equal(strlen(judd_status_message()), JUDD_MESSAGE_SIZE - 1);
    judd_status_context(JUDD_E_IO, "%s", big);
    assert_int_equal(strlen(judd_status_message()), JUDD_MESSAGE_SIZE - 1);
}

static void test_context(void **state) {
    (void)state;
    judd_status_set(JUDD_E_DATA, "label 12");
    assert_int_equal(judd_status_context(JUDD_E_DATA, "file %d", 7), JUDD_E_DATA);
    assert_string_equal(judd_status_message(), "file 7: label 12");
    assert_int_equal(judd_status_context(JUDD_OK, "no"), JUDD_OK);
    assert_string_equal(judd_status_message(), "file 7: label 12");
}

static judd_status guarded(judd_status inner, bool fail, int *reached) {
    judd_status status = JUDD_OK;
    JUDD_TRY(inner);
    *reached = 1;
    if (fail) JUDD_FAIL(JUDD_E_CONFIG, "failed %d", 3);
    *reached = 2;
done:
    return status;
}

static void test_macros(void **state) {
    int reached = 0;
    (void)state;
    assert_int_equal(guarded(JUDD_E_IO, false, &reached), JUDD_E_IO);
    assert_int_equal(reached, 0);
    assert_int_equal(guarded(JUDD_OK, true, &reached), JUDD_E_CONFIG);
    assert_int_equal(reached, 1);
    assert_string_equal(judd_status_message(), "failed 3");
    assert_int_equal(guarded(JUDD_OK, false, &reached), JUDD_OK);
    assert_int_equal(reached, 2);
}

static void *other_thread(void *seen) {
    bool *fresh = seen;
    *fresh = judd_status_message()[0] == 0;
    judd_status_set(JUDD_E_IO, "of the other thread");
    return NULL;
}

static void test_threads(void **state) {
    bool fresh = false;
    pthread_t thread;
    (void)state;
    judd_status_set(JUDD_E_IO, "mine");
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &fresh), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(fresh);
    assert_string_equal(judd_status_message(), "mine");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message), cmocka_unit_test(test_context),
        cmocka_unit_test(test_macros), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
