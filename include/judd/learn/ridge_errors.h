/** Held-out errors of a ridge, exact, without training again.
 *
 *  Golub, Heath & Wahba 1979; Stone 1974. With the hat
 *  matrix H = 1/n + X (X^T X + s I)^-1 X^T the residuals of samples I, predicted by a model that
 * was fitted without them, are (1 - H_II)^-1 (y - Hy)_I. I is one sample (leave-one-out) or a fold.
 *  Rows keep the standardisation they were given with: it is not fitted again.
 */
#ifndef JUDD_LEARN_RIDGE_ERRORS_H
#define JUDD_LEARN_RIDGE_ERRORS_H

#include <judd/learn/ridge.h>

typedef struct judd_ridge_errors {
    int64_t n;       /* samples predicted */
    int64_t correct; /* whose largest prediction is their class; 0 for real targets */
    double mse;      /* mean over samples and targets of the squared held-out residual */
} judd_ridge_errors;

/** errors [n_l2] of predicting every sample by the model of all others. EIGEN only. Collective. */
judd_status judd_ridge_errors_leave_one_out(judd_ridge_errors *errors, judd_ridge *ridge,
                                            const double *l2, int n_l2);
/** errors [n_l2] of predicting every fold (rows->folds = 0, 1, ...) by the model of the other
 *  folds. JUDD_E_USAGE if there is only one. EIGEN only. Collective. */
judd_status judd_ridge_errors_folds(judd_ridge_errors *errors, judd_ridge *ridge, const double *l2,
                                    int n_l2);

#endif
