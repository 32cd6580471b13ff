/** How long heads of this job took where it ran, beside what is expected of them: an estimate of
 * what is left need not rest on a product alone. Of features there is no such measure: those of a
 * pass over the samples were computed together, and timing.jsonl has the time of the pass. */
#ifndef JUDD_SRC_JOB_PACE_H
#define JUDD_SRC_JOB_PACE_H

#include "job/costs.h"

typedef struct judd_pace {
    double factor; /* expected seconds times this were those that it took; 1 if none was trained */
    int64_t n_heads; /* trained ones that this rests on */
} judd_pace;

/** For every head of the job file [job->n_heads], from the "train" records of an output folder: the
 *  median of measured by expected seconds, weighed by the latter. rates: what the expectation rests
 *  on. A head that was resumed counts from there on only, which the median bears. Local. Owner:
 *  caller, free(). */
judd_status judd_pace_read(judd_pace **out, const char *folder, const judd_inputs *inputs,
                           const judd_plan *plan, const judd_cost_rates *rates);

#endif
