/* The feature cache: what is written is read, what is damaged is missing, two may write at once. */
#include "shared_folder.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/features/cache.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

enum { N = 1500, DIM = 9 }; /* more than a block of checked rows */

static judd_comm world;
static char folder[SHARED_FOLDER];

static float value(int64_t id, int64_t j) {
    return (float)judd_rng_normal(7, JUDD_RNG_WEIGHTS, (uint32_t)id, (uint64_t)j);
}

static int enter(void **state) {
    (void)state;
    return make_shared_folder(folder, &world) != JUDD_OK;
}

static void meet(void) {
    OK(judd_comm_agree(&world, JUDD_OK));
}

static int leave(void **state) {
    (void)state;
    return remove_shared_folder(folder, &world) != JUDD_OK;
}

static judd_cache *open_cache(const judd_comm *comm, const char *key, char **warning) {
    judd_cache *cache = NULL;
    char *none = NULL;
    judd_cache_options o = {.folder = folder, .keys = &key, .n_views = 1, .n_samples = N};
    OK(judd_cache_open(&cache, warning ? warning : &none, comm, &o));
    assert_null(none);
    return cache;
}

/* Write the rows first, first + step, ... of [0, N), shared among the ranks. */
static void write_rows(judd_cache *cache, const judd_comm *comm, int64_t first, int64_t step) {
    int64_t *ids = NULL, n = 0;
    float *rows = NULL;
    if (!judd_cache_exists(cache)) OK(judd_cache_create(cache, DIM));
    OK(judd_memory_alloc(&ids, N, sizeof *ids));
    OK(judd_memory_alloc(&rows, N * DIM, sizeof *rows));
    for (int64_t k = 0, i = first; i < N; i += step, k++) {
        if (k % comm->size != comm->rank) continue; /* neighbours belong to other ranks */
        for (int64_t j = 0; j < DIM; j++) rows[n * DIM + j] = value(i, j);
        ids[n++] = i;
    }
    OK(judd_cache_write_begin(cache));
    OK(judd_cache_write_end(cache, judd_cache_write(cache, ids, n, rows)));
    free(ids);
    free(rows);
}

static int64_t all_ids[N];

/* Exactly the rows for which is_missing(id) holds are missing, `damaged` of them damaged; the
 * others read back. */
static void check(judd_cache *cache, bool (*is_missing)(int64_t id), int64_t damaged) {
    judd_id_set missing, ids = {0};
    int64_t n_damaged = 0, n_missing = 0;
    float row[DIM];
    OK(judd_id_set_add(&ids, 0, N));
    OK(judd_cache_missing(&missing, &n_damaged, cache, &ids));
    assert_int_equal(n_damaged, damaged);
    for (int64_t i = 0; i < N; i++) {
        if (is_missing(i)) {
            n_missing++;
            assert_true(judd_id_set_has(&missing, i));
            assert_int_equal(judd_cache_read(cache, &i, 1, NULL, row), JUDD_E_IO);
            char words[32];
            snprintf(words, sizeof words, "row %d ", (int)i);
            assert_non_null(strstr(judd_status_message(), words));
            continue;
        }
        OK(judd_cache_read(cache, &i, 1, NULL, row));
        for (int64_t j = 0; j < DIM; j++) assert_true(row[j] == value(i, j));
    }
    assert_int_equal(missing.n, n_missing);
    judd_id_set_free(&missing);
    judd_id_set_free(&ids);
}

static bool none(int64_t id) {
    (void)id;
    return false;
}
static bool not_third(int64_t id) {
    return id % 3 != 0;
}
static bool two_of_them(int64_t id) {
    return id == 700 || id == 1400;
}

static void check_all_there(judd_cache *cache) {
    judd_id_set missing, ids = {0};
    int64_t n_damaged = 0;
    OK(judd_id_set_add(&ids, 0, N));
    OK(judd_cache_missing(&missing, &n_damaged, cache, &ids));
    assert_int_equal(missing.n + n_damaged, 0);
    judd_id_set_free(&missing);
    judd_id_set_free(&ids);
}

