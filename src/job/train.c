#include "job/train.h"

#include "job/edges.h"
#include "job/feature_sets.h"
#include "job/fit.h"
#include "job/grid.h"
#include "job/grouping.h"
#include "job/outcome.h"
#include "job/predictions.h"
#include "job/trial_files.h"

#include <judd/base/memory.h>
#include <judd/comm/groups.h>
#include <judd/comm/progress.h>
#include <judd/comm/watchdog.h>
#include <judd/io/atomic_file.h>
#include <judd/io/event_file.h>
#include <judd/learn/evaluate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

judd_status judd_train_pending(const judd_plan_bank ***banks, int64_t *n, const judd_plan *plan,
                               const uint8_t *finished) {
    judd_status status = JUDD_OK;
    uint8_t *pending = NULL;
    *n = 0;
    *banks = NULL;
    JUDD_TRY(judd_memory_alloc(&pending, plan->n_banks, 1));
    for (int64_t t = 0; t < plan->n_trials; t++)
        if (!finished[t]) pending[plan->trials[t].bank] = 1;
    JUDD_TRY(judd_memory_alloc(banks, plan->n_banks, sizeof **banks));
    for (int64_t b = 0; b < plan->n_banks; b++)
        if (pending[b]) (*banks)[(*n)++] = &plan->banks[b];
done:
    free(pending);
    return status;
}

/* ---- one bank ----------------------------------------------------------------------------------
 */

typedef struct training {
    const judd_train_context *c;
    const judd_plan_bank *plan;
    const judd_feature_sets *features;
    double work; /* seconds that it was expected to take */
    judd_label_space space;
    judd_trial_model start; /* the head it starts from, if any */
    judd_inputs_drawn drawn;
    judd_task_samples test;                    /* with outputs as labels */
    judd_inputs_part parts[JUDD_INPUTS_PARTS]; /* train, validation */
    int n_sources;
    judd_task_samples *source; /* [n_sources] further samples to learn from */
    judd_inputs_part *sources; /* [n_sources] */
    judd_fit fit;              /* of the grid, on the training samples */
    judd_fit refit;            /* of the pick, on those of validation too; not always */
    judd_outcome outcome;
} training;

static void end_training(training *t) {
    judd_outcome_free(&t->outcome);
    judd_fit_end(&t->fit);
    judd_fit_end(&t->refit);
    judd_inputs_drawn_free(&t->drawn);
    judd_task_free(&t->test);
    for (int k = 0; k < t->n_sources; k++) judd_task_free(&t->source[k]);
    free(t->source);
    free(t->sources);
    judd_trial_model_free(&t->start);
    judd_label_space_free(&t->space);
}

/* The rows as a fit's head takes them. Collective. */
static judd_status map_rows(judd_rows *out, const judd_fit *fit, const judd_rows *raw) {
    return judd_feature_map_apply(out, &fit->map, raw, fit->c->comm);
}

/* The test samples of a data set that the bank reads, their classes as outputs. */
static judd_status label_test(judd_task_samples *out, const training *t, int64_t read) {
    judd_plan_read r = judd_plan_read_of(t->plan, t->c->job, read);
    const judd_task_samples *test =
        &judd_inputs_find(t->c->inputs, r.bank.dataset)->task[JUDD_SPLIT_TEST];
    judd_status status = judd_task_join(out, &test, 1);
    if (status == JUDD_OK && t->plan->lesson) judd_task_relabel(out, t->space.output[read]);
    return status;
}

/* A further source of the lesson. */
static judd_status draw_source(training *t, int64_t read, const judd_plan_read *r) {
    judd_status status = JUDD_OK;
    judd_task_samples *samples = &t->source[t->n_sources];
    const double noise = t->plan->lesson->label_noise;
    JUDD_TRY(judd_inputs_draw_source(samples, t->c->inputs, t->plan, r));
    t->sources[t->n_sources++] = (judd_inputs_part){
        judd_feature_sets_find(t->features, r->bank.dataset)->cache[JUDD_SPLIT_TRAIN], samples};
    judd_task_relabel(samples, t->space.output[read]);
    if (noise > 0.0)
        judd_task_add_noise(samples, t->space.n_outputs, noise, (uint64_t)t->plan->seed);
    t->outcome.n_source += samples->n;
done:
    return status;
}

