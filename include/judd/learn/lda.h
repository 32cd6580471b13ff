/** Linear discriminant analysis with a shrunk shared covariance (Hastie, Tibshirani & Friedman
 * 2009, section 4.3; Friedman 1989).
 *
 *      S = sum_k prior_k (1/n_k) sum_{i in k} (x_i - m_k)(x_i - m_k)^T
 *      S' = (1 - g) S + g trace(S)/dim I,  0 <= g <= 1
 *      weight_k = S'^-1 m_k,  bias_k = -1/2 m_k . weight_k + log prior_k
 *  as scikit-learn's LinearDiscriminantAnalysis(solver="lsqr", shrinkage=g); or, with ledoit_wolf,
 *  as with shrinkage="auto": each class's covariance is shrunk by a share of its own, which follows
 *  from the data (learn/ledoit_wolf.h). Where S vanishes (features that are the same in all
 * samples, one sample a class) S' is I, so that the nearest class mean wins. The scores are log
 *  posteriors up to a constant a sample: softmax gives probabilities. S is summed over the ranks in
 *  panels, block-cyclic: 8 dim^2 / R bytes a rank for one g, 16 dim^2 / R for several. Float64;
 *  results at different numbers of ranks agree to 1e-10 relative at condition numbers up to 1e5.
 */
#ifndef JUDD_LEARN_LDA_H
#define JUDD_LEARN_LDA_H

#include <judd/learn/rows.h>

#include <stdbool.h>

typedef struct judd_lda_options {
    int n_classes;
    const double *priors;    /* [n_classes], positive, of sum 1; NULL: the classes' frequencies */
    const double *shrinkage; /* [n_shrinkage]: values of g, each a solution */
    int n_shrinkage;
    int held_out;     /* fold whose rows are left out; -1: none */
    bool ledoit_wolf; /* one solution; shrinkage is not looked at */
} judd_lda_options;

/** weight [n_shrinkage, n_classes, dim] and bias [n_shrinkage, n_classes], on every rank, NaN for
 *  a g whose S' is singular (0); *flat: whether S vanishes.
 *  JUDD_E_DATA names a value that is not finite, JUDD_E_DEGENERATE a class without samples, or, if
 *  every S' is singular, the column that makes it so. JUDD_E_CONFIG: a g or prior out of range.
 * Collective. */
judd_status judd_lda_fit(double *weight, double *bias, bool *flat, const judd_rows *rows,
                         const judd_lda_options *options, const judd_comm *comm);

#endif
