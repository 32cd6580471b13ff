#include "job/selection.h"

#include "job/grid.h"

#include <judd/base/memory.h>
#include <judd/learn/scores.h>
#include <judd/learn/tally.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where held-out scores come from. */
typedef struct source {
    const judd_head_ops *ops;
    void *head;
    const judd_head_problem *p;
    const judd_rows *rows; /* those that are scored */
    bool validation;       /* by the models on all training rows; else by those without a fold */
} source;

static judd_status pour(const source *s, int64_t first, int64_t n_points,
                        const judd_outputs_sink *sink) {
    if (s->validation) return s->ops->scores(s->head, first, n_points, s->rows, sink);
    return s->ops->held_out(s->head, sink); /* of all points: the sink leaves some out */
}

/* ---- classes: counts, exact over lanes ---------------------------------------------------------
 */

static judd_status count_grid(judd_selection *o, const source *s) {
    judd_status status = JUDD_OK;
    judd_tally *tally = NULL;
    judd_tally_total *totals = NULL;
    status = judd_memory_alloc(&totals, o->n_grid, sizeof *totals);
    if (status == JUDD_OK)
        status = judd_tally_create(&tally, s->ops->outputs[s->p->task], o->n_grid, s->p->n_outputs,
                                   s->rows);
    JUDD_TRY(judd_comm_agree(s->p->comm, status));
    judd_outputs_sink sink = judd_tally_sink(tally);
    JUDD_TRY(pour(s, 0, o->n_grid, &sink));
    JUDD_TRY(judd_tally_finish(totals, tally, s->p->comm));
    for (int64_t i = 0; i < o->n_grid; i++) {
        o->score[i] = (double)totals[i].correct / (double)totals[i].count;
        o->loss[i] = totals[i].loss / (double)totals[i].count;
    }
done:
    judd_tally_destroy(tally);
    free(totals);
    return status;
}

/* ---- scores of some points, kept
 * -----------------------------------------------------------------
 */

typedef struct keeper {
    int64_t first, n_points, n_local;
    int n_outputs;
    float *score; /* [n_points, n_local, n_outputs] */
} keeper;

static judd_status keep(void *context, int64_t point, int64_t first, int64_t n,
                        const float *score) {
    const keeper *k = context;
    int64_t row = (point - k->first) * k->n_local + first;
    if (point < k->first || point >= k->first + k->n_points) return JUDD_OK;
    memcpy(k->score + row * k->n_outputs, score, (size_t)(n * k->n_outputs) * sizeof *score);
    return JUDD_OK;
}

/* Held-out scores of points first .. first + n_points - 1. Owner of k->score: caller. */
static judd_status keep_points(keeper *k, const source *s, int64_t first, int64_t n_points) {
    judd_status status = JUDD_OK;
    judd_outputs_sink sink = {keep, k};
    *k = (keeper){first, n_points, judd_lanes_count(&s->rows->lanes), s->p->n_outputs, NULL};
    JUDD_TRY(judd_comm_agree(
        s->p->comm,
        judd_memory_alloc(&k->score, n_points * k->n_local * k->n_outputs, sizeof *k->score)));
    JUDD_TRY(pour(s, first, n_points, &sink));
done:
    return status;
}

/* ---- labels and targets: figures of each point --------------------------------------------------
 */

enum { KEPT_BYTES = 64 << 20 }; /* over all ranks, so that every rank makes the same passes */

static judd_status measure_point(double best[2], const source *s, const float *score) {
    judd_status status = JUDD_OK;
    judd_figures f = {0};
    JUDD_TRY(judd_figures_measure(&f, score, s->ops->outputs[s->p->task], s->p->n_outputs, s->rows,
                                  NAN, "", s->p->comm));
    if (s->p->comm->rank == 0) {
        best[0] = f.list[0].value;
        best[1] = f.list[1].value;
    }
    JUDD_TRY(judd_comm_broadcast(s->p->comm, best, 2 * sizeof *best));
done:
    judd_figures_free(&f);
    return status;
}

static judd_status measure_grid(judd_selection *o, const source *s) {
    judd_status status = JUDD_OK;
    keeper k = {0};
    int64_t bytes = s->rows->lanes.n_samples * s->p->n_outputs * (int64_t)sizeof(float);
    int64_t most = KEPT_BYTES / (bytes > 0 ? bytes : 1) + 1;
    for (int64_t first = 0; first < o->n_grid; first += most) {
        int64_t n = o->n_grid - first < most ? o->n_grid - first : most;
        JUDD_TRY(keep_points(&k, s, first, n));
        for (int64_t i = 0; i < n; i++) {
            double best[2];
            JUDD_TRY(measure_point(best, s, k.score + i * k.n_local * k.n_outputs));
            o->score[first + i] = best[0];
            o->loss[first + i] = best[1];
        }
        free(k.score);
        k.score = NULL;
    }
done:
    free(k.score);
    return status;
}

/* ---- the pick
 * ------------------------------------------------------------------------------------
 */

/* NaN is the worst of all. */
static int compare(double a, double b) {
    if (isnan(a) || isnan(b)) return isnan(b) - isnan(a);
    return (a > b) - (a < b);
}

static bool better(const judd_selection *o, int64_t a, int64_t b) {
    int c = compare(o->score[a], o->score[b]);
    return c != 0 ? c > 0 : compare(-o->loss[a], -o->loss[b]) > 0;
}

