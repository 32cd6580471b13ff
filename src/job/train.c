#include "job/train.h"

#include "job/outcome.h"
#include "job/trial_files.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/comm/progress.h>
#include <judd/comm/watchdog.h>
#include <judd/io/atomic_file.h>
#include <judd/learn/checkpoint.h>
#include <judd/learn/trainer.h>

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
    judd_rows rows; /* standardised */
    judd_standard standard;
    int n_folds;
    judd_bank *bank;
    const char *backbone_key; /* borrowed from the cache */
    char *folder, *identity;  /* of its checkpoints */
    double save_seconds;
} training;

static void end_training(training *t) {
    judd_task_free(&t->samples);
    judd_rows_free(&t->rows);
    judd_rows_standard_free(&t->standard);
    judd_bank_destroy(t->bank);
    free(t->folder);
    free(t->identity);
}

static judd_optimizer_options optimizer_of(const judd_job_head *config) {
    judd_optimizer_options o = JUDD_OPTIMIZER_DEFAULTS;
    const char *schedule = config->optimizer.schedule;
    if (strcmp(config->optimizer.kind, "adamw") == 0) o.kind = JUDD_OPTIMIZER_ADAMW;
    if (strcmp(config->optimizer.kind, "sgd") == 0 && config->optimizer.nesterov)
        o.kind = JUDD_OPTIMIZER_NESTEROV;
    o.momentum = config->optimizer.momentum;
    o.beta1 = config->optimizer.beta1;
    o.beta2 = config->optimizer.beta2;
    o.epsilon = config->optimizer.epsilon;
    o.clip = config->optimizer.clip;
    o.schedule = strcmp(schedule, "cosine") == 0 ? JUDD_SCHEDULE_COSINE
                 : strcmp(schedule, "step") == 0 ? JUDD_SCHEDULE_STEP
                                                 : JUDD_SCHEDULE_CONSTANT;
    o.warmup_steps = config->optimizer.warmup_steps;
    o.decay_steps = config->optimizer.decay_steps;
    o.decay_factor = config->optimizer.decay_factor;
    return o;
}

static judd_status create_bank(training *t, int n_classes) {
    judd_status status = JUDD_OK;
    const judd_job_head *config = t->plan->head;
    judd_bank_head *heads = NULL;
    double *weight = NULL;
    judd_bank_options o = {.n_outputs = n_classes,
                           .optimizer = optimizer_of(config),
                           .label_smoothing = config->label_smoothing,
                           .batch = config->optimizer.batch,
                           .steps = config->optimizer.steps,
                           .seed = (uint64_t)t->plan->seed};
    if (strcmp(config->class_weights, "balanced") == 0) {
        JUDD_TRY(judd_memory_alloc(&weight, n_classes, sizeof *weight));
        judd_targets_balance(weight, n_classes, t->samples.labels, t->samples.n);
        o.class_weight = weight;
    }
    JUDD_TRY(judd_outcome_heads(&heads, &o.n_heads, config, t->n_folds));
    o.heads = heads;
    if (judd_outcome_is_lbfgs(config)) o.steps = o.n_heads; /* a step is a finished head */
    JUDD_TRY(judd_bank_create(&t->bank, t->rows.dim, &o));
done:
    free(heads);
    free(weight);
    return status;
}

/* Every option of the optimiser and the loss as text. */
static judd_status optimizer_text(char **text, const judd_job_head *config) {
    judd_optimizer_options o = optimizer_of(config);
    return judd_memory_format(
        text, " %d %d %.17g %.17g %.17g %.17g %.17g %lld %lld %.17g %.17g %lld %s %.17g",
        (int)o.kind, (int)o.schedule, o.momentum, o.beta1, o.beta2, o.epsilon, o.clip,
        (long long)o.warmup_steps, (long long)o.decay_steps, o.decay_factor,
        config->optimizer.tolerance, (long long)config->optimizer.max_iterations,
        config->class_weights, config->label_smoothing);
}

