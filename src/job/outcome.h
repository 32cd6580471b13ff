/** What training a head gave: the pick from its grid, its test score, and its record. */
#ifndef JUDD_JOB_OUTCOME_H
#define JUDD_JOB_OUTCOME_H

#include "job/head.h"
#include "job/plan.h"

#include <judd/base/hash.h>
#include <judd/learn/evaluate.h>

typedef struct judd_outcome {
    int64_t n_grid, pick;      /* points of the grid; index of the pick */
    int n_folds;               /* 0: no selection was needed or possible */
    double selection_accuracy; /* of the pick on held-out samples; NaN without */
    int64_t n_train;
    bool diverged;    /* every point of the grid did */
    json_t *hyper;    /* what the record says of the pick; owned */
    judd_bank *model; /* the pick, a bank of its own; NULL: a kind without weights; owned */
    char head_sha256[JUDD_SHA256_HEX], inputs_sha256[JUDD_SHA256_HEX]; /* "": no weights */
    judd_evaluation test;
} judd_outcome;

/** Choose the point with the most held-out samples right, then the lowest loss, then the first.
 *  Fills everything of *outcome but inputs_sha256 and test. Collective. Owner: caller,
 *  judd_outcome_free. */
judd_status judd_outcome_select(judd_outcome *outcome, const judd_head_ops *ops, void *head,
                                const judd_head_problem *problem);
/** Score the pick on the (mapped) test rows: outcome->test. Collective. */
judd_status judd_outcome_test(judd_outcome *outcome, const judd_head_ops *ops, void *head,
                              int n_outputs, const judd_rows *test, const judd_comm *comm);
void judd_outcome_free(judd_outcome *outcome);

/** A line of results.jsonl. Local. Owner: caller, json_decref. */
judd_status judd_outcome_record(json_t **record, const judd_outcome *outcome,
                                const judd_plan_trial *trial, const judd_plan_bank *bank);

#endif