static void rows_come_back(void **state) {
    (void)state;
    judd_cache *cache = open_cache(&world, "k", NULL);
    assert_false(judd_cache_exists(cache));
    write_rows(cache, &world, 0, 1);
    assert_true(judd_cache_exists(cache));
    assert_int_equal(judd_cache_dim(cache), DIM);
    assert_string_equal(judd_cache_key(cache, 0), "k");
    check(cache, none, 0); /* in the same handle */
    int64_t some[3] = {0, 77, N - 1};
    float *rows = NULL;
    OK(judd_memory_alloc(&rows, N * DIM, sizeof *rows));
    OK(judd_cache_read(cache, some, 3, NULL, rows));
    for (int k = 0; k < 3; k++) assert_true(rows[k * DIM + 4] == value(some[k], 4));
    OK(judd_cache_read(cache, all_ids, N, NULL, rows));
    assert_true(rows[N * DIM - 1] == value(N - 1, DIM - 1));
    some[0] = N;
    assert_int_equal(judd_cache_read(cache, some, 1, NULL, rows), JUDD_E_INTERNAL);
    free(rows);
    judd_cache_close(cache);
    cache = open_cache(&world, "k", NULL); /* and in a new one */
    check(cache, none, 0);
    judd_cache_close(cache);
    cache = open_cache(&world, "another key", NULL);
    assert_false(judd_cache_exists(cache));
    judd_cache_close(cache);
}

static void a_killed_writer_leaves_the_rest_missing(void **state) {
    (void)state;
    judd_cache *cache = open_cache(&world, "k", NULL);
    write_rows(cache, &world, 0, 3);
    check(cache, not_third, 0);
    judd_cache_close(cache);
    cache = open_cache(&world, "k", NULL);
    check(cache, not_third, 0);
    write_rows(cache, &world, 1, 3);
    write_rows(cache, &world, 2, 3);
    check(cache, none, 0);
    judd_cache_close(cache);
}

/* Change the file behind everybody's back, on rank 0. */
static void poke(const char *path, int64_t offset, unsigned char mask) {
    meet();
    if (world.rank == 0) {
        unsigned char byte;
        int fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, offset), 1);
        byte ^= mask;
        assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
        close(fd);
    }
    meet();
}

static int64_t offset_of(const char *path, const char *name) {
    hid_t file = 0;
    OK(judd_h5_open_read(&file, path));
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    assert_true(set > 0);
    haddr_t offset = H5Dget_offset(set);
    H5Dclose(set);
    OK(judd_h5_close(file, path));
    return (int64_t)offset;
}

static void flipped_bits_cost_their_rows(void **state) {
    (void)state;
    judd_cache *cache = open_cache(&world, "k", NULL);
    write_rows(cache, &world, 0, 1);
    char *path = NULL;
    OK(judd_memory_string(&path, judd_cache_path(cache, 0)));
    judd_cache_close(cache);
    poke(path, offset_of(path, "features") + (700 * DIM + 3) * 4, 1); /* lowest bit of a value */
    poke(path, offset_of(path, "check") + 1400 * 8 + 5, 64);
    cache = open_cache(&world, "k", NULL);
    check(cache, two_of_them, 2);
    write_rows(cache, &world, 700, 700);
    check(cache, none, 0);
    judd_cache_close(cache);
    free(path);
}

/* A row at another's place, with its check, is not believed. */
static void rows_know_their_place(void **state) {
    (void)state;
    judd_cache *cache = open_cache(&world, "k", NULL);
    write_rows(cache, &world, 0, 1);
    char *path = NULL;
    OK(judd_memory_string(&path, judd_cache_path(cache, 0)));
    judd_cache_close(cache);
    int64_t features = offset_of(path, "features"), checks = offset_of(path, "check");
    meet();
    if (world.rank == 0) {
        char row[DIM * 4], check_of[8];
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, row, sizeof row, features + 5 * DIM * 4), sizeof row);
        assert_int_equal(pread(fd, check_of, 8, checks + 5 * 8), 8);
        for (int64_t to = 700; to <= 1400; to += 700) {
            assert_int_equal(pwrite(fd, row, sizeof row, features + to * DIM * 4), sizeof row);
            assert_int_equal(pwrite(fd, check_of, 8, checks + to * 8), 8);
        }
        close(fd);
    }
    meet();
    cache = open_cache(&world, "k", NULL);
    check(cache, two_of_them, 2);
    judd_cache_close(cache);
    free(path);
}

