/** data.jsonl: what each data set of a job holds, and what its test set shares with training. */
#ifndef JUDD_SRC_JOB_DATA_REPORT_H
#define JUDD_SRC_JOB_DATA_REPORT_H

#include "job/inputs.h"
#include "job/output.h"

/** A line a data set and split: samples, bad ones, samples of each class of the task, and their
 *  imbalance (largest over smallest class); for validation and test, the samples that stand in
 * train byte for byte (the log warns of them). Then a line a pair of source and target of modes
 * warm, joint and sequence, with the target's test samples that stand in the source's train. The
 * same at any number of ranks. Loads the data sets. Collective. */
judd_status judd_data_report_write(judd_output *output, const judd_inputs *inputs, judd_log *log);

#endif
