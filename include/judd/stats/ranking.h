/** How well scores put positives above negatives. Local. */
#ifndef JUDD_STATS_RANKING_H
#define JUDD_STATS_RANKING_H

#include <judd/base/status.h>

#include <stdint.h>

/** Area under the ROC curve (ties count half) and average precision (the sum over distinct scores,
 *  falling, of precision times the gain in recall, as in scikit-learn; not interpolated) of n
 *  scores. NaN where not defined: both without positives, *auroc also without negatives.
 *  auroc_influence, precision_influence [n]: as stats/influence.h says (zeros where not defined);
 *  that of the area is DeLong's (DeLong, DeLong & Clarke-Pearson 1988). JUDD_E_DATA names a sample
 *  whose score is NaN. Every output may be NULL. O(n log n). */
judd_status judd_ranking_measure(double *auroc, double *average_precision, double *auroc_influence,
                                 double *precision_influence, const float *score,
                                 const uint8_t *positive, int64_t n);

#endif
