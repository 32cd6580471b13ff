/** How much the covariance of each class is to be shrunk (Ledoit & Wolf 2004, "A well-conditioned
 *  estimator for large-dimensional covariance matrices"), on columns divided by the class's own
 *  deviations, as scikit-learn's LinearDiscriminantAnalysis(shrinkage="auto") does:
 *      S_k' = (1 - g_k) S_k + g_k mu_k diag(S_k),  mu_k = share of the columns that vary in k
 *  (a column that does not vary has 1 on that diagonal).
 */
#ifndef JUDD_SRC_LEARN_LEDOIT_WOLF_H
#define JUDD_SRC_LEARN_LEDOIT_WOLF_H

#include <judd/learn/moments.h>
#include <judd/linalg/block_cyclic.h>

/** keep [n_classes] = 1 - g_k; diagonal [n_classes, dim] = g_k mu_k diag(S_k). Rows whose label is
 *  not below moments->n_classes do not count. A Gram matrix of dim x dim on `grid` is held
 *  meanwhile. Collective. */
judd_status judd_ledoit_wolf(double *keep, double *diagonal, const judd_rows *rows,
                             const judd_moments *moments, const judd_block_cyclic_grid *grid);

#endif