/* Source samples of weight 0 are not looked at: the bits are the baseline's. */
static judd_status draw_sources(training *t) {
    judd_status status = JUDD_OK;
    int64_t n = judd_plan_n_reads(t->plan);
    if (!t->plan->lesson || t->plan->lesson->weight == 0.0) return JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&t->source, n, sizeof *t->source));
    JUDD_TRY(judd_memory_alloc(&t->sources, n, sizeof *t->sources));
    for (int64_t r = 1; r < n; r++) {
        judd_plan_read read = judd_plan_read_of(t->plan, t->c->job, r);
        if (read.source) JUDD_TRY(draw_source(t, r, &read));
    }
done:
    return status;
}

/* The head that a bank starts from, if any. */
static judd_status read_start(training *t) {
    const char *start = t->plan->start;
    const judd_plan *plan = t->c->plan;
    if (!start) return JUDD_OK;
    for (int64_t i = 0; i < plan->n_trials; i++)
        if (t->c->failed[i] && strcmp(plan->trials[i].name, start) == 0)
            return judd_status_set(JUDD_E_DEGENERATE, "%s failed, from whose head it starts",
                                   start);
    return judd_trial_files_read_head(&t->start, judd_output_folder(t->c->output), start);
}

static judd_status draw_samples(training *t) {
    judd_status status = JUDD_OK;
    const judd_feature_set *own = judd_feature_sets_find(t->features, t->plan->dataset);
    JUDD_TRY(judd_label_space_make(&t->space, t->c->inputs, t->plan));
    JUDD_TRY(judd_inputs_draw(&t->drawn, t->c->inputs, t->plan));
    if (t->plan->lesson) {
        judd_task_relabel(&t->drawn.train, t->space.output[0]);
        judd_task_relabel(&t->drawn.validation, t->space.output[0]);
    }
    JUDD_TRY(label_test(&t->test, t, 0));
    JUDD_TRY(draw_sources(t));
    judd_cache *train = own->cache[JUDD_SPLIT_TRAIN],
               *validation = own->cache[JUDD_SPLIT_VALIDATION];
    t->parts[0] = (judd_inputs_part){train, &t->drawn.train};
    t->parts[1] = (judd_inputs_part){validation ? validation : train, &t->drawn.validation};
    t->outcome.n_train = t->drawn.train.n;
    t->outcome.n_validation = t->drawn.validation.n;
    JUDD_TRY(read_start(t));
done:
    return status;
}

/* What every fit of the training has in common. */
static judd_fit_samples samples_of(const training *t) {
    return (judd_fit_samples){.parts = t->parts,
                              .n_parts = 1,
                              .space = &t->space,
                              .sources = t->sources,
                              .n_sources = t->n_sources,
                              .start = t->plan->start ? &t->start : NULL,
                              .test = &judd_feature_sets_find(t->features, t->plan->dataset)->test};
}

/* Pick a point of the grid by samples that were not trained on. */
static judd_status pick(training *t) {
    judd_status status = JUDD_OK;
    judd_selection *s = &t->outcome.selection;
    JUDD_TRY(judd_selection_make(s, t->fit.ops, t->fit.head, &t->fit.problem));
    t->outcome.selected = judd_selection_record(s, t->fit.ops, t->plan->head);
done:
    return status;
}

