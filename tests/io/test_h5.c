/* The source itself with a small limit, so that the splitting of large transfers is tested too. */
#define JUDD_H5_CALL_BYTES 64
#include "io/h5.c"

#include <judd/io/atomic_file.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

/* HDF5 1.10 itself loses memory while it refuses a damaged file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libhdf5";
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

/* What the tests store: shapes that need whole, partial and nested splits at 64 bytes. */
enum { A = 5, B = 7, C = 40 };

static float value(int a, int b, int c) {
    return (float)(a * 10000 + b * 100 + c) + 0.5f;
}

static void make_file(const char *path) {
    hid_t file;
    static float cube[A][B][C];
    const int64_t dims[] = {A, B, C}, n = 100;
    int64_t labels[100];
    for (int a = 0; a < A; a++)
        for (int b = 0; b < B; b++)
            for (int c = 0; c < C; c++) cube[a][b][c] = value(a, b, c);
    for (int i = 0; i < n; i++) labels[i] = i * i - 50;
    assert_int_equal(judd_h5_create(&file, path), JUDD_OK);
    assert_int_equal(
        judd_h5_create_dataset(file, "/group/sub/cube", H5T_IEEE_F32LE, 3, dims, "a cube"),
        JUDD_OK);
    assert_int_equal(judd_h5_create_dataset(file, "labels", H5T_STD_I64LE, 1, &n, NULL), JUDD_OK);
    assert_int_equal(judd_h5_write(file, "/group/sub/cube", H5T_NATIVE_FLOAT, cube), JUDD_OK);
    assert_int_equal(judd_h5_write(file, "labels", H5T_NATIVE_INT64, labels), JUDD_OK);
    assert_int_equal(judd_h5_set_string(file, "/", "name", "d\xc3\xa9j\xc3\xa0 vu"), JUDD_OK);
    assert_int_equal(judd_h5_set_int(file, "/group", "step", INT64_MIN + 7), JUDD_OK);
    assert_int_equal(judd_h5_set_double(file, "labels", "scale", 0.1), JUDD_OK);
    static const char *const classes[] = {"cat", "", "\xc3\xa9l\xc3\xa9phant", "dog"};
    assert_int_equal(judd_h5_write_strings(file, "classes", classes, 4, "class names"), JUDD_OK);
    assert_int_equal(judd_h5_close(file, path), JUDD_OK);
}

/* Any status if the file is damaged; what is returned as good must be what was stored. */
static judd_status check_file(const char *path) {
    judd_status status = JUDD_OK;
    hid_t file = H5I_INVALID_HID;
    int64_t dims[3], n = 0, step = 0;
    double scale = 0;
    char *text = NULL, **classes = NULL;
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_h5_dims(file, "/group/sub/cube", 3, dims));
    assert_true(dims[0] == A && dims[1] == B && dims[2] == C);
    JUDD_TRY(judd_h5_dims(file, "labels", 1, dims));
    assert_int_equal(dims[0], 100);
    JUDD_TRY(judd_h5_get_string(file, "/", "name", &text));
    assert_string_equal(text, "d\xc3\xa9j\xc3\xa0 vu");
    JUDD_TRY(judd_h5_get_int(file, "/group", "step", &step));
    assert_true(step == INT64_MIN + 7);
    JUDD_TRY(judd_h5_get_double(file, "labels", "scale", &scale));
    assert_true(scale == 0.1);
    JUDD_TRY(judd_h5_read_strings(file, "classes", &classes, &n));
    assert_int_equal(n, 4);
done:
    free(text);
    free(classes);
    judd_h5_close(file, path);
    return status;
}

