#include "transfer/coding_rate.h"

#include "transfer/families.h"

#include <judd/base/memory.h>

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double epsilon = 1e-4;

enum { COLUMNS = 1024 /* widened at a time */ };

static double rate_of_values(const double *value, int64_t order, int64_t n) {
    double sum = 0.0;
    for (int64_t k = 0; k < order; k++) sum += log1p(fmax(value[k], 0.0) / ((double)n * epsilon));
    return 0.5 * sum;
}

/* 1/2 ln det(I + a / (n eps)). */
static judd_status rate_of(double *rate, judd_block_cyclic *a, int64_t n) {
    judd_status status = JUDD_OK;
    for (int64_t k = 0; k < a->local_columns * a->ld; k++) a->data[k] /= (double)n * epsilon;
    judd_block_cyclic_add_diagonal(a, 1.0, NULL);
    JUDD_TRY(judd_scalapack_log_determinant(rate, a));
    *rate *= 0.5;
done:
    return judd_status_context(status, "coding rate");
}

judd_status judd_coding_rate_of_gram(double *rate, judd_block_cyclic *gram, int64_t n,
                                     const judd_solver *solver) {
    judd_status status = JUDD_OK;
    JUDD_TRY(
        judd_solver_agree(solver, judd_solver_works(solver) ? rate_of(rate, gram, n) : JUDD_OK));
    JUDD_TRY(judd_comm_broadcast(solver->comm, rate, sizeof *rate));
done:
    return status;
}

/* Rank r gets the rows of class first + r, if that is a small one. */
typedef struct exchange {
    const judd_rows *rows;
    const judd_moments *m;
    const judd_solver *solver;
    int first;
    int *n_send, *at_send, *n_receive, *at_receive; /* [size] values */
    int64_t *which;                                 /* [n_local] rows, class after class */
    float *send, *receive;
    double *wide; /* [n, COLUMNS] */
} exchange;

static bool is_small(const judd_moments *m, int64_t c) {
    return c < m->n_classes && m->count[c] < m->dim;
}

static void free_exchange(exchange *r) {
    free(r->n_send);
    free(r->which);
    free(r->send);
    free(r->receive);
    free(r->wide);
}

/* Who sends how much to whom. */
static judd_status count_values(exchange *r) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = r->solver->comm;
    const int64_t n = judd_lanes_count(&r->rows->lanes), dim = r->m->dim;
    int64_t picked = 0, received = 0;
    status = judd_memory_alloc(&r->n_send, 4 * (int64_t)comm->size, sizeof(int));
    if (status == JUDD_OK) status = judd_memory_alloc(&r->which, n, sizeof *r->which);
    JUDD_TRY(judd_comm_agree(comm, status));
    r->at_send = r->n_send + comm->size;
    r->n_receive = r->n_send + 2 * comm->size;
    r->at_receive = r->n_send + 3 * comm->size;
    for (int rank = 0; rank < comm->size; rank++) {
        int64_t c = r->first + rank, before = picked;
        for (int64_t i = 0; is_small(r->m, c) && i < n; i++)
            if (r->rows->labels[i] == c) r->which[picked++] = i;
        if (picked * dim >= INT32_MAX || (is_small(r->m, c) && r->m->count[c] * dim >= INT32_MAX))
            status = judd_status_set(JUDD_E_USAGE, "coding rate: a class of more values than MPI "
                                                   "can count; take fewer samples a class");
        r->n_send[rank] = (int)((picked - before) * dim);
        r->at_send[rank] = (int)(before * dim);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_check(
        MPI_Alltoall(r->n_send, 1, MPI_INT, r->n_receive, 1, MPI_INT, comm->mpi), "MPI_Alltoall"));
    for (int rank = 0; rank < comm->size; rank++) {
        r->at_receive[rank] = (int)received;
        received += r->n_receive[rank];
    }
    status = judd_memory_alloc(&r->send, picked * dim, sizeof *r->send);
    if (status == JUDD_OK) status = judd_memory_alloc(&r->receive, received, sizeof *r->receive);
    if (status == JUDD_OK) status = judd_rows_read(r->send, r->rows, r->which, picked);
    JUDD_TRY(judd_comm_agree(comm, status));
done:
    return status;
}

/* f_c f_c^T of the class this rank received, and its rate. Local. */
static judd_status rate_of_received(double *rate, exchange *r, int64_t n) {
    judd_status status = JUDD_OK;
    const int64_t dim = r->m->dim;
    judd_block_cyclic *gram = NULL;
    JUDD_TRY(judd_memory_alloc(&r->wide, n * COLUMNS, sizeof *r->wide));
    JUDD_TRY(judd_block_cyclic_create(&gram, &r->solver->own, n, n, JUDD_BLOCK_CYCLIC_BLOCK));
    for (int64_t j = 0; j < dim; j += COLUMNS) {
        int64_t width = dim - j < COLUMNS ? dim - j : COLUMNS;
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k < width; k++)
                r->wide[i * width + k] = (double)r->receive[i * dim + j + k] - r->m->mean[j + k];
        cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, (int)n, (int)width, 1.0, r->wide,
                    (int)width, 1.0, gram->data, (int)gram->ld);
    }
    JUDD_TRY(rate_of(rate, gram, n));
done:
    judd_block_cyclic_destroy(gram);
    return status;
}

static judd_status run_exchange(double *rate, exchange *r) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = r->solver->comm;
    int64_t own = r->first + comm->rank;
    JUDD_TRY(count_values(r));
    JUDD_TRY(judd_comm_check(MPI_Alltoallv(r->send, r->n_send, r->at_send, MPI_FLOAT, r->receive,
                                           r->n_receive, r->at_receive, MPI_FLOAT, comm->mpi),
                             "MPI_Alltoallv"));
    if (is_small(r->m, own)) status = rate_of_received(&rate[own], r, r->m->count[own]);
    JUDD_TRY(judd_comm_agree(comm, status));
    for (int rank = 0; rank < comm->size && r->first + rank < r->m->n_classes; rank++)
        if (is_small(r->m, r->first + rank))
            JUDD_TRY(judd_comm_check(
                MPI_Bcast(&rate[r->first + rank], 1, MPI_DOUBLE, rank, comm->mpi), "MPI_Bcast"));
done:
    return status;
}

judd_status judd_coding_rate_of_small_classes(double *rate, const judd_rows *rows,
                                              const judd_moments *m, const judd_solver *solver) {
    judd_status status = JUDD_OK;
    for (int first = 0; first < m->n_classes && status == JUDD_OK; first += solver->comm->size) {
        exchange r = {.rows = rows, .m = m, .solver = solver, .first = first};
        bool any = false;
        for (int c = first; c < first + solver->comm->size; c++) any |= is_small(m, c);
        if (any) status = run_exchange(rate, &r);
        free_exchange(&r);
    }
    return status;
}

double judd_coding_rate_transrate(const judd_spectrum *s) {
    double of_classes = 0.0;
    for (int c = 0; c < s->n_classes; c++) of_classes += s->class_rate[c] / (double)s->n_classes;
    return rate_of_values(s->value, s->order, s->n) - of_classes;
}
