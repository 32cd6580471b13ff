/* What a file of ours holds, as text; and of a file with any byte changed an error or a text. */
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/h5_list.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* HDF5 1.10 itself loses memory while it refuses a damaged file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libhdf5";
}

static void ok(judd_status status) {
    if (status != JUDD_OK) fail_msg("%d: %s", (int)status, judd_status_message());
}

static void make(const char *path) {
    static const char *const names[] = {"shirt", "b\ng", "", "d", "e", "f", "g", "h", "i"};
    const float small[2][3] = {{0.5f, -1.0f, 2.0f}, {1e-30f, 0.0f, 3.0f}};
    const int64_t dims[2] = {2, 3}, nine = 9, none = 0, many[2] = {3, 3};
    const int32_t numbers[9] = {1, -2, 3, 4, 5, 6, 7, 8, 9};
    hid_t file = 0;
    ok(judd_h5_create(&file, path));
    ok(judd_h5_set_string(file, "/", "title", "Judd test"));
    ok(judd_h5_set_int(file, "/", "step", -41));
    ok(judd_h5_set_double(file, "/", "rate", 0.25));
    ok(judd_h5_put(file, "small", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, dims, "two rows", small));
    ok(judd_h5_put(file, "part/nine", H5T_STD_I32LE, H5T_NATIVE_INT32, 2, many, NULL, numbers));
    ok(judd_h5_put(file, "one", H5T_STD_I16LE, H5T_NATIVE_INT32, 1, &(int64_t){1}, "", numbers));
    ok(judd_h5_put(file, "none", H5T_STD_I32LE, H5T_NATIVE_INT32, 1, &none, "of nobody", numbers));
    ok(judd_h5_write_strings(file, "names", names, nine, "of classes"));
    ok(judd_h5_close(file, path));
}

/* Owner: caller, free(). */
static judd_status list(char **text, const char *path) {
    size_t size = 0;
    hid_t file = 0;
    FILE *memory = open_memstream(text, &size);
    judd_status status = judd_h5_open_read(&file, path);
    if (status == JUDD_OK) status = judd_h5_list(memory, file, path);
    if (file > 0) (void)judd_h5_close(file, path);
    fclose(memory);
    return status;
}

static void says_what_is_there(void **state) {
    char *text = NULL;
    (void)state;
    make("whole.h5");
    ok(list(&text, "whole.h5"));
    assert_string_equal(text, "rate: 0.25\n"
                              "step: -41\n"
                              "title: Judd test\n"
                              "\n"
                              "dataset                   shape             type      what\n"
                              "names                     9                 text      of classes: "
                              "shirt, b?g, , d, e, f, g, h, ...\n"
                              "none                      0                 int32     of nobody\n"
                              "one                       1                 int16     1\n"
                              "part/nine                 3 x 3             int32     \n"
                              "small                     2 x 3             float32   two rows: "
                              "0.5, -1, 2, 1e-30, 0, 3\n");
    free(text);
}

static void write_bytes(const char *path, const char *bytes, int64_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, (size_t)n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void survives_damage(void **state) {
    char *bytes = NULL, *text = NULL;
    int64_t n = 0, refused = 0;
    (void)state;
    make("whole.h5");
    ok(judd_atomic_file_read(&bytes, &n, "whole.h5", 1 << 20));
    for (int64_t at = 0; at < n; at += 1 + at % 3) {
        char before = bytes[at];
        bytes[at] = (char)(before ^ (1 << at % 8));
        write_bytes("damaged.h5", bytes, n);
        refused += list(&text, "damaged.h5") != JUDD_OK;
        free(text);
        bytes[at] = before;
    }
    assert_true(refused > 0);
    for (int64_t length = 0; length < n; length += 512) {
        write_bytes("cut.h5", bytes, length);
        assert_int_not_equal(list(&text, "cut.h5"), JUDD_OK);
        free(text);
    }
    free(bytes);
}

static int enter_folder(void **state) {
    char template[] = "judd-test-XXXXXX";
    if (!mkdtemp(template)) return -1;
    *state = realpath(template, NULL);
    return chdir(template);
}

static int leave_folder(void **state) {
    int failed = chdir("..") != 0 || judd_atomic_file_remove(*state) != JUDD_OK;
    free(*state);
    return failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_what_is_there, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(survives_damage, enter_folder, leave_folder),
    };
    if (judd_h5_init() != JUDD_OK) return 1;
    return cmocka_run_group_tests_name("h5_list", tests, NULL, NULL);
}