/* The pick once more, on all samples it may learn from. */
static judd_status train_again(training *t) {
    const judd_job_head one = judd_grid_point(t->fit.ops, t->plan->head, t->outcome.selection.pick);
    t->outcome.refit = true;
    judd_fit_samples all = samples_of(t);
    all.n_parts = 2;
    judd_fit_end(&t->refit);
    return judd_fit_run(&t->refit, t->c, t->plan, &one, &all, "+refit");
}

/* Where all samples leave the pick without a model, the next best value of the grid is taken. */
static judd_status refit(training *t) {
    judd_status status = train_again(t);
    judd_selection *s = &t->outcome.selection;
    for (bool found = true; status == JUDD_E_DEGENERATE; status = train_again(t)) {
        judd_status next = judd_selection_next(&found, s, t->fit.ops, t->fit.head, &t->fit.problem);
        if (next != JUDD_OK) return next;
        if (!found) return status;
        judd_log_warning(t->c->log, "%s: %s; the next best value of the grid is taken",
                         t->plan->name, judd_status_message());
        json_decref(t->outcome.selected);
        t->outcome.selected = judd_selection_record(s, t->fit.ops, t->plan->head);
    }
    return status;
}

/* Figures of the result on the test set of a data set that the bank reads. */
static judd_status try_on(judd_figures *out, const training *t, const judd_fit *fit, int64_t read) {
    judd_status status = JUDD_OK;
    const judd_outcome *o = &t->outcome;
    judd_plan_read r = judd_plan_read_of(t->plan, t->c->job, read);
    judd_rows test = {0};
    JUDD_TRY(map_rows(&test, fit, &judd_feature_sets_find(t->features, r.bank.dataset)->test));
    if (t->plan->lesson) judd_label_space_relabel(&test, &t->space, read);
    JUDD_TRY(judd_outcome_test(out, o, fit->ops, fit->head, &fit->problem,
                               o->refit ? 0 : o->selection.pick, &test));
done:
    judd_rows_free(&test);
    return status;
}

/* What the result knows of other tasks whose classes are all outputs of it. */
static judd_status try_on_others(training *t, const judd_fit *fit) {
    judd_status status = JUDD_OK;
    judd_outcome *o = &t->outcome;
    int64_t n = judd_plan_n_reads(t->plan);
    JUDD_TRY(judd_comm_agree(t->c->comm, judd_memory_alloc(&o->others, n, sizeof *o->others)));
    for (int64_t r = 1; r < n; r++) {
        judd_plan_read read = judd_plan_read_of(t->plan, t->c->job, r);
        if (!read.judged || !t->space.complete[r]) continue;
        judd_outcome_other *other = &o->others[o->n_others++];
        other->dataset = read.bank.dataset;
        JUDD_TRY(judd_comm_agree(t->c->comm, label_test(&other->test, t, r)));
        JUDD_TRY(try_on(&other->figures, t, fit, r));
    }
done:
    return status;
}

/* The accuracy of the head before its first step, on a data set that the bank reads. */
static judd_status try_fresh(double *accuracy, const training *t, const judd_fit *fit,
                             int64_t read) {
    judd_status status = JUDD_OK;
    judd_plan_read r = judd_plan_read_of(t->plan, t->c->job, read);
    judd_rows test = {0};
    judd_bank *fresh = NULL;
    judd_standard none = {0};
    judd_evaluation e = {0};
    JUDD_TRY(map_rows(&test, fit, &judd_feature_sets_find(t->features, r.bank.dataset)->test));
    judd_label_space_relabel(&test, &t->space, read);
    status = judd_bank_create(&fresh, t->outcome.model->dim, &t->outcome.model->options);
    if (status == JUDD_OK) status = judd_rows_standard_identity(&none, test.dim);
    JUDD_TRY(judd_comm_agree(t->c->comm, status));
    JUDD_TRY(judd_evaluate_head(&e, fresh, &none, &test, t->c->comm));
    int64_t right = 0;
    for (int c = 0; c < e.n_classes; c++) right += e.confusion[c * e.n_classes + c];
    *accuracy = (double)right / (double)e.n;
done:
    judd_evaluate_free(&e);
    judd_rows_standard_free(&none);
    judd_bank_destroy(fresh);
    judd_rows_free(&test);
    return status;
}

