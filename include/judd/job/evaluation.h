/** How a head does on new data, beside how it did on its own test set. */
#ifndef JUDD_JOB_EVALUATION_H
#define JUDD_JOB_EVALUATION_H

#include <judd/job/predictor.h>

#include <stdio.h>

/** A line a metric: on `data`, its 95 % interval, on the test set of the trial as results.jsonl of
 *  its output folder has it ("-" without), and the difference. Local, rank 0. */
judd_status judd_evaluation_print(FILE *file, const judd_figures *figures,
                                  const judd_predictor_info *head, const char *data);

#endif
