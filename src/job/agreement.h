/** How well scores would have told which backbones gain: of an experiment's backbones on one
 * target, shot count and head, scores against mean gains over the baseline, which itself gains 0.
 * (Gains, not accuracies: with one baseline both have the same order and distances.) */
#ifndef JUDD_SRC_JOB_AGREEMENT_H
#define JUDD_SRC_JOB_AGREEMENT_H

#include "job/scoring.h"

/** Append a record for each comparison of the verdicts (lines of verdicts.jsonl) and score:
 * Kendall's tau-b, Pearson's coefficient, and the regret, the largest gain less that of the
 * best-scored. What is not defined is null, with a reason. Local. */
judd_status judd_agreement_records(json_t *records, const judd_scoring *scoring,
                                   const json_t *verdicts, const judd_job *job);

/** The mean of each score over the comparisons, from such records. */
void judd_agreement_print(FILE *to, const json_t *records);

#endif
