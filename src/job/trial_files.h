/** heads/TRIAL.h5 and predictions/TRIAL.h5: what a finished trial leaves. Local: rank 0. */
#ifndef JUDD_JOB_TRIAL_FILES_H
#define JUDD_JOB_TRIAL_FILES_H

#include "job/head.h"

#include <judd/learn/feature_map.h>

/** A trained head with all that is needed to use it and to check it. Everything borrowed. */
typedef struct judd_trial_head {
    const judd_bank *model; /* on mapped features */
    const char *kind;
    int n_classes;
    const char *const *class_names; /* [n_classes] */
    const judd_feature_map *map;
    const judd_task_samples *train; /* the samples it was trained on */
    const json_t *hyper;            /* numbers and texts of it become attributes */
    const char *backbone_key, *job_name;
} judd_trial_head;

/** Write folder/heads/TRIAL.h5 atomically. */
judd_status judd_trial_files_write_head(const char *folder, const char *trial,
                                        const judd_trial_head *head);
/** Write folder/predictions/TRIAL.h5 atomically: sample ids, labels, predicted classes. */
judd_status judd_trial_files_write_predictions(const char *folder, const char *trial,
                                               const judd_task_samples *test,
                                               const int32_t *predicted);
/** 1 where the prediction was right, [n] in the order of the test set. Owner: caller, free().
 *  JUDD_E_DATA if the file is damaged. */
judd_status judd_trial_files_read_correct(uint8_t **correct, int64_t *n, const char *folder,
                                          const char *trial);
/** Whether both files are there and whole: the predictions as their own sha256 says, the head as
 *  the record of the trial, which has "" for a head without weights. */
bool judd_trial_files_sound(const char *folder, const char *trial, const char *head_sha256);

#endif
