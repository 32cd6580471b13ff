/* Extraction: every row that is needed, once, with the same bytes whoever computes it. */
#include "shared_folder.h"

#include <judd/base/memory.h>
#include <judd/features/extract.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

enum { N = 333, SIDE = 9, DIM = SIDE * SIDE, TARGETS = 5, BACKBONES = 2 };

static judd_comm world, alone;
static char folder[SHARED_FOLDER], images[5000], labels[5000];

static void write_idx(const char *path, const char *head, int n_head, int64_t n) {
    char *bytes = NULL;
    OK(judd_memory_alloc(&bytes, n_head + n, 1));
    memcpy(bytes, head, (size_t)n_head);
    for (int64_t i = 0; i < n; i++) bytes[n_head + i] = (char)(n == N ? i % 3 : i * i * 7 + i / 5);
    OK(judd_atomic_file_write(path, bytes, n_head + n));
    free(bytes);
}

static int enter(void **state) {
    (void)state;
    OK(make_shared_folder(folder, &world));
    snprintf(images, sizeof images, "%s/images", folder);
    snprintf(labels, sizeof labels, "%s/labels", folder);
    if (world.rank == 0) {
        write_idx(images, (char[]){0, 0, 8, 3, 0, 0, 1, N - 256, 0, 0, 0, SIDE, 0, 0, 0, SIDE}, 16,
                  (int64_t)N * DIM);
        write_idx(labels, (char[]){0, 0, 8, 1, 0, 0, 1, N - 256}, 8, N);
    }
    return judd_comm_agree(&world, JUDD_OK) != JUDD_OK;
}

static int leave(void **state) {
    (void)state;
    return remove_shared_folder(folder, &world) != JUDD_OK;
}

/* Two backbones with batches of their own, one in three views and one in two. */
typedef struct setting {
    const judd_comm *comm;
    judd_dataset *data;
    judd_backbone *backbones[BACKBONES];
    judd_extract_target targets[TARGETS];
    judd_id_set ids[TARGETS];
} setting;

static judd_cache *open_cache(const judd_comm *comm, const char *where, const judd_backbone *b,
                              int view, bool half) {
    judd_cache *cache = NULL;
    char *key = NULL, *warning = NULL;
    OK(judd_backbone_view_key(&key, b, view));
    judd_cache_options o = {.folder = where,
                            .keys = (const char *const *)&key,
                            .n_views = 1,
                            .n_samples = N,
                            .half = half};
    OK(judd_cache_open(&cache, &warning, comm, &o));
    assert_null(warning);
    free(key);
    return cache;
}

/* Target t needs the ids that t + 2 does not divide, the first one all. */
static bool needs(int t, int64_t id) {
    return t == 0 || id % (t + 2) != 0;
}

static void open_setting(setting *s, const judd_comm *comm, const char *where, double scale) {
    static const int backbone_of[TARGETS] = {0, 1, 0, 0, 1}, view_of[TARGETS] = {0, 0, 1, 2, 1};
    *s = (setting){.comm = comm};
    judd_dataset_options d = {.format = "idx", .images = images, .labels = labels};
    OK(judd_dataset_open(&s->data, comm, &d));
    for (int b = 0; b < BACKBONES; b++) {
        judd_backbone_options o = JUDD_BACKBONE_DEFAULTS;
        o.batch = b == 0 ? 7 : 16;
        o.transform.scale = b == 0 ? 1.0 / 255.0 : scale;
        o.half = b == 1;
        o.threads = 1 + b;
        OK(judd_backbone_open(&s->backbones[b], comm, &o, judd_dataset_info_of(s->data)));
    }
    for (int t = 0; t < TARGETS; t++) {
        judd_backbone *b = s->backbones[backbone_of[t]];
        judd_extract_target *x = &s->targets[t];
        *x = (judd_extract_target){.backbone = b, .view = view_of[t], .ids = &s->ids[t]};
        x->cache = open_cache(comm, where, b, view_of[t], backbone_of[t] == 1);
        for (int64_t i = 0; i < N; i++)
            if (needs(t, i)) OK(judd_id_set_add(&s->ids[t], i, i + 1));
    }
}

static void close_setting(setting *s) {
    for (int t = 0; t < TARGETS; t++) judd_cache_close(s->targets[t].cache);
    for (int t = 0; t < TARGETS; t++) judd_id_set_free(&s->ids[t]);
    for (int b = 0; b < BACKBONES; b++) judd_backbone_close(s->backbones[b]);
    judd_dataset_close(s->data);
}

static judd_status run(setting *s, const volatile sig_atomic_t *stop) {
    return judd_extract_run(s->targets, TARGETS, s->data, s->comm, stop, true);
}