typedef enum harm {
    SIGNATURE,
    SUPERBLOCK,
    CUT_DATA,
    CUT_HEADER,
    EMPTY,
    TEXT,
    OTHER_KEY,
    N_HARM
} harm;

static void damage(const char *path, harm how) {
    struct stat info;
    if (how == SIGNATURE) poke(path, 1, 255);
    if (how == SUPERBLOCK) poke(path, 13, 255); /* sizes of offsets and lengths */
    meet();
    if (world.rank == 0) {
        assert_int_equal(stat(path, &info), 0);
        if (how == CUT_DATA) assert_int_equal(truncate(path, info.st_size - 100), 0);
        if (how == CUT_HEADER) assert_int_equal(truncate(path, 300), 0);
        if (how == EMPTY) assert_int_equal(truncate(path, 0), 0);
        if (how == TEXT) OK(judd_atomic_file_write(path, "not HDF5", 8));
    }
    meet();
}

static void damaged_files_are_set_aside(void **state) {
    (void)state;
    for (harm how = 0; how < N_HARM; how++) {
        judd_cache *cache = open_cache(&world, "k", NULL);
        char *path = NULL, *warning = NULL;
        write_rows(cache, &world, 0, 1);
        OK(judd_memory_string(&path, judd_cache_path(cache, 0)));
        judd_cache_close(cache);
        if (how == OTHER_KEY) { /* a file under the name of another key */
            judd_cache *other = open_cache(&world, "other", NULL);
            write_rows(other, &world, 0, 1);
            meet();
            if (world.rank == 0) assert_int_equal(rename(judd_cache_path(other, 0), path), 0);
            judd_cache_close(other);
            meet();
        }
        damage(path, how);
        cache = open_cache(&world, "k", &warning);
        if (judd_cache_exists(cache)) fail_msg("damage %d: believed", (int)how);
        if (world.rank == 0) {
            assert_non_null(warning);
            assert_non_null(strstr(warning, path));
        }
        free(warning);
        write_rows(cache, &world, 0, 1); /* made anew */
        check(cache, none, 0);
        judd_cache_close(cache);
        meet();
        if (world.rank == 0) assert_int_equal(unlink(path), 0);
        meet();
        free(path);
    }
}

/* Any rank may write any number of rows, none included: closing must not wait for what never comes.
 */
static void some_ranks_write_nothing(void **state) {
    (void)state;
    judd_cache *cache = open_cache(&world, "k", NULL);
    write_rows(cache, &world, 0, 1);
    for (int writer = 0; writer < world.size; writer++)
        for (int64_t n = 0; n <= 9; n += 3) {
            float rows[9 * DIM];
            int64_t ids[9];
            for (int64_t k = 0; k < n; k++) {
                ids[k] = 100 * k + writer; /* one call each */
                for (int64_t j = 0; j < DIM; j++) rows[k * DIM + j] = value(ids[k], j);
            }
            OK(judd_cache_write_begin(cache));
            judd_status status = JUDD_OK;
            if (world.rank == writer) status = judd_cache_write(cache, ids, n, rows);
            OK(judd_cache_write_end(cache, status));
        }
    check(cache, none, 0);
    judd_cache_close(cache);
}

/* ---- views, float16, threads -------------------------------------------------------------------
 */

static judd_cache *open_views(const char *const *keys, int n_views, bool half) {
    judd_cache *cache = NULL;
    char *warning = NULL;
    judd_cache_options o = {
        .folder = folder, .keys = keys, .n_views = n_views, .n_samples = N, .half = half};
    OK(judd_cache_open(&cache, &warning, &world, &o));
    assert_null(warning);
    return cache;
}