static void round_trip(void **state) {
    (void)state;
    make_file("f.h5");
    assert_int_equal(check_file("f.h5"), JUDD_OK);
    hid_t file;
    static float cube[A * B * C + 1];
    int64_t labels[101] = {0}, n = 0;
    int32_t small[100];
    double wide[100];
    char *text = NULL, **classes = NULL;
    assert_int_equal(judd_h5_open_read(&file, "f.h5"), JUDD_OK);
    cube[A * B * C] = -1;
    assert_int_equal(judd_h5_read(file, "group/sub/cube", H5T_NATIVE_FLOAT, cube), JUDD_OK);
    for (int i = 0; i < A * B * C; i++)
        assert_true(cube[i] == value(i / (B * C), i / C % B, i % C));
    assert_true(cube[A * B * C] == -1);
    assert_int_equal(judd_h5_read_rows(file, "group/sub/cube", H5T_NATIVE_FLOAT, 3, 2, cube),
                     JUDD_OK);
    for (int i = 0; i < 2 * B * C; i++)
        assert_true(cube[i] == value(3 + i / (B * C), i / C % B, i % C));
    assert_int_equal(judd_h5_read_rows(file, "labels", H5T_NATIVE_INT64, 13, 77, labels), JUDD_OK);
    for (int i = 0; i < 77; i++) assert_int_equal(labels[i], (i + 13) * (i + 13) - 50);
    assert_int_equal(labels[77], 0);
    assert_int_equal(judd_h5_read(file, "labels", H5T_NATIVE_INT32, small), JUDD_OK);
    assert_int_equal(judd_h5_read(file, "labels", H5T_NATIVE_DOUBLE, wide), JUDD_OK);
    for (int i = 0; i < 100; i++) assert_true(small[i] == i * i - 50 && wide[i] == i * i - 50);
    assert_int_equal(judd_h5_get_string(file, "classes", "description", &text), JUDD_OK);
    assert_string_equal(text, "class names");
    assert_int_equal(judd_h5_read_strings(file, "classes", &classes, &n), JUDD_OK);
    assert_string_equal(classes[0], "cat");
    assert_string_equal(classes[1], "");
    assert_string_equal(classes[2], "\xc3\xa9l\xc3\xa9phant");
    assert_string_equal(classes[3], "dog");
    free(text);
    free(classes);
    assert_true(judd_h5_exists(file, "/group") && judd_h5_exists(file, "/"));
    assert_false(judd_h5_exists(file, "group/none/cube") || judd_h5_exists(file, "none"));
    assert_int_equal(judd_h5_close(file, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_close(H5I_INVALID_HID, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_close(0, "f.h5"), JUDD_OK);
}

static void edges(void **state) {
    (void)state;
    hid_t file;
    const int64_t none[] = {0, 3};
    int64_t n = -1, dims[2];
    double x = 2.5, y = 0;
    char *text = NULL, **list = NULL;
    assert_int_equal(judd_h5_create(&file, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_create_dataset(file, "none", H5T_IEEE_F32LE, 2, none, NULL), JUDD_OK);
    assert_int_equal(judd_h5_create_dataset(file, "x", H5T_IEEE_F64LE, 0, NULL, NULL), JUDD_OK);
    assert_int_equal(judd_h5_write(file, "none", H5T_NATIVE_FLOAT, NULL), JUDD_OK);
    assert_int_equal(judd_h5_write(file, "x", H5T_NATIVE_DOUBLE, &x), JUDD_OK);
    assert_int_equal(judd_h5_write_strings(file, "no-strings", NULL, 0, NULL), JUDD_OK);
    assert_int_equal(judd_h5_set_string(file, "x", "a", "first, longer"), JUDD_OK);
    assert_int_equal(judd_h5_set_string(file, "x", "a", ""), JUDD_OK); /* replaces */
    char *big = malloc(200001);
    memset(big, 'z', 200000);
    big[200000] = 0;
    assert_int_equal(judd_h5_set_string(file, "/", "job", big), JUDD_OK);
    /* the same dataset twice */
    assert_int_equal(judd_h5_create_dataset(file, "x", H5T_IEEE_F64LE, 0, NULL, NULL), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "f.h5: HDF5 cannot make the dataset x: "));
    assert_int_equal(judd_h5_close(file, "f.h5"), JUDD_OK);

    assert_int_equal(judd_h5_open_read(&file, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_dims(file, "none", 2, dims), JUDD_OK);
    assert_true(dims[0] == 0 && dims[1] == 3);
    assert_int_equal(judd_h5_read(file, "none", H5T_NATIVE_FLOAT, NULL), JUDD_OK);
    assert_int_equal(judd_h5_dims(file, "x", 0, dims), JUDD_OK);
    assert_int_equal(judd_h5_read(file, "x", H5T_NATIVE_DOUBLE, &y), JUDD_OK);
    assert_true(y == 2.5);
    assert_int_equal(judd_h5_read_rows(file, "x", H5T_NATIVE_DOUBLE, 0, 1, &y), JUDD_E_DATA);
    assert_int_equal(judd_h5_read_strings(file, "no-strings", &list, &n), JUDD_OK);
    assert_int_equal(n, 0);
    free(list);
    assert_int_equal(judd_h5_get_string(file, "x", "a", &text), JUDD_OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(judd_h5_get_string(file, "/", "job", &text), JUDD_OK);
    assert_string_equal(text, big);
    free(text);
    free(big);
    assert_int_equal(judd_h5_close(file, "f.h5"), JUDD_OK);
}

static void wrong_requests(void **state) {
    (void)state;
    hid_t file;
    int64_t dims[3], n;
    double x;
    static float cube[A * B * C];
    char *text = NULL, **list = NULL;
    make_file("f.h5");
    assert_int_equal(judd_h5_open_read(&file, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_dims(file, "group/sub/cube", 2, dims), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "f.h5: 'group/sub/cube' has 3 dimensions"));
    assert_int_equal(judd_h5_dims(file, "nothing", 1, dims), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "f.h5: no 'nothing'"));
    assert_int_equal(judd_h5_dims(file, "group", 1, dims), JUDD_E_DATA);
    static const int64_t ranges[][2] = {{-1, 1}, {0, 6}, {5, 1}, {0, -1}, {INT64_MAX, 2}, {6, 0}};
    for (int i = 0; i < 6; i++)
        assert_int_equal(judd_h5_read_rows(file, "group/sub/cube", H5T_NATIVE_FLOAT, ranges[i][0],
                                           ranges[i][1], cube),
                         JUDD_E_DATA);
    assert_int_equal(judd_h5_read_rows(file, "group/sub/cube", H5T_NATIVE_FLOAT, 5, 0, cube),
                     JUDD_OK);
    assert_int_equal(judd_h5_read(file, "group/sub/cube", H5T_NATIVE_INT, cube), JUDD_E_DATA);
    assert_int_equal(judd_h5_read(file, "classes", H5T_NATIVE_INT, cube), JUDD_E_DATA);
    assert_int_equal(judd_h5_read_strings(file, "labels", &list, &n), JUDD_E_DATA);
    assert_int_equal(judd_h5_get_string(file, "labels", "scale", &text), JUDD_E_DATA);
    assert_int_equal(judd_h5_get_int(file, "labels", "scale", &n), JUDD_E_DATA);
    assert_int_equal(judd_h5_get_double(file, "/", "name", &x), JUDD_E_DATA);
    assert_int_equal(judd_h5_get_double(file, "/", "none", &x), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "'/' has no attribute 'none'"));
    assert_int_equal(judd_h5_set_int(file, "/", "x", 1), JUDD_E_IO); /* opened for reading */
    assert_int_equal(judd_h5_close(file, "f.h5"), JUDD_OK);
}

static void not_an_hdf5_file(void **state) {
    (void)state;
    hid_t file = 1;
    assert_int_equal(judd_h5_open_read(&file, "missing.h5"), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "missing.h5: cannot open: No such file"));
    assert_true(file < 0);
    assert_int_equal(judd_atomic_file_write("text", "hello, world", 12), JUDD_OK);
    assert_int_equal(judd_h5_open_read(&file, "text"), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "not a file that judd wrote"));
    assert_int_equal(judd_atomic_file_write("empty", "", 0), JUDD_OK);
    assert_int_equal(judd_h5_open_read(&file, "empty"), JUDD_E_DATA);
    assert_int_equal(judd_h5_open_read(&file, "."), JUDD_E_DATA);
    assert_int_equal(mkfifo("fifo", 0666), 0);
    assert_int_equal(judd_h5_open_read(&file, "fifo"), JUDD_E_DATA);
    assert_int_equal(judd_h5_create(&file, "no/such/folder.h5"), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "No such file or directory"));
}