/* Whatever the bits of this training depend on: a checkpoint of anything else is not ours. */
static judd_status make_identity(training *t, const judd_cache *cache) {
    judd_status status = JUDD_OK;
    const judd_bank_options *o = &t->bank->options;
    judd_hash *hash = NULL;
    char *text = NULL, hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_memory_format(&text, "%s %s %lld %lld %lld %lld %d %s", t->plan->name,
                                judd_cache_key(cache), (long long)t->c->job->lanes,
                                (long long)o->batch, (long long)o->steps, (long long)o->seed,
                                t->plan->head->standardize, t->plan->head->optimizer.kind));
    judd_hash_add(hash, text, strlen(text));
    free(text);
    text = NULL;
    JUDD_TRY(optimizer_text(&text, t->plan->head));
    judd_hash_add(hash, text, strlen(text));
    for (int h = 0; h < o->n_heads; h++) {
        judd_hash_add(hash, &o->heads[h].learning_rate, sizeof(double));
        judd_hash_add(hash, &o->heads[h].l2, sizeof(double));
        judd_hash_add(hash, &o->heads[h].held_out, sizeof(int));
    }
    judd_hash_add(hash, t->samples.ids, (size_t)t->samples.n * sizeof *t->samples.ids);
    judd_hash_add(hash, t->samples.labels, (size_t)t->samples.n * sizeof *t->samples.labels);
    judd_hash_finish(hash, hex);
    JUDD_TRY(judd_memory_string(&t->identity, hex));
done:
    judd_hash_destroy(hash);
    free(text);
    return status;
}

/* Samples, their rows standardised, and a fresh bank. Collective. */
static judd_status begin_training(training *t, const judd_cache *cache) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = t->c->comm;
    JUDD_TRY(
        judd_comm_agree(comm, judd_inputs_draw(&t->samples, &t->n_folds, t->c->inputs, t->plan)));
    JUDD_TRY(judd_inputs_rows(&t->rows, t->c->inputs, cache, &t->samples));
    JUDD_TRY(t->plan->head->standardize
                 ? judd_rows_standard_fit(&t->standard, &t->rows, comm)
                 : judd_comm_agree(comm, judd_rows_standard_identity(&t->standard, t->rows.dim)));
    judd_rows_standard_apply(&t->standard, t->rows.x, t->rows.x, judd_lanes_count(&t->rows.lanes));
    t->backbone_key = judd_cache_key(cache);
    status = create_bank(t, judd_inputs_find(t->c->inputs, t->plan->dataset)->n_classes);
    if (status == JUDD_OK) status = make_identity(t, cache);
    if (status == JUDD_OK)
        status = judd_memory_format(&t->folder, "%s/checkpoints/%s",
                                    judd_output_folder(t->c->output), t->plan->name);
    JUDD_TRY(judd_comm_agree(comm, status));
done:
    return status;
}

static judd_status save(void *context, const judd_bank *bank) {
    training *t = context;
    double start = MPI_Wtime();
    judd_status status = judd_checkpoint_save(t->folder, t->identity, bank, t->c->comm);
    t->save_seconds += MPI_Wtime() - start;
    return status;
}

static judd_status solve(training *t, const judd_trainer_hooks *hooks) {
    const judd_job_head *config = t->plan->head;
    if (!judd_outcome_is_lbfgs(config))
        return judd_trainer_run(t->bank, &t->rows, t->c->comm, hooks);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    o.tolerance = config->optimizer.tolerance;
    o.max_iterations = config->optimizer.max_iterations;
    return judd_lbfgs_run(t->bank, NULL, &t->rows, t->c->comm, &o, hooks);
}

