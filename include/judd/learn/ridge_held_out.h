/** Held-out predictions of a ridge, exact, without training again.
 *
 *  Golub, Heath & Wahba 1979; Stone 1974. With the hat matrix H = 1/n + X (X^T X + s I)^-1 X^T the
 *  residuals of samples I, predicted by a model that was fitted without them, are
 *  (1 - H_II)^-1 (y - Hy)_I. I is one sample (leave-one-out) or a fold.
 *  Rows keep the standardisation they were given with: it is not fitted again.
 */
#ifndef JUDD_LEARN_RIDGE_HELD_OUT_H
#define JUDD_LEARN_RIDGE_HELD_OUT_H

#include <judd/learn/ridge.h>

/** predicted [n_targets] of local sample i at strength l2[s]. Every sample comes once a strength,
 *  in no stated order. Local. */
typedef void judd_ridge_held_out_visit(void *context, int s, int64_t i, const double *predicted);

/** Every sample predicted by the model of all others, at all strengths l2 [n_l2]. EIGEN only.
 *  Collective. */
judd_status judd_ridge_held_out_leave_one_out(judd_ridge *ridge, const double *l2, int n_l2,
                                              judd_ridge_held_out_visit *visit, void *context);
/** Every fold (rows->folds = 0, 1, ...) predicted by the model of the other folds. At a
 *  strength that does not determine the model of the others, a fold is predicted as NaN.
 *  JUDD_E_USAGE if there is only one. EIGEN only. Collective. */
judd_status judd_ridge_held_out_folds(judd_ridge *ridge, const double *l2, int n_l2,
                                      judd_ridge_held_out_visit *visit, void *context);

#endif
