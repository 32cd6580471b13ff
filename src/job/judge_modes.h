/** What verdicts.jsonl says beyond the verdict of a comparison: learning curves of mode warm, and
 * the accuracy matrix of a sequence. From the records of finished trials alone. Local: rank 0. */
#ifndef JUDD_SRC_JOB_JUDGE_MODES_H
#define JUDD_SRC_JOB_JUDGE_MODES_H

#include "job/output.h"

/** Where both arms of seeds have learning curves, into the record of their gain:
 *    curve_area: mean accuracy along the curve (trapezia) of transfer less that of baseline, its
 * mean over seeds and "ci95"; steps_to_baseline: steps after which the transfer's curve first has
 * the baseline's last accuracy: "median" over the seeds (null: not reached in half of them),
 * "reached" seeds, and the "baseline"'s own steps. Else nothing. */
judd_status judd_judge_curves(json_t *record, const judd_output *output, const judd_plan *plan,
                              const judd_plan_comparison *comparison);

/** Appends, for each sequence of the plan (experiment, backbone, head, shots), a record of kind
 *  "sequence" to `lines`. With R[i][j] the accuracy on task j after task i and b[j] that of the
 * head before it learned anything (Lopez-Paz & Ranzato 2017; forgetting: Chaudhry et al. 2018): acc
 * = mean_j R[T][j];  bwt = mean_{j<T} R[T][j] - R[j][j];  fwt = mean_{j>1} R[j-1][j] - b[j];
 *    forgetting = mean_{j<T} max_{l<T} R[l][j] - R[T][j]
 *  as means over seeds with "ci95", and the mean matrix and b. */
judd_status judd_judge_sequences(json_t *lines, const judd_output *output, const judd_plan *plan);

#endif
