#include "cli/bench.h"
#include "cli/commands.h"

#include <judd/base/clock.h>
#include <judd/base/memory.h>
#include <judd/data/dataset.h>
#include <judd/image/transform.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPEATS = 5, RESIZE = 256, CROP = 224, MAX_IMAGES = 1000 };

typedef struct bench {
    judd_dataset *dataset;
    int64_t n, bytes;
    int64_t *offsets; /* [n + 1] in encoded */
    uint8_t *encoded; /* all images: files are not what is measured */
    judd_transform *transform;
    judd_image image;
    float *planes;
} bench;

static double now(void) {
    return judd_clock_s(CLOCK_PROCESS_CPUTIME_ID); /* per core, whoever else is on the machine */
}

static judd_status load(bench *b) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(b->dataset);
    if (!info->encoded) JUDD_FAIL(JUDD_E_USAGE, "bench decode: the data set holds raw pixels");
    JUDD_TRY(judd_memory_alloc(&b->offsets, MAX_IMAGES + 1, sizeof *b->offsets));
    for (int64_t i = 0; i < info->n_samples && b->n < MAX_IMAGES; i++) {
        if (info->labels[i] < 0) continue;
        b->bytes += judd_dataset_size(b->dataset, i);
        b->offsets[++b->n] = b->bytes;
    }
    JUDD_TRY(judd_memory_alloc(&b->encoded, b->bytes, 1));
    for (int64_t i = 0, k = 0; k < b->n; i++)
        if (info->labels[i] >= 0)
            JUDD_TRY(judd_dataset_read(b->dataset, &i, 1, b->encoded + b->offsets[k++]));
done:
    return status;
}

static judd_status pass(bench *b, bool whole) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < b->n; i++) {
        JUDD_TRY(judd_image_decode(&b->image, b->encoded + b->offsets[i],
                                   b->offsets[i + 1] - b->offsets[i], NULL));
        if (whole) JUDD_TRY(judd_transform_run(b->transform, &b->image, CROP, CROP, b->planes));
    }
done:
    return status;
}

/* The fastest of some passes. */
static judd_status measure(bench *b, bool whole, double *seconds) {
    judd_status status = JUDD_OK;
    for (int r = 0; r < REPEATS; r++) {
        double start = now();
        JUDD_TRY(pass(b, whole));
        double took = now() - start;
        if (r == 0 || took < *seconds) *seconds = took;
    }
done:
    return status;
}

/* Decoding alone, and the whole way: decode, resize the shorter side, crop the centre. */
static judd_status run(json_t **record, bench *b) {
    judd_status status = JUDD_OK;
    double decode = 0, whole = 0;
    judd_transform_options o = {.resize_height = RESIZE,
                                .crop_height = CROP,
                                .crop_width = CROP,
                                .channels = 3,
                                .scale = 1.0 / 255.0,
                                .std = {1, 1, 1, 1}};
    JUDD_TRY(load(b));
    JUDD_TRY(judd_transform_create(&b->transform, &o));
    JUDD_TRY(judd_memory_alloc(&b->planes, 3 * CROP * CROP, sizeof *b->planes));
    JUDD_TRY(measure(b, false, &decode));
    JUDD_TRY(measure(b, true, &whole));
    double n = (double)b->n;
    *record = json_pack("{s:I, s:f, s:f, s:f, s:i, s:i}", "images", (json_int_t)b->n, "encoded_mb",
                        (double)b->bytes * 1e-6, "decode_per_s_core", n / decode,
                        "whole_per_s_core", n / whole, "resize", RESIZE, "crop", CROP);
done:
    return status;
}

judd_status judd_bench_decode(const judd_comm *comm, judd_arguments *a,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    bench b = {0};
    judd_dataset_options o = {.max_bad_fraction = 1.0};
    json_t *record = NULL;
    o.format = a->operands[0];
    o.images = a->operands[1];
    o.labels = a->n > 2 ? a->operands[2] : NULL;
    JUDD_TRY(judd_dataset_open(&b.dataset, comm, &o));
    JUDD_TRY(judd_dataset_load(b.dataset));
    JUDD_TRY(judd_comm_agree(comm, comm->rank == 0 ? run(&record, &b) : JUDD_OK));
    JUDD_TRY(judd_bench_print(record, judd_arguments_has(a, "--json"), comm));
done:
    judd_image_free(&b.image);
    judd_transform_destroy(b.transform);
    free(b.offsets);
    free(b.encoded);
    free(b.planes);
    judd_dataset_close(b.dataset);
    return status;
}