/* Where a sequence begins. */
static judd_status try_beginning(training *t, const judd_fit *fit) {
    judd_status status = JUDD_OK;
    const judd_plan_bank *b = t->plan;
    bool begins = b->lesson && strcmp(b->lesson->mode, "sequence") == 0 && b->stage == 0;
    if (!begins) return JUDD_OK;
    t->outcome.initial = json_object();
    for (int64_t r = 0; r < judd_plan_n_reads(b); r++) {
        double accuracy = 0.0;
        JUDD_TRY(try_fresh(&accuracy, t, fit, r));
        json_object_set_new(t->outcome.initial,
                            judd_plan_read_of(b, t->c->job, r).bank.dataset->name,
                            json_real(accuracy));
    }
done:
    return status;
}

/* The log says the same line once, so what is the same for many trainings does not name one. */
static void warn(const training *t, const judd_fit *fit, int64_t point) {
    const judd_plan_bank *b = t->plan;
    judd_log *log = t->c->log;
    const char *warning = fit->ops->warning ? fit->ops->warning(fit->head, point) : NULL;
    if (!warning) return;
    switch (fit->ops->warns_of) {
    case JUDD_HEAD_TRAINING:
        judd_log_warning(log, "%s: %s", b->name, warning);
        return;
    case JUDD_HEAD_FEATURES:
        judd_log_warning(log, "head %s on features of %s by %s: %s", b->head->name,
                         b->dataset->name, b->backbone->name, warning);
        return;
    case JUDD_HEAD_SIZE:
        judd_log_warning(log, "head %s on %lld samples: %s", b->head->name,
                         (long long)fit->problem.train->lanes.n_samples, warning);
    }
}

/* The result, and nothing before it, sees the test set. */
static judd_status evaluate(training *t) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    judd_outcome *o = &t->outcome;
    const judd_fit *fit = o->refit ? &t->refit : &t->fit;
    int64_t point = o->refit ? 0 : o->selection.pick;
    JUDD_TRY(judd_outcome_describe(o, fit->ops, fit->head, &fit->problem, point));
    JUDD_TRY(try_on(&o->test, t, fit, 0));
    JUDD_TRY(try_on_others(t, fit));
    JUDD_TRY(try_beginning(t, fit));
    warn(t, fit, point);
    if (o->test.fault[0]) judd_log_warning(c->log, "%s: test: %s", t->plan->name, o->test.fault);
done:
    return status;
}

/* ---- recording ---------------------------------------------------------------------------------
 */

static judd_status write_files(const training *t, const judd_plan_trial *trial) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    const char *folder = judd_output_folder(c->output);
    const judd_outcome *o = &t->outcome;
    const judd_fit *fit = o->refit ? &t->refit : &t->fit;
    char *name = NULL;
    judd_trial_head head = {.model = o->model,
                            .kind = fit->ops->kind,
                            .n_classes = fit->problem.n_outputs,
                            .class_names = fit->problem.class_names,
                            .map = &fit->map,
                            .train = &t->drawn.train,
                            .validation = &t->drawn.validation,
                            .refit = o->refit,
                            .hyper = o->hyper,
                            .backbone_key = judd_cache_key(t->parts[0].cache, 0),
                            .job_name = c->job->name};
    judd_predictions predictions = {&t->test, input->kind, &o->test, fit->problem.class_names};
    if (o->model) JUDD_TRY(judd_trial_files_write_head(folder, trial->name, &head));
    JUDD_TRY(judd_predictions_write(folder, trial->name, &predictions));
    for (int64_t k = 0; k < o->n_others; k++) {
        const judd_outcome_other *other = &o->others[k];
        predictions.test = &other->test;
        predictions.figures = &other->figures;
        JUDD_TRY(judd_predictions_name(&name, trial->name, other->dataset->name));
        JUDD_TRY(judd_predictions_write(folder, name, &predictions));
        free(name);
        name = NULL;
    }
