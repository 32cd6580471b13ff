/** heads/TRIAL.h5, and with predictions/TRIAL.h5 (job/predictions.h) what a finished trial leaves.
 *  Local: rank 0. */
#ifndef JUDD_SRC_JOB_TRIAL_FILES_H
#define JUDD_SRC_JOB_TRIAL_FILES_H

#include "job/head.h"

#include <judd/io/h5.h>
#include <judd/learn/feature_map.h>

/** A trained head with all that is needed to use it and to check it. Everything borrowed. */
typedef struct judd_trial_head {
    const judd_bank *model; /* on mapped features */
    const char *kind;
    int n_classes;
    const char *const *class_names; /* [n_classes] */
    const judd_feature_map *map;
    const judd_task_samples *train;      /* the samples it was trained on */
    const judd_task_samples *validation; /* and picked by; n = 0: none */
    bool refit;                          /* trained on both in the end */
    const json_t *hyper;                 /* numbers and texts of it become attributes */
    const char *backbone_key, *job_name;
} judd_trial_head;

/** Create folder/KIND/TRIAL.h5.tmp, fill it, give it its name. */
judd_status judd_trial_files_write(const char *folder, const char *kind, const char *trial,
                                   judd_status (*fill)(hid_t file, const void *context),
                                   const void *context);
/** Write folder/heads/TRIAL.h5 atomically. */
judd_status judd_trial_files_write_head(const char *folder, const char *trial,
                                        const judd_trial_head *head);
/** A head read back: what it takes features to, and what it says of them. All owned. */
typedef struct judd_trial_model {
    judd_bank *model;
    judd_feature_map map;
    char *kind, *backbone_key;
    char **names; /* [n_names] of its outputs */
    int64_t n_names;
    bool has_targets; /* it learned targets, not classes */
} judd_trial_model;

/** folder/heads/TRIAL.h5, its shapes checked. Local. Owner: caller, judd_trial_model_free. */
judd_status judd_trial_files_read_head(judd_trial_model *out, const char *folder,
                                       const char *trial);
/** The same by the path of the file. */
judd_status judd_trial_files_read_model(judd_trial_model *out, const char *path);
void judd_trial_model_free(judd_trial_model *model);

/** Whether both files are there and whole: the predictions as their own sha256 says, the head as
 *  the record of the trial, which has "" for a head without weights. */
bool judd_trial_files_sound(const char *folder, const char *trial, const char *head_sha256);

/** head_sha256 of folder/heads/TRIAL.h5 as it is on disk. */
judd_status judd_trial_files_hash_head(char hex[65], const char *folder, const char *trial);
/** What an earlier training left of the trial, if anything: its head and its predictions on its own
 *  test set are removed. Local. */
judd_status judd_trial_files_remove(const char *folder, const char *trial);

#endif
