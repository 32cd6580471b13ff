/** How much each sample of a test set moves a figure of merit.
 *
 *  A figure is a function of the samples' weights (1/n each); influence[i] is its derivative by the
 *  weight of sample i along (1 - e) weights + e sample i, so that its mean is 0 and
 *      figure + influence[i],  i = 1 .. n
 *  are the figure's shares: their mean is the figure, and the variance of the figure over test sets
 *  is that of their mean, sum influence^2 / (n (n - 1)): the infinitesimal jackknife (Jaeckel 1972;
 *  Efron 1982, chapter 6). For a mean this is the usual formula, for the area under the ROC curve
 *  DeLong's, for F1 the delta method (Takahashi et al. 2022). Differences of shares of two heads on
 *  the same samples are paired, as in DeLong's test.
 *
 *  All arrays are [n] in the set's order, outputs first. Local; sums in the order given.
 */
#ifndef JUDD_STATS_INFLUENCE_H
#define JUDD_STATS_INFLUENCE_H

#include <judd/stats/metrics.h>

/** Of the mean of x. May work in place. */
void judd_influence_mean(double *influence, const double *x, double mean, int64_t n);

/** Of judd_metrics_macro_f1, with the confusion of just these samples. truth, predicted in
 *  0 .. n_classes - 1. */
judd_status judd_influence_macro_f1(double *influence, const int64_t *confusion, int n_classes,
                                    const int32_t *truth, const int32_t *predicted, int64_t n);

/** Of judd_metrics_ece, the sign of each bin's gap taken as known. The estimate itself is biased
 *  upwards where gaps are small, and so is its interval. */
void judd_influence_ece(double *influence, const judd_metrics_calibration *bins,
                        const double *confidence, const uint8_t *correct, int64_t n);

/** influence [n] += scale times that of judd_metrics_f1 of one label. */
void judd_influence_add_f1(double *influence, double scale, const judd_metrics_counts *counts,
                           const uint8_t *truth, const uint8_t *predicted, int64_t n);

/** influence [n] += scale times that of judd_metrics_r2 of one target. */
void judd_influence_add_r2(double *influence, double scale, const float *truth,
                           const float *predicted, int64_t n);

/** Variance of the figure over test sets; NaN for n < 2. */
double judd_influence_variance(const double *influence, int64_t n);

#endif
