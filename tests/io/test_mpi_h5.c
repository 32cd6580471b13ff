#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/h5_slabs.h>
#include <judd/io/lock.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 23, COLUMNS = 50000, LABELS = 7 };

typedef struct fixture {
    judd_comm comm;
    char *folder;
} fixture;

/* All ranks work in one new folder. */
static int enter_folder(void **state) {
    fixture *f = *state;
    char template[] = "judd-test-XXXXXX";
    f->folder = NULL;
    if (f->comm.rank == 0 && mkdtemp(template)) f->folder = realpath(template, NULL);
    if (judd_comm_broadcast_string(&f->comm, &f->folder) != JUDD_OK || !f->folder) return -1;
    return chdir(f->folder);
}

static int leave_folder(void **state) {
    fixture *f = *state;
    int failed = chdir("..");
    judd_comm_agree(&f->comm, JUDD_OK);
    if (f->comm.rank == 0) failed = failed || judd_atomic_file_remove(f->folder) != JUDD_OK;
    free(f->folder);
    return failed;
}

static float *rows(int64_t first, int64_t n) {
    float *x = malloc((size_t)(n * COLUMNS) * sizeof *x + 1);
    for (int64_t i = 0; i < n * COLUMNS; i++) x[i] = 0.37f * (float)(first * COLUMNS + i);
    return x;
}

static void create(const char *path, hid_t *keep) {
    hid_t file;
    const int64_t dims[] = {ROWS, COLUMNS}, n = LABELS, none[] = {0, 4};
    assert_int_equal(judd_h5_create(&file, path), JUDD_OK);
    assert_int_equal(judd_h5_create_dataset(file, "a/rows", H5T_IEEE_F32LE, 2, dims, "rows"),
                     JUDD_OK);
    assert_int_equal(judd_h5_create_dataset(file, "a/labels", H5T_STD_I64LE, 1, &n, NULL), JUDD_OK);
    assert_int_equal(judd_h5_create_dataset(file, "none", H5T_IEEE_F32LE, 2, none, NULL), JUDD_OK);
    assert_int_equal(judd_h5_set_int(file, "/", "step", 12), JUDD_OK);
    if (keep)
        *keep = file;
    else
        assert_int_equal(judd_h5_close(file, path), JUDD_OK);
}

enum { A_ROWS, A_LABELS, NONE, N_SLABS };
static const char *const names[] = {[A_ROWS] = "a/rows", [A_LABELS] = "a/labels", [NONE] = "none"};

static judd_status open_slabs(judd_h5_slabs **slabs, const judd_comm *comm, const char *path) {
    return judd_h5_slabs_open(slabs, comm, path, names, N_SLABS);
}

static const int64_t labels[LABELS] = {3, 1, 4, 1, 5, 9, 2};

/* The same content by one process, through HDF5. */
static void write_alone(const char *path) {
    hid_t file;
    float *x = rows(0, ROWS);
    create(path, &file);
    assert_int_equal(judd_h5_write(file, "a/rows", H5T_NATIVE_FLOAT, x), JUDD_OK);
    assert_int_equal(judd_h5_write(file, "a/labels", H5T_NATIVE_INT64, labels), JUDD_OK);
    assert_int_equal(judd_h5_close(file, path), JUDD_OK);
    free(x);
}

