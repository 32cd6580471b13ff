/** What a head says of samples, as text or HDF5. */
#ifndef JUDD_JOB_PREDICTIONS_WRITER_H
#define JUDD_JOB_PREDICTIONS_WRITER_H

#include <judd/job/predictor.h>

typedef struct judd_predictions_writer_options {
    const char *path; /* NULL: standard output, for text only */
    const char
        *format; /* "tsv", "jsonl", "hdf5" or "html"; NULL: by the ending of path, else tsv */
    int top;     /* only so many classes of a sample, the likeliest first; 0: all */
} judd_predictions_writer_options;

/** JUDD_E_USAGE if the options are none that the head or the format can do. Local. */
judd_status judd_predictions_writer_check(const judd_predictions_writer_options *options,
                                          const judd_predictor_info *head);

/** Scores [n_local, n_outputs] of `samples` as judd_predictor_scores gave them, with their lanes.
 * In the order of the samples, a line or row each: tsv    sample, predicted, then p(NAME) (or
 * score(NAME)) of every class; with top, CLASS and number in turn jsonl  {"sample", "predicted",
 * "probability" or "score": {NAME: number}} hdf5   sample_id, sample, predicted, score,
 * probability, output_names html   a contact sheet: pictures or
 * texts with what is said of them, at most 2,000. Labels of a multilabel head: predicted are those
 * with p >= 0.5, with commas between. Rank 0 writes, and holds no more than a block of them; a file
 * appears when it is whole. Collective. */
judd_status judd_predictions_writer_run(const judd_predictor *predictor, judd_dataset *dataset,
                                        const judd_task_samples *samples, const float *scores,
                                        const judd_lanes *lanes, const judd_comm *comm,
                                        const judd_predictions_writer_options *options);

#endif