static char *contents(int64_t *bytes, const char *path) {
    char *data = NULL;
    assert_int_equal(judd_atomic_file_read(&data, bytes, path, 1 << 24), JUDD_OK);
    return data;
}

static void equal_contents_equal_bytes(void **state) {
    (void)state;
    const struct timespec t = {.tv_sec = 1, .tv_nsec = 100000000};
    int64_t n = 0, m = 0;
    make_file("a.h5");
    nanosleep(&t, NULL); /* a time stamp would differ */
    make_file("b.h5");
    char *a = contents(&n, "a.h5"), *b = contents(&m, "b.h5");
    assert_int_equal(n, m);
    assert_memory_equal(a, b, (size_t)n);
    free(a);
    free(b);
}

static void truncated_files_are_refused(void **state) {
    (void)state;
    int64_t n = 0;
    make_file("f.h5");
    char *data = contents(&n, "f.h5");
    for (int64_t cut = 0; cut < n; cut += cut < 128 ? 1 : 97) {
        FILE *out = fopen("cut.h5", "wb");
        assert_true(fwrite(data, 1, (size_t)cut, out) == (size_t)cut && fclose(out) == 0);
        assert_int_equal(check_file("cut.h5"), JUDD_E_DATA);
    }
    free(data);
}

/* The format's checksums: whatever bit of the structure flips, the file is refused or reads as it
 * was (a bit of the data itself is not seen here; those who store data keep checksums of it). */
