/** Ridge regression in closed form, for one-hot or real targets.
 *
 *  Minimises, for W [n_targets, dim], b [n_targets] and L2 strength s >= 0 (scikit-learn's alpha),
 *      sum_i ||y_i - W x_i - b||^2 + s ||W||^2
 *  The intercept is not penalised: with X, Y centred, W^T = (X^T X + s I)^-1 X^T Y and b = mean(y)
 * - W mean(x). If n >= dim the matrix of order m = dim, X^T X, is solved (summed over ranks panel
 * by panel); if n < dim, the one of order m = n, X X^T, with W^T = X^T a, a = (X X^T + s I)^-1 Y.
 * Then s = 0 gives the solution of least norm.
 *
 *  Bytes a rank holds, of R: EIGEN 32 m^2 / R while decomposing (the matrix, its eigenvectors, and
 * as much again as the solver's work space), 8 m^2 / R after; CHOLESKY 16 m^2 / R during a
 * solution; CHOLESKY_ONCE 8 m^2 / R (dim = 25,088: 5.04 GB / R); n < dim adds 8 n dim / R.
 *
 *  Accuracy: float64 throughout. Results at different numbers of ranks agree to 1e-10 relative when
 *  the condition number of the matrix + s is at most 1e5, and grow apart in proportion above.
 */
#ifndef JUDD_LEARN_RIDGE_H
#define JUDD_LEARN_RIDGE_H

#include <judd/learn/rows.h>

typedef enum judd_ridge_method {
    JUDD_RIDGE_EIGEN,        /* one decomposition serves all strengths and ridge_held_out.h */
    JUDD_RIDGE_CHOLESKY,     /* one factorisation a strength; no held-out predictions */
    JUDD_RIDGE_CHOLESKY_ONCE /* the same in place, for one strength */
} judd_ridge_method;

typedef struct judd_ridge_problem {
    const judd_rows *rows; /* borrowed; must outlive the ridge */
    const float *targets;  /* [n_local, n_targets]; borrowed as rows. NULL: one-hot of the labels */
    int n_targets;
    judd_ridge_method method;
} judd_ridge_problem;

typedef struct judd_ridge judd_ridge;

/** Sums and, for EIGEN, the decomposition. JUDD_E_DATA names what is wrong with the rows: a value
 *  that is not finite, one class only; JUDD_E_DEGENERATE a class without samples; JUDD_E_USAGE says
 * how much memory and how many ranks it takes if there is less. Collective over comm, which must
 * outlive the ridge.
 */
judd_status judd_ridge_create(judd_ridge **out, const judd_ridge_problem *problem,
                              const judd_comm *comm);
/** Collective. */
void judd_ridge_destroy(judd_ridge *ridge);
/** Bytes of distributed matrices that this rank holds now. */
int64_t judd_ridge_bytes(const judd_ridge *ridge);

/** weight [n_targets, dim] and bias [n_targets] for strength l2, on every rank. JUDD_E_DEGENERATE
 * if the matrix is singular at this strength, naming a constant column if there is one. Collective.
 */
judd_status judd_ridge_weights(double *weight, double *bias, judd_ridge *ridge, double l2);

#endif
