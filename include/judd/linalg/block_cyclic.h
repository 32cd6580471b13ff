/** Distributed float64 matrices, dealt block by block over a grid of ranks as ScaLAPACK wants them.
 *
 *  The grid has n_rows x n_columns = size ranks, n_rows the largest divisor of size that is at most
 *  its square root (1x1, 1x2, 1x3, 2x2, 1x5, 2x3, ...); rank = row * n_columns + column. Block (I,
 * J) of a matrix belongs to the rank at (I mod n_rows, J mod n_columns). A rank keeps its blocks as
 *  one column-major array: 8 rows columns / size bytes, up to a block's edge.
 */
#ifndef JUDD_LINALG_BLOCK_CYCLIC_H
#define JUDD_LINALG_BLOCK_CYCLIC_H

#include <judd/comm/comm.h>

enum { JUDD_BLOCK_CYCLIC_BLOCK = 64 }; /* most rows and columns of a block */

typedef struct judd_block_cyclic_grid {
    const judd_comm *comm; /* borrowed */
    int n_rows, n_columns;
    int row, column;     /* this rank's place */
    int context, handle; /* of BLACS; see scalapack.h, which opens and closes grids */
} judd_block_cyclic_grid;

typedef struct judd_block_cyclic {
    const judd_block_cyclic_grid *grid; /* borrowed */
    int64_t rows, columns;              /* of the whole matrix */
    int64_t block;                      /* rows and columns of a block */
    int64_t local_rows, local_columns;  /* of this rank's part */
    int64_t ld;                         /* max(1, local_rows) */
    double *data;                       /* [local_columns][ld]: column-major */
} judd_block_cyclic;

/** Shape and place of this rank in a grid of comm; no BLACS context yet. Local. */
void judd_block_cyclic_deal(judd_block_cyclic_grid *out, const judd_comm *comm);
/** The block to use for all matrices of a problem of order n: small problems get small blocks, so
 *  that every rank has a part. Local. */
int64_t judd_block_cyclic_block(const judd_block_cyclic_grid *grid, int64_t n);

/** A zeroed matrix. JUDD_E_USAGE if a rank's part has 2^31 elements or more, which ScaLAPACK's
 *  integers cannot count. Collective. */
judd_status judd_block_cyclic_create(judd_block_cyclic **out, const judd_block_cyclic_grid *grid,
                                     int64_t rows, int64_t columns, int64_t block);
/** Local. */
void judd_block_cyclic_destroy(judd_block_cyclic *matrix);
/** Bytes of this rank's part. Local. */
int64_t judd_block_cyclic_bytes(const judd_block_cyclic *matrix);

/** How many of the indices 0 .. n-1 lie on place `place` of `n_places` (NUMROC). */
int64_t judd_block_cyclic_count(int64_t n, int64_t block, int place, int n_places);
/** The place of global index i, its local index there, and back. */
int judd_block_cyclic_place(int64_t i, int64_t block, int n_places);
int64_t judd_block_cyclic_to_local(int64_t i, int64_t block, int n_places);
int64_t judd_block_cyclic_to_global(int64_t local, int64_t block, int place, int n_places);

/** Makes this rank's rows first .. first + n as out [n, columns], row-major. Local. */
typedef judd_status judd_block_cyclic_fill(void *context, double *out, int64_t first, int64_t n);

/** matrix[ids[i], j] = row i, column j of this rank's n rows, made by `fill`. Every row of the
 * matrix is given by exactly one rank; n may differ by rank. In rounds of some MiB. Collective. */
judd_status judd_block_cyclic_set_rows(judd_block_cyclic *matrix, const int64_t *ids, int64_t n,
                                       judd_block_cyclic_fill *fill, void *context);

/** dense [count][rows] (column-major) = columns first .. first + count of the matrix, on every
 * rank. rows * count must be below 2^31. Collective. */
judd_status judd_block_cyclic_panel(double *dense, const judd_block_cyclic *matrix, int64_t first,
                                    int64_t count);
/** The whole matrix on every rank, [columns][rows], in panels of bounded size. Owner: caller,
 *  free(). Collective. */
judd_status judd_block_cyclic_gather(double **out, const judd_block_cyclic *matrix);

/** matrix[i, i] += value each[i]; each [min(rows, columns)], NULL: all 1. Local. */
void judd_block_cyclic_add_diagonal(judd_block_cyclic *matrix, double value, const double *each);
/** out [min(rows, columns)] = the diagonal, on every rank. Collective. */
judd_status judd_block_cyclic_diagonal(double *out, const judd_block_cyclic *matrix);

#endif
