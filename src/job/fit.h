/** One training of a head: its samples, their features as the head takes them, the trained head. */
#ifndef JUDD_SRC_JOB_FIT_H
#define JUDD_SRC_JOB_FIT_H

#include "job/head.h"
#include "job/label_space.h"
#include "job/train.h"
#include "job/trial_files.h"

#include <judd/learn/feature_map.h>

typedef struct judd_fit {
    const judd_train_context *c;
    const judd_plan_bank *plan;
    judd_job_head config;                 /* its lists are borrowed from the job */
    judd_task_samples samples;            /* of all parts, one behind the other */
    judd_feature_map map;                 /* fitted on them */
    judd_rows raw, rows;                  /* raw: only while rows are streamed from it; mapped */
    judd_rows raw_validation, validation; /* the same of samples that no model sees; may be empty */
    judd_rows raw_source, source;         /* the same of the source's samples; may be empty */
    judd_rows curve;      /* mapped test rows, while a curve is taken; may be empty */
    int32_t *from_output; /* [n_outputs] of the head it starts from, or NULL */
    const judd_head_ops *ops;
    judd_head_problem problem;
    void *head;
    char *name, *folder, *identity; /* of its checkpoints */
    char *events;                   /* folder of its event files, or NULL */
} judd_fit;

/** What a fit learns from, and what it is held against. Everything borrowed. */
typedef struct judd_fit_samples {
    const judd_inputs_part *parts; /* [n_parts] to learn from */
    int n_parts;
    const judd_inputs_part *validation; /* set apart, to stop early and to pick by; NULL: none */
    const judd_inputs_drawn *held_out;  /* how those of the first part are held out to pick by;
                                           NULL: not at all */
    const judd_label_space *space;      /* what the labels of all of them are in */
    const judd_inputs_part *sources;    /* [n_sources] further samples of a lesson */
    int n_sources;
    const judd_trial_model *start; /* the head to start from; its map is taken over; NULL: none */
    const judd_rows *test;         /* raw, for a learning curve */
} judd_fit_samples;

/** Train `config`, or go on from its newest checkpoint. `what` names the training among those of
 *  the bank ("", "+refit"). Collective. Owner: caller, judd_fit_end, also
 * after a failure. */
judd_status judd_fit_run(judd_fit *fit, const judd_train_context *context,
                         const judd_plan_bank *bank, const judd_job_head *config,
                         const judd_fit_samples *samples, const char *what);
void judd_fit_end(judd_fit *fit);

#endif
