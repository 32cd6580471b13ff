/* What heads have in common whose points are linear models found in closed form: ridge, LDA and
 * nearest centroids. Each brings its own train and record. */
#ifndef JUDD_SRC_JOB_HEAD_LINEAR_H
#define JUDD_SRC_JOB_HEAD_LINEAR_H

#include "job/head.h"

#include <judd/learn/whole.h>

typedef struct judd_head_linear {
    const judd_head_problem *p;
    int64_t n_points;
    float *weight, *bias; /* [n_points, n_outputs, dim], [n_points, n_outputs] */
    float *held_out;      /* [n_points, n_local, n_outputs]; NULL: nothing to select */
    bool *lost;           /* [n_points]: without a solution, on all rows or without a fold */
    bool flat;            /* LDA: the rows do not vary within the classes */
    judd_whole whole;     /* while it is trained */
} judd_head_linear;

/** Work on a problem that is solved whole or shared by its size (learn/whole.h). */
void judd_head_linear_load(judd_head_load *load, const judd_head_size *size, double operations);

judd_status judd_head_linear_create(void **head, const judd_head_problem *problem);
void judd_head_linear_destroy(void *head);
/** Calls solve with the rows where head->whole has them, and settles what it stored. A point for
 *  which it stored a number that is not finite is lost; JUDD_E_DEGENERATE if all are. Collective.
 */
judd_status judd_head_linear_solve(judd_head_linear *head,
                                   judd_status (*solve)(judd_head_linear *head));
judd_status judd_head_linear_held_out(void *head, const judd_outputs_sink *sink);
judd_status judd_head_linear_scores(void *head, int64_t first, int64_t n_points,
                                    const judd_rows *rows, const judd_outputs_sink *sink);
judd_status judd_head_linear_model(judd_bank **model, const void *head, int64_t point);
/** Whether the point is lost; and what is said if any is, or NULL. Local. */
bool judd_head_linear_lost(const void *head, int64_t point);
const char *judd_head_linear_warning(const void *head, int64_t point);

/** Stores a model [n_outputs, dim], [n_outputs] as point `point`; NULL: it has none. Local. */
void judd_head_linear_set(judd_head_linear *head, int64_t point, const double *weight,
                          const double *bias);
/** Stores the held-out scores [n_outputs] of row i of head->whole.rows; rows of other ranks are
 *  ignored. Local. */
void judd_head_linear_set_held_out(judd_head_linear *head, int64_t point, int64_t i,
                                   const double *score);

#endif
