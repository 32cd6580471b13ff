#include "job/train.h"

#include "job/head.h"
#include "job/outcome.h"
#include "job/trial_files.h"
#include "job/write.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/comm/progress.h>
#include <judd/comm/watchdog.h>
#include <judd/io/atomic_file.h>
#include <judd/learn/feature_map.h>

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
    judd_cache *train;
    judd_rows test; /* raw */
} features;

static void drop_features(features *f) {
    judd_cache_close(f->train);
    judd_rows_free(&f->test);
    *f = (features){0};
}

static judd_status load_features(features *f, const judd_train_context *c,
                                 const judd_plan_bank *bank) {
    judd_status status = JUDD_OK;
    judd_cache *cache = NULL;
    if (f->of && f->of->backbone == bank->backbone && f->of->dataset == bank->dataset &&
        judd_plan_weights_seed(f->of) == judd_plan_weights_seed(bank))
        return JUDD_OK;
    drop_features(f);
    JUDD_TRY(judd_inputs_cache(&f->train, c->inputs, bank, JUDD_SPLIT_TRAIN));
    JUDD_TRY(judd_inputs_cache(&cache, c->inputs, bank, JUDD_SPLIT_TEST));
    JUDD_TRY(judd_inputs_rows(&f->test, c->inputs, cache,
                              &judd_inputs_find(c->inputs, bank->dataset)->task[JUDD_SPLIT_TEST]));
    f->of = bank;
done:
    judd_cache_close(cache);
    return status;
}

/* ---- one bank ----------------------------------------------------------------------------------
 */

typedef struct training {
    const judd_train_context *c;
    const judd_plan_bank *plan;
    judd_task_samples samples;
    judd_feature_map map;
    judd_rows raw, rows, test; /* raw: kept if it is streamed; the others mapped */
    const judd_head_ops *ops;
    judd_head_problem problem;
    void *head;
    const char *backbone_key; /* borrowed from the cache */
    char *folder, *identity;  /* of its checkpoints */
    judd_outcome outcome;
} training;

static void end_training(training *t) {
    judd_outcome_free(&t->outcome);
    if (t->head) t->ops->destroy(t->head);
    judd_task_free(&t->samples);
    judd_feature_map_free(&t->map);
    judd_rows_free(&t->rows);
    judd_rows_free(&t->test);
    judd_rows_free(&t->raw);
    free(t->folder);
    free(t->identity);
}

/* Whatever the bits of this training depend on: a checkpoint of anything else is not ours. */
static judd_status make_identity(training *t) {
    judd_status status = JUDD_OK;
    judd_hash *hash = NULL;
    char *text = NULL, *head = NULL, hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_write_head(t->plan->head, &head));
    JUDD_TRY(judd_memory_format(&text, "%s %s %lld %lld %d %s", t->plan->name, t->backbone_key,
                                (long long)t->c->job->lanes, (long long)t->plan->seed,
                                t->problem.n_folds, head));
    judd_hash_add(hash, text, strlen(text));
    judd_hash_add(hash, t->samples.ids, (size_t)t->samples.n * sizeof *t->samples.ids);
    judd_hash_add(hash, t->samples.labels, (size_t)t->samples.n * sizeof *t->samples.labels);
    judd_hash_finish(hash, hex);
    JUDD_TRY(judd_memory_string(&t->identity, hex));
done:
    judd_hash_destroy(hash);
    free(text);
    free(head);
    return status;
}

static judd_status pose_problem(training *t) {
    const judd_train_context *c = t->c;
    const judd_job *job = c->job;
    judd_status status = judd_memory_format(&t->folder, "%s/checkpoints/%s",
                                            judd_output_folder(c->output), t->plan->name);
    if (status == JUDD_OK) status = make_identity(t);
    t->problem =
        (judd_head_problem){.config = t->plan->head,
                            .comm = c->comm,
                            .train = &t->rows,
                            .samples = &t->samples,
                            .n_outputs = judd_inputs_find(c->inputs, t->plan->dataset)->n_classes,
                            .n_folds = t->problem.n_folds,
                            .seed = t->plan->seed,
                            .name = t->plan->name,
                            .folder = t->folder,
                            .identity = t->identity,
                            .checkpoint_steps = job->limits.checkpoint_steps,
                            .checkpoint_s = job->limits.checkpoint_s,
                            .stop = c->stop,
                            .log = c->log};
    return status;
}

/* Samples, their features as the head takes them, and an untrained head. Collective. */
static judd_status begin_training(training *t, const features *f) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = t->c->comm;
    const judd_feature_map_options options = {.standardize = t->plan->head->standardize};
    JUDD_TRY(judd_comm_agree(
        comm, judd_inputs_draw(&t->samples, &t->problem.n_folds, t->c->inputs, t->plan)));
    JUDD_TRY(judd_inputs_rows(&t->raw, t->c->inputs, f->train, &t->samples));
    JUDD_TRY(judd_feature_map_fit(&t->map, &t->raw, &options, comm));
    JUDD_TRY(judd_feature_map_apply(&t->rows, &t->map, &t->raw, comm));
    if (t->raw.x) judd_rows_free(&t->raw);
    t->backbone_key = judd_cache_key(f->train);
    JUDD_TRY(judd_comm_agree(comm, pose_problem(t)));
    JUDD_TRY(t->ops->create(&t->head, &t->problem));
done:
    return status;
}