/* A cache of several views is their files one behind the other. */
static void views_are_files(void **state) {
    (void)state;
    static const char *const keys[3] = {"k0", "k1", "k2"};
    int64_t *ids = NULL, n_damaged = 0;
    judd_id_set missing, all = {0};
    float *rows = NULL;
    OK(judd_memory_alloc(&ids, 3 * N, sizeof *ids));
    OK(judd_memory_alloc(&rows, 3 * N * DIM, sizeof *rows));
    for (int64_t i = 0; i < 3 * N; i++) ids[i] = i;
    for (int v = 0; v < 3; v += 2) {
        judd_cache *one = open_views(&keys[v], 1, false);
        write_rows(one, &world, 0, 1);
        judd_cache_close(one);
    }
    judd_cache *cache = open_views(keys, 3, false);
    assert_false(judd_cache_exists(cache));
    assert_int_equal(judd_cache_rows(cache), 3 * N);
    assert_int_equal(judd_cache_dim(cache), DIM);
    OK(judd_id_set_add(&all, 0, 3 * N));
    OK(judd_cache_missing(&missing, &n_damaged, cache, &all));
    assert_int_equal(missing.n, N); /* view 1 is not there */
    for (int64_t i = 0; i < N; i++) assert_int_equal(judd_id_set_at(&missing, i), N + i);
    assert_int_equal(n_damaged, 0);
    judd_cache_close(cache);
    cache = open_views(&keys[1], 1, false);
    write_rows(cache, &world, 0, 1);
    judd_cache_close(cache);
    cache = open_views(keys, 3, false);
    assert_true(judd_cache_exists(cache));
    OK(judd_cache_read(cache, ids, 3 * N, NULL, rows));
    for (int64_t i = 0; i < 3 * N; i++)
        for (int64_t j = 0; j < DIM; j++) assert_true(rows[i * DIM + j] == value(i % N, j));
    ids[0] = 3 * N;
    assert_int_equal(judd_cache_read(cache, ids, 1, NULL, rows), JUDD_E_INTERNAL);
    assert_string_equal(judd_cache_key(cache, 2), "k2");
    judd_cache_close(cache);
    judd_id_set_free(&missing);
    judd_id_set_free(&all);
    free(ids);
    free(rows);
}

static void float16_rounds_and_refuses(void **state) {
    (void)state;
    static const char *const key = "half";
    float row[DIM];
    judd_cache *cache = open_views(&key, 1, true);
    write_rows(cache, &world, 0, 1);
    for (int64_t i = 0; i < N; i += 77) {
        OK(judd_cache_read(cache, &i, 1, NULL, row));
        for (int64_t j = 0; j < DIM; j++) {
            float x = value(i, j), error = row[j] > x ? row[j] - x : x - row[j];
            assert_true(error <= 0x1p-11f * (x > 0 ? x : -x) || error <= 0x1p-25f);
        }
    }
    int64_t id = 3;
    row[5] = -70000.0f;
    OK(judd_cache_write_begin(cache));
    judd_status status = world.rank == 0 ? judd_cache_write(cache, &id, 1, row) : JUDD_OK;
    assert_int_equal(judd_cache_write_end(cache, status), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "sample 3, column 5 is -70000"));
    judd_cache_close(cache);
    cache = open_views(&key, 1, true); /* what was there is not touched */
    check_all_there(cache);
    judd_cache_close(cache);
}

typedef struct reading {
    const judd_cache *cache;
    int64_t first;
    judd_status status;
    bool right;
} reading;

static void *read_rows(void *context) {
    reading *r = context;
    float *rows = NULL;
    r->right = true;
    r->status = judd_memory_alloc(&rows, N * DIM, sizeof *rows);
    for (int round = 0; round < 20 && r->status == JUDD_OK; round++) {
        int64_t first = (r->first + 131 * round) % 700, n = N - first;
        r->status = judd_cache_read(r->cache, all_ids + first, n, NULL, rows);
        for (int64_t i = 0; i < n; i++)
            r->right = r->right && rows[i * DIM + 3] == value(first + i, 3);
    }
    free(rows);
    return NULL;
}

