#include "job/outcome.h"

#include <judd/base/memory.h>
#include <judd/learn/tally.h>
#include <judd/stats/metrics.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Totals of every point on the training samples it did not see. */
static judd_status score_grid(judd_tally_total *totals, int64_t n_grid, const judd_head_ops *ops,
                              void *head, const judd_head_problem *p) {
    judd_status status = JUDD_OK;
    judd_tally *tally = NULL;
    JUDD_TRY(judd_comm_agree(
        p->comm, judd_tally_create(&tally, ops->outputs, n_grid, p->n_outputs, p->train)));
    judd_outputs_sink sink = judd_tally_sink(tally);
    JUDD_TRY(ops->held_out(head, &sink));
    JUDD_TRY(judd_tally_finish(totals, tally, p->comm));
done:
    judd_tally_destroy(tally);
    return status;
}

static bool better(const judd_tally_total *a, const judd_tally_total *b) {
    return a->correct != b->correct ? a->correct > b->correct : a->loss < b->loss;
}

/* The best point; -1 if all diverged. */
static int64_t pick_of(const judd_tally_total *totals, int64_t n_grid, const judd_head_ops *ops,
                       const void *head) {
    int64_t pick = -1;
    for (int64_t p = 0; p < n_grid; p++) {
        if (ops->diverged && ops->diverged(head, p)) continue;
        if (pick < 0 || better(&totals[p], &totals[pick])) pick = p;
    }
    return pick;
}

static judd_status describe(judd_outcome *o, const judd_head_ops *ops, const void *head,
                            const judd_job_head *config) {
    o->hyper = json_object();
    ops->record(o->hyper, head, o->pick);
    json_object_set_new(o->hyper, "standardize", json_boolean(config->standardize));
    json_object_set_new(o->hyper, "grid", json_integer(o->n_grid));
    json_object_set_new(o->hyper, "folds", json_integer(o->n_folds));
    if (json_object_set_new(o->hyper, "selection_accuracy",
                            judd_head_number(o->selection_accuracy)) != 0)
        return judd_status_set(JUDD_E_INTERNAL, "%s: no memory for the record", config->name);
    if (!ops->model) return JUDD_OK;
    judd_status status = ops->model(&o->model, head, o->pick);
    return status == JUDD_OK ? judd_bank_hash(o->head_sha256, o->model) : status;
}

judd_status judd_outcome_select(judd_outcome *out, const judd_head_ops *ops, void *head,
                                const judd_head_problem *p) {
    judd_status status = JUDD_OK;
    judd_outcome o = {.n_grid = ops->grid(p->config),
                      .n_folds = p->n_folds,
                      .n_train = p->train->lanes.n_samples,
                      .selection_accuracy = NAN};
    judd_tally_total *totals = NULL;
    JUDD_TRY(judd_comm_agree(p->comm, judd_memory_alloc(&totals, o.n_grid, sizeof *totals)));
    if (p->n_folds > 0) JUDD_TRY(score_grid(totals, o.n_grid, ops, head, p));
    o.pick = pick_of(totals, o.n_grid, ops, head);
    o.diverged = o.pick < 0;
    if (o.diverged) o.pick = 0;
    if (totals[o.pick].count > 0)
        o.selection_accuracy = (double)totals[o.pick].correct / (double)totals[o.pick].count;
    JUDD_TRY(judd_comm_agree(p->comm, describe(&o, ops, head, p->config)));
    *out = o;
    o = (judd_outcome){0};
done:
    judd_outcome_free(&o);
    free(totals);
    return status;
}

typedef struct collector {
    float *score; /* [n_local, n_outputs] */
    int n_outputs;
} collector;

static judd_status collect(void *context, int64_t point, int64_t first, int64_t n,
                           const float *score) {
    const collector *c = context;
    (void)point;
    memcpy(c->score + first * c->n_outputs, score, (size_t)(n * c->n_outputs) * sizeof *c->score);
    return JUDD_OK;
}

judd_status judd_outcome_test(judd_outcome *o, const judd_head_ops *ops, void *head, int n_outputs,
                              const judd_rows *test, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    collector c = {.n_outputs = n_outputs};
    judd_outputs_sink sink = {collect, &c};
    JUDD_TRY(judd_comm_agree(
        comm,
        judd_memory_alloc(&c.score, judd_lanes_count(&test->lanes) * n_outputs, sizeof *c.score)));
    JUDD_TRY(ops->scores(head, o->pick, 1, test, &sink));
    JUDD_TRY(judd_evaluate_scores(&o->test, c.score, n_outputs, test, comm));
done:
    free(c.score);
    return status;
}

void judd_outcome_free(judd_outcome *o) {
    json_decref(o->hyper);
    judd_bank_destroy(o->model);
    judd_evaluate_free(&o->test);
    *o = (judd_outcome){0};
}

static json_t *metrics_of(const judd_outcome *o) {
    const int64_t *confusion = o->test.confusion;
    int n = o->test.n_classes;
    json_t *m = json_object();
    json_object_set_new(m, "accuracy", judd_head_number(judd_metrics_accuracy(confusion, n)));
    json_object_set_new(m, "mean_per_class",
                        judd_head_number(judd_metrics_mean_per_class(confusion, n)));
    json_object_set_new(m, "macro_f1", judd_head_number(judd_metrics_macro_f1(confusion, n)));
    json_object_set_new(m, "nll", judd_head_number(o->test.nll));
    return m;
}

judd_status judd_outcome_record(json_t **record, const judd_outcome *o,
                                const judd_plan_trial *trial, const judd_plan_bank *bank) {
    const judd_job_experiment *e = trial->experiment;
    json_t *r = json_object();
    json_object_set_new(r, "schema", json_integer(1));
    json_object_set_new(r, "trial", json_string(trial->name));
    json_object_set_new(r, "experiment", json_string(e->name));
    json_object_set_new(r, "arm", json_string(trial->transfer ? "transfer" : "baseline"));
    json_object_set_new(r, "mode", json_string(e->mode));
    json_object_set_new(r, "backbone", json_string(bank->backbone->name));
    json_object_set_new(r, "source",
                        trial->transfer && e->source ? json_string(e->source) : json_null());
    json_object_set_new(r, "target", json_string(trial->dataset->name));
    json_object_set_new(r, "head", json_string(bank->head->name));
    json_object_set_new(r, "hyper", json_incref(o->hyper));
    json_object_set_new(r, "shots", trial->shots ? json_integer(trial->shots) : json_null());
    json_object_set_new(r, "seed", json_integer(trial->seed));
    json_object_set_new(r, "n_train", json_integer(o->n_train));
    json_object_set_new(r, "n_validation", json_integer(0));
    json_object_set_new(r, "n_test", json_integer(o->test.n));
    json_object_set_new(r, "metrics", metrics_of(o));
    json_object_set_new(r, "head_sha256",
                        o->head_sha256[0] ? json_string(o->head_sha256) : json_null());
    json_object_set_new(r, "inputs_sha256", json_string(o->inputs_sha256));
    if (json_object_set_new(r, "status", json_string(o->diverged ? "diverged" : "ok")) != 0) {
        json_decref(r);
        return judd_status_set(JUDD_E_INTERNAL, "%s: no memory for the record", trial->name);
    }
    *record = r;
    return JUDD_OK;
}