static void flipped_bits_are_seen(void **state) {
    (void)state;
    int64_t n = 0;
    int refused = 0;
    make_file("f.h5");
    char *data = contents(&n, "f.h5");
    for (int64_t at = 0; at < n; at++) {
        if (at % 5 && at > 64) continue; /* a sample: all of them take ten seconds */
        data[at] = (char)(data[at] ^ 1 << at % 8);
        FILE *out = fopen("flip.h5", "wb");
        assert_true(fwrite(data, 1, (size_t)n, out) == (size_t)n && fclose(out) == 0);
        refused += check_file("flip.h5") != JUDD_OK;
        data[at] = (char)(data[at] ^ 1 << at % 8);
    }
    assert_in_range(refused, 100, n);
    free(data);
}

/* A dataset made with HDF5 itself in a way that we never write. */
static void make_foreign(hid_t file, const char *name, hid_t create, int rank,
                         const hsize_t *dims) {
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t set = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
    assert_true(space >= 0 && set >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static void refused(hid_t file, const char *name, const char *words) {
    int64_t dims[1];
    float x[64];
    assert_int_equal(judd_h5_dims(file, name, 1, dims), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), words));
    assert_non_null(strstr(judd_status_message(), name));
    assert_int_equal(judd_h5_read(file, name, H5T_NATIVE_FLOAT, x), JUDD_E_DATA);
    assert_int_equal(judd_h5_read_rows(file, name, H5T_NATIVE_FLOAT, 0, 1, x), JUDD_E_DATA);
}

static void foreign_storage_is_refused(void **state) {
    (void)state;
    const hsize_t n = 64, huge[] = {(hsize_t)1 << 40};
    make_file("other.h5");
    hid_t file = H5Fcreate("f.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE), filtered, external, virtual;
    H5Pset_chunk(chunked, 1, &n);
    filtered = H5Pcopy(chunked);
    H5Pset_shuffle(filtered);
    external = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(external, "secret", 0, n * 4);
    virtual = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, &n, NULL);
    H5Pset_virtual(virtual, space, "other.h5", "labels", space);
    H5Sclose(space);
    make_foreign(file, "chunked", chunked, 1, &n);
    make_foreign(file, "filtered", filtered, 1, &n);
    make_foreign(file, "external", external, 1, &n);
    make_foreign(file, "virtual", virtual, 1, &n);
    make_foreign(file, "huge", H5P_DEFAULT, 1, huge);
    H5Lcreate_external("other.h5", "/labels", file, "link", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/group", file, "away", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/link", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Pclose(chunked);
    H5Pclose(filtered);
    H5Pclose(external);
    H5Pclose(virtual);
    H5Fclose(file);

    assert_int_equal(judd_h5_open_read(&file, "f.h5"), JUDD_E_DATA); /* no checksums */
    assert_int_equal(judd_h5_open_foreign(&file, "f.h5"), JUDD_OK);
    refused(file, "chunked", "has chunks");
    refused(file, "filtered", "has filters");
    refused(file, "external", "has external storage");
    refused(file, "virtual", "has a virtual layout");
    refused(file, "huge", "beyond the end");
    refused(file, "link", "soft or external link");
    refused(file, "soft", "soft or external link");
    refused(file, "away/sub/cube", "soft or external link");
    double x;
    assert_int_equal(judd_h5_get_double(file, "link", "scale", &x), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "soft or external link"));
    assert_int_equal(judd_h5_close(file, "f.h5"), JUDD_OK);
}