static void threads_read_at_once(void **state) {
    (void)state;
    enum { THREADS = 3 };
    pthread_t threads[THREADS];
    reading r[THREADS];
    judd_cache *cache = open_cache(&world, "k", NULL);
    write_rows(cache, &world, 0, 1);
    for (int t = 0; t < THREADS; t++) {
        r[t] = (reading){.cache = cache, .first = 17 * t};
        assert_int_equal(pthread_create(&threads[t], NULL, read_rows, &r[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(threads[t], NULL), 0);
        OK(r[t].status);
        assert_true(r[t].right);
    }
    judd_cache_close(cache);
}

/* A file opened by its path alone. */
static void a_file_says_what_it_is(void **state) {
    (void)state;
    static const char *const keys[2] = {"k", "half"};
    for (int half = 0; half < 2; half++) {
        judd_cache *cache = open_views(&keys[half], 1, half), *same = NULL;
        write_rows(cache, &world, 0, 3);
        OK(judd_cache_open_file(&same, &world, judd_cache_path(cache, 0)));
        assert_string_equal(judd_cache_key(same, 0), keys[half]);
        assert_int_equal(judd_cache_rows(same), N);
        if (!half) check(same, not_third, 0);
        judd_cache_close(same);
        judd_cache_close(cache);
    }
    judd_cache *none_there = NULL;
    assert_int_equal(judd_cache_open_file(&none_there, &world, folder), JUDD_E_DATA);
}

/* ---- two jobs on one cache ---------------------------------------------------------------------
 */

static void two_jobs_write_the_same_bytes(void **state) {
    (void)state;
    char *alone = NULL, *both = NULL, *path = NULL;
    int64_t n_alone = 0, n_both = 0;
    judd_cache *cache = open_cache(&world, "k", NULL);
    write_rows(cache, &world, 0, 1);
    OK(judd_memory_string(&path, judd_cache_path(cache, 0)));
    judd_cache_close(cache);
    OK(judd_atomic_file_read(&alone, &n_alone, path, 1 << 24));
    meet();
    if (world.rank == 0) assert_int_equal(unlink(path), 0);
    meet();
    MPI_Comm part;
    judd_comm half;
    MPI_Comm_split(world.mpi, world.rank % 2, world.rank, &part);
    OK(judd_comm_open(&half, part));
    cache = open_cache(&half, "k", NULL); /* both find nothing */
    assert_false(judd_cache_exists(cache));
    meet();
    write_rows(cache, &half, 0, 1); /* both create it, both write all */
    check(cache, none, 0);
    judd_cache_close(cache);
    judd_comm_close(&half);
    MPI_Comm_free(&part);
    meet();
    OK(judd_atomic_file_read(&both, &n_both, path, 1 << 24));
    assert_int_equal(n_both, n_alone);
    assert_memory_equal(both, alone, (size_t)n_alone);
    free(alone);
    free(both);
    free(path);
}

static void a_folder_that_cannot_be_made(void **state) {
    (void)state;
    char path[5000], *warning = NULL;
    judd_cache *cache = NULL;
    snprintf(path, sizeof path, "%s/file", folder);
    if (world.rank == 0) OK(judd_atomic_file_write(path, "", 0));
    meet();
    const char *key = "k";
    judd_cache_options o = {.folder = path, .keys = &key, .n_views = 1, .n_samples = N};
    assert_int_equal(judd_cache_open(&cache, &warning, &world, &o), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), path));
    assert_null(cache);
    judd_cache_close(NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(rows_come_back, enter, leave),
    cmocka_unit_test_setup_teardown(a_killed_writer_leaves_the_rest_missing, enter, leave),
    cmocka_unit_test_setup_teardown(flipped_bits_cost_their_rows, enter, leave),
    cmocka_unit_test_setup_teardown(some_ranks_write_nothing, enter, leave),
    cmocka_unit_test_setup_teardown(rows_know_their_place, enter, leave),
    cmocka_unit_test_setup_teardown(damaged_files_are_set_aside, enter, leave),
    cmocka_unit_test_setup_teardown(views_are_files, enter, leave),
    cmocka_unit_test_setup_teardown(float16_rounds_and_refuses, enter, leave),
    cmocka_unit_test_setup_teardown(threads_read_at_once, enter, leave),
    cmocka_unit_test_setup_teardown(a_file_says_what_it_is, enter, leave),
    cmocka_unit_test_setup_teardown(two_jobs_write_the_same_bytes, enter, leave),
    cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made, enter, leave),
};

int main(int argc, char **argv) {
    (void)judd_h5_init();
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&world, MPI_COMM_WORLD) != JUDD_OK) return 1;
    for (int64_t i = 0; i < N; i++) all_ids[i] = i;
    int failed = cmocka_run_group_tests_name("cache", tests, NULL, NULL);
    judd_comm_close(&world);
    MPI_Finalize();
    return failed;
}
