#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/made_up.h"

#include <judd/base/memory.h>
#include <judd/learn/ridge_held_out.h>

#include <math.h>
#include <stdlib.h>

/* A ridge from rows to weights, for one strength and for many: one decomposition serves all, and
 * the strength is picked by leave-one-out. Or, by Cholesky, one strength in place. */
typedef struct ridge_bench {
    int64_t samples, features, classes, strengths;
    bool cholesky;
    const judd_comm *comm;
    judd_rows rows;
    judd_ridge *ridge;
    double *l2;            /* [strengths] */
    double *weight, *bias; /* [classes, features], [classes] */
    int64_t *correct;      /* [strengths] on this rank */
} ridge_bench;

static void count(void *context, int s, int64_t i, const double *predicted) {
    ridge_bench *b = context;
    int64_t best = 0;
    for (int64_t c = 1; c < b->classes; c++)
        if (predicted[c] > predicted[best]) best = c;
    b->correct[s] += best == b->rows.labels[i];
}

static judd_status allocate(ridge_bench *b) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_made_up_rows(&b->rows, b->samples, b->features, (int)b->classes, 16, b->comm));
    JUDD_TRY(judd_memory_alloc(&b->l2, b->strengths, sizeof *b->l2));
    JUDD_TRY(judd_memory_alloc(&b->correct, b->strengths, sizeof *b->correct));
    JUDD_TRY(judd_memory_alloc(&b->weight, b->classes * b->features, sizeof *b->weight));
    JUDD_TRY(judd_memory_alloc(&b->bias, b->classes, sizeof *b->bias));
    for (int64_t s = 0; s < b->strengths; s++) b->l2[s] = pow(10.0, 0.25 * (double)(s - 24));
    /* labels that can be learned: a class's samples stand out in some columns */
    int64_t n = judd_lanes_count(&b->rows.lanes);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = b->rows.labels[i]; j < b->features; j += b->classes)
            b->rows.x[i * b->features + j] += 0.1f;
done:
    return status;
}

/* Leave-one-out at the strengths l2 [n] and the weights of the best: the least of three times. */
static judd_status pick(double *seconds, ridge_bench *b, const double *l2, int64_t n) {
    judd_status status = JUDD_OK;
    *seconds = INFINITY;
    for (int k = 0; k < 3; k++) {
        int64_t best = 0;
        double start = MPI_Wtime();
        for (int64_t s = 0; s < n; s++) b->correct[s] = 0;
        JUDD_TRY(judd_ridge_held_out_leave_one_out(b->ridge, l2, (int)n, count, b));
        JUDD_TRY(judd_comm_sum(b->comm, b->correct, n));
        for (int64_t s = 1; s < n; s++)
            if (b->correct[s] > b->correct[best]) best = s;
        JUDD_TRY(judd_ridge_weights(b->weight, b->bias, b->ridge, l2[best]));
        *seconds = fmin(*seconds, MPI_Wtime() - start);
    }
done:
    return status;
}

/* Bytes of distributed matrices, rank by rank, on rank 0. */
static judd_status gather_bytes(json_t **list, const ridge_bench *b) {
    judd_status status = JUDD_OK;
    int64_t own = judd_ridge_bytes(b->ridge);
    void *all = NULL;
    JUDD_TRY(judd_comm_gather(b->comm, &all, &own, 1, sizeof own));
    *list = json_array();
    for (int r = 0; all && r < b->comm->size; r++)
        json_array_append_new(*list, json_integer(((int64_t *)all)[r]));
done:
    free(all);
    return status;
}

static judd_status measure(json_t **record, ridge_bench *b) {
    judd_status status = JUDD_OK;
    judd_ridge_problem problem = {&b->rows, NULL, (int)b->classes,
                                  b->cholesky ? JUDD_RIDGE_CHOLESKY_ONCE : JUDD_RIDGE_EIGEN};
    json_t *bytes = NULL, *r = NULL;
    double one = 0.0, all = 0.0;
    MPI_Barrier(b->comm->mpi);
    double start = MPI_Wtime();
    JUDD_TRY(judd_ridge_create(&b->ridge, &problem, b->comm));
    double created = MPI_Wtime() - start;
    JUDD_TRY(gather_bytes(&bytes, b));
    start = MPI_Wtime();
    if (b->cholesky) {
        JUDD_TRY(judd_ridge_weights(b->weight, b->bias, b->ridge, 1.0));
        one = all = MPI_Wtime() - start;
    } else {
        JUDD_TRY(pick(&one, b, b->l2 + b->strengths / 2, 1));
        JUDD_TRY(pick(&all, b, b->l2, b->strengths));
    }
    r = json_pack("{s:I, s:I, s:I, s:i, s:s, s:O, s:f, s:f}", "samples", (json_int_t)b->samples,
                  "features", (json_int_t)b->features, "classes", (json_int_t)b->classes, "ranks",
                  b->comm->size, "method", b->cholesky ? "cholesky" : "eigen", "bytes_per_rank",
                  bytes, "create_s", created, "one_strength_s", one);
    if (r && !b->cholesky) {
        json_object_set_new(r, "strengths", json_integer(b->strengths));
        json_object_set_new(r, "all_strengths_s", json_real(all));
        json_object_set_new(r, "all_to_one", json_real((created + all) / (created + one)));
    }
    *record = r;
done:
    json_decref(bytes);
    return status;
}

judd_status judd_bench_ridge(const judd_comm *comm, judd_arguments *a,
                             const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    ridge_bench b = {
        .samples = 20000, .features = 512, .classes = 10, .strengths = 45, .comm = comm};
    bool as_json = false;
    json_t *record = NULL;
    JUDD_TRY(judd_arguments_whole(&b.samples, a, "--samples", 2, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.features, a, "--features", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.classes, a, "--classes", 2, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&b.strengths, a, "--strengths", 1, INT32_MAX));
    b.cholesky = judd_arguments_has(a, "--cholesky");
    as_json = judd_arguments_has(a, "--json");
    JUDD_TRY(judd_comm_agree(comm, allocate(&b)));
    JUDD_TRY(measure(&record, &b));
    JUDD_TRY(judd_bench_print(record, as_json, comm));
done:
    judd_ridge_destroy(b.ridge);
    judd_rows_free(&b.rows);
    free(b.l2);
    free(b.correct);
    free(b.weight);
    free(b.bias);
    return status;
}
