/** Sums of outer products of rows that are spread over ranks, into a distributed matrix.
 *
 *  out[i, j] = sum over all ranks' rows of a_i b_j, in float64. Worked off in panels of columns:
 * each rank multiplies its rows, then MPI_Reduce_scatter adds the panel and leaves every rank its
 * blocks. A rank holds its part of out and two panels of some
 *  MiB, never the whole. The order of the sum depends on the number of
 * ranks: results agree to rounding, not bit by bit.
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

/** Lower triangle of out [dim, dim] += a^T a; the upper one is undefined. Collective. */
judd_status judd_gram_add(judd_block_cyclic *out, const judd_gram_source *a);
/** out [a->dim, b->dim] += a^T b; both have the same n_local. Collective. */
judd_status judd_gram_add_cross(judd_block_cyclic *out, const judd_gram_source *a,
                                const judd_gram_source *b);

#endif
