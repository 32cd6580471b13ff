/** Dense linear algebra on distributed matrices: what Judd needs of ScaLAPACK, as functions that
 *  return a status. Only scalapack.c knows ScaLAPACK's and BLACS' names.
 *
 *  Results depend on the grid in the last digits (relative error of some units of 1e-16 times the
 *  order and the condition number): they are not on the path that promises equal bits. All
 * functions are collective over the grid's communicator and return the same status on every rank.
 * Matrices of one call must have the same grid and block.
 */
#ifndef JUDD_LINALG_SCALAPACK_H
#define JUDD_LINALG_SCALAPACK_H

#include <judd/linalg/block_cyclic.h>

#include <stdbool.h>

/** A BLACS grid over comm, which must outlive it. Collective. Owner: caller, judd_scalapack_close.
 */
judd_status judd_scalapack_open(judd_block_cyclic_grid *out, const judd_comm *comm);
/** Collective; a zeroed grid is allowed. MPI itself stays as it is. */
void judd_scalapack_close(judd_block_cyclic_grid *grid);

/** Rows and columns of a matrix, starting at (row, column). */
typedef struct judd_scalapack_part {
    const judd_block_cyclic *matrix;
    int64_t row, column, rows, columns;
} judd_scalapack_part;
judd_scalapack_part judd_scalapack_whole(const judd_block_cyclic *matrix);

/** c = alpha op(a) op(b) + beta c. The part c is written although its matrix is const. */
judd_status judd_scalapack_multiply(judd_scalapack_part c, double alpha, judd_scalapack_part a,
                                    bool transpose_a, judd_scalapack_part b, bool transpose_b,
                                    double beta);
/** Lower triangle of c = alpha a a^T + beta c, or alpha a^T a + beta c with `transpose`. */
judd_status judd_scalapack_rank_k(judd_scalapack_part c, double alpha, judd_scalapack_part a,
                                  bool transpose, double beta);
/** to = from, of equal shape. */
judd_status judd_scalapack_copy(judd_scalapack_part to, judd_scalapack_part from);

/** The Cholesky factor of a symmetric matrix given and returned in its lower triangle.
 *  JUDD_E_DEGENERATE if it is not positive definite to working precision: a pivot is at most
 *  order * 2.2e-16 of its diagonal element. *dependent (may be NULL) is then the first such row,
 *  else -1. */
judd_status judd_scalapack_cholesky(judd_block_cyclic *a, int64_t *dependent);
/** b = a^-1 b with the factor from judd_scalapack_cholesky. */
judd_status judd_scalapack_solve(judd_block_cyclic *b, const judd_block_cyclic *factor);

/** *out = ln det of a positive definite matrix in the lower triangle of a, which is destroyed.
 *  JUDD_E_DEGENERATE if it is not, even by rounding. */
judd_status judd_scalapack_log_determinant(double *out, judd_block_cyclic *a);

/** Eigenvalues, ascending, [order] on every rank, and eigenvectors (columns) of the symmetric
 *  matrix in the lower triangle of a, which is destroyed. Divide and conquer: Tisseur & Dongarra
 *  1999. vectors has the shape of a. */
judd_status judd_scalapack_eigen(double *values, judd_block_cyclic *vectors, judd_block_cyclic *a);

#endif
