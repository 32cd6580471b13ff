/** What scores need of features f [n, dim]: the eigenvalues of F^T F, F = f - 1 m^T with m the
 * mean, and vectors in the coordinates of its eigenvectors V. Sums of the uncentred f follow from
 *  f^T f = F^T F + n m m^T.
 *
 *  If n < dim the eigenvectors U of F F^T stand for V = F^T U / sqrt(values), and what lies outside
 *  their span is kept as a length. A rank of R then holds 4 n dim / R bytes of columns meanwhile.
 */
#ifndef JUDD_SRC_TRANSFER_SPECTRUM_H
#define JUDD_SRC_TRANSFER_SPECTRUM_H

#include <judd/learn/moments.h>

typedef struct judd_spectrum {
    int64_t n, dim;
    int n_classes;
    int64_t *count;     /* [n_classes] samples */
    int64_t order;      /* min(n, dim) */
    int64_t rank;       /* the last `rank` values are more than rounding */
    double *value;      /* [order], ascending, at least 0 */
    double *mean;       /* [order]: V^T m */
    double mean_beyond; /* length of the rest of m */
    double *sum;        /* [n_classes, order]: V^T of the sum of a class's rows of F */
    double fourth;      /* sum over rows of |F_i|^4 */
    double *class_rate; /* [n_classes]: see coding_rate.h */
} judd_spectrum;

/** moments: of the rows, by class. JUDD_E_DATA: no variance. Collective; the same on every rank.
 * Owner of the arrays: caller, judd_spectrum_free. */
judd_status judd_spectrum_fit(judd_spectrum *out, const judd_rows *rows,
                              const judd_moments *moments, const judd_comm *comm);
void judd_spectrum_free(judd_spectrum *spectrum);

#endif
