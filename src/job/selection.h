/** Which point of a head's grid is the best on samples that its model did not see: the most of the
 *  task's metric (accuracy, map, r2), then the least loss, then the first. */
#ifndef JUDD_SRC_JOB_SELECTION_H
#define JUDD_SRC_JOB_SELECTION_H

#include "job/head.h"

#include <judd/learn/figures.h>

typedef struct judd_selection {
    int64_t n_grid, pick; /* points; index of the pick */
    bool diverged;        /* every point did; the pick is then point 0 */
    const char *on;     /* "validation", "folds", "leave-one-out", or NULL: no sample is held out */
    const char *metric; /* of score */
    int n_folds;
    int64_t n_held_out;
    double *score, *loss; /* [n_grid] on the held-out samples; NaN: not known; owned */
    double temperature;   /* fitted on the pick's held-out scores; NaN: `no_temperature` says why */
    const char *no_temperature;
} judd_selection;

/** On the problem's validation rows or else its folds, if it has any. Collective. Owner of the
 * arrays: caller, judd_selection_free. */
judd_status judd_selection_make(judd_selection *out, const judd_head_ops *ops, void *head,
                                const judd_head_problem *problem);
/** The next best, with its temperature, where the pick has no model on all samples: its score is
 * NaN then. *found: whether there is one. Collective. */
judd_status judd_selection_next(bool *found, judd_selection *selection, const judd_head_ops *ops,
                                void *head, const judd_head_problem *problem);
void judd_selection_free(judd_selection *selection);

/** The "selection" of a record: what was picked on what, the scores of the pick and of its
 *  neighbours on every axis of the grid, and on which edges of the grid it lies. Local. Owner:
 *  caller, json_decref; NULL without memory. */
json_t *judd_selection_record(const judd_selection *selection, const judd_head_ops *ops,
                              const judd_job_head *config);

#endif
