/** The probabilities that scores stand for, and one temperature for all (Guo, Pleiss, Sun &
 * Weinberger 2017). Sums are exact over lanes: the same bits at any number of ranks. */
#ifndef JUDD_LEARN_SCORES_H
#define JUDD_LEARN_SCORES_H

#include <judd/learn/rows.h>

/** A loss that is not finite or above this counts as this, so that one sample cannot hide all
 *  others. */
#define JUDD_SCORES_MAX_LOSS 1e6

/** What the scores z of one sample say at inverse temperature b: p = softmax(b z). */
typedef struct judd_scores_row {
    int best;              /* class of the highest score, the lowest on ties */
    double top;            /* its probability */
    double loss;           /* -log p[label], natural logarithm */
    double mean, variance; /* of z - max z under p */
} judd_scores_row;

judd_scores_row judd_scores_look(const float *z, int n_classes, int32_t label, double b);

/** The temperature in [1/1000, 1000] with the least negative log likelihood, to 1e-6 relative; an
 * end of the range where the likelihood has no maximum inside (all samples right: 1/1000). Newton's
 * method on 1/temperature, in which the likelihood is concave, inside a bracket. JUDD_E_DATA names
 * a sample whose score is not finite. Collective. */
judd_status judd_scores_temperature(double *temperature, const float *score, const int32_t *labels,
                                    int n_classes, const judd_lanes *lanes, const judd_comm *comm);

#endif
