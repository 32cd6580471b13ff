/** Scores of a linear head on rows, and what they are worth: log likelihood, calibration, top-5;
 * one temperature for all (Guo, Pleiss, Sun & Weinberger 2017). Sums are exact over lanes: the same
 * bits at any number of ranks.
 */
#ifndef JUDD_LEARN_SCORES_H
#define JUDD_LEARN_SCORES_H

#include <judd/learn/rows.h>
#include <judd/stats/metrics.h>

/** score [n_local, n_outputs] = weight [n_outputs, dim] x' + bias for this rank's rows,
 * standardised on the way to x'. By the exact product. Owner of *score: caller, free(). Collective.
 */
judd_status judd_scores_linear(float **score, const float *weight, const float *bias, int n_outputs,
                               const judd_standard *standard, const judd_rows *rows,
                               const judd_comm *comm);

typedef struct judd_scores_summary {
    int64_t n, correct, top5; /* samples; whose class has the highest score, one of the five */
    double nll;               /* mean negative log likelihood, natural logarithm */
    judd_metrics_calibration bins;
} judd_scores_summary;

/** Summary of softmax(score / temperature) over all ranks. Labels in 0 .. n_classes - 1. A loss
 * that is not finite or above 1e6 counts as 1e6. Collective. */
judd_status judd_scores_summarise(judd_scores_summary *out, const float *score,
                                  const int32_t *labels, int n_classes, double temperature,
                                  const judd_lanes *lanes, const judd_comm *comm);

/** The temperature in [1/1000, 1000] with the least negative log likelihood, to 1e-6 relative; an
 * end of the range where the likelihood has no maximum inside (all samples right: 1/1000). Newton's
 * method on 1/temperature, in which the likelihood is concave, inside a bracket. JUDD_E_DATA names
 * a sample whose score is not finite. Collective. */
judd_status judd_scores_temperature(double *temperature, const float *score, const int32_t *labels,
                                    int n_classes, const judd_lanes *lanes, const judd_comm *comm);

#endif