/* What a row must hold, prepared here and now. */
static void check_target(setting *s, int t) {
    judd_extract_target *x = &s->targets[t];
    judd_preparer *preparer = NULL;
    judd_image image = {0};
    float expected[DIM], row[DIM];
    OK(judd_dataset_load(s->data));
    OK(judd_preparer_create(&preparer, x->backbone));
    for (int64_t i = 0; i < N; i++) {
        if (!needs(t, i)) {
            assert_int_equal(judd_cache_read(x->cache, &i, 1, NULL, row), JUDD_E_IO);
            continue;
        }
        OK(judd_dataset_image(s->data, i, &image));
        OK(judd_backbone_prepare(x->backbone, preparer, &image, i, x->view, expected));
        OK(judd_cache_read(x->cache, &i, 1, NULL, row));
        for (int j = 0; j < DIM; j++) {
            float error = row[j] > expected[j] ? row[j] - expected[j] : expected[j] - row[j];
            assert_true(error <= (x->backbone == s->backbones[1] ? 0x1p-11f * expected[j] : 0.0f));
        }
    }
    judd_preparer_destroy(preparer);
    judd_image_free(&image);
}

/* Both folders hold the same files with the same bytes. */
static void compare_caches(const setting *s, const setting *other) {
    for (int t = 0; t < TARGETS; t++) {
        char *a = NULL, *b = NULL;
        int64_t n_a = 0, n_b = 0;
        OK(judd_atomic_file_read(&a, &n_a, judd_cache_path(s->targets[t].cache, 0), 1 << 24));
        OK(judd_atomic_file_read(&b, &n_b, judd_cache_path(other->targets[t].cache, 0), 1 << 24));
        assert_int_equal(n_a, n_b);
        assert_memory_equal(a, b, (size_t)n_a);
        free(a);
        free(b);
    }
}

static void rows_are_right_and_computed_once(void **state) {
    (void)state;
    setting s, one;
    char where[4200];
    open_setting(&s, &world, folder, 1.0 / 255.0);
    OK(run(&s, NULL));
    for (int t = 0; t < TARGETS; t++) {
        assert_int_equal(s.targets[t].report.n_computed, s.ids[t].n);
        assert_int_equal(s.targets[t].report.n_damaged, 0);
        check_target(&s, t);
    }
    OK(run(&s, NULL)); /* all is there */
    for (int t = 0; t < TARGETS; t++) assert_int_equal(s.targets[t].report.n_computed, 0);
    snprintf(where, sizeof where, "%s/alone%d", folder, world.rank);
    open_setting(&one, &alone, where, 1.0 / 255.0);
    OK(run(&one, NULL));
    compare_caches(&s, &one);
    close_setting(&one);
    judd_id_set_free(&s.ids[1]);
    OK(judd_id_set_add(&s.ids[1], 0, N)); /* more of one target only */
    OK(run(&s, NULL));
    assert_int_equal(s.targets[1].report.n_computed, (N + 2) / 3);
    assert_int_equal(s.targets[0].report.n_computed, 0);
    close_setting(&s);
}

static void a_stop_on_one_rank_stops_all(void **state) {
    (void)state;
    setting s;
    volatile sig_atomic_t stop = world.rank == world.size - 1;
    open_setting(&s, &world, folder, 1.0 / 255.0);
    assert_int_equal(run(&s, &stop), JUDD_E_AGAIN);
    assert_non_null(strstr(judd_status_message(), "run the same command again"));
    stop = 0;
    OK(run(&s, &stop));
    for (int t = 0; t < TARGETS; t++) {
        assert_int_equal(s.targets[t].report.n_damaged, 0);
        check_target(&s, t);
    }
    close_setting(&s);
}

static void float16_says_what_it_cannot_hold(void **state) {
    (void)state;
    setting s;
    open_setting(&s, &world, folder, 300.0);
    assert_int_equal(run(&s, NULL), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "sample "));
    assert_non_null(strstr(judd_status_message(), "column "));
    assert_non_null(strstr(judd_status_message(), "backbone.storage"));
    close_setting(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(rows_are_right_and_computed_once, enter, leave),
    cmocka_unit_test_setup_teardown(a_stop_on_one_rank_stops_all, enter, leave),
    cmocka_unit_test_setup_teardown(float16_says_what_it_cannot_hold, enter, leave),
};

int main(int argc, char **argv) {
    int threads = 0;
    (void)judd_h5_init();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &threads);
    if (judd_comm_open(&world, MPI_COMM_WORLD) != JUDD_OK) return 1;
    if (judd_comm_open(&alone, MPI_COMM_SELF) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests_name("extract", tests, NULL, NULL);
    judd_comm_close(&alone);
    judd_comm_close(&world);
    MPI_Finalize();
    return failed;
}
