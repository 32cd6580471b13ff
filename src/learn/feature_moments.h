/** Second moments of the features: what the loss of a linear head curves with, whatever the head.
 */
#ifndef JUDD_SRC_LEARN_FEATURE_MOMENTS_H
#define JUDD_SRC_LEARN_FEATURE_MOMENTS_H

#include <judd/learn/rows.h>

#include <stdbool.h>

/** Whether so many samples say enough of how features correlate, and a matrix of that order costs
 *  little beside a pass over them. Local. */
bool judd_feature_moments_fit(int64_t n_samples, int64_t dim);

/** moments [dim + 1, dim + 1]: means over all samples of the products of features and of a last one
 *  that is always 1; element (i, j), i >= j, at moments[j * (dim + 1) + i], the others 0. Exact:
 * the same bits at any number of ranks and on any CPU. max_x: the largest |x| of all ranks.
 * Collective.
 */
judd_status judd_feature_moments_make(double *moments, const judd_rows *rows, double max_x,
                                      const judd_comm *comm);

/** The mean over features of what the others say of one: the sum of squared cosines. 0: nothing;
 *  independent features: dim / samples; all the same: dim. Local. */
double judd_feature_moments_overlap(const double *moments, int64_t dim);

#endif