static void pick(judd_selection *o, const judd_head_ops *ops, const void *head) {
    o->pick = -1;
    for (int64_t i = 0; i < o->n_grid; i++) {
        if (ops->diverged && ops->diverged(head, i)) {
            o->score[i] = o->loss[i] = NAN; /* what its numbers gave says nothing */
            continue;
        }
        if (o->pick < 0 || better(o, i, o->pick)) o->pick = i;
    }
    o->diverged = o->pick < 0;
    if (o->diverged) o->pick = 0;
}

/* Of the pick's scores on the held-out samples; scores that are not finite have none. */
static judd_status fit_temperature(judd_selection *o, const source *s) {
    judd_status status = JUDD_OK;
    keeper k = {0};
    double bad = 0.0;
    JUDD_TRY(keep_points(&k, s, o->pick, 1));
    for (int64_t i = 0; i < k.n_local * k.n_outputs; i++) bad += !isfinite(k.score[i]);
    JUDD_TRY(judd_comm_max(s->p->comm, &bad, 1));
    if (bad > 0.0)
        o->no_temperature = "a held-out score is not finite";
    else
        JUDD_TRY(judd_scores_temperature(&o->temperature, k.score, s->rows->labels, k.n_outputs,
                                         &s->rows->lanes, s->p->comm));
done:
    free(k.score);
    return status;
}

static judd_status look_at_held_out(judd_selection *o, const source *s) {
    judd_status status = JUDD_OK;
    bool classes = s->rows->n_targets == 0;
    o->n_held_out = s->rows->lanes.n_samples;
    JUDD_TRY(classes ? count_grid(o, s) : measure_grid(o, s));
    pick(o, s->ops, s->head);
    if (classes) JUDD_TRY(fit_temperature(o, s));
done:
    return status;
}

static source source_of(const judd_head_ops *ops, void *head, const judd_head_problem *p) {
    return (source){ops, head, p, p->validation ? p->validation : p->train, p->validation != NULL};
}

judd_status judd_selection_make(judd_selection *out, const judd_head_ops *ops, void *head,
                                const judd_head_problem *p) {
    const judd_rows *validation = p->validation;
    judd_status status = JUDD_OK;
    judd_selection o = {.n_grid = judd_grid_size(ops, p->config),
                        .n_folds = validation ? 0 : p->n_folds,
                        .metric = p->train->n_targets == 0                       ? "accuracy"
                                  : ops->outputs[p->task] == JUDD_OUTPUTS_VALUES ? "r2"
                                                                                 : "map",
                        .temperature = NAN,
                        .no_temperature = "no sample is held out"};
    source s = source_of(ops, head, p);
    status = judd_memory_alloc(&o.score, o.n_grid, sizeof *o.score);
    if (status == JUDD_OK) status = judd_memory_alloc(&o.loss, o.n_grid, sizeof *o.loss);
    JUDD_TRY(judd_comm_agree(p->comm, status));
    for (int64_t i = 0; i < o.n_grid; i++) o.score[i] = o.loss[i] = NAN;
    o.on = validation         ? "validation"
           : p->n_folds > 0   ? "folds"
           : p->leave_one_out ? "leave-one-out"
                              : NULL;
    if (o.on)
        JUDD_TRY(look_at_held_out(&o, &s));
    else
        pick(&o, ops, head);
    *out = o;
    o = (judd_selection){0};
done:
    judd_selection_free(&o);
    return status;
}

judd_status judd_selection_next(bool *found, judd_selection *o, const judd_head_ops *ops,
                                void *head, const judd_head_problem *p) {
    const source s = source_of(ops, head, p);
    int64_t best = -1;
    o->score[o->pick] = o->loss[o->pick] = NAN;
    for (int64_t i = 0; i < o->n_grid; i++)
        if (!isnan(o->score[i]) && (best < 0 || better(o, i, best))) best = i;
    *found = best >= 0;
    if (!*found) return JUDD_OK;
    o->pick = best;
    o->temperature = NAN;
    return s.rows->n_targets == 0 ? fit_temperature(o, &s) : JUDD_OK;
}

void judd_selection_free(judd_selection *selection) {
    free(selection->score);
    free(selection->loss);
    *selection = (judd_selection){0};
}

static json_t *scored(const judd_selection *o, const judd_head_ops *ops,
                      const judd_job_head *config, int64_t point) {
    json_t *r = judd_grid_values(ops, config, point);
    json_object_set_new(r, "score", judd_head_number(o->score[point]));
    json_object_set_new(r, "loss", judd_head_number(o->loss[point]));
    return r;
}

json_t *judd_selection_record(const judd_selection *o, const judd_head_ops *ops,
                              const judd_job_head *config) {
    int64_t next[JUDD_GRID_NEIGHBOURS];
    int n = judd_grid_neighbours(next, ops, config, o->pick);
    json_t *r = json_object(), *neighbours = json_array();
    json_object_set_new(r, "grid", json_integer(o->n_grid));
    json_object_set_new(r, "on", o->on ? json_string(o->on) : json_null());
    json_object_set_new(r, "folds", json_integer(o->n_folds));
    json_object_set_new(r, "n_held_out", json_integer(o->n_held_out));
    json_object_set_new(r, "metric", json_string(o->metric));
    json_object_set_new(r, "pick", scored(o, ops, config, o->pick));
    for (int i = 0; i < n && o->on; i++)
        json_array_append_new(neighbours, scored(o, ops, config, next[i]));
    json_object_set_new(r, "neighbours", neighbours);
    json_object_set_new(r, "grid_edge",
                        o->on ? judd_grid_edges(ops, config, o->pick) : json_array());
    return r;
}
