/* Ridge: how long one strength and 45 take, and how many bytes each rank holds.
 *   bench_ridge N DIM TARGETS [eigen|cholesky]
 * eigen (default): creation, leave-one-out and weights for 1 and for 45 strengths. cholesky: one
 * strength in place, for dimensions whose decomposition would take too long. */
#include <judd/base/memory.h>
#include <judd/learn/ridge_errors.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 45 };

static judd_status make_rows(judd_rows *rows, int64_t n, int64_t dim, int n_classes,
                             const judd_comm *comm) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_agree(comm, judd_rows_create(rows, n, dim, 16, comm)));
    uint64_t x = 1 + (uint64_t)judd_lanes_first(&rows->lanes);
    int64_t n_local = judd_lanes_count(&rows->lanes);
    for (int64_t i = 0; i < n_local; i++) {
        rows->labels[i] = (int32_t)((judd_lanes_first(&rows->lanes) + i) % n_classes);
        for (int64_t j = 0; j < dim; j++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            rows->x[i * dim + j] = (float)(x >> 40) * 0x1p-24f - 0.5f +
                                   (j % n_classes == rows->labels[i] ? 0.1f : 0.0f);
        }
    }
done:
    return status;
}

static void print_bytes(const judd_ridge *ridge, const judd_comm *comm) {
    int64_t own = judd_ridge_bytes(ridge);
    void *all = NULL;
    if (judd_comm_gather(comm, &all, &own, 1, sizeof own) != JUDD_OK || comm->rank > 0) return;
    printf("bytes of matrices on each rank:");
    for (int r = 0; r < comm->size; r++) printf(" %lld", (long long)((int64_t *)all)[r]);
    printf("\n");
    free(all);
}

/* The least of three times of leave-one-out and the best strength's weights. */
static judd_status pick(double *seconds, judd_ridge *ridge, double *weight, double *bias,
                        const double *l2, int n_l2) {
    judd_status status = JUDD_OK;
    judd_ridge_errors errors[MOST];
    *seconds = INFINITY;
    for (int k = 0; k < 3; k++) {
        double start = MPI_Wtime();
        int best = 0;
        JUDD_TRY(judd_ridge_errors_leave_one_out(errors, ridge, l2, n_l2));
        for (int s = 1; s < n_l2; s++)
            if (errors[s].correct > errors[best].correct) best = s;
        JUDD_TRY(judd_ridge_weights(weight, bias, ridge, l2[best]));
        *seconds = fmin(*seconds, MPI_Wtime() - start);
    }
done:
    return status;
}

static judd_status run(const judd_rows *rows, int n_targets, judd_ridge_method method,
                       const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_ridge *ridge = NULL;
    double *weight = NULL, *bias = NULL, l2[MOST], one, all;
    for (int s = 0; s < MOST; s++) l2[s] = pow(10.0, -6.0 + s * 0.25);
    JUDD_TRY(judd_memory_alloc(&weight, n_targets * rows->dim, sizeof *weight));
    JUDD_TRY(judd_memory_alloc(&bias, n_targets, sizeof *bias));
    MPI_Barrier(comm->mpi);
    double start = MPI_Wtime();
    judd_ridge_problem problem = {rows, NULL, n_targets, method};
    JUDD_TRY(judd_ridge_create(&ridge, &problem, comm));
    double created = MPI_Wtime() - start;
    if (comm->rank == 0) printf("create: %.2f s\n", created);
    print_bytes(ridge, comm);
    start = MPI_Wtime();
    if (method == JUDD_RIDGE_CHOLESKY_ONCE) {
        JUDD_TRY(judd_ridge_weights(weight, bias, ridge, 1.0));
        if (comm->rank == 0) printf("solve: %.2f s\n", MPI_Wtime() - start);
        goto done;
    }
    JUDD_TRY(pick(&one, ridge, weight, bias, l2 + 24, 1));
    JUDD_TRY(pick(&all, ridge, weight, bias, l2, MOST));
    if (comm->rank == 0)
        printf("leave-one-out and weights: 1 strength %.2f s, 45 strengths %.2f s\n"
               "creation to weights, 45 strengths / 1 strength: %.3f\n",
               one, all, (created + all) / (created + one));
done:
    judd_ridge_destroy(ridge);
    free(weight);
    free(bias);
    return status;
}

int main(int argc, char **argv) {
    judd_status status = JUDD_OK;
    judd_comm comm = {0};
    judd_rows rows = {0};
    MPI_Init(&argc, &argv);
    if (argc < 4) JUDD_FAIL(JUDD_E_USAGE, "usage: bench_ridge N DIM TARGETS [eigen|cholesky]");
    int64_t n = atoll(argv[1]), dim = atoll(argv[2]);
    int n_targets = atoi(argv[3]);
    JUDD_TRY(judd_comm_open(&comm, MPI_COMM_WORLD));
    JUDD_TRY(make_rows(&rows, n, dim, n_targets, &comm));
    bool once = argc > 4 && strcmp(argv[4], "cholesky") == 0;
    JUDD_TRY(run(&rows, n_targets, once ? JUDD_RIDGE_CHOLESKY_ONCE : JUDD_RIDGE_EIGEN, &comm));
done:
    if (status != JUDD_OK) fprintf(stderr, "%s\n", judd_status_message());
    judd_rows_free(&rows);
    judd_comm_close(&comm);
    MPI_Finalize();
    return (int)status;
}