static void parallel_equals_serial(void **state) {
    const judd_comm *comm = &((fixture *)*state)->comm;
    hid_t file;
    judd_h5_slabs *slabs = NULL;
    if (comm->rank == 0) create("parallel.h5", NULL);
    if (comm->rank == 0) write_alone("serial.h5");
    assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);

    const int64_t first = ROWS * comm->rank / comm->size;
    const int64_t n = ROWS * (comm->rank + 1) / comm->size - first;
    float *x = rows(first, n);
    assert_int_equal(open_slabs(&slabs, comm, "parallel.h5"), JUDD_OK);
    assert_int_equal(judd_h5_slabs_write(slabs, A_ROWS, first, n, x), JUDD_OK);
    if (comm->rank == comm->size - 1) /* no other rank takes part */
        assert_int_equal(judd_h5_slabs_write(slabs, A_LABELS, 0, LABELS, labels), JUDD_OK);
    assert_int_equal(judd_h5_slabs_write(slabs, NONE, 0, 0, NULL), JUDD_OK);
    assert_int_equal(judd_comm_agree(comm, judd_h5_slabs_close(slabs)), JUDD_OK);
    free(x);

    /* every rank reads on its own, other rows than it wrote */
    float *y = rows(0, ROWS), *z = calloc((size_t)ROWS * COLUMNS, sizeof *z);
    assert_int_equal(judd_h5_open_read(&file, "parallel.h5"), JUDD_OK);
    assert_int_equal(judd_h5_read(file, "a/rows", H5T_NATIVE_FLOAT, z), JUDD_OK);
    assert_memory_equal(y, z, sizeof *y * ROWS * COLUMNS);
    assert_int_equal(judd_h5_close(file, "parallel.h5"), JUDD_OK);
    free(y);
    free(z);

    char *a = NULL, *b = NULL;
    int64_t n_a = 0, n_b = 0;
    assert_int_equal(judd_atomic_file_read(&a, &n_a, "parallel.h5", 1 << 24), JUDD_OK);
    assert_int_equal(judd_atomic_file_read(&b, &n_b, "serial.h5", 1 << 24), JUDD_OK);
    assert_int_equal(n_a, n_b);
    assert_int_equal(memcmp(a, b, (size_t)n_a), 0);
    free(a);
    free(b);
}

static void open_fails_on_all_ranks(void **state) {
    const judd_comm *comm = &((fixture *)*state)->comm;
    const bool last = comm->rank == comm->size - 1;
    judd_h5_slabs *slabs = NULL;
    if (comm->rank == 0) create("f.h5", NULL);
    if (comm->rank == 0) assert_int_equal(judd_atomic_file_write("text", "no", 2), JUDD_OK);
    if (comm->rank == 0) write_alone("other.h5");
    assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);

    assert_int_equal(open_slabs(&slabs, comm, "missing.h5"), JUDD_E_IO);
    assert_null(slabs);
    assert_int_equal(open_slabs(&slabs, comm, last ? "missing.h5" : "f.h5"), JUDD_E_IO);
    assert_null(slabs);
    assert_non_null(strstr(judd_status_message(), "missing.h5: cannot open"));
    if (comm->size > 1) {
        assert_int_equal(open_slabs(&slabs, comm, last ? "other.h5" : "f.h5"), JUDD_E_IO);
        assert_non_null(strstr(judd_status_message(), "not the file that rank 0 sees"));
    }
    assert_int_equal(open_slabs(&slabs, comm, "text"), JUDD_E_DATA);
    assert_null(slabs);
    assert_int_equal(judd_h5_slabs_open(&slabs, comm, "f.h5", &(const char *){"b"}, 1),
                     JUDD_E_DATA);
    assert_null(slabs);
    /* and nothing of that hurts the next attempt */
    assert_int_equal(open_slabs(&slabs, comm, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_slabs_close(slabs), JUDD_OK);
}

static void bad_rows_are_refused(void **state) {
    const judd_comm *comm = &((fixture *)*state)->comm;
    judd_h5_slabs *slabs = NULL;
    float x[1] = {0};
    if (comm->rank == 0) create("f.h5", NULL);
    assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);
    assert_int_equal(open_slabs(&slabs, comm, "f.h5"), JUDD_OK);
    assert_int_equal(judd_h5_slabs_write(slabs, A_ROWS, ROWS, 1, x), JUDD_E_INTERNAL);
    assert_int_equal(judd_h5_slabs_write(slabs, NONE, 0, 1, x), JUDD_E_INTERNAL);
    assert_int_equal(judd_h5_slabs_write(slabs, A_LABELS, -1, 1, x), JUDD_E_INTERNAL);
    assert_int_equal(judd_h5_slabs_close(slabs), JUDD_OK);
}