static void plain_foreign_files_are_read(void **state) {
    (void)state;
    const hsize_t n = 4;
    float x[4] = {1, 2, 3, 4}, y[4] = {0};
    hid_t file = H5Fcreate("f.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t compact = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(compact, H5D_COMPACT);
    make_foreign(file, "compact", compact, 1, &n);
    make_foreign(file, "contiguous", H5P_DEFAULT, 1, &n);
    H5Pclose(compact);
    hid_t set = H5Dopen2(file, "compact", H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    H5Dclose(set);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    hid_t attribute = H5Acreate2(file, "variable", type, space, H5P_DEFAULT, H5P_DEFAULT);
    const char *text = "text";
    assert_true(H5Awrite(attribute, type, &text) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    H5Fclose(file);

    assert_int_equal(judd_h5_open_foreign(&file, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_read(file, "compact", H5T_NATIVE_FLOAT, y), JUDD_OK);
    assert_memory_equal(x, y, sizeof x);
    char *value_text = NULL;
    assert_int_equal(judd_h5_get_string(file, "/", "variable", &value_text), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "no fixed-length string"));
    assert_int_equal(judd_h5_close(file, "f.h5"), JUDD_OK);
}

/* As on a full disk. In a process of its own, which then abandons the file. */
/* In a child: 0 if writing n numbers into a file that may not grow beyond `limit` is reported. */
static int write_beyond(int64_t n, rlim_t limit) {
    pid_t child = fork();
    if (child == 0) {
        hid_t file;
        static float x[100000];
        const struct rlimit small = {.rlim_cur = limit, .rlim_max = RLIM_INFINITY};
        signal(SIGXFSZ, SIG_IGN);
        if (judd_h5_create(&file, "f.h5") != JUDD_OK ||
            judd_h5_create_dataset(file, "x", H5T_IEEE_F32LE, 1, &n, NULL) != JUDD_OK ||
            setrlimit(RLIMIT_FSIZE, &small) != 0)
            _exit(1);
        judd_status status = judd_h5_write(file, "x", H5T_NATIVE_FLOAT, x);
        if (status != JUDD_E_IO) _exit(2);
        _exit(strstr(judd_status_message(), "f.h5: HDF5 cannot write x: File too large; ") ? 0 : 3);
    }
    int how = 0;
    waitpid(child, &how, 0);
    return how;
}

static void failed_writes_are_reported(void **state) {
    (void)state;
    assert_int_equal(write_beyond(100000, 50000), 0);
    assert_int_equal(write_beyond(1000, 500),
                     0); /* HDF5 writes so few when the dataset is closed */
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void) {
    if (judd_h5_init() != JUDD_OK || judd_h5_init() != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        IN_FOLDER(round_trip),
        IN_FOLDER(edges),
        IN_FOLDER(wrong_requests),
        IN_FOLDER(not_an_hdf5_file),
        IN_FOLDER(equal_contents_equal_bytes),
        IN_FOLDER(truncated_files_are_refused),
        IN_FOLDER(flipped_bits_are_seen),
        IN_FOLDER(foreign_storage_is_refused),
        IN_FOLDER(plain_foreign_files_are_read),
        IN_FOLDER(failed_writes_are_reported),
    };
    return cmocka_run_group_tests_name("h5", tests, NULL, NULL);
}
