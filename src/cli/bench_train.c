#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/made_up.h"

#include <judd/base/memory.h>
#include <judd/learn/cached_rows.h>
#include <judd/learn/trainer.h>

#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct train_bench {
    int64_t samples, features, classes, batch, heads, steps, lanes, seed;
    int64_t memory_mib;
    const char *reduce, *folder;
    judd_cache *cache; /* of rows that are streamed */
    bool as_json, without_sgemm;
    judd_rows rows;
    judd_bank *bank;
} train_bench;

/* The rows of this rank, block by block, into the cache and the labels [n] of its lanes. */
static judd_status write_rows(const train_bench *b, const judd_lanes *lanes, int32_t *labels) {
    enum { ROWS = 256 };
    judd_status status = JUDD_OK;
    int64_t first = judd_lanes_first(lanes), n = judd_lanes_count(lanes), ids[ROWS];
    float *x = NULL;
    JUDD_TRY(judd_memory_alloc(&x, ROWS * b->features, sizeof *x));
    for (int64_t i = 0; i < n; i += ROWS) {
        int64_t m = n - i < ROWS ? n - i : ROWS;
        for (int64_t k = 0; k < m; k++) ids[k] = first + i + k;
        judd_made_up_fill(x, labels + i, first + i, m, b->features, (int)b->classes);
        JUDD_TRY(judd_cache_write(b->cache, ids, m, x));
    }
done:
    free(x);
    return status;
}

/* Rows that lie in the cache already. */
static judd_status open_rows(train_bench *b, const judd_lanes *lanes, const int32_t *labels,
                             const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_rows_source source;
    int64_t *ids = NULL, n = judd_lanes_count(lanes);
    JUDD_TRY(judd_memory_alloc(&ids, n, sizeof *ids));
    for (int64_t i = 0; i < n; i++) ids[i] = judd_lanes_first(lanes) + i;
    JUDD_TRY(judd_cached_rows_source(&source, &(judd_cached_rows_part){b->cache, ids, n}, 1));
    JUDD_TRY(
        judd_rows_create_streamed(&b->rows, b->samples, b->features, (int)b->lanes, source, comm));
    memcpy(b->rows.labels, labels, (size_t)n * sizeof *labels);
done:
    free(ids);
    return status;
}

/* Rows that come from a feature cache in b->folder. Collective. */
static judd_status stream_rows(train_bench *b, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const char *key = "bench train";
    char *warning = NULL;
    int32_t *labels = NULL;
    judd_lanes lanes;
    judd_cache_options o = {
        .folder = b->folder, .keys = &key, .n_views = 1, .n_samples = b->samples};
    JUDD_TRY(judd_cache_open(&b->cache, &warning, comm, &o));
    if (!judd_cache_exists(b->cache)) JUDD_TRY(judd_cache_create(b->cache, b->features));
    status = judd_lanes_deal(&lanes, b->samples, (int)b->lanes, comm->rank, comm->size);
    if (status == JUDD_OK)
        status = judd_memory_alloc(&labels, judd_lanes_count(&lanes), sizeof *labels);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_cache_write_begin(b->cache));
    JUDD_TRY(judd_cache_write_end(b->cache, write_rows(b, &lanes, labels)));
    JUDD_TRY(judd_comm_agree(comm, open_rows(b, &lanes, labels, comm)));
done:
    free(warning);
    free(labels);
    return status;
}

/* Collective. */
static judd_status make_rows(train_bench *b, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    double share = (double)((b->samples + comm->size - 1) / comm->size) * (double)b->features * 4.0;
    bool streamed = b->memory_mib > 0 && share > (double)b->memory_mib * 1048576.0;
    if (streamed && !b->folder)
        return judd_status_set(JUDD_E_USAGE,
                               "bench train: --memory-mib %lld is less than the rows need; give "
                               "--folder PATH for a cache of them",
                               (long long)b->memory_mib);
    if (streamed) {
        JUDD_TRY(stream_rows(b, comm));
    } else {
        status = judd_made_up_rows(&b->rows, b->samples, b->features, (int)b->classes,
                                   (int)b->lanes, comm);
        JUDD_TRY(judd_comm_agree(comm, status));
    }
    status = judd_rows_check_finite(&b->rows, &b->rows.largest); /* as a job does on loading */
    JUDD_TRY(judd_comm_agree(comm, status));
done:
    return status;
}

static double resident_mib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024.0; /* Linux: KiB */
}

static judd_status prepare(train_bench *b) {
    judd_status status = JUDD_OK;
    judd_bank_reduce reduce = strcmp(b->reduce, "float") == 0 ? JUDD_BANK_FLOAT : JUDD_BANK_EXACT;
    if (reduce == JUDD_BANK_EXACT && strcmp(b->reduce, "exact") != 0)
        JUDD_FAIL(JUDD_E_USAGE, "bench train: --reduce %s; give exact or float", b->reduce);
    JUDD_TRY(judd_made_up_bank(&b->bank, &(judd_made_up_training){.features = b->features,
                                                                  .classes = b->classes,
                                                                  .batch = b->batch,
                                                                  .heads = b->heads,
                                                                  .steps = b->steps,
                                                                  .seed = b->seed,
                                                                  .reduce = reduce}));
done:
    return status;
}

