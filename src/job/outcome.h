/** What training a head gave: the pick from its grid, its test figures, and its record. */
#ifndef JUDD_SRC_JOB_OUTCOME_H
#define JUDD_SRC_JOB_OUTCOME_H

#include "job/plan.h"
#include "job/selection.h"

#include <judd/base/hash.h>

typedef struct judd_outcome {
    char *failure; /* why it has nothing but counts of samples; NULL: it was trained; owned */
    judd_selection selection;
    json_t *selected; /* the record of the selection; owned */
    int64_t n_train, n_validation;
    bool refit;       /* trained again, on training and validation samples */
    bool diverged;    /* the head that was tested */
    json_t *hyper;    /* what the record says of it; owned */
    judd_bank *model; /* it, a bank of its own; NULL: a kind without weights; owned */
    char head_sha256[JUDD_SHA256_HEX], inputs_sha256[JUDD_SHA256_HEX]; /* "": no weights */
    judd_figures test;
    int64_t n_source; /* samples of a source that it learned from */
    json_t *initial;  /* sequence, first task: accuracy by task before any step; or NULL;
                         owned */
    int64_t n_others; /* data sets of other tasks that it was judged on */
    struct judd_outcome_other *others; /* [n_others]; owned */
} judd_outcome;

/** The head on another task's test set. */
typedef struct judd_outcome_other {
    const judd_job_dataset *dataset;
    judd_task_samples test; /* with the head's outputs as labels */
    judd_figures figures;
} judd_outcome_other;

/** Note which point of a head is the result: hyper, model, head_sha256, diverged. Collective. */
judd_status judd_outcome_describe(judd_outcome *outcome, const judd_head_ops *ops, const void *head,
                                  const judd_head_problem *problem, int64_t point);
/** Figures of its scores of the (mapped) test rows. Collective. Owner of *out: caller. */
judd_status judd_outcome_test(judd_figures *out, const judd_outcome *outcome,
                              const judd_head_ops *ops, void *head,
                              const judd_head_problem *problem, int64_t point,
                              const judd_rows *test);
/** What was noted is dropped but for counts of samples: the failure of this thread is the outcome.
 * Local. */
judd_status judd_outcome_fail(judd_outcome *outcome);
void judd_outcome_free(judd_outcome *outcome);

/** A line of results.jsonl. Local, rank 0. Owner: caller, json_decref. */
judd_status judd_outcome_record(json_t **record, const judd_outcome *outcome, const judd_plan *plan,
                                const judd_plan_trial *trial);

#endif
