/** What training a bank gave: the pick from the grid and its test score, and its record. */
#ifndef JUDD_JOB_OUTCOME_H
#define JUDD_JOB_OUTCOME_H

#include "job/plan.h"

#include <judd/base/hash.h>
#include <judd/learn/evaluate.h>
#include <judd/learn/lbfgs.h>

#include <jansson.h>

typedef struct judd_outcome {
    double learning_rate, l2;  /* rate 0: of a solver that has none */
    judd_lbfgs_stop stop;      /* 0: of a solver that has no such thing */
    int64_t n_grid, pick;      /* points of the grid; index of the pick */
    int n_folds;               /* 0: no selection was needed or possible */
    double selection_accuracy; /* of the pick on held-out folds; NaN without folds */
    int64_t n_train;
    bool diverged;   /* every point of the grid did */
    judd_bank *head; /* the pick, a bank of its own; owned */
    char head_sha256[JUDD_SHA256_HEX], inputs_sha256[JUDD_SHA256_HEX];
    judd_evaluation test;
} judd_outcome;

/** Whether the head is trained by L-BFGS, which knows no learning rate. */
bool judd_outcome_is_lbfgs(const judd_job_head *config);
/** Points of the head's grid. */
int64_t judd_outcome_grid(const judd_job_head *config);

/** The heads of a bank for this head's grid: for every point, one on all samples and one without
 * each fold; point p's head on all samples has index p * (n_folds + 1). Owner: caller, free(). */
judd_status judd_outcome_heads(judd_bank_head **heads, int *n_heads, const judd_job_head *config,
                               int n_folds);

/** Choose the point with the most held-out samples right, then the lowest loss, then the first.
 *  Collective. Fills everything of *outcome but head_sha256 and test. */
judd_status judd_outcome_select(judd_outcome *outcome, const judd_bank *bank, int n_folds,
                                const judd_rows *rows, const judd_comm *comm);

void judd_outcome_free(judd_outcome *outcome);

/** A line of results.jsonl. Local. Owner: caller, json_decref. */
judd_status judd_outcome_record(json_t **record, const judd_outcome *outcome,
                                const judd_plan_trial *trial, const judd_plan_bank *bank);

#endif
