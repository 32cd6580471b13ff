/** Principal components as a transform of features (Jolliffe 2002), with or without whitening.
 *
 *  Rows of component are the eigenvectors of the covariance (divisor n - 1) by falling variance;
 * the sign of each is such that its element of largest magnitude (the first, if several) is
 * positive. out = component (x - mean), and with whiten each divided by sqrt(variance) If n < dim
 * the eigenvectors of the n x n matrix of products are found instead. Bytes a rank: with m = min(n,
 * dim), 32 m^2 / R while decomposing, and 8 n dim / R more if n < dim. Float64; results at
 * different numbers of ranks agree to 1e-10 relative to the largest variance where neighbouring
 *  variances are apart (components of equal variance are not determined).
 */
#ifndef JUDD_LEARN_PCA_H
#define JUDD_LEARN_PCA_H

#include <judd/learn/rows.h>

#include <stdbool.h>

typedef struct judd_pca_options {
    int64_t n_components; /* 0: all that have variance */
    bool whiten;
} judd_pca_options;

typedef struct judd_pca {
    int64_t dim, n_components;
    bool whiten;
    double *mean;      /* [dim] */
    double *component; /* [n_components, dim] */
    double *variance;  /* [n_components] explained */
    double *ratio;     /* [n_components] of the whole variance */
} judd_pca;

/** Collective; the result is the same on every rank. JUDD_E_DATA names a value that is not finite,
 * JUDD_E_DEGENERATE says how many components have variance if they are fewer than wanted. Owner of
 * the arrays: caller, judd_pca_free. */
judd_status judd_pca_fit(judd_pca *out, const judd_rows *rows, const judd_pca_options *options,
                         const judd_comm *comm);
void judd_pca_free(judd_pca *pca);

#endif
