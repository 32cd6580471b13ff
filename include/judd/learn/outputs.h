/** What heads put out, sample by sample: one form for all kinds, so that everything that judges
 *  outputs (selection, metrics, predictions) is written once.
 *
 *  A head has n_outputs scores a sample: one a class, or one a target, for each point of its grid.
 */
#ifndef JUDD_LEARN_OUTPUTS_H
#define JUDD_LEARN_OUTPUTS_H

#include <judd/learn/rows.h>

/** What the scores mean, and so which metrics there are. */
typedef enum judd_outputs_kind {
    JUDD_OUTPUTS_NONE,       /* no such head */
    JUDD_OUTPUTS_LOGITS,     /* softmax gives probabilities of the classes */
    JUDD_OUTPUTS_INDICATORS, /* least squares on 1 for the class, 0 for the others */
    JUDD_OUTPUTS_RANKS,      /* their order only: votes, distances */
    JUDD_OUTPUTS_LABELS,     /* sigmoid gives the probability of each label */
    JUDD_OUTPUTS_VALUES      /* estimates of real targets */
} judd_outputs_kind;

/** Where scores go: take(context, point, first, n, score) gets score [n, n_outputs] of this rank's
 *  rows first .. first + n - 1 (local indices) for one point. Every row of every point comes once,
 *  the rows of a point in ascending order; a block never spans two lanes. take is local: it must
 *  not communicate. */
typedef struct judd_outputs_sink {
    judd_status (*take)(void *context, int64_t point, int64_t first, int64_t n, const float *score);
    void *context;
} judd_outputs_sink;

/** Gives the scores [n_local, n_outputs] of all of this rank's rows to the sink, in blocks as it
 *  wants them. Local. */
judd_status judd_outputs_give(const judd_outputs_sink *sink, int64_t point, const float *score,
                              int n_outputs, const judd_lanes *lanes);

#endif
