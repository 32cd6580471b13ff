#include "job/train.h"

#include "job/edges.h"
#include "job/fit.h"
#include "job/grid.h"
#include "job/outcome.h"
#include "job/predictions.h"
#include "job/trial_files.h"

#include <judd/base/memory.h>
#include <judd/comm/progress.h>
#include <judd/comm/watchdog.h>
#include <judd/io/atomic_file.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- features that neighbouring banks share ----------------------------------------------------
 */

typedef struct features {
    const judd_plan_bank *of; /* a bank they belong to; NULL: none loaded */
    judd_cache *train;        /* of a head that is not trained: no row of it is read */
    judd_cache *validation;   /* NULL without files of its own */
    judd_cache *test_cache;
    judd_rows test; /* raw */
} features;

static void drop_features(features *f) {
    judd_rows_free(&f->test);
    judd_cache_close(f->train);
    judd_cache_close(f->validation);
    judd_cache_close(f->test_cache);
    *f = (features){0};
}

static judd_status load_features(features *f, const judd_train_context *c,
                                 const judd_plan_bank *bank) {
    judd_status status = JUDD_OK;
    const judd_input *input = judd_inputs_find(c->inputs, bank->dataset);
    bool untrained = judd_head_of(bank->head)->untrained;
    if (f->of && f->of->dataset == bank->dataset && judd_inputs_same_network(f->of, bank))
        return JUDD_OK; /* the tap tells heads that are trained from those that are not */
    drop_features(f);
    JUDD_TRY(judd_inputs_cache(&f->train, c->inputs, bank,
                               untrained ? JUDD_SPLIT_TEST : JUDD_SPLIT_TRAIN));
    JUDD_TRY(judd_inputs_cache(&f->test_cache, c->inputs, bank, JUDD_SPLIT_TEST));
    if (input->split[JUDD_SPLIT_VALIDATION] && !untrained)
        JUDD_TRY(judd_inputs_cache(&f->validation, c->inputs, bank, JUDD_SPLIT_VALIDATION));
    const judd_inputs_part test = {f->test_cache, &input->task[JUDD_SPLIT_TEST]};
    JUDD_TRY(judd_inputs_rows(&f->test, c->inputs, &test, 1));
    f->of = bank;
done:
    return status;
}

/* ---- one bank ----------------------------------------------------------------------------------
 */

typedef struct training {
    const judd_train_context *c;
    const judd_plan_bank *plan;
    judd_inputs_drawn drawn;
    judd_inputs_part parts[JUDD_INPUTS_PARTS]; /* train, validation */
    judd_fit fit;                              /* of the grid, on the training samples */
    judd_fit refit; /* of the pick, on those of validation too; not always */
    judd_outcome outcome;
} training;

static void end_training(training *t) {
    judd_outcome_free(&t->outcome);
    judd_fit_end(&t->fit);
    judd_fit_end(&t->refit);
    judd_inputs_drawn_free(&t->drawn);
}

/* The rows as a fit's head takes them. Collective. */
static judd_status map_rows(judd_rows *out, const judd_fit *fit, const judd_rows *raw) {
    return judd_feature_map_apply(out, &fit->map, raw, fit->c->comm);
}

static judd_status draw(training *t, const features *f) {
    const judd_train_context *c = t->c;
    judd_status status = judd_inputs_draw(&t->drawn, c->inputs, t->plan);
    t->parts[0] = (judd_inputs_part){f->train, &t->drawn.train};
    t->parts[1] =
        (judd_inputs_part){f->validation ? f->validation : f->train, &t->drawn.validation};
    t->outcome.n_train = t->drawn.train.n;
    t->outcome.n_validation = t->drawn.validation.n;
    return judd_comm_agree(c->comm, status);
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
    const judd_fit_samples all = {.parts = t->parts, .n_parts = 2};
    return judd_fit_run(&t->refit, t->c, t->plan, &one, &all, "+refit");
}

/* The result, and nothing before it, sees the test set. */
static judd_status evaluate(training *t, const features *f) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    judd_outcome *o = &t->outcome;
    judd_rows test = {0};
    const judd_fit *fit = o->refit ? &t->refit : &t->fit;
    int64_t point = o->refit ? 0 : o->selection.pick;
    JUDD_TRY(judd_outcome_describe(o, fit->ops, fit->head, &fit->problem, point));
    JUDD_TRY(map_rows(&test, fit, &f->test));
    JUDD_TRY(judd_outcome_test(o, fit->ops, fit->head, &fit->problem, point, &test));
    const char *warning = fit->ops->warning ? fit->ops->warning(fit->head, point) : NULL;
    if (warning) judd_log_warning(c->log, "%s: %s", t->plan->name, warning);
    if (o->test.fault[0]) judd_log_warning(c->log, "%s: test: %s", t->plan->name, o->test.fault);
    JUDD_TRY(judd_comm_agree(c->comm, judd_inputs_identity(o->inputs_sha256, c->inputs, t->plan)));