done:
    free(name);
    return status;
}

static judd_status record_trial(const training *t, const judd_plan_trial *trial) {
    judd_status status = JUDD_OK;
    json_t *record = NULL;
    const char *folder = judd_output_folder(t->c->output);
    JUDD_TRY(judd_output_owned(t->c->output));
    JUDD_TRY(t->outcome.failure ? judd_trial_files_remove(folder, trial->name)
                                : write_files(t, trial));
    JUDD_TRY(judd_outcome_record(&record, &t->outcome, t->c->plan, trial));
    JUDD_TRY(judd_output_add_result(t->c->output, record));
done:
    return status;
}

static double saving_seconds(const judd_fit *fit) {
    return fit->head && fit->ops->checkpoint_seconds ? fit->ops->checkpoint_seconds(fit->head)
                                                     : 0.0;
}

static judd_status record_timing(const training *t, double seconds) {
    const judd_selection *s = &t->outcome.selection;
    json_t *r = json_pack("{s:s, s:s, s:i, s:I, s:i, s:I, s:f, s:f, s:f}", "phase", "train", "bank",
                          t->plan->name, "ranks", t->c->comm->size, "grid", (json_int_t)s->n_grid,
                          "folds", s->n_folds, "dim", (json_int_t)t->fit.rows.dim, "work", t->work,
                          "seconds", seconds, "checkpoint_seconds",
                          saving_seconds(&t->fit) + saving_seconds(&t->refit));
    if (!r) return judd_status_set(JUDD_E_INTERNAL, "timing: no memory for the record");
    return judd_output_add_timing(t->c->output, r);
}

/* Rank 0: the test metrics of the training, for TensorBoard. */
static void note_metrics(const training *t) {
    const judd_figures *f = &t->outcome.test;
    const judd_job_head *head = t->plan->head;
    const char *kind = head->optimizer.kind;
    int64_t step = kind && strcmp(kind, "lbfgs") != 0 ? head->optimizer.steps : 0;
    judd_event_file *file = NULL;
    char tag[128];
    if (!t->fit.events || t->outcome.failure) return;
    judd_status status = judd_event_file_open(&file, t->fit.events, "1.test", 0);
    for (int i = 0; status == JUDD_OK && i < f->n_list; i++) {
        snprintf(tag, sizeof tag, "test/%s", f->list[i].name);
        status = judd_event_file_add(file, tag, step, f->list[i].value);
    }
    judd_event_file_close(file);
    if (status != JUDD_OK)
        judd_log_warning(t->c->log, "%s: no metrics for TensorBoard: %s", t->plan->name,
                         judd_status_message());
}

/* Rank 0: a record for every trial that uses this bank, then its checkpoints may go. */
static judd_status record(const training *t, double seconds) {
    judd_status status = JUDD_OK;
    const judd_plan *plan = t->c->plan;
    JUDD_TRY(judd_output_owned(t->c->output));
    note_metrics(t); /* before the trials count as finished, so that none is without */
    for (int64_t i = 0; i < plan->n_trials; i++)
        if (&plan->banks[plan->trials[i].bank] == t->plan && !t->c->finished[i])
            JUDD_TRY(record_trial(t, &plan->trials[i]));
    JUDD_TRY(record_timing(t, seconds));
    if (t->fit.folder) JUDD_TRY(judd_atomic_file_remove(t->fit.folder)); /* it began */
    if (t->refit.folder) JUDD_TRY(judd_atomic_file_remove(t->refit.folder));
done:
    return status;
}

/* What stopped early by its validation samples cannot learn from them: nothing would stop it. */
static bool wants_refit(const judd_job_head *head) {
    return head->refit && head->optimizer.patience == 0;
}

