#include "job/outcome.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void note_map(json_t *hyper, const judd_job_head *config) {
    json_object_set_new(hyper, "standardize", json_boolean(config->standardize));
    if (strcmp(config->transform, "none") == 0) return;
    json_object_set_new(hyper, "transform", json_string(config->transform));
    json_object_set_new(hyper, "components", json_integer(config->components));
}

static judd_status note(judd_outcome *o, const judd_head_ops *ops, const void *head,
                        const judd_head_problem *p, int64_t point) {
    o->hyper = json_object();
    ops->record(o->hyper, head, point);
    o->diverged = ops->diverged && ops->diverged(head, point);
    if (!ops->untrained) note_map(o->hyper, p->config);
    if (json_object_size(o->hyper) == 0)
        return judd_status_set(JUDD_E_INTERNAL, "%s: no memory for the record", p->name);
    if (!ops->model) return JUDD_OK;
    judd_status status = ops->model(&o->model, head, point);
    return status == JUDD_OK ? judd_bank_hash(o->head_sha256, o->model) : status;
}

judd_status judd_outcome_describe(judd_outcome *o, const judd_head_ops *ops, const void *head,
                                  const judd_head_problem *p, int64_t point) {
    return judd_comm_agree(p->comm, note(o, ops, head, p, point));
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

judd_status judd_outcome_test(judd_figures *out, const judd_outcome *o, const judd_head_ops *ops,
                              void *head, const judd_head_problem *p, int64_t point,
                              const judd_rows *test) {
    judd_status status = JUDD_OK;
    collector c = {.n_outputs = p->n_outputs};
    judd_outputs_sink sink = {collect, &c};
    JUDD_TRY(judd_comm_agree(
        p->comm, judd_memory_alloc(&c.score, judd_lanes_count(&test->lanes) * p->n_outputs,
                                   sizeof *c.score)));
    JUDD_TRY(ops->scores(head, point, 1, test, &sink));
    JUDD_TRY(judd_figures_measure(out, c.score, ops->outputs[p->task], p->n_outputs, test,
                                  o->selection.temperature, o->selection.no_temperature, p->comm));
done:
    free(c.score);
    return status;
}

void judd_outcome_free(judd_outcome *o) {
    free(o->failure);
    json_decref(o->hyper);
    json_decref(o->selected);
    json_decref(o->initial);
    judd_bank_destroy(o->model);
    judd_selection_free(&o->selection);
    judd_figures_free(&o->test);
    for (int64_t k = 0; k < o->n_others; k++) {
        judd_task_free(&o->others[k].test);
        judd_figures_free(&o->others[k].figures);
    }
    free(o->others);
    *o = (judd_outcome){0};
}

judd_status judd_outcome_fail(judd_outcome *o) {
    judd_outcome failed = {.n_train = o->n_train,
                           .n_validation = o->n_validation,
                           .n_source = o->n_source,
                           .hyper = json_object(),
                           .selected = json_null()};
    judd_status status = judd_memory_string(&failed.failure, judd_status_message());
    judd_outcome_free(o);
    *o = failed;
    return status;
}

/* Numbers that are no confidence: the temperature has no interval. */
static json_t *intervals_of(const judd_figures *f) {
    json_t *all = json_object();
    for (int i = 0; i < f->n_list; i++)
        if (isfinite(f->list[i].low) || isfinite(f->list[i].high))
            json_object_set_new(all, f->list[i].name,
                                json_pack("[o, o]", judd_head_number(f->list[i].low),
                                          judd_head_number(f->list[i].high)));
    return all;
}

static json_t *notes_of(const judd_figures *f) {
    json_t *all = json_object();
    for (int i = 0; i < f->n_list; i++)
        if (f->list[i].note[0])
            json_object_set_new(all, f->list[i].name, json_string(f->list[i].note));
    return all;
}

static json_t *columns_of(const judd_figures *f) {
    json_t *all = json_object();
    for (int k = 0; k < f->n_columns; k++) {
        json_t *column = json_array();
        for (int c = 0; c < f->n_outputs; c++)
            json_array_append_new(column, judd_head_number(f->columns[k].value[c]));
        json_object_set_new(all, f->columns[k].name, column);
    }
    return all;
}

static json_t *metrics_of(const judd_figures *f) {
    json_t *m = json_object(), *notes = notes_of(f), *columns = columns_of(f);
    for (int i = 0; i < f->n_list; i++)
        json_object_set_new(m, f->list[i].name, judd_head_number(f->list[i].value));
    json_object_set_new(m, "ci95", intervals_of(f));
    if (json_object_size(notes) > 0) json_object_set(m, "notes", notes);
    if (json_object_size(columns) > 0) json_object_set(m, "each", columns);
    json_decref(notes);
    json_decref(columns);
    return m;
}

/* On the test sets of other tasks, by the data set's name. */
static json_t *tasks_of(const judd_outcome *o) {
    json_t *all = json_object();
    for (int64_t k = 0; k < o->n_others; k++) {
        const judd_outcome_other *other = &o->others[k];
        json_t *m = metrics_of(&other->figures);
        json_object_set_new(m, "n_test", json_integer(other->figures.n));
        json_object_set_new(all, other->dataset->name, m);
    }
    return all;
}

/* Test accuracy every so many steps, as far as the head learned. */
static json_t *curve_of(const judd_outcome *o) {
    const judd_bank *b = o->model;
    json_t *steps = json_array(), *accuracy = json_array();
    for (int64_t k = 0; k < b->n_curve; k++) {
        int64_t step = k * b->options.curve_steps;
        if (b->curve[k] < 0) continue;
        json_array_append_new(steps, json_integer(k == b->n_curve - 1 ? b->options.steps : step));
        json_array_append_new(accuracy, json_real((double)b->curve[k] / (double)o->test.n));
    }
    json_t *curve = json_object();
    json_object_set_new(curve, "steps", steps);
    json_object_set_new(curve, "accuracy", accuracy);
    return curve;
}

/* What a lesson had beyond its own data set. */
static void note_lesson(json_t *r, const judd_outcome *o, const judd_plan_bank *bank) {
    const judd_job_experiment *x = bank->lesson;
    json_object_set_new(r, "start", bank->start ? json_string(bank->start) : json_null());
    if (x->l2_sp > 0.0) json_object_set_new(r, "l2_sp", judd_head_number(x->l2_sp));
    if (o->n_source > 0) {
        json_object_set_new(r, "n_source", json_integer(o->n_source));
        json_object_set_new(r, "source_weight", judd_head_number(x->weight));
    }
    json_object_set_new(r, "tasks", tasks_of(o));
    if (o->initial) json_object_set(r, "initial", o->initial);
}

static const char *status_of(const judd_outcome *o) {
    if (o->failure || (!o->diverged && isnan(o->test.list[0].value))) return "failed";
    return o->diverged ? "diverged" : "ok";
}

judd_status judd_outcome_record(json_t **record, const judd_outcome *o, const judd_plan *plan,
                                const judd_plan_trial *trial) {
    const judd_job_experiment *e = trial->experiment;
    const judd_plan_bank *bank = &plan->banks[trial->bank];
    json_t *r = json_object();
    json_object_set_new(r, "schema", json_integer(1));
    json_object_set_new(r, "trial", json_string(trial->name));
    json_object_set_new(r, "comparison", json_string(trial->cell));
    json_object_set_new(r, "experiment", json_string(e->name));
    json_object_set_new(r, "arm", json_string(judd_plan_arm_name(trial->arm)));
    json_object_set_new(r, "mode", json_string(e->mode));
    json_object_set_new(r, "backbone", json_string(bank->backbone->name));
    json_object_set_new(
        r, "source",
        trial->arm == JUDD_PLAN_TRANSFER && e->source
            ? json_string(strcmp(e->source, "auto") == 0 ? bank->backbone->name : e->source)
            : json_null());
    json_object_set_new(r, "target", json_string(trial->dataset->name));
    json_object_set_new(r, "head", json_string(bank->head->name));
    json_object_set_new(r, "hyper", json_incref(o->hyper));
    json_object_set_new(r, "selection", json_incref(o->selected));
    json_object_set_new(r, "refit", json_boolean(o->refit));
    json_object_set_new(r, "shots", trial->shots ? json_integer(trial->shots) : json_null());
    json_object_set_new(r, "seed", json_integer(trial->seed));
    json_object_set_new(r, "n_train", json_integer(o->n_train));
    json_object_set_new(r, "n_validation", json_integer(o->n_validation));
    json_object_set_new(r, "n_test", json_integer(o->test.n));
    json_object_set_new(r, "metrics", metrics_of(&o->test));
    if (o->model && o->model->n_curve > 0) json_object_set_new(r, "curve", curve_of(o));
    if (bank->lesson) note_lesson(r, o, bank);
    json_object_set_new(r, "head_sha256",
                        o->head_sha256[0] ? json_string(o->head_sha256) : json_null());
    json_object_set_new(r, "inputs_sha256", json_string(o->inputs_sha256));
    if (o->failure) json_object_set_new(r, "failure", json_string(o->failure));
    if (json_object_set_new(r, "status", json_string(status_of(o))) != 0) {
        json_decref(r);
        return judd_status_set(JUDD_E_INTERNAL, "%s: no memory for the record", trial->name);
    }
    *record = r;
    return JUDD_OK;
}
