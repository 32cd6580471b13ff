/** Figures of merit from integer counts, exact sums, or arrays in the order of the set. */
#ifndef JUDD_STATS_METRICS_H
#define JUDD_STATS_METRICS_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

/** confusion: [n_classes (true), n_classes (predicted)], row-major counts. */
double judd_metrics_accuracy(const int64_t *confusion, int n_classes);
/** Mean over the classes that occur of their recall. */
double judd_metrics_mean_per_class(const int64_t *confusion, int n_classes);
/** Mean over all classes of F1; a class with no true and no predicted sample counts 0, as in
 *  scikit-learn with zero_division = 0. */
double judd_metrics_macro_f1(const int64_t *confusion, int n_classes);

/** One class or label against all else. */
typedef struct judd_metrics_counts {
    int64_t right, truth, predicted; /* true positives; samples of the class; predictions of it */
} judd_metrics_counts;
judd_metrics_counts judd_metrics_count(const uint8_t *truth, const uint8_t *predicted, int64_t n);
/** 0 with no true and no predicted sample. */
double judd_metrics_f1(const judd_metrics_counts *counts);

/** How many of n classes come before `label` by score, equal scores in the order of classes: the
 *  sample counts for top-k if this is below k. A score that is NaN is never in front of others. */
int judd_metrics_rank(const float *score, int n, int32_t label);

/** Confidence against accuracy in 15 bins of equal width, (0, 1/15], ..., (14/15, 1] (Guo et al.
 * 2017). All int64, so that the parts of several ranks add up exactly. */
enum { JUDD_METRICS_BINS = 15 };
typedef struct judd_metrics_calibration {
    int64_t count[JUDD_METRICS_BINS];
    int64_t correct[JUDD_METRICS_BINS];
    int64_t confidence[JUDD_METRICS_BINS]; /* sums in units of 2^-32; fewer than 2^31 samples */
} judd_metrics_calibration;
/** One sample: the probability of its predicted class (0 to 1; NaN counts as 1), and whether it is
 *  right. */
void judd_metrics_calibrate(judd_metrics_calibration *bins, double confidence, bool correct);
/** Index of the bin a confidence falls into. */
int judd_metrics_bin(double confidence);
/** Expected calibration error, within 2^-32; NaN without samples. */
double judd_metrics_ece(const judd_metrics_calibration *bins);

/** 1 - sum (truth - predicted)^2 / sum (truth - mean)^2; for constant truth 1 if all is predicted
 *  exactly, else 0, as in scikit-learn. Sums in the order given. NaN for n = 0. */
double judd_metrics_r2(const float *truth, const float *predicted, int64_t n);
/** Its parts: the sums of (truth - predicted)^2 and of (truth - mean)^2. Returns whether truth
 *  varies at all. */
bool judd_metrics_r2_parts(double *rest, double *all, double *mean, const float *truth,
                           const float *predicted, int64_t n);

#endif
