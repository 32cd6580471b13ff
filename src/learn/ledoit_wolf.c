#include "learn/ledoit_wolf.h"

#include <judd/base/memory.h>
#include <judd/linalg/gram.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One class: its rows on this rank, standardised. */
typedef struct sample {
    const judd_rows *rows;
    const judd_moments *m;
    const judd_block_cyclic_grid *grid;
    int label;
    int64_t n_local, *which; /* [n_local] */
    double *variance;        /* [dim], then of columns that do not vary: 1 */
    double *row;             /* [dim] */
    double n_varying;
} sample;

static judd_status sum(double *x, int64_t n, const judd_comm *comm) {
    return judd_comm_check(MPI_Allreduce(MPI_IN_PLACE, x, (int)n, MPI_DOUBLE, MPI_SUM, comm->mpi),
                           "MPI_Allreduce");
}

/* out [n, dim]: rows which[first ..] less the mean of their class. */
static judd_status read_centred(double *out, const sample *s, int64_t first, int64_t n) {
    judd_status status = JUDD_OK;
    const double *mean = s->m->class_mean + s->label * s->m->dim;
    for (int64_t i = 0; i < n && status == JUDD_OK; i++)
        status = judd_rows_read_centred(out + i * s->m->dim, s->rows, s->which[first + i], 1, mean);
    return status;
}

static judd_status fill(void *context, double *out, int64_t first, int64_t n) {
    const sample *s = context;
    judd_status status = read_centred(out, s, first, n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < s->m->dim; j++) out[i * s->m->dim + j] /= sqrt(s->variance[j]);
    return status;
}

static judd_status add_squares(const sample *s, double *row) {
    judd_status status = JUDD_OK;
    const double n = (double)s->m->count[s->label];
    memset(s->variance, 0, (size_t)s->m->dim * sizeof *s->variance);
    for (int64_t i = 0; i < s->n_local; i++) {
        JUDD_TRY(read_centred(row, s, i, 1));
        for (int64_t j = 0; j < s->m->dim; j++) s->variance[j] += row[j] * row[j] / n;
    }
done:
    return status;
}

static judd_status add_lengths(double *sum, const sample *s, double *row) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < s->n_local; i++) {
        double length = 0.0;
        JUDD_TRY(read_centred(row, s, i, 1));
        for (int64_t j = 0; j < s->m->dim; j++) length += row[j] * row[j] / s->variance[j];
        *sum += length * length;
    }
done:
    return status;
}

/* Columns that vary by rounding only count as constant, as in scikit-learn's StandardScaler. */
static judd_status find_variances(sample *s) {
    judd_status status = JUDD_OK;
    const int64_t dim = s->m->dim;
    double n = (double)s->m->count[s->label];
    JUDD_TRY(judd_comm_agree(s->grid->comm, add_squares(s, s->row)));
    JUDD_TRY(sum(s->variance, dim, s->grid->comm));
    s->n_varying = 0.0;
    for (int64_t j = 0; j < dim; j++) {
        double rounding = n * s->m->class_mean[s->label * dim + j] * DBL_EPSILON;
        bool constant = s->variance[j] <= n * DBL_EPSILON * s->variance[j] + rounding * rounding;
        if (constant) s->variance[j] = 1.0;
        s->n_varying += constant ? 0.0 : 1.0;
    }
done:
    return status;
}

/* sums: of all squared entries of Z^T Z, and over rows of the squared square of their length. */
static judd_status add_up(double sums[2], const sample *s) {
    judd_status status = JUDD_OK;
    const int64_t dim = s->m->dim;
    judd_gram_source source = {s->n_local, dim, fill, (void *)s};
    judd_block_cyclic *g = NULL;
    sums[0] = sums[1] = 0.0;
    JUDD_TRY(
        judd_block_cyclic_create(&g, s->grid, dim, dim, judd_block_cyclic_block(s->grid, dim)));
    JUDD_TRY(judd_gram_add(g, &source));
    for (int64_t l = 0; l < g->local_columns; l++) {
        int64_t j = judd_block_cyclic_to_global(l, g->block, g->grid->column, g->grid->n_columns);
        for (int64_t k = 0; k < g->local_rows; k++) {
            int64_t i = judd_block_cyclic_to_global(k, g->block, g->grid->row, g->grid->n_rows);
            double x = g->data[l * g->ld + k];
            if (i >= j) sums[0] += i > j ? 2.0 * x * x : x * x;
        }
    }
    JUDD_TRY(judd_comm_agree(s->grid->comm, add_lengths(&sums[1], s, s->row)));
    JUDD_TRY(sum(sums, 2, s->grid->comm));
done:
    judd_block_cyclic_destroy(g);
    return status;
}

/* g of one class: lemma 3.2 to 3.4, with the covariance's mean eigenvalue mu. */
static judd_status shrink(double *g, double *mu, const sample *s) {
    judd_status status = JUDD_OK;
    double sums[2], n = (double)s->m->count[s->label], dim = (double)s->m->dim;
    *mu = s->n_varying / dim;
    *g = 0.0;
    if (s->m->dim == 1) return JUDD_OK; /* nothing to shrink towards */
    JUDD_TRY(add_up(sums, s));
    double square = sums[0] / (n * n), delta = (square - dim * *mu * *mu) / dim;
    double beta = (sums[1] / n - square) / (dim * n);
    beta = beta < delta ? beta : delta;
    *g = beta > 0.0 ? beta / delta : 0.0;
done:
    return status;
}

judd_status judd_ledoit_wolf(double *keep, double *diagonal, const judd_rows *rows,
                             const judd_moments *moments, const judd_block_cyclic_grid *grid) {
    judd_status status = JUDD_OK;
    const int64_t n = judd_lanes_count(&rows->lanes), dim = moments->dim;
    sample s = {.rows = rows, .m = moments, .grid = grid};
    status = judd_memory_alloc(&s.which, n, sizeof *s.which);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.variance, dim, sizeof *s.variance);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.row, dim, sizeof *s.row);
    JUDD_TRY(judd_comm_agree(grid->comm, status));
    for (s.label = 0; s.label < moments->n_classes; s.label++) {
        double g, mu;
        s.n_local = 0;
        for (int64_t i = 0; i < n; i++)
            if (rows->labels[i] == s.label) s.which[s.n_local++] = i;
        JUDD_TRY(find_variances(&s));
        JUDD_TRY(shrink(&g, &mu, &s));
        keep[s.label] = 1.0 - g;
        for (int64_t j = 0; j < dim; j++) diagonal[s.label * dim + j] = g * mu * s.variance[j];
    }
done:
    free(s.which);
    free(s.variance);
    free(s.row);
    return status;
}
