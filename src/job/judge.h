/** From predictions to verdicts: records and the table. Rank 0 only, local. */
#ifndef JUDD_SRC_JOB_JUDGE_H
#define JUDD_SRC_JOB_JUDGE_H

#include "job/output.h"

#include <judd/transfer/verdict.h>

#include <stdio.h>

/** What a gain of the comparison is in: "accuracy", "map" or "r2". */
const char *judd_judge_metric(const judd_plan_comparison *c);

/** What is judged of a comparison: its transfer, or the choice of its guard. */
typedef struct judd_judged {
    judd_verdict verdict;
    double transfer, baseline; /* mean metrics; transfer: of what is judged */
    /* of a guard: */
    int n_transferred, n_not_held_out; /* seeds; of those without held-out samples */
    double against_always;             /* its metric less that of transferring always */
} judd_judged;

/** The verdict of comparison c by itself, from the predictions of the seeds it uses; guard: that of
 *  its guarded choice too; may be NULL. */
judd_status judd_judge_measure(judd_judged *judged, judd_judged *guard, const judd_output *output,
                               const judd_plan *plan, int64_t c, double margin);

/** Read the predictions of every comparison, judge them together, write verdicts.jsonl. */
judd_status judd_judge_write(judd_output *output, const judd_plan *plan, double margin);

/** Print the table of verdicts.jsonl and results.jsonl in `folder`. */
judd_status judd_judge_print(FILE *to, const char *folder);

#endif