static judd_status train_and_test(training *t) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_agree(t->c->comm, draw_samples(t)));
    judd_fit_samples samples = samples_of(t);
    samples.validation = t->drawn.validation.n > 0 ? &t->parts[1] : NULL;
    samples.held_out = &t->drawn;
    JUDD_TRY(judd_fit_run(&t->fit, t->c, t->plan, t->plan->head, &samples, ""));
    JUDD_TRY(pick(t));
    if (wants_refit(t->plan->head) && t->drawn.validation.n > 0 && !t->outcome.selection.diverged)
        JUDD_TRY(refit(t));
    JUDD_TRY(evaluate(t));
done:
    return status;
}

/* The failure of this thread is the outcome. */
static judd_status note_failure(training *t) {
    judd_log_warning(t->c->log, "%s failed: %s", t->plan->name, judd_status_message());
    return judd_outcome_fail(&t->outcome);
}

static judd_status train_bank(const judd_train_context *c, const judd_plan_bank *bank,
                              const judd_feature_sets *features, double work, json_t *edges) {
    judd_status status = JUDD_OK;
    training t = {.c = c, .plan = bank, .features = features, .work = work};
    double start = MPI_Wtime();
    judd_watchdog_phase(c->comm->watchdog, bank->name);
    status = train_and_test(&t);
    if (status == JUDD_E_DEGENERATE) status = judd_comm_agree(c->comm, note_failure(&t));
    JUDD_TRY(status);
    JUDD_TRY(
        judd_comm_agree(c->comm, judd_inputs_identity(t.outcome.inputs_sha256, c->inputs, bank)));
    if (c->comm->rank == 0) status = record(&t, MPI_Wtime() - start);
    if (status == JUDD_OK) status = judd_edges_count(edges, bank->head->name, t.outcome.selected);
    JUDD_TRY(judd_comm_agree(c->comm, status));
done:
    end_training(&t);
    return judd_status_context(status, "%s", bank->name);
}

/* ---- banks side by side ------------------------------------------------------------------------
 */

/* What a group of ranks sees of the job. */
typedef struct share {
    judd_train_context c;
    judd_inputs inputs; /* as the job's, but read by the group */
    json_t *edges;
} share;

static judd_status open_share(share *s, const judd_train_context *c, const judd_groups *groups) {
    judd_status status = JUDD_OK;
    s->c = *c;
    s->c.comm = judd_groups_comm(groups);
    s->c.stop = judd_groups_stop(groups);
    s->edges = json_object();
    if (s->c.comm->rank == 0) status = judd_output_use_part(c->output, judd_groups_index(groups));
    if (status == JUDD_OK && s->c.comm->rank == 0 && !s->c.log)
        status = judd_output_open_log(&s->c.log, c->output, c->quiet);
    s->inputs = *c->inputs;
    s->inputs.comm = s->c.comm;
    s->inputs.log = s->c.log;
    s->c.inputs = &s->inputs;
    return judd_comm_agree(s->c.comm, status);
}

static void close_share(share *s, const judd_train_context *c) {
    json_decref(s->edges);
    if (s->c.log != c->log) judd_log_destroy(s->c.log);
    (void)judd_output_use_part(c->output, 0);
}

/* As many banks as the group gets. */
static judd_status train_share(share *s, judd_groups *groups, const judd_plan_bank *const *banks,
                               const double *work) {
    judd_status status = JUDD_OK;
    judd_feature_sets features = {0};
    for (;;) {
        int64_t b = -1;
        JUDD_TRY(judd_groups_next(groups, &b));
        if (b < 0) break;
        JUDD_TRY(judd_feature_sets_load(&features, s->c.inputs, banks[b]));
        JUDD_TRY(train_bank(&s->c, banks[b], &features, work[b], s->edges));
    }
done:
    judd_feature_sets_close(&features);
    return status;
}

