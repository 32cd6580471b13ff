/* judd bench extract: an extraction from files into a new cache, against the network alone on
 * images that are prepared already; in turns, all ranks together. */
#include "cli/bench.h"
#include "cli/commands.h"

#include <judd/base/memory.h>
#include <judd/features/extract.h>
#include <judd/io/atomic_file.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REPEATS = 100 };

typedef struct bench {
    const judd_comm *comm;
    int64_t batch, threads, resize, crop, repeats;
    bool json;
    char folder[4096]; /* of the caches, temporary */
    judd_dataset *dataset;
    judd_backbone *backbone;
    judd_id_set ids; /* good images */
    float *input, *features;
} bench;

static judd_status read_options(bench *b, judd_arguments *a) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_arguments_whole(&b->batch, a, "--batch", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b->threads, a, "--threads", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b->resize, a, "--resize", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b->crop, a, "--crop", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b->repeats, a, "--repeats", 1, MAX_REPEATS));
    b->json = judd_arguments_has(a, "--json");
done:
    return status;
}

static judd_status make_folder(bench *b) {
    const char *base = getenv("TMPDIR");
    judd_status status = JUDD_OK;
    snprintf(b->folder, sizeof b->folder, "%s/judd-bench-XXXXXX", base ? base : "/tmp");
    if (b->comm->rank == 0 && !mkdtemp(b->folder)) {
        b->folder[0] = '\0';
        status = judd_status_set(JUDD_E_IO, "bench extract: no temporary folder; set TMPDIR");
    }
    JUDD_TRY(judd_comm_broadcast_status(b->comm, status));
    JUDD_TRY(judd_comm_broadcast(b->comm, b->folder, sizeof b->folder));
done:
    return status;
}

static judd_status load(bench *b, const char *model, const judd_dataset_options *d) {
    judd_status status = JUDD_OK;
    judd_backbone_options o = JUDD_BACKBONE_DEFAULTS;
    o.kind = "onnx";
    o.file = model;
    o.batch = b->batch;
    o.threads = (int)b->threads;
    o.transform.resize_height = (int)b->resize;
    o.transform.crop_height = o.transform.crop_width = (int)b->crop;
    JUDD_TRY(judd_dataset_open(&b->dataset, b->comm, d));
    const judd_dataset_info *info = judd_dataset_info_of(b->dataset);
    JUDD_TRY(judd_backbone_open(&b->backbone, b->comm, &o, info));
    JUDD_TRY(judd_backbone_load(b->backbone, b->comm));
    JUDD_TRY(judd_dataset_load(b->dataset));
    for (int64_t i = 0; i < info->n_samples && status == JUDD_OK; i++)
        if (info->labels[i] >= 0) status = judd_id_set_add(&b->ids, i, i + 1);
    int64_t in = judd_backbone_input(b->backbone), out = judd_backbone_dim(b->backbone);
    if (status == JUDD_OK) status = judd_memory_alloc(&b->input, b->batch * in, sizeof(float));
    if (status == JUDD_OK) status = judd_memory_alloc(&b->features, b->batch * out, sizeof(float));
    for (int64_t i = 0; i < b->batch * in && status == JUDD_OK; i++)
        b->input[i] = (float)(i % 251) / 128.0f - 1.0f;
    JUDD_TRY(judd_comm_agree(b->comm, status));
done:
    return status;
}