done:
    judd_rows_free(&test);
    return status;
}

/* ---- recording ---------------------------------------------------------------------------------
 */

static judd_status record_trial(const training *t, const judd_plan_trial *trial) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    const char *folder = judd_output_folder(c->output);
    const judd_outcome *o = &t->outcome;
    const judd_fit *fit = o->refit ? &t->refit : &t->fit;
    json_t *record = NULL;
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
    judd_predictions predictions = {&input->task[JUDD_SPLIT_TEST], input->kind, &o->test,
                                    fit->problem.class_names};
    if (o->model) JUDD_TRY(judd_trial_files_write_head(folder, trial->name, &head));
    JUDD_TRY(judd_predictions_write(folder, trial->name, &predictions));
    JUDD_TRY(judd_outcome_record(&record, o, c->plan, trial));
    JUDD_TRY(judd_output_add_result(c->output, record));
done:
    return status;
}

static double saving_seconds(const judd_fit *fit) {
    return fit->head && fit->ops->checkpoint_seconds ? fit->ops->checkpoint_seconds(fit->head)
                                                     : 0.0;
}

static judd_status record_timing(const training *t, double seconds) {
    const judd_selection *s = &t->outcome.selection;
    json_t *r =
        json_pack("{s:s, s:s, s:i, s:I, s:i, s:I, s:f, s:f}", "phase", "train", "bank",
                  t->plan->name, "ranks", t->c->comm->size, "grid", (json_int_t)s->n_grid, "folds",
                  s->n_folds, "dim", (json_int_t)t->fit.rows.dim, "seconds", seconds,
                  "checkpoint_seconds", saving_seconds(&t->fit) + saving_seconds(&t->refit));
    if (!r) return judd_status_set(JUDD_E_INTERNAL, "timing: no memory for the record");
    return judd_output_add_timing(t->c->output, r);
}

/* Rank 0: a record for every trial that uses this bank, then its checkpoints may go. */
static judd_status record(const training *t, double seconds) {
    judd_status status = JUDD_OK;
    const judd_plan *plan = t->c->plan;
    for (int64_t i = 0; i < plan->n_trials; i++)
        if (&plan->banks[plan->trials[i].bank] == t->plan && !t->c->finished[i])
            JUDD_TRY(record_trial(t, &plan->trials[i]));
    JUDD_TRY(record_timing(t, seconds));
    JUDD_TRY(judd_atomic_file_remove(t->fit.folder));
    if (t->refit.folder) JUDD_TRY(judd_atomic_file_remove(t->refit.folder));
done:
    return status;
}

/* What stopped early by its validation samples cannot learn from them: nothing would stop it. */
static bool wants_refit(const judd_job_head *head) {
    return head->refit && head->optimizer.patience == 0;
}

static judd_status train_bank(const judd_train_context *c, const judd_plan_bank *bank,
                              const features *f, json_t *edges) {
    judd_status status = JUDD_OK;
    training t = {.c = c, .plan = bank};
    double start = MPI_Wtime();
    judd_watchdog_phase(c->comm->watchdog, bank->name);
    JUDD_TRY(draw(&t, f));
    const judd_fit_samples samples = {.parts = t.parts,
                                      .n_parts = 1,
                                      .validation = t.drawn.validation.n > 0 ? &t.parts[1] : NULL,
                                      .held_out = &t.drawn};
    JUDD_TRY(judd_fit_run(&t.fit, c, bank, bank->head, &samples, ""));
    JUDD_TRY(pick(&t));
    if (wants_refit(bank->head) && t.drawn.validation.n > 0 && !t.outcome.selection.diverged)
        JUDD_TRY(train_again(&t));
    JUDD_TRY(evaluate(&t, f));
    if (c->comm->rank == 0) status = record(&t, MPI_Wtime() - start);
    if (status == JUDD_OK) status = judd_edges_count(edges, bank->head->name, t.outcome.selected);
    JUDD_TRY(judd_comm_agree(c->comm, status));
done:
    end_training(&t);
    return judd_status_context(status, "%s", bank->name);
}

judd_status judd_train_run(const judd_train_context *c, const judd_plan_bank *const *banks,
                           int64_t n_banks) {
    judd_status status = JUDD_OK;
    features f = {0};
    judd_progress *progress = NULL;
    json_t *edges = json_object();
    JUDD_TRY(judd_comm_agree(
        c->comm, judd_progress_create(&progress, c->comm, "training", "heads", n_banks, c->quiet)));
    for (int64_t b = 0; b < n_banks; b++) {
        JUDD_TRY(load_features(&f, c, banks[b]));
        JUDD_TRY(train_bank(c, banks[b], &f, edges));
        judd_progress_update(progress, b + 1);
    }
    judd_edges_warn(edges, c->log);
done:
    json_decref(edges);
    judd_progress_destroy(progress);
    drop_features(&f);
    return status;
}
