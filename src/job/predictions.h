/** predictions/TRIAL.h5: what a trial's head said of every test sample. Local: rank 0. */
#ifndef JUDD_SRC_JOB_PREDICTIONS_H
#define JUDD_SRC_JOB_PREDICTIONS_H

#include "report/page.h"

#include <judd/data/task.h>
#include <judd/learn/figures.h>

#include <stdbool.h>

/** Everything borrowed. */
typedef struct judd_predictions {
    const judd_task_samples *test;
    judd_task_kind task;
    const judd_figures *figures;     /* of rank 0 */
    const char *const *output_names; /* [n_outputs] classes, labels or targets */
} judd_predictions;

/** What a trial's predictions of the test set of another task are called, in place of `trial` in
 * the functions here. Owner: caller, free(). */
judd_status judd_predictions_name(char **name, const char *trial, const char *dataset);

/** Write folder/predictions/TRIAL.h5 atomically. */
judd_status judd_predictions_write(const char *folder, const char *trial,
                                   const judd_predictions *predictions);

/** Shares of the samples in the task's metric, [n] in the order of the test set: of an accuracy 1
 *  where the prediction was right, else 0; else as stats/influence.h says. Owner: caller, free().
 *  JUDD_E_DATA if the file is damaged. */
judd_status judd_predictions_read_shares(double **share, int64_t *n, const char *folder,
                                         const char *trial);

/** All of it, of a task of classes; others, and a damaged file, are JUDD_E_DATA. Owner: caller,
 *  judd_predicted_free. */
judd_status judd_predictions_read(judd_predicted *out, const char *folder, const char *trial);

/** Whether the file is there and whole, scores included, as its own sums say. */
bool judd_predictions_sound(const char *folder, const char *trial);

#endif
