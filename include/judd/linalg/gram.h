/** Sums of outer products of rows that are spread over ranks, into a distributed matrix.
 *
 *  out[i, j] = sum over all ranks' rows of a_i b_j, in float64. Rows are read once for as many
 *  columns of the matrix as fit into 64 MiB, once in all up to 2,896 columns; then
 *  MPI_Reduce_scatter adds panel after panel of these and leaves every rank its blocks. A rank
 * holds its part of out and what a pass makes, never the whole. The order of a plain sum depends on
 * the number of ranks: results agree to rounding, not bit by bit. An exact one has the same bits at
 * any number of ranks on equal CPUs.
 */
#ifndef JUDD_LINALG_GRAM_H
#define JUDD_LINALG_GRAM_H

#include <judd/linalg/block_cyclic.h>

/** Rows of this rank, made on demand: fill(context, out [n, dim], first, n). */
typedef struct judd_gram_source {
    int64_t n_local, dim;
    judd_block_cyclic_fill *fill;
    void *context;
} judd_gram_source;

/** How an exact sum is cut: the rows of a lane are added up by one rank in their order, rounded
 * once to fixed point (comm/exact_sum.h), and lanes are summed as integers. */
typedef struct judd_gram_lanes {
    int n_local;          /* lanes of this rank */
    const int64_t *begin; /* [n_local + 1]: first local row of each */
    int n_lanes;          /* over all ranks */
    const double *unit;   /* [dim] powers of two above the length of column j within any lane; fill
                             makes a_j / unit_j. The same on every rank */
} judd_gram_lanes;

/** Lower triangle of out [dim, dim] += a^T a; the upper one is undefined. Collective. */
judd_status judd_gram_add(judd_block_cyclic *out, const judd_gram_source *a);
/** out [a->dim, b->dim] += a^T b; both have the same n_local. Collective. */
judd_status judd_gram_add_cross(judd_block_cyclic *out, const judd_gram_source *a,
                                const judd_gram_source *b);
/** As judd_gram_add, exact. lanes->unit is multiplied in again. Collective. */
judd_status judd_gram_add_exact(judd_block_cyclic *out, const judd_gram_source *a,
                                const judd_gram_lanes *lanes);

#endif