/* Of this process: who else is on the machine matters less to it than to the clock. */
static double cpu_s(clockid_t whose) {
    struct timespec t;
    clock_gettime(whose, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Every rank its share of the batches, on pixels of no image in particular. */
static judd_status run_alone(bench *b, double *seconds, double *cpu) {
    judd_status status = JUDD_OK;
    int64_t batches = (b->ids.n + b->batch - 1) / b->batch;
    JUDD_TRY(judd_comm_agree(b->comm, JUDD_OK));
    double start = MPI_Wtime(), cpu_start = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    for (int64_t k = b->comm->rank; k < batches && status == JUDD_OK; k += b->comm->size) {
        int64_t n = b->ids.n - k * b->batch < b->batch ? b->ids.n - k * b->batch : b->batch;
        status = judd_backbone_run(b->backbone, b->input, n, b->features);
    }
    JUDD_TRY(judd_comm_agree(b->comm, status));
    *seconds = MPI_Wtime() - start;
    *cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
done:
    return status;
}

/* *beside: the part of the CPU time that the threads beside the one that computes took. */
static judd_status run_with_decoding(bench *b, double *seconds, double *cpu, double *beside) {
    judd_status status = JUDD_OK;
    const char *keys[1] = {judd_backbone_key(b->backbone)};
    char *warning = NULL;
    judd_cache_options c = {.folder = b->folder,
                            .keys = keys,
                            .n_views = 1,
                            .n_samples = judd_dataset_info_of(b->dataset)->n_samples};
    judd_extract_target target = {.backbone = b->backbone, .ids = &b->ids};
    JUDD_TRY(judd_cache_open(&target.cache, &warning, b->comm, &c));
    double cpu_start = cpu_s(CLOCK_PROCESS_CPUTIME_ID), own = cpu_s(CLOCK_THREAD_CPUTIME_ID);
    JUDD_TRY(judd_extract_run(&target, 1, b->dataset, b->comm, NULL, true));
    *seconds = target.report.seconds;
    *cpu = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    *beside = 1.0 - (cpu_s(CLOCK_THREAD_CPUTIME_ID) - own) / *cpu;
    status =
        b->comm->rank == 0 ? judd_atomic_file_remove(judd_cache_path(target.cache, 0)) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(b->comm, status));
done:
    judd_cache_close(target.cache);
    free(warning);
    return status;
}

static judd_status measure(bench *b) {
    judd_status status = JUDD_OK;
    double alone[MAX_REPEATS], with[MAX_REPEATS], ratio[MAX_REPEATS], cpu_ratio[MAX_REPEATS];
    double beside[MAX_REPEATS];
    double cpu_alone = 0.0, cpu_with = 0.0;
    int n = (int)b->repeats;
    JUDD_TRY(run_alone(b, &alone[0], &cpu_alone)); /* warm */
    for (int r = 0; r < n; r++) {
        JUDD_TRY(run_alone(b, &alone[r], &cpu_alone));
        JUDD_TRY(run_with_decoding(b, &with[r], &cpu_with, &beside[r]));
        ratio[r] = alone[r] / with[r]; /* neighbours in time: the machine drifts */
        cpu_ratio[r] = cpu_alone / cpu_with;
    }
    double a = judd_bench_median(alone, n), w = judd_bench_median(with, n);
    json_t *record = json_pack(
        "{s:i, s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:f, s:f}", "ranks", b->comm->size, "images",
        (json_int_t)b->ids.n, "batch", (json_int_t)b->batch, "threads", (json_int_t)b->threads,
        "repeats", n, "alone_images_per_s", (double)b->ids.n / a, "decoding_images_per_s",
        (double)b->ids.n / w, "decoding_by_alone", judd_bench_median(ratio, n),
        "cpu_decoding_by_alone", judd_bench_median(cpu_ratio, n), "cpu_beside_the_network",
        judd_bench_median(beside, n));
    JUDD_TRY(judd_bench_print(record, b->json, b->comm));
done:
    return status;
}

judd_status judd_bench_extract(const judd_comm *comm, judd_arguments *a,
                               const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    bench b = {.comm = comm, .batch = 32, .threads = 1, .resize = 256, .crop = 224, .repeats = 3};
    judd_dataset_options d = {.format = a->operands[1],
                              .images = a->operands[2],
                              .labels = a->n > 3 ? a->operands[3] : NULL,
                              .max_bad_fraction = 1.0};
    JUDD_TRY(judd_comm_agree(comm, read_options(&b, a)));
    JUDD_TRY(make_folder(&b));
    JUDD_TRY(load(&b, a->operands[0], &d));
    JUDD_TRY(measure(&b));
done:
    if (comm->rank == 0 && b.folder[0]) (void)judd_atomic_file_remove(b.folder);
    judd_backbone_close(b.backbone);
    judd_dataset_close(b.dataset);
    judd_id_set_free(&b.ids);
    free(b.input);
    free(b.features);
    return status;
}