/* Pick a point of the grid; then the pick, and nothing before it, sees the test set. */
static judd_status evaluate(training *t, const features *f) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    judd_outcome *o = &t->outcome;
    JUDD_TRY(judd_outcome_select(o, t->ops, t->head, &t->problem));
    JUDD_TRY(judd_feature_map_apply(&t->test, &t->map, &f->test, c->comm));
    JUDD_TRY(judd_outcome_test(o, t->ops, t->head, t->problem.n_outputs, &t->test, c->comm));
    const char *warning = t->ops->warning ? t->ops->warning(t->head, o->pick) : NULL;
    if (warning) judd_log_warning(c->log, "%s: %s", t->plan->name, warning);
    JUDD_TRY(judd_comm_agree(c->comm, judd_inputs_identity(o->inputs_sha256, c->inputs, t->plan)));
done:
    return status;
}

/* ---- recording ---------------------------------------------------------------------------------
 */

/* The names of the task's classes: from the job, else the files, else the labels as text. */
static judd_status class_names(char ***names, const judd_input *input) {
    judd_status status = JUDD_OK;
    const judd_job_strings *given = &input->config->class_names;
    const char *const *found = judd_dataset_info_of(input->split[JUDD_SPLIT_TRAIN])->class_names;
    JUDD_TRY(judd_memory_alloc(names, input->n_classes, sizeof **names));
    for (int c = 0; c < input->n_classes; c++) {
        int32_t label = input->classes[c];
        if (label < given->n)
            JUDD_TRY(judd_memory_string(&(*names)[c], given->values[label]));
        else if (found)
            JUDD_TRY(judd_memory_string(&(*names)[c], found[label]));
        else
            JUDD_TRY(judd_memory_format(&(*names)[c], "%d", label));
    }
done:
    return status;
}

static judd_status record_trial(const training *t, const judd_plan_trial *trial, char **names) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    const char *folder = judd_output_folder(c->output);
    const judd_outcome *o = &t->outcome;
    json_t *record = NULL;
    judd_trial_head head = {.model = o->model,
                            .kind = t->ops->kind,
                            .n_classes = input->n_classes,
                            .class_names = (const char *const *)names,
                            .map = &t->map,
                            .train = &t->samples,
                            .hyper = o->hyper,
                            .backbone_key = t->backbone_key,
                            .job_name = c->job->name};
    if (o->model) JUDD_TRY(judd_trial_files_write_head(folder, trial->name, &head));
    JUDD_TRY(judd_trial_files_write_predictions(folder, trial->name, &input->task[JUDD_SPLIT_TEST],
                                                o->test.predicted));
    JUDD_TRY(judd_outcome_record(&record, o, trial, t->plan));
    JUDD_TRY(judd_output_add_result(c->output, record));
done:
    return status;
}

static judd_status record_timing(const training *t, double seconds) {
    double saving = t->ops->checkpoint_seconds ? t->ops->checkpoint_seconds(t->head) : 0.0;
    json_t *r =
        json_pack("{s:s, s:s, s:i, s:I, s:i, s:I, s:f, s:f}", "phase", "train", "bank",
                  t->plan->name, "ranks", t->c->comm->size, "grid", (json_int_t)t->outcome.n_grid,
                  "folds", t->outcome.n_folds, "dim", (json_int_t)t->rows.dim, "seconds", seconds,
                  "checkpoint_seconds", saving);
    if (!r) return judd_status_set(JUDD_E_INTERNAL, "timing: no memory for the record");
    return judd_output_add_timing(t->c->output, r);
}

/* Rank 0: a record for every trial that uses this bank, then its checkpoints may go. */
static judd_status record(const training *t, double seconds) {
    judd_status status = JUDD_OK;
    const judd_plan *plan = t->c->plan;
    const judd_input *input = judd_inputs_find(t->c->inputs, t->plan->dataset);
    char **names = NULL;
    JUDD_TRY(class_names(&names, input));
    for (int64_t i = 0; i < plan->n_trials; i++)
        if (&plan->banks[plan->trials[i].bank] == t->plan && !t->c->finished[i])
            JUDD_TRY(record_trial(t, &plan->trials[i], names));
    JUDD_TRY(record_timing(t, seconds));
    JUDD_TRY(judd_atomic_file_remove(t->folder));
done:
    for (int c = 0; names && c < input->n_classes; c++) free(names[c]);
    free(names);
    return status;
}

static judd_status train_bank(const judd_train_context *c, const judd_plan_bank *bank,
                              const features *f) {
    judd_status status = JUDD_OK;
    training t = {.c = c, .plan = bank, .ops = judd_head_of(bank->head)};
    double start = MPI_Wtime();
    judd_watchdog_phase(c->comm->watchdog, bank->name);
    JUDD_TRY(begin_training(&t, f));
    JUDD_TRY(t.ops->train(t.head));
    JUDD_TRY(evaluate(&t, f));
    JUDD_TRY(
        judd_comm_agree(c->comm, c->comm->rank == 0 ? record(&t, MPI_Wtime() - start) : JUDD_OK));
done:
    end_training(&t);
    return judd_status_context(status, "%s", bank->name);
}

judd_status judd_train_run(const judd_train_context *c, const judd_plan_bank *const *banks,
                           int64_t n_banks) {
    judd_status status = JUDD_OK;
    features f = {0};
    judd_progress *progress = NULL;
    JUDD_TRY(judd_comm_agree(
        c->comm, judd_progress_create(&progress, c->comm, "training", "heads", n_banks, c->quiet)));
    for (int64_t b = 0; b < n_banks; b++) {
        JUDD_TRY(load_features(&f, c, banks[b]));
        JUDD_TRY(train_bank(c, banks[b], &f));
        judd_progress_update(progress, b + 1);
    }
done:
    judd_progress_destroy(progress);
    drop_features(&f);
    return status;
}
