#include "cli/bench.h"
#include "cli/commands.h"

#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/learn/evaluate.h>
#include <judd/learn/lbfgs.h>
#include <judd/stats/metrics.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct path_bench {
    int64_t samples, tests, features, classes, values, lanes;
    double first, last, tolerance;
    const char *data;
    bool alone, standardize, as_json;
    judd_rows train, test;
    judd_standard standard;
    judd_bank *bank;
    judd_bank_head *heads;
    judd_lbfgs_report *reports;
} path_bench;

/* Classes by a random linear map with noise, as in the peer script. Sample `id` of all. */
static void make_row(const path_bench *b, const float *map, int64_t id, float *x, int32_t *label) {
    double best = -INFINITY;
    for (int64_t j = 0; j < b->features; j++)
        x[j] = (float)judd_rng_normal(1, JUDD_RNG_SHOTS, (uint32_t)j, (uint64_t)id);
    for (int64_t c = 0; c < b->classes; c++) {
        double z = 0.5 * judd_rng_normal(2, JUDD_RNG_SHOTS, (uint32_t)c, (uint64_t)id);
        for (int64_t j = 0; j < b->features; j++)
            z += (double)(x[j] * map[c * b->features + j]) / sqrt((double)b->features);
        if (z > best) *label = (int32_t)c;
        best = fmax(z, best);
    }
}

static judd_status make_rows(const path_bench *b, judd_rows *rows, int64_t first) {
    float *map = NULL;
    judd_status status = judd_memory_alloc(&map, b->classes * b->features, sizeof *map);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < b->classes * b->features; i++)
        map[i] = (float)judd_rng_normal(3, JUDD_RNG_SHOTS, 0, (uint64_t)i);
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++)
        make_row(b, map, first + judd_lanes_first(&rows->lanes) + i, rows->x + i * b->features,
                 &rows->labels[i]);
    free(map);
    return JUDD_OK;
}

/* This rank's rows from a file of float32 [samples + tests, features], then int32 labels. */
static judd_status read_rows(const path_bench *b, judd_rows *rows, int64_t first) {
    judd_status status = JUDD_OK;
    int64_t n = judd_lanes_count(&rows->lanes), all = b->samples + b->tests;
    int64_t row = first + judd_lanes_first(&rows->lanes);
    FILE *file = fopen(b->data, "rb");
    if (!file) JUDD_FAIL(JUDD_E_IO, "%s: cannot be opened; check --data", b->data);
    if (fseek(file, (long)(row * b->features * 4), SEEK_SET) != 0 ||
        fread(rows->x, 4, (size_t)(n * b->features), file) != (size_t)(n * b->features) ||
        fseek(file, (long)((all * b->features + row) * 4), SEEK_SET) != 0 ||
        fread(rows->labels, 4, (size_t)n, file) != (size_t)n)
        JUDD_FAIL(JUDD_E_DATA, "%s: too short; need float32 [%lld, %lld], then int32 [%lld]",
                  b->data, (long long)all, (long long)b->features, (long long)all);
    for (int64_t i = 0; i < n; i++)
        if (rows->labels[i] < 0 || rows->labels[i] >= b->classes)
            JUDD_FAIL(JUDD_E_DATA, "%s: label %d of sample %lld; --classes is %lld", b->data,
                      rows->labels[i], (long long)(row + i), (long long)b->classes);
done:
    if (file) fclose(file);
    return status;
}

static judd_status load(path_bench *b, judd_rows *rows, int64_t first, int64_t n,
                        const judd_comm *comm) {
    judd_status status = judd_rows_create(rows, n, b->features, (int)b->lanes, comm);
    if (status != JUDD_OK) return status;
    return b->data ? read_rows(b, rows, first) : make_rows(b, rows, first);
}

static judd_status prepare(path_bench *b, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    status = load(b, &b->train, 0, b->samples, comm);
    if (status == JUDD_OK) status = load(b, &b->test, b->samples, b->tests, comm);
    if (status == JUDD_OK) status = judd_memory_alloc(&b->heads, b->values, sizeof *b->heads);
    if (status == JUDD_OK) status = judd_memory_alloc(&b->reports, b->values, sizeof *b->reports);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(b->standardize
                 ? judd_rows_standard_fit(&b->standard, &b->train, comm)
                 : judd_comm_agree(comm, judd_rows_standard_identity(&b->standard, b->features)));
    judd_rows_standard_apply(&b->standard, b->train.x, b->train.x,
                             judd_lanes_count(&b->train.lanes));
    for (int64_t i = 0; i < b->values; i++) {
        double t = b->values > 1 ? (double)i / (double)(b->values - 1) : 0.0;
        double strength = pow(10.0, log10(b->first) + t * (log10(b->last) - log10(b->first)));
        b->heads[i] = (judd_bank_head){.l2 = strength / (double)b->samples, .held_out = -1};
    }
    judd_bank_options o = {
        .n_heads = (int)b->values, .n_outputs = (int)b->classes, .heads = b->heads};
    JUDD_TRY(judd_comm_agree(comm, judd_bank_create(&b->bank, b->features, &o)));
done:
    return status;
}