/* GFLOP/s of OpenBLAS's sgemm, one thread, on the two products of a step. */
static judd_status measure_sgemm(double *gflops, const train_bench *b) {
    judd_status status = JUDD_OK;
    enum { REPEATS = 5 };
    int m = (int)(b->batch < b->samples ? b->batch : b->samples), k = (int)b->features;
    int n = (int)(b->heads * b->classes);
    float *x = NULL, *w = NULL, *z = NULL;
    double seconds[REPEATS];
    JUDD_TRY(judd_memory_alloc(&x, (int64_t)m * k, sizeof *x));
    JUDD_TRY(judd_memory_alloc(&w, (int64_t)n * k, sizeof *w));
    JUDD_TRY(judd_memory_alloc(&z, (int64_t)m * n, sizeof *z));
    for (int64_t i = 0; i < (int64_t)m * k; i++) x[i] = 1.0f;
    for (int i = -1; i < REPEATS; i++) {
        double start = MPI_Wtime();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1.0f, x, k, w, k, 0.0f, z, n);
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, k, m, 1.0f, z, n, x, k, 0.0f, w, k);
        if (i >= 0) seconds[i] = MPI_Wtime() - start;
    }
    *gflops = 4e-9 * m * n * k / judd_bench_median(seconds, REPEATS);
done:
    free(x);
    free(w);
    free(z);
    return status;
}

/* Seconds that rounding takes in one step of one rank, timed apart: it is part of the product's
 * tiles, where no clock can follow it. In pieces that the first-level cache holds, as there. */
static judd_status measure_rounding(double *seconds, const train_bench *b) {
    judd_status status = JUDD_OK;
    enum { PIECE = 2048, PIECES = 500, REPEATS = 5 };
    double size = (double)judd_bank_size(b->bank), times[REPEATS];
    int64_t *sum = NULL, bad = 0;
    float *x = NULL;
    JUDD_TRY(judd_memory_alloc(&sum, PIECE, sizeof *sum));
    JUDD_TRY(judd_memory_alloc(&x, PIECE, sizeof *x));
    for (int i = 0; i < PIECE; i++) x[i] = 0.001f * (float)(i - PIECE / 2);
    judd_exact_scale scale = judd_exact_sum_scale(2.0, (int)b->lanes);
    for (int i = 0; i < REPEATS; i++) {
        double start = MPI_Wtime();
        for (int k = 0; k < PIECES; k++) bad += judd_exact_sum_add(sum, x, PIECE, scale, NULL);
        times[i] = MPI_Wtime() - start;
    }
    if (bad > 0) JUDD_FAIL(JUDD_E_INTERNAL, "bench train: rounding left its bound");
    int n_lanes = b->rows.lanes.end_lane - b->rows.lanes.first_lane;
    *seconds = judd_bench_median(times, REPEATS) / (PIECE * PIECES) * size * n_lanes;
done:
    free(sum);
    free(x);
    return status;
}

judd_status judd_bench_train(const judd_comm *comm, judd_arguments *a,
                             const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    char hex[JUDD_SHA256_HEX] = "";
    double sgemm = 0.0, rounding = 0.0;
    train_bench b = {.samples = 50000,
                     .features = 2048,
                     .classes = 10,
                     .batch = 256,
                     .heads = 1,
                     .lanes = 16,
                     .reduce = "exact",
                     .seed = 1};
    JUDD_TRY(judd_arguments_whole(&b.samples, a, "--samples", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.features, a, "--features", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.classes, a, "--classes", 2, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.batch, a, "--batch", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.heads, a, "--heads", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.steps, a, "--steps", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.lanes, a, "--lanes", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.seed, a, "--seed", 0, INT32_MAX));
    b.reduce = judd_arguments_text(a, "--reduce", b.reduce);
    JUDD_TRY(judd_arguments_whole(&b.memory_mib, a, "--memory-mib", 1, INT32_MAX));
    b.folder = judd_arguments_text(a, "--folder", b.folder);
    b.without_sgemm = judd_arguments_has(a, "--no-sgemm");
    b.as_json = judd_arguments_has(a, "--json");
    if (b.steps == 0) b.steps = (b.samples + b.batch - 1) / b.batch; /* one epoch */
    JUDD_TRY(judd_comm_agree(comm, prepare(&b)));
    JUDD_TRY(make_rows(&b, comm));
    judd_trainer_times times = {0};
    judd_trainer_hooks hooks = {.times = &times};
    if (!b.without_sgemm) JUDD_TRY(judd_comm_agree(comm, measure_sgemm(&sgemm, &b)));
    if (strcmp(b.reduce, "exact") == 0)
        JUDD_TRY(judd_comm_agree(comm, measure_rounding(&rounding, &b)));
    MPI_Barrier(comm->mpi);
    double start = MPI_Wtime();
    JUDD_TRY(judd_trainer_run(b.bank, &b.rows, comm, &hooks));
    double seconds = MPI_Wtime() - start;
    JUDD_TRY(judd_comm_agree(comm, judd_bank_hash(hex, b.bank)));
    double rate = (double)b.steps * (double)(b.batch < b.samples ? b.batch : b.samples) *
                  (double)b.heads / seconds;
    double gflops = 4e-9 * rate * (double)b.classes * (double)b.features / comm->size;
    double resident = resident_mib();
    JUDD_TRY(judd_comm_max(comm, &resident, 1));
    JUDD_TRY(judd_bench_print(
        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:i, s:s}",
                  "samples_per_s", rate, "sgemm_share", sgemm > 0.0 ? gflops / sgemm : 0.0,
                  "exact_sum_share", (times.exact_sum + rounding * (double)b.steps) / seconds,
                  "sgemm_gflops", sgemm, "seconds", seconds, "gather_share", times.gather / seconds,
                  "product_share", times.product / seconds, "all_reduce_share",
                  times.all_reduce / seconds, "update_share", times.update / seconds,
                  "resident_mib", resident, "steps", (json_int_t)b.steps, "ranks", comm->size,
                  "head_sha256", hex),
        b.as_json, comm));
done:
    judd_rows_free(&b.rows);
    judd_cache_close(b.cache);
    judd_bank_destroy(b.bank);
    return status;
}
