#include <judd/features/extract.h>

#include <judd/base/memory.h>
#include <judd/comm/progress.h>

#include <stdlib.h>

/* Rows written at a time: enough to make a call worth while, few enough to lose little by a kill.
 */
enum { WRITE_ROWS = 256 };

typedef struct buffers {
    int64_t n, capacity; /* rows waiting to be written */
    int64_t *ids;
    float *rows;  /* [capacity, dim] */
    float *input; /* [batch, prepared image] */
    judd_image image;
} buffers;

static judd_status allocate(buffers *b, const judd_backbone *backbone) {
    judd_status status = JUDD_OK;
    int64_t batch = judd_backbone_batch(backbone);
    b->capacity = WRITE_ROWS + batch;
    JUDD_TRY(judd_memory_alloc(&b->ids, b->capacity, sizeof *b->ids));
    JUDD_TRY(
        judd_memory_alloc(&b->rows, b->capacity * judd_backbone_dim(backbone), sizeof *b->rows));
    JUDD_TRY(judd_memory_alloc(&b->input, batch * judd_backbone_input(backbone), sizeof *b->input));
done:
    return status;
}

static judd_status flush(buffers *b, judd_cache *cache) {
    int64_t n = b->n;
    b->n = 0;
    return n ? judd_cache_write(cache, b->ids, n, b->rows) : JUDD_OK;
}

/* Read, decode and prepare n images. */
static judd_status prepare(buffers *b, judd_backbone *backbone, judd_dataset *dataset,
                           const int64_t *ids, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        judd_status status = judd_dataset_image(dataset, ids[i], &b->image);
        if (status == JUDD_OK)
            status = judd_backbone_prepare(backbone, &b->image,
                                           b->input + i * judd_backbone_input(backbone));
        if (status != JUDD_OK) return judd_status_context(status, "sample %lld", (long long)ids[i]);
    }
    return JUDD_OK;
}

/* This rank's contiguous share of the missing ids, batch by batch. */
static judd_status compute(judd_cache *cache, judd_backbone *backbone, judd_dataset *dataset,
                           const judd_comm *comm, const int64_t *ids, int64_t n,
                           const volatile sig_atomic_t *stop, judd_progress *progress) {
    judd_status status = JUDD_OK;
    buffers b = {0};
    int64_t batch = judd_backbone_batch(backbone), dim = judd_backbone_dim(backbone);
    int64_t first = n * comm->rank / comm->size, end = n * (comm->rank + 1) / comm->size;
    JUDD_TRY(allocate(&b, backbone));
    for (int64_t i = first; i < end && !(stop && *stop); i += batch) {
        int64_t k = end - i < batch ? end - i : batch;
        JUDD_TRY(prepare(&b, backbone, dataset, ids + i, k));
        JUDD_TRY(judd_backbone_run(backbone, b.input, k, b.rows + b.n * dim));
        for (int64_t j = 0; j < k; j++) b.ids[b.n++] = ids[i + j];
        if (b.n >= WRITE_ROWS) JUDD_TRY(flush(&b, cache));
        judd_progress_update(progress, (i + k - first) * comm->size);
    }
    JUDD_TRY(flush(&b, cache));
    if (stop && *stop)
        JUDD_FAIL(JUDD_E_AGAIN, "stopped by a signal while computing features, which are kept; run "
                                "the same command again");
done:
    free(b.ids);
    free(b.rows);
    free(b.input);
    judd_image_free(&b.image);
    return status;
}

static judd_status fill(judd_cache *cache, judd_backbone *backbone, judd_dataset *dataset,
                        const judd_comm *comm, const int64_t *ids, int64_t n,
                        const volatile sig_atomic_t *stop, bool quiet) {
    judd_status status = JUDD_OK;
    judd_progress *progress = NULL;
    JUDD_TRY(judd_backbone_load(backbone, comm));
    JUDD_TRY(judd_dataset_load(dataset));
    if (!judd_cache_exists(cache)) JUDD_TRY(judd_cache_create(cache, judd_backbone_dim(backbone)));
    if (judd_cache_dim(cache) != judd_backbone_dim(backbone))
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld columns, but the backbone gives %lld; delete the file",
                  judd_cache_path(cache), (long long)judd_cache_dim(cache),
                  (long long)judd_backbone_dim(backbone));
    JUDD_TRY(judd_comm_agree(
        comm, judd_progress_create(&progress, comm, "features", "images", n, quiet)));
    JUDD_TRY(judd_cache_write_begin(cache));
    JUDD_TRY(judd_cache_write_end(cache,
                                  compute(cache, backbone, dataset, comm, ids, n, stop, progress)));
done:
    judd_progress_destroy(progress);
    return status;
}

judd_status judd_extract_run(judd_extract_report *report, judd_cache *cache,
                             judd_backbone *backbone, judd_dataset *dataset, const judd_comm *comm,
                             const int64_t *ids, int64_t n, const volatile sig_atomic_t *stop,
                             bool quiet) {
    judd_status status = JUDD_OK;
    int64_t *missing = NULL;
    const int64_t *todo = ids;
    *report = (judd_extract_report){.n_needed = n, .n_computed = n};
    if (judd_cache_exists(cache)) {
        JUDD_TRY(
            judd_cache_missing(&missing, &report->n_computed, &report->n_damaged, cache, ids, n));
        todo = missing;
    }
    double start = MPI_Wtime();
    if (report->n_computed > 0)
        JUDD_TRY(fill(cache, backbone, dataset, comm, todo, report->n_computed, stop, quiet));
    report->seconds = MPI_Wtime() - start;
done:
    free(missing);
    return status;
}
