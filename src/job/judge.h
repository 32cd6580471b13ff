/** From predictions to verdicts: records and the table. Rank 0 only, local. */
#ifndef JUDD_JOB_JUDGE_H
#define JUDD_JOB_JUDGE_H

#include "job/output.h"

#include <stdio.h>

/** Read the predictions of every comparison, judge them together, write verdicts.jsonl. */
judd_status judd_judge_write(judd_output *output, const judd_plan *plan, double margin);

/** Print the table of verdicts.jsonl and results.jsonl in `folder`. */
judd_status judd_judge_print(FILE *to, const char *folder);

#endif