static void one_lock_for_all_ranks(void **state) {
    const judd_comm *comm = &((fixture *)*state)->comm;
    judd_lock *lock = NULL, *second = NULL;
    char words[64];
    int64_t pid = getpid();
    assert_int_equal(judd_comm_broadcast(comm, &pid, sizeof pid), JUDD_OK);
    assert_int_equal(judd_lock_acquire(&lock, comm, "."), JUDD_OK);
    assert_int_equal(access("LOCK", F_OK), 0);
    assert_int_equal(judd_lock_acquire(&second, comm, "."), JUDD_E_AGAIN);
    assert_null(second);
    snprintf(words, sizeof words, "./LOCK: in use by host ");
    assert_ptr_equal(strstr(judd_status_message(), words), judd_status_message());
    snprintf(words, sizeof words, "process %ld", (long)pid);
    assert_non_null(strstr(judd_status_message(), words));
    judd_lock_release(lock);
    assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);
    assert_int_equal(access("LOCK", F_OK), -1);
    assert_int_equal(judd_lock_acquire(&lock, comm, "no/such/folder"), JUDD_E_IO);
    assert_null(lock);
}

/* A write that stops half way through a slab on one rank, as on a full disk. */
static void a_failed_write_is_agreed_on(void **state) {
    const judd_comm *comm = &((fixture *)*state)->comm;
    const bool last = comm->rank == comm->size - 1;
    judd_h5_slabs *slabs = NULL;
    struct rlimit kept, small;
    float *x = rows(0, 2);
    if (comm->rank == 0) create("full.h5", NULL);
    assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);
    assert_int_equal(open_slabs(&slabs, comm, "full.h5"), JUDD_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    small = kept;
    small.rlim_cur = 21 * COLUMNS * 4 + 5000;
    signal(SIGXFSZ, SIG_IGN);
    if (last) assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    judd_status own = judd_h5_slabs_write(slabs, A_ROWS, last ? 21 : 0, 2, x);
    setrlimit(RLIMIT_FSIZE, &kept);
    assert_int_equal(own, last ? JUDD_E_IO : JUDD_OK);
    assert_int_equal(judd_comm_agree(comm, own), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "full.h5: cannot write: "));
    judd_h5_slabs_abandon(slabs);
    free(x);
}

/* Writing is independent: rank r makes 2 r calls, rank 0 none, with no rank waiting for another. */
static void ranks_write_unequally(void **state) {
    const judd_comm *comm = &((fixture *)*state)->comm;
    judd_h5_slabs *slabs = NULL;
    float x[COLUMNS] = {0};
    int64_t label = comm->rank;
    for (int round = 0; round < 5; round++) {
        if (comm->rank == 0) create("unequal.h5", NULL);
        assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);
        assert_int_equal(open_slabs(&slabs, comm, "unequal.h5"), JUDD_OK);
        for (int i = 0; i < comm->rank; i++) {
            assert_int_equal(judd_h5_slabs_write(slabs, A_ROWS, comm->rank, 1, x), JUDD_OK);
            assert_int_equal(judd_h5_slabs_write(slabs, A_LABELS, comm->rank, 1, &label), JUDD_OK);
        }
        assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);
        assert_int_equal(judd_comm_agree(comm, judd_h5_slabs_close(slabs)), JUDD_OK);
        if (comm->rank == 0) assert_int_equal(judd_atomic_file_remove("unequal.h5"), JUDD_OK);
    }
}

#define IN_FOLDER(test)                                                                            \
    { #test, test, enter_folder, leave_folder, &f }

int main(int argc, char **argv) {
    fixture f;
    if (judd_h5_init() != JUDD_OK) return 1;
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&f.comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        IN_FOLDER(parallel_equals_serial),      IN_FOLDER(open_fails_on_all_ranks),
        IN_FOLDER(bad_rows_are_refused),        IN_FOLDER(one_lock_for_all_ranks),
        IN_FOLDER(a_failed_write_is_agreed_on), IN_FOLDER(ranks_write_unequally),
    };
    int failed = cmocka_run_group_tests_name("mpi_h5", tests, NULL, NULL);
    judd_comm_close(&f.comm);
    MPI_Finalize();
    return failed;
}
