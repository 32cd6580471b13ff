#include "cli/bench.h"
#include "cli/commands.h"

#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>

#include <stdlib.h>
#include <string.h>

/* What a step pays for the sum of one gradient over ranks: exact, one lane a rank rounded to fixed
 * point, summed as int64 and widened back, against MPI_SUM on float. */
typedef struct buffers {
    float *x, *y;
    int64_t *sum;
} buffers;

static judd_status run_exact(buffers *b, int64_t n, const judd_comm *comm) {
    judd_exact_scale scale = judd_exact_sum_scale(1.0, comm->size);
    memset(b->sum, 0, (size_t)n * sizeof *b->sum);
    judd_exact_sum_add(b->sum, b->x, n, scale, NULL);
    judd_status status = judd_comm_sum(comm, b->sum, n);
    double unit = judd_exact_sum_value(1, scale);
    for (int64_t i = 0; i < n; i++) b->y[i] = (float)((double)b->sum[i] * unit);
    return status;
}

static judd_status run_float(buffers *b, int64_t n, const judd_comm *comm) {
    return judd_comm_check(MPI_Allreduce(b->x, b->y, (int)n, MPI_FLOAT, MPI_SUM, comm->mpi),
                           "MPI_Allreduce");
}

judd_status judd_bench_allreduce(const judd_comm *comm, judd_arguments *a,
                                 const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    int64_t n = 204800, repeats = 51;
    bool as_json = false;
    buffers b = {0};
    double *exact = NULL, *plain = NULL;
    JUDD_TRY(judd_arguments_whole(&n, a, "--elements", 1, INT32_MAX));
    JUDD_TRY(judd_arguments_whole(&repeats, a, "--repeats", 1, INT32_MAX));
    as_json = judd_arguments_has(a, "--json");
    status = judd_memory_alloc(&b.x, n, sizeof *b.x);
    if (status == JUDD_OK) status = judd_memory_alloc(&b.y, n, sizeof *b.y);
    if (status == JUDD_OK) status = judd_memory_alloc(&b.sum, n, sizeof *b.sum);
    if (status == JUDD_OK) status = judd_memory_alloc(&exact, repeats, sizeof *exact);
    if (status == JUDD_OK) status = judd_memory_alloc(&plain, repeats, sizeof *plain);
    JUDD_TRY(judd_comm_agree(comm, status));
    for (int64_t i = 0; i < n; i++) b.x[i] = (float)(i * 2654435761 % 1999) * 1e-3f - 0.9995f;
    for (int64_t i = -1; i < repeats; i++) { /* -1: warm up */
        MPI_Barrier(comm->mpi);
        double t0 = MPI_Wtime();
        JUDD_TRY(run_exact(&b, n, comm));
        MPI_Barrier(comm->mpi);
        double t1 = MPI_Wtime();
        JUDD_TRY(run_float(&b, n, comm));
        MPI_Barrier(comm->mpi);
        double t2 = MPI_Wtime();
        if (i < 0) continue;
        exact[i] = 1e3 * (t1 - t0);
        plain[i] = 1e3 * (t2 - t1);
    }
    JUDD_TRY(
        judd_bench_print(json_pack("{s:I, s:i, s:f, s:f}", "elements", (json_int_t)n, "ranks",
                                   comm->size, "exact_ms", judd_bench_median(exact, (int)repeats),
                                   "float_ms", judd_bench_median(plain, (int)repeats)),
                         as_json, comm));
done:
    free(b.x);
    free(b.y);
    free(b.sum);
    free(exact);
    free(plain);
    return status;
}
