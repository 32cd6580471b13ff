/* Ranks agree on an older instruction set: asked for before the first engine it holds, later it is
 * refused. A program of its own because oneDNN fixes the set once a process. */
#include "engine_check.h"

static void test_limit(void **state) {
    (void)state;
    int isa = judd_engine_isa(JUDD_FLOAT32);
    if (isa < 2) skip();
    assert_int_equal(judd_engine_limit_isa(isa - 1), JUDD_OK);
    assert_int_equal(judd_engine_isa(JUDD_FLOAT32), isa - 1);
    builder *b = build_start(1, 4, DIMS(2, 3, 9, 9));
    conv_shape c = {.out = 5, .groups = 1, .kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}};
    build_conv(b, 0, &c);
    check_graph(b, "convolution under the limit");
    assert_int_equal(judd_engine_limit_isa(isa), JUDD_OK); /* already below */
    assert_int_equal(judd_engine_isa(JUDD_FLOAT32), isa - 1);
    assert_int_equal(judd_engine_limit_isa(isa - 2), JUDD_E_INTERNAL);
    assert_non_null(strstr(judd_status_message(), "before the first engine"));
    assert_int_equal(judd_engine_isa(JUDD_FLOAT32), isa - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
