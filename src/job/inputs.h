/** What the trials of a job read: data sets, tasks, and the features of every backbone. */
#ifndef JUDD_SRC_JOB_INPUTS_H
#define JUDD_SRC_JOB_INPUTS_H

#include "job/plan.h"

#include <judd/base/log.h>
#include <judd/comm/comm.h>
#include <judd/data/task.h>
#include <judd/features/backbone.h>
#include <judd/features/cache.h>
#include <judd/learn/rows.h>

#include <signal.h>

typedef enum judd_split {
    JUDD_SPLIT_TRAIN,
    JUDD_SPLIT_VALIDATION,
    JUDD_SPLIT_TEST,
    JUDD_N_SPLITS
} judd_split;

/** A data set of the job: its tasks, on splits that data sets with the same files share. */
typedef struct judd_input {
    const judd_job_dataset *config;
    judd_task_kind kind;
    int n_classes;    /* multilabel: targets; regression: 0 */
    int32_t *classes; /* [n_classes] labels in the files, or columns of their targets */
    judd_dataset *split[JUDD_N_SPLITS];    /* borrowed from judd_inputs.splits; no validation: NULL
                                            */
    judd_id_set ids[JUDD_N_SPLITS];        /* of the files' samples of the classes */
    judd_task_samples task[JUDD_N_SPLITS]; /* all samples of the classes; if tasks were asked for */
    judd_id_set corpus; /* texts: training samples, that words are weighed by; else empty */
} judd_input;

typedef struct judd_inputs {
    const judd_job *job; /* borrowed, as comm, log and stop */
    const judd_comm *comm;
    judd_log *log;
    const volatile sig_atomic_t *stop;
    bool quiet;
    int64_t n, n_splits;
    judd_input *inputs;                  /* [n], as job->datasets */
    judd_dataset **splits;               /* [n_splits] owned; opened once for the same files */
    judd_dataset_options *split_options; /* [n_splits], strings borrowed from the job */
    judd_model_identity *models;         /* [job->n_backbones] of their files; zero without */
    judd_model_copy *copy;               /* rank 0's, of their networks */
    judd_lexicon *lexicon;               /* of all texts; extraction gives its memory back */
} judd_inputs;

/** Open every data set and, unless features of whole splits are all that is wanted, select its
 *  tasks, which take 12 bytes a sample. Collective. */
judd_status judd_inputs_open(judd_inputs **out, const judd_job *job, const judd_comm *comm,
                             judd_log *log, const volatile sig_atomic_t *stop, bool quiet,
                             bool tasks);
/** The same for one data set of the job, with its tasks; nothing is known of the others and of the
 *  models. Collective. */
judd_status judd_inputs_open_one(judd_inputs **out, const judd_job *job,
                                 const judd_job_dataset *dataset, const judd_comm *comm);
/** Collective. */
void judd_inputs_close(judd_inputs *inputs);
const judd_input *judd_inputs_find(const judd_inputs *inputs, const judd_job_dataset *dataset);

/** SHA-256 of everything a bank reads: its model, and images and labels of all splits. Local. */
judd_status judd_inputs_identity(char hex[JUDD_SHA256_HEX], const judd_inputs *inputs,
                                 const judd_plan_bank *bank);

/** The same of all banks of a plan. Owner: caller, free(). */
judd_status judd_inputs_identities(char (**hex)[JUDD_SHA256_HEX], const judd_inputs *inputs,
                                   const judd_plan *plan);

/** Whether two banks have the same backbone with the same weights, tapped at the same place. */
bool judd_inputs_same_network(const judd_plan_bank *a, const judd_plan_bank *b);
/** ... and whether what they learn from training samples alone, if anything, is the same too. */
bool judd_inputs_same_corpus(const judd_plan_bank *a, const judd_plan_bank *b);

/** The name of output c of a task: a class or label from the job, else from the files, else as
 *  text; a target's column. Owner: caller, free(). */
judd_status judd_inputs_name(char **name, const judd_input *input, int c);

/** Scores a head gives to a sample of the data set: classes, labels or targets. */
int judd_inputs_outputs(const judd_inputs *inputs, const judd_job_dataset *dataset);

/** What a bank learns from and what it is picked by. */
typedef struct judd_inputs_drawn {
    judd_task_samples train;      /* in all views, which share label and fold; with folds if any */
    judd_task_samples validation; /* n = 0: none */
    judd_split validation_split;  /* that its ids are of */
    int n_folds;                  /* 0: none, as with validation or without a grid */
    bool leave_one_out;           /* the head holds out every sample alone */
} judd_inputs_drawn;

/** Local; the same on every rank. Owner: caller, judd_inputs_drawn_free. */
judd_status judd_inputs_draw(judd_inputs_drawn *out, const judd_inputs *inputs,
                             const judd_plan_bank *bank);
/** Training samples of a data set that a lesson learns from beside its own, with that data set's
 *  labels: source_shots of them, or, in a sequence, the share that is rehearsed. Local; the same on
 *  every rank. Owner: caller, judd_task_free. */
judd_status judd_inputs_draw_source(judd_task_samples *out, const judd_inputs *inputs,
                                    const judd_plan_bank *bank, const judd_plan_read *read);
void judd_inputs_drawn_free(judd_inputs_drawn *drawn);

/** What the job says of a backbone: everything but the head's own tap, the seed of random weights
 *  and the augmentation. Strings are borrowed from the job. Local. */
judd_backbone_options judd_inputs_backbone_options(const judd_job *job,
                                                   const judd_job_backbone *backbone);
/** The backbone of a bank for the images of one split. Collective. Owner: caller,
 *  judd_backbone_close. */
judd_status judd_inputs_backbone(judd_backbone **out, const judd_inputs *inputs,
                                 const judd_plan_bank *bank, judd_split split);
/** "train", "validation" or "test". */
const char *judd_inputs_split_name(judd_split split);
/** Views of an image of this split that the bank reads. */
int judd_inputs_views(const judd_plan_bank *bank, judd_split split);

/** The features of a bank's backbone on one split, all views, after judd_extraction_run.
 * Collective. Owner: caller, judd_cache_close. */
judd_status judd_inputs_cache(judd_cache **out, const judd_inputs *inputs,
                              const judd_plan_bank *bank, judd_split split);

/** Samples and the cache that has their features; both borrowed. */
typedef struct judd_inputs_part {
    const judd_cache *cache;
    const judd_task_samples *samples;
} judd_inputs_part;
enum { JUDD_INPUTS_PARTS = 2 };

/** This rank's lanes of the samples of parts [n_parts], one part behind the other: in memory or, if
 *  they are more than limits.memory_mib on any rank, streamed; then the caches must outlive them.
 *  Collective. Owner: caller, judd_rows_free. */
judd_status judd_inputs_rows(judd_rows *out, const judd_inputs *inputs,
                             const judd_inputs_part *parts, int n_parts);

#endif