/* Groups take the banks from a queue; then rank 0 gathers what they wrote. */
static judd_status train_wave(const judd_train_context *c, const judd_plan_bank *const *banks,
                              const judd_grouping *grouping, judd_progress *progress,
                              int64_t n_before) {
    judd_status status = JUDD_OK;
    judd_groups *groups = NULL;
    json_t *edges = NULL;
    share s = {.c = *c};
    const judd_groups_options options = {.n_groups = grouping->n_groups,
                                         .n_items = grouping->n,
                                         .work = grouping->work,
                                         .list = grouping->list,
                                         .stop = c->stop,
                                         .progress = progress,
                                         .n_before = n_before};
    JUDD_TRY(judd_groups_create(&groups, c->comm, &options));
    status = open_share(&s, c, groups);
    if (status == JUDD_OK) status = train_share(&s, groups, banks, grouping->work);
    JUDD_TRY(judd_groups_finish(groups, status));
    status = c->comm->rank == 0 ? judd_output_gather(c->output, c->plan) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(c->comm, status));
    JUDD_TRY(judd_edges_merge(&edges, s.c.comm->rank == 0 ? s.edges : NULL, c->comm));
    judd_edges_warn(edges, c->log);
done:
    json_decref(edges);
    close_share(&s, c);
    judd_groups_destroy(groups);
    return status;
}

/* How banks are shared out, and since when: for who watches. */
static judd_status note_wave(const judd_train_context *c, const judd_grouping *grouping) {
    if (c->comm->rank != 0) return JUDD_OK;
    double work = 0.0;
    for (int64_t b = 0; b < grouping->n; b++) work += grouping->work[b];
    json_t *r = json_pack("{s:s, s:I, s:I, s:i, s:f}", "phase", "training", "unix_s",
                          (json_int_t)time(NULL), "heads", (json_int_t)grouping->n, "groups",
                          grouping->n_groups, "work", work);
    if (!r) return judd_status_set(JUDD_E_INTERNAL, "timing: no memory for the record");
    return judd_output_add_timing(c->output, r);
}

/* Rank 0 has all records of the waves before. */
static judd_status find_failed(uint8_t *failed, const judd_train_context *c) {
    if (c->comm->rank == 0) judd_output_failed(failed, c->output, c->plan);
    return judd_comm_broadcast(c->comm, failed, c->plan->n_trials);
}

judd_status judd_train_run(const judd_train_context *context, const judd_plan_bank *const *banks,
                           int64_t n_banks) {
    judd_status status = JUDD_OK;
    judd_grouping grouping = {0};
    judd_progress *progress = NULL;
    uint8_t *failed = NULL;
    judd_train_context with_failed = *context, *c = &with_failed;
    JUDD_TRY(
        judd_comm_agree(c->comm, judd_memory_alloc(&failed, c->plan->n_trials, sizeof *failed)));
    c->failed = failed;
    JUDD_TRY(judd_comm_agree(
        c->comm, judd_progress_create(&progress, c->comm, "training", "heads", n_banks, c->quiet)));
    for (int64_t first = 0, end = 0; first < n_banks; first = end) { /* what others start from */
        while (end < n_banks && banks[end]->depth == banks[first]->depth) end++;
        JUDD_TRY(judd_grouping_make(&grouping, c->inputs, banks + first, end - first,
                                    c->job->limits.groups));
        if (c->comm->size > 1)
            judd_log_info(c->log, "training: %lld heads by %d group%s of ranks",
                          (long long)grouping.n, grouping.n_groups,
                          grouping.n_groups == 1 ? "" : "s");
        JUDD_TRY(find_failed(failed, c));
        JUDD_TRY(judd_comm_broadcast_status(c->comm, note_wave(c, &grouping)));
        JUDD_TRY(train_wave(c, banks + first, &grouping, progress, first));
        judd_grouping_free(&grouping);
    }
done:
    judd_progress_destroy(progress);
    judd_grouping_free(&grouping);
    free(failed);
    return status;
}