static judd_status train(training *t) {
    judd_status status = JUDD_OK;
    char *skipped = NULL;
    int64_t step = -1;
    judd_trainer_hooks hooks = {.checkpoint = save,
                                .context = t,
                                .checkpoint_steps = t->c->job->limits.checkpoint_steps,
                                .checkpoint_s = t->c->job->limits.checkpoint_s,
                                .stop = t->c->stop};
    JUDD_TRY(judd_checkpoint_restore(t->bank, &step, &skipped, t->folder, t->identity, t->c->comm));
    if (skipped) judd_log_warning(t->c->log, "%s: %s", t->plan->name, skipped);
    if (step >= 0)
        judd_log_info(t->c->log, "%s: resumed after step %lld of %lld", t->plan->name,
                      (long long)step, (long long)t->bank->options.steps);
    JUDD_TRY(solve(t, &hooks));
done:
    free(skipped);
    return judd_status_context(status, "%s", t->plan->name);
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

static judd_status record_trial(const training *t, const judd_outcome *outcome,
                                const judd_plan_trial *trial, char **names) {
    judd_status status = JUDD_OK;
    const judd_train_context *c = t->c;
    const judd_input *input = judd_inputs_find(c->inputs, t->plan->dataset);
    const char *folder = judd_output_folder(c->output);
    json_t *record = NULL;
    judd_trial_head head = {.weight = outcome->head->layers[0].weight->value,
                            .bias = outcome->head->layers[0].bias->value,
                            .n_classes = input->n_classes,
                            .class_names = (const char *const *)names,
                            .standard = &t->standard,
                            .train = &t->samples,
                            .learning_rate = outcome->learning_rate,
                            .l2 = outcome->l2,
                            .backbone_key = t->backbone_key,
                            .job_name = c->job->name};
    JUDD_TRY(judd_trial_files_write_head(folder, trial->name, &head));
    JUDD_TRY(judd_trial_files_write_predictions(folder, trial->name, &input->task[JUDD_SPLIT_TEST],
                                                outcome->test.predicted));
    JUDD_TRY(judd_outcome_record(&record, outcome, trial, t->plan));
    JUDD_TRY(judd_output_add_result(c->output, record));
done:
    return status;
}

static judd_status record_timing(const training *t, double seconds) {
    const judd_bank_options *o = &t->bank->options;
    json_t *r = json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:f, s:f}", "phase", "train", "bank",
                          t->plan->name, "ranks", t->c->comm->size, "heads", (json_int_t)o->n_heads,
                          "steps", (json_int_t)o->steps, "dim", (json_int_t)t->bank->dim, "seconds",
                          seconds, "checkpoint_seconds", t->save_seconds);
    if (!r) return judd_status_set(JUDD_E_INTERNAL, "timing: no memory for the record");
    return judd_output_add_timing(t->c->output, r);
}

/* Rank 0: a record for every trial that uses this bank, then its checkpoints may go. */
static judd_status record(const training *t, const judd_outcome *outcome, double seconds) {
    judd_status status = JUDD_OK;
    const judd_plan *plan = t->c->plan;
    const judd_input *input = judd_inputs_find(t->c->inputs, t->plan->dataset);
    char **names = NULL;
    JUDD_TRY(class_names(&names, input));
    for (int64_t i = 0; i < plan->n_trials; i++)
        if (&plan->banks[plan->trials[i].bank] == t->plan && !t->c->finished[i])
            JUDD_TRY(record_trial(t, outcome, &plan->trials[i], names));
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
    training t = {.c = c, .plan = bank};
    judd_outcome outcome = {0};
    double start = MPI_Wtime();
    judd_watchdog_phase(c->comm->watchdog, bank->name);
    JUDD_TRY(begin_training(&t, f->train));
    JUDD_TRY(train(&t));
    JUDD_TRY(judd_outcome_select(&outcome, t.bank, t.n_folds, &t.rows, c->comm));
    JUDD_TRY(judd_evaluate_head(&outcome.test, outcome.head, &t.standard, &f->test, c->comm));
    status = judd_bank_hash(outcome.head_sha256, outcome.head);
    if (status == JUDD_OK) status = judd_inputs_identity(outcome.inputs_sha256, c->inputs, bank);
    if (outcome.diverged)
        judd_log_warning(c->log, "%s: every point of the grid diverged; lower the learning rate",
                         bank->name);
    if (outcome.stop == JUDD_LBFGS_ITERATIONS || outcome.stop == JUDD_LBFGS_ROUNDING)
        judd_log_warning(c->log,
                         "%s: %s before the gradient was within tolerance; raise "
                         "optimizer.tolerance or max_iterations",
                         bank->name, judd_lbfgs_stop_text(outcome.stop));
    if (status == JUDD_OK && c->comm->rank == 0) status = record(&t, &outcome, MPI_Wtime() - start);
    JUDD_TRY(judd_comm_agree(c->comm, status));
done:
    judd_outcome_free(&outcome);
    end_training(&t);
    return status;
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
