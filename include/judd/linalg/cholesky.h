/** Cholesky's factorisation on one rank, in float64, with the same bits on any CPU. For matrices
 * that every rank has; linalg/scalapack.h is faster and spreads them, but has no order of its own.
 */
#ifndef JUDD_LINALG_CHOLESKY_H
#define JUDD_LINALG_CHOLESKY_H

#include <stdbool.h>
#include <stdint.h>

/** The lower triangle of a [n, n] (symmetric) becomes L, of L L^T = a: element (i, j), i >= j, is
 * at a[j * n + i]. What is above the diagonal is not looked at. False: a pivot is not positive, and
 * a is spoilt. Local. */
bool judd_cholesky_factor(double *a, int64_t n);

/** Each of the m rows of x [m, n] becomes a x. Local. */
void judd_cholesky_multiply(double *x, int64_t m, const double *factor, int64_t n);

/** Each of the m rows of x [m, n] becomes L^-1 x, L^-T x or, both in turn, a^-1 x. Local. */
void judd_cholesky_solve_lower(double *x, int64_t m, const double *factor, int64_t n);
void judd_cholesky_solve_upper(double *x, int64_t m, const double *factor, int64_t n);
void judd_cholesky_solve(double *x, int64_t m, const double *factor, int64_t n);

#endif
