#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/made_up.h"

#include <judd/base/clock.h>
#include <judd/base/memory.h>
#include <judd/transfer/scores.h>

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

/* All scores of made-up features that need no source network, against one float64 syrk of them. */
typedef struct score_bench {
    int64_t samples, features, classes, repeats;
    bool cpu;
    const judd_comm *comm;
    judd_rows rows;
    double *product; /* [features, features] */
    double *block;   /* [ROWS, features] */
} score_bench;

enum { ROWS = 512 };

/* Of the clock, or that this thread computed. */
static double now_s(const score_bench *b) {
    return judd_clock_s(b->cpu ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC);
}

static judd_status allocate(score_bench *b) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_made_up_rows(&b->rows, b->samples, b->features, (int)b->classes, 16, b->comm));
    JUDD_TRY(judd_memory_alloc(&b->product, b->features * b->features, sizeof *b->product));
    JUDD_TRY(judd_memory_alloc(&b->block, ROWS * b->features, sizeof *b->block));
done:
    return status;
}

/* Every rank its rows, already in float64: only the products count, as if the sum were free. */
static double time_syrk(score_bench *b) {
    int64_t n = judd_lanes_count(&b->rows.lanes), dim = b->features;
    double seconds = 0.0;
    for (int64_t i = 0; i < n; i += ROWS) {
        int64_t rows = n - i < ROWS ? n - i : ROWS;
        for (int64_t k = 0; k < rows * dim; k++) b->block[k] = (double)b->rows.x[i * dim + k];
        double start = now_s(b);
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (int)dim, (int)rows, 1.0, b->block,
                    (int)dim, i > 0 ? 1.0 : 0.0, b->product, (int)dim);
        seconds += now_s(b) - start;
    }
    return seconds;
}

/* In turns, since the machine's speed changes; the least of each. */
static judd_status measure(json_t **record, score_bench *b) {
    judd_status status = JUDD_OK;
    judd_score scores[JUDD_N_SCORES];
    double syrk = INFINITY, all = INFINITY;
    json_t *values = json_object();
    for (int64_t k = 0; k < b->repeats; k++) {
        double seconds = time_syrk(b);
        JUDD_TRY(judd_comm_max(b->comm, &seconds, 1));
        syrk = fmin(syrk, seconds);
        double start = now_s(b);
        JUDD_TRY(judd_scores_measure(scores, &b->rows, NULL, NULL, (int)b->classes, b->comm));
        seconds = now_s(b) - start;
        JUDD_TRY(judd_comm_max(b->comm, &seconds, 1));
        all = fmin(all, seconds);
    }
    for (int s = 0; s < JUDD_N_SCORES; s++)
        json_object_set_new(values, judd_scores_name(s),
                            isfinite(scores[s].value) ? json_real(scores[s].value) : json_null());
    *record = json_pack("{s:I, s:I, s:I, s:i, s:f, s:f, s:f, s:O}", "samples",
                        (json_int_t)b->samples, "features", (json_int_t)b->features, "classes",
                        (json_int_t)b->classes, "ranks", b->comm->size, "syrk_s", syrk, "scores_s",
                        all, "ratio", all / syrk, "scores", values);
done:
    json_decref(values);
    return status;
}

judd_status judd_bench_score(const judd_comm *comm, judd_arguments *a,
                             const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    score_bench b = {.samples = 50000, .features = 2048, .classes = 10, .repeats = 1, .comm = comm};
    bool as_json = false;
    json_t *record = NULL;
    JUDD_TRY(judd_arguments_whole(&b.samples, a, "--samples", 2, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.features, a, "--features", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.classes, a, "--classes", 2, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.repeats, a, "--repeats", 1, INT32_MAX));
    b.cpu = judd_arguments_has(a, "--cpu");
    as_json = judd_arguments_has(a, "--json");
    JUDD_TRY(judd_comm_agree(comm, allocate(&b)));
    JUDD_TRY(measure(&record, &b));
    JUDD_TRY(judd_bench_print(record, as_json, comm));
done:
    judd_rows_free(&b.rows);
    free(b.product);
    free(b.block);
    return status;
}