static judd_status report(path_bench *b, double seconds, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    char hex[JUDD_SHA256_HEX];
    judd_bank *head = NULL;
    json_t *l2 = json_array(), *objective = json_array(), *gradient = json_array();
    json_t *accuracy = json_array(), *evaluations = json_array(), *stop = json_array();
    json_int_t total = 0;
    for (int64_t h = 0; h < b->values; h++) {
        judd_evaluation e = {0};
        JUDD_TRY(judd_comm_agree(comm, judd_bank_extract(&head, b->bank, (int)h)));
        JUDD_TRY(judd_evaluate_head(&e, head, &b->standard, &b->test, comm));
        judd_bank_destroy(head);
        head = NULL;
        json_array_append_new(accuracy,
                              json_real(judd_metrics_accuracy(e.confusion, (int)b->classes)));
        judd_evaluate_free(&e);
        json_array_append_new(l2, json_real(b->heads[h].l2));
        json_array_append_new(objective, json_real(b->reports[h].objective));
        json_array_append_new(gradient, json_real(b->reports[h].gradient));
        json_array_append_new(evaluations, json_integer(b->reports[h].evaluations));
        json_array_append_new(
            stop, json_string(judd_lbfgs_stop_text((judd_lbfgs_stop)b->bank->finished[h])));
        total += b->reports[h].evaluations;
    }
    JUDD_TRY(judd_comm_agree(comm, judd_bank_hash(hex, b->bank)));
    JUDD_TRY(judd_bench_print(
        json_pack("{s:f, s:i, s:I, s:f, s:O, s:O, s:O, s:O, s:O, s:O, s:s}", "seconds", seconds,
                  "ranks", comm->size, "evaluations", total, "tolerance", b->tolerance, "l2", l2,
                  "objective", objective, "gradient", gradient, "evaluations_per_l2", evaluations,
                  "accuracy", accuracy, "stop", stop, "head_sha256", hex),
        b->as_json, comm));
done:
    judd_bank_destroy(head);
    json_decref(l2);
    json_decref(objective);
    json_decref(gradient);
    json_decref(accuracy);
    json_decref(evaluations);
    json_decref(stop);
    return status;
}

judd_status judd_bench_path(const judd_comm *comm, judd_arguments *a,
                            const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    path_bench b = {.samples = 20000,
                    .tests = 5000,
                    .features = 512,
                    .classes = 10,
                    .values = 45,
                    .lanes = 16,
                    .first = 1e-6,
                    .last = 1e5,
                    .tolerance = 1e-8};
    JUDD_TRY(judd_arguments_whole(&b.samples, a, "--samples", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.tests, a, "--tests", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.features, a, "--features", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.classes, a, "--classes", 2, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.values, a, "--values", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.lanes, a, "--lanes", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_real(&b.first, a, "--first"));
    JUDD_TRY(judd_arguments_real(&b.last, a, "--last"));
    JUDD_TRY(judd_arguments_real(&b.tolerance, a, "--tolerance"));
    b.data = judd_arguments_text(a, "--data", b.data);
    b.alone = judd_arguments_has(a, "--alone");
    b.standardize = judd_arguments_has(a, "--standardize");
    b.as_json = judd_arguments_has(a, "--json");
    JUDD_TRY(prepare(&b, comm));
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    o.tolerance = b.tolerance;
    o.path = !b.alone;
    MPI_Barrier(comm->mpi);
    double start = MPI_Wtime();
    JUDD_TRY(judd_lbfgs_run(b.bank, b.reports, &b.train, comm, &o, NULL));
    JUDD_TRY(report(&b, MPI_Wtime() - start, comm));
done:
    judd_rows_free(&b.train);
    judd_rows_free(&b.test);
    judd_rows_standard_free(&b.standard);
    judd_bank_destroy(b.bank);
    free(b.heads);
    free(b.reports);
    return status;
}
