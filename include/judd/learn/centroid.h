/** Nearest centroid as a linear head: a sample belongs to the class whose centroid is nearest.
 *
 *  EUCLIDEAN: centroid m_k = mean of the class's rows; |x - m_k|^2 is least where m_k . x -
 * |m_k|^2/2 is largest: weight_k = m_k, bias_k = -|m_k|^2 / 2. COSINE: m_k = mean of the class's
 * rows, each divided by its length (a row of zeros stays zeros); weight_k = m_k / |m_k|, bias_k =
 * 0. The score is |x| cos(x, m_k): the largest is the nearest. Sums are exact over lanes: the same
 * bits at any number of ranks.
 */
#ifndef JUDD_LEARN_CENTROID_H
#define JUDD_LEARN_CENTROID_H

#include <judd/learn/rows.h>

typedef enum judd_centroid_metric {
    JUDD_CENTROID_EUCLIDEAN,
    JUDD_CENTROID_COSINE
} judd_centroid_metric;

/** weight [n_classes, dim] and bias [n_classes], on every rank. JUDD_E_DATA names a value that is
 * not finite, or says that there is one class only, JUDD_E_DEGENERATE names a class without samples
 * or one whose rows' directions cancel (COSINE). Collective. */
judd_status judd_centroid_fit(float *weight, float *bias, const judd_rows *rows, int n_classes,
                              judd_centroid_metric metric, const judd_comm *comm);

/** inverse[i] = 1 / |row i of this rank| (sum of squares in float64, in order of columns), 0 for a
 * row of zeros. JUDD_E_IO as the rows' source says. Local. */
judd_status judd_centroid_inverse_norms(float *inverse, const judd_rows *rows);

#endif
