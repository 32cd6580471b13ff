/* An extraction in which one rank has a third of the speed: the network's passes take a given time
 * instead of a core's (judd_backbone_run is replaced by the linker), so that the figure is that of
 * the dealing, also on a busy machine. */
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
#include <time.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

enum { SIDE = 4, BATCH = 8, BATCHES = 30, PASS_MS = 25 }; /* batches a rank */

static judd_comm world;
static char folder[4096], images[5000], labels[5000];
static int slow, passes;

judd_status __real_judd_backbone_run(judd_backbone *b, float *input, int64_t n, float *features);
judd_status __wrap_judd_backbone_run(judd_backbone *b, float *input, int64_t n, float *features);
judd_status __wrap_judd_backbone_run(judd_backbone *b, float *input, int64_t n, float *features) {
    const struct timespec pass = {.tv_nsec = PASS_MS * 1000000L * (world.rank == slow ? 3 : 1)};
    nanosleep(&pass, NULL);
    passes++;
    return __real_judd_backbone_run(b, input, n, features);
}

static int64_t n_images(void) {
    return (int64_t)BATCH * BATCHES * world.size;
}

static void write_idx(const char *path, int dims, int64_t bytes) {
    unsigned char *file = NULL;
    int64_t n = n_images(), head = 4 + 4 * dims;
    const unsigned char begin[16] = {0,
                                     0,
                                     8,
                                     (unsigned char)dims,
                                     0,
                                     0,
                                     (unsigned char)(n >> 8),
                                     (unsigned char)n,
                                     0,
                                     0,
                                     0,
                                     SIDE,
                                     0,
                                     0,
                                     0,
                                     SIDE};
    OK(judd_memory_alloc(&file, head + bytes, 1));
    memcpy(file, begin, (size_t)head);
    for (int64_t i = 0; i < bytes; i++) file[head + i] = (unsigned char)(dims == 1 ? i % 3 : i * 7);
    OK(judd_atomic_file_write(path, file, head + bytes));
    free(file);
}

static int enter(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    if (world.rank == 0) {
        snprintf(folder, sizeof folder, "%s/judd-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(folder)) return -1;
    }
    OK(judd_comm_broadcast(&world, folder, sizeof folder));
    snprintf(images, sizeof images, "%s/images", folder);
    snprintf(labels, sizeof labels, "%s/labels", folder);
    if (world.rank == 0) {
        write_idx(images, 3, n_images() * SIDE * SIDE);
        write_idx(labels, 1, n_images());
    }
    return judd_comm_agree(&world, JUDD_OK) != JUDD_OK;
}

static int leave(void **state) {
    (void)state;
    OK(judd_comm_agree(&world, JUDD_OK));
    return world.rank == 0 ? judd_atomic_file_remove(folder) != JUDD_OK : 0;
}

/* Seconds of an extraction into a new cache. */
static double extract(const char *where) {
    judd_dataset *data = NULL;
    judd_backbone *backbone = NULL;
    judd_id_set ids = {0};
    char *key = NULL, *warning = NULL;
    judd_dataset_options d = {.format = "idx", .images = images, .labels = labels};
    judd_backbone_options o = JUDD_BACKBONE_DEFAULTS;
    o.batch = BATCH;
    OK(judd_dataset_open(&data, &world, &d));
    OK(judd_backbone_open(&backbone, &world, &o, judd_dataset_info_of(data)));
    OK(judd_backbone_view_key(&key, backbone, 0));
    OK(judd_id_set_add(&ids, 0, n_images()));
    judd_cache_options c = {
        .folder = where, .keys = (const char *const *)&key, .n_views = 1, .n_samples = n_images()};
    judd_extract_target target = {.backbone = backbone, .ids = &ids};
    OK(judd_cache_open(&target.cache, &warning, &world, &c));
    OK(judd_extract_run(&target, 1, data, &world, NULL, true));
    assert_int_equal(target.report.n_computed, n_images());
    judd_cache_close(target.cache);
    judd_id_set_free(&ids);
    judd_backbone_close(backbone);
    judd_dataset_close(data);
    free(key);
    return target.report.seconds;
}

static void a_slow_rank_costs_its_own_speed_only(void **state) {
    (void)state;
    double ratio = 10.0, ideal = 1e-3 * PASS_MS * BATCHES * world.size / (world.size - 2.0 / 3.0);
    /* again where the machine itself was slow */
    for (int k = 0; k < 5 && ratio > 1.15; k++) {
        char where[5000];
        snprintf(where, sizeof where, "%s/cache-%d", folder, k);
        slow = k % world.size;
        passes = 0;
        double seconds = extract(where);
        int64_t of_slow = world.rank == slow ? passes : 0;
        OK(judd_comm_max(&world, &seconds, 1));
        OK(judd_comm_sum(&world, &of_slow, 1));
        ratio = seconds / ideal;
        if (world.rank == 0)
            printf("%d ranks, rank %d slowed to a third: %.2f s, %.3f of the ideal %.2f; its "
                   "passes %d of %d\n",
                   world.size, slow, seconds, ratio, ideal, (int)of_slow, BATCHES * world.size);
    }
    assert_true(world.size == 1 || ratio <= 1.15);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_slow_rank_costs_its_own_speed_only)};
    int threads = 0;
    if (judd_h5_init() != JUDD_OK) return 1;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &threads);
    if (judd_comm_open(&world, MPI_COMM_WORLD) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests_name("a slow rank", tests, enter, leave);
    judd_comm_close(&world);
    MPI_Finalize();
    return failed;
}
