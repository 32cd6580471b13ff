/* Ridge regression: all strengths from one decomposition, picked by exact leave-one-out or folds;
 * or a few by a factorisation each, picked on validation samples. */
#include "job/head_linear.h"

#include <judd/base/memory.h>
#include <judd/learn/ridge_held_out.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int axes(judd_head_axis out[JUDD_HEAD_AXES], const judd_job_head *config) {
    (void)config;
    out[0] = (judd_head_axis){.name = "l2", .offset = offsetof(judd_job_head, l2)};
    return 1;
}

static bool leaves_one_out(const judd_job_head *config) {
    return strcmp(config->held_out, "leave-one-out") == 0;
}

/* The strengths that have a model, and whose points they are. */
typedef struct strengths {
    judd_head_linear *h;
    int n;
    double *l2;
    int64_t *point;
} strengths;

static void keep(void *context, int s, int64_t i, const double *predicted) {
    const strengths *x = context;
    judd_head_linear_set_held_out(x->h, x->point[s], i, predicted);
}

static judd_status hold_out(strengths *x, judd_ridge *ridge) {
    return (x->h->p->leave_one_out ? judd_ridge_held_out_leave_one_out
                                   : judd_ridge_held_out_folds)(ridge, x->l2, x->n, keep, x);
}

/* Of every strength; a matrix may be singular at some. */
static judd_status weigh(strengths *x, judd_ridge *ridge, double *weight, double *bias) {
    judd_status status = JUDD_OK;
    for (int64_t p = 0; p < x->h->n_points; p++) {
        double l2 = x->h->p->config->l2.values[p];
        status = judd_ridge_weights(weight, bias, ridge, l2);
        if (status != JUDD_OK && status != JUDD_E_DEGENERATE) return status;
        bool found = status == JUDD_OK;
        judd_head_linear_set(x->h, p, found ? weight : NULL, found ? bias : NULL);
        if (!found) continue;
        x->l2[x->n] = l2;
        x->point[x->n++] = p;
    }
    return x->n > 0 ? JUDD_OK : status; /* of the last one */
}

/* A decomposition costs as much as some twenty factorisations, and four times the memory of one in
 * place; only it gives held-out predictions. */
enum { MOST_FACTORISATIONS = 20 };

static judd_ridge_method method_of(const judd_head_linear *h) {
    if (h->n_points == 1) return JUDD_RIDGE_CHOLESKY_ONCE;
    return h->held_out || h->n_points > MOST_FACTORISATIONS ? JUDD_RIDGE_EIGEN
                                                            : JUDD_RIDGE_CHOLESKY;
}

static judd_status solve(judd_head_linear *h) {
    judd_status status = JUDD_OK;
    const judd_head_problem *p = h->p;
    const judd_rows *rows = h->whole.rows;
    judd_ridge *ridge = NULL;
    strengths found = {.h = h};
    double *weight = NULL, *bias = NULL;
    judd_ridge_problem problem = {rows, rows->targets, p->n_outputs, method_of(h)};
    status = judd_memory_alloc(&weight, p->n_outputs * rows->dim, sizeof *weight);
    if (status == JUDD_OK) status = judd_memory_alloc(&bias, p->n_outputs, sizeof *bias);
    if (status == JUDD_OK) status = judd_memory_alloc(&found.l2, h->n_points, sizeof *found.l2);
    if (status == JUDD_OK)
        status = judd_memory_alloc(&found.point, h->n_points, sizeof *found.point);
    JUDD_TRY(judd_comm_agree(h->whole.comm, status));
    JUDD_TRY(judd_ridge_create(&ridge, &problem, h->whole.comm));
    JUDD_TRY(weigh(&found, ridge, weight, bias));
    if (h->held_out) JUDD_TRY(hold_out(&found, ridge));
done:
    free(found.l2);
    free(found.point);
    judd_ridge_destroy(ridge);
    free(weight);
    free(bias);
    return status;
}

static judd_status train(void *head) {
    return judd_head_linear_solve(head, solve);
}

static void record(json_t *hyper, const void *head, int64_t point) {
    const judd_head_linear *h = head;
    json_object_set_new(hyper, "l2", judd_head_number(h->p->config->l2.values[point]));
}

/* A decomposition of the smaller Gram matrix costs some twenty cubes, a factorisation a third. */
static void load(judd_head_load *load, const judd_job_head *config, const judd_head_size *s) {
    double n = (double)s->n_train, dim = (double)s->dim, m = n < dim ? n : dim;
    double points = (double)s->n_points;
    (void)config;
    double one = 2.0 * n * dim * m + (points > 1.0 ? 20.0 * m * m * m : m * m * m / 3.0);
    double each = 2.0 * m * (m + (s->leave_one_out ? n : 0.0)) + 2.0 * m * dim * s->n_outputs;
    judd_head_linear_load(load, s,
                          one * (s->leave_one_out ? 1.0 : s->n_folds + 1.0) + points * each);
}

const judd_head_ops judd_head_ridge = {
    .kind = "ridge",
    .outputs =
        {[JUDD_CLASSIFICATION] = JUDD_OUTPUTS_INDICATORS, [JUDD_REGRESSION] = JUDD_OUTPUTS_VALUES},
    .axes = axes,
    .leaves_one_out = leaves_one_out,
    .create = judd_head_linear_create,
    .destroy = judd_head_linear_destroy,
    .train = train,
    .held_out = judd_head_linear_held_out,
    .scores = judd_head_linear_scores,
    .model = judd_head_linear_model,
    .record = record,
    .diverged = judd_head_linear_lost,
    .warning = judd_head_linear_warning,
    .warns_of = JUDD_HEAD_FEATURES,
    .load = load};
