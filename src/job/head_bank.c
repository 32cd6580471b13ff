/* Heads that a bank trains by gradients: all points and folds of a grid in one wide product. */
#include "job/grid.h"
#include "job/output.h"

#include <judd/base/memory.h>
#include <judd/io/event_file.h>
#include <judd/learn/bank_scores.h>
#include <judd/learn/checkpoint.h>
#include <judd/learn/lbfgs.h>
#include <judd/learn/trainer.h>

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bank_head {
    const judd_head_problem *p;
    judd_bank *bank;         /* point p's heads as learn/bank_scores.h has them */
    judd_checkpoint *saving; /* while one is written */
    double save_seconds;     /* that training waited for checkpoints */
    judd_event_file *events; /* rank 0's, if curves are wanted */
} bank_head;

enum { NOTES = 50, TAG_SIZE = 128 }; /* points of a curve of training losses */

static bool is_lbfgs(const judd_job_head *config) {
    return strcmp(config->optimizer.kind, "lbfgs") == 0;
}

/* The order of samples, an MLP's first weights; L-BFGS sees all samples from zero. */
static bool draws(const judd_job_head *config) {
    return !is_lbfgs(config);
}

/* Kinds without classes have no such key. */
static bool is_balanced(const judd_job_head *config) {
    return config->class_weights && strcmp(config->class_weights, "balanced") == 0;
}

static int axes(judd_head_axis out[JUDD_HEAD_AXES], const judd_job_head *config) {
    int n = 0;
    if (!is_lbfgs(config))
        out[n++] = (judd_head_axis){.name = "learning_rate",
                                    .offset = offsetof(judd_job_head, optimizer.learning_rate)};
    out[n++] = (judd_head_axis){.name = "l2", .offset = offsetof(judd_job_head, l2)};
    return n;
}

static judd_schedule schedule_of(const char *name) {
    static const char *const names[] = {[JUDD_SCHEDULE_CONSTANT] = "constant",
                                        [JUDD_SCHEDULE_COSINE] = "cosine",
                                        [JUDD_SCHEDULE_STEP] = "step",
                                        [JUDD_SCHEDULE_LINEAR] = "linear"};
    int k = JUDD_SCHEDULE_LINEAR;
    while (k > 0 && strcmp(names[k], name) != 0) k--;
    return (judd_schedule)k;
}

static judd_optimizer_options optimizer_of(const judd_job_head *config) {
    judd_optimizer_options o = JUDD_OPTIMIZER_DEFAULTS;
    if (strcmp(config->optimizer.kind, "adamw") == 0) o.kind = JUDD_OPTIMIZER_ADAMW;
    if (strcmp(config->optimizer.kind, "sgd") == 0 && config->optimizer.nesterov)
        o.kind = JUDD_OPTIMIZER_NESTEROV;
    o.momentum = config->optimizer.momentum;
    o.beta1 = config->optimizer.beta1;
    o.beta2 = config->optimizer.beta2;
    o.epsilon = config->optimizer.epsilon;
    o.clip = config->optimizer.clip;
    o.schedule = schedule_of(config->optimizer.schedule);
    o.warmup_steps = config->optimizer.warmup_steps;
    o.decay_steps = config->optimizer.decay_steps;
    o.decay_factor = config->optimizer.decay_factor;
    return o;
}

/* For every point of the grid a head on all samples and one without each fold. */
static judd_status list_heads(judd_bank_head **heads, int *n_heads, const judd_head_problem *p) {
    const judd_job_numbers *rates = &p->config->optimizer.learning_rate, *l2 = &p->config->l2;
    int64_t n = judd_grid_size(judd_head_of(p->config), p->config) * (p->n_folds + 1);
    bool has_rate = !is_lbfgs(p->config);
    judd_bank_head *list = NULL;
    if (n > INT32_MAX)
        return judd_status_set(JUDD_E_CONFIG, "head %s: %lld heads in one grid are too many",
                               p->config->name, (long long)n);
    judd_status status = judd_memory_alloc(&list, n, sizeof *list);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < n; i++) {
        int64_t point = i / (p->n_folds + 1);
        list[i] = (judd_bank_head){.learning_rate = has_rate ? rates->values[point / l2->n] : 0.0,
                                   .l2 = l2->values[point % l2->n],
                                   .held_out = (int)(i % (p->n_folds + 1)) - 1,
                                   .init_seed = (uint64_t)p->seed};
    }
    *heads = list;
    *n_heads = (int)n;
    return JUDD_OK;
}

static judd_loss_kind loss_of(const judd_head_problem *p) {
    return p->task == JUDD_MULTILABEL   ? JUDD_LOSS_SIGMOID
           : p->task == JUDD_REGRESSION ? JUDD_LOSS_SQUARED
                                        : JUDD_LOSS_SOFTMAX;
}

static void balance(double *weight, const judd_head_problem *p) {
    const judd_task_samples *s = p->samples;
    if (p->task == JUDD_MULTILABEL)
        judd_targets_balance_answers(weight, p->n_outputs, s->targets, s->n);
    else
        judd_targets_balance(weight, p->n_outputs, s->labels, s->n);
}

static void set_layers(judd_bank_options *o, const judd_job_head *config) {
    o->n_hidden = (int)config->hidden.n;
    for (int l = 0; l < o->n_hidden; l++) o->hidden[l] = (int)config->hidden.values[l];
    if (o->n_hidden == 0) return;
    if (strcmp(config->activation, "gelu") == 0) o->activation = JUDD_ACTIVATION_GELU;
    o->layer_norm = config->layer_norm;
    o->dropout = config->dropout;
}

static judd_status make_bank(judd_bank **out, const judd_head_problem *p) {
    judd_status status = JUDD_OK;
    const judd_job_head *config = p->config;
    judd_bank_head *heads = NULL;
    double *weight = NULL;
    judd_bank_options o = {.loss = loss_of(p),
                           .n_outputs = p->n_outputs,
                           .reduce = strcmp(config->optimizer.reduce, "float") == 0
                                         ? JUDD_BANK_FLOAT
                                         : JUDD_BANK_EXACT,
                           .optimizer = optimizer_of(config),
                           .label_smoothing = config->label_smoothing,
                           .batch = config->optimizer.batch,
                           .steps = config->optimizer.steps,
                           .seed = (uint64_t)p->seed};
    set_layers(&o, config);
    if (p->source) {
        o.source_weight = p->source_weight;
        o.source_schedule = schedule_of(p->source_schedule);
    }
    if (p->curve && o.loss == JUDD_LOSS_SOFTMAX && !is_lbfgs(config))
        o.curve_steps = config->optimizer.curve_steps;
    if (config->optimizer.patience > 0)
        o.early_stopping = (judd_early_stopping){.every = config->optimizer.watch_steps,
                                                 .patience = config->optimizer.patience};
    if (is_balanced(config)) {
        JUDD_TRY(judd_memory_alloc(&weight, p->n_outputs, sizeof *weight));
        balance(weight, p);
        o.class_weight = weight;
    }
    JUDD_TRY(list_heads(&heads, &o.n_heads, p));
    o.heads = heads;
    if (is_lbfgs(config)) o.steps = o.n_heads; /* a step is a finished head */
    JUDD_TRY(
        judd_status_context(judd_bank_create(out, p->train->dim, &o), "head %s", config->name));
    if (p->start)
        JUDD_TRY(judd_status_context(judd_bank_inherit(*out, p->start, p->from_output, p->pull),
                                     "head %s", config->name));
done:
    free(heads);
    free(weight);
    return status;
}

static void destroy(void *head) {
    bank_head *h = head;
    if (!h) return;
    judd_checkpoint_abandon(h->saving);
    judd_bank_destroy(h->bank);
    judd_event_file_close(h->events);
    free(h);
}

static judd_status create(void **head, const judd_head_problem *p) {
    bank_head *h = NULL;
    judd_status status = judd_memory_alloc(&h, 1, sizeof *h);
    if (status == JUDD_OK && p->config->optimizer.patience > 0 && !p->validation)
        status = judd_status_set(JUDD_E_CONFIG,
                                 "head %s: optimizer.patience needs samples to watch: set "
                                 "validation_fraction, or validation files of the dataset",
                                 p->config->name);
    if (status == JUDD_OK) {
        h->p = p;
        status = make_bank(&h->bank, p);
    }
    JUDD_TRY(judd_comm_agree(p->comm, status));
    *head = h;
    h = NULL;
done:
    destroy(h);
    return status;
}

static judd_status owned(const judd_head_problem *p) {
    return judd_comm_broadcast_status(p->comm,
                                      p->comm->rank == 0 ? judd_output_owned(p->output) : JUDD_OK);
}

/* What fails while another copy takes the folder and clears it fails because of that. */
static judd_status explain(const judd_head_problem *p, judd_status status) {
    judd_status taken = status == JUDD_E_IO ? owned(p) : JUDD_OK;
    return taken == JUDD_OK ? status : taken;
}

static judd_status save(void *context, const judd_bank *bank) {
    bank_head *h = context;
    const judd_head_problem *p = h->p;
    double start = MPI_Wtime();
    judd_status status = owned(p);
    if (status == JUDD_OK)
        status =
            explain(p, judd_checkpoint_begin(&h->saving, p->folder, p->identity, bank, p->comm));
    h->save_seconds += MPI_Wtime() - start;
    return status;
}

static bool still_saves(void *context) {
    return judd_checkpoint_runs(((const bank_head *)context)->saving);
}

static judd_status end_saving(void *context) {
    bank_head *h = context;
    judd_checkpoint *saving = h->saving;
    double start = MPI_Wtime();
    h->saving = NULL;
    judd_status status = owned(h->p);
    if (status == JUDD_OK)
        status = explain(h->p, judd_checkpoint_end(saving));
    else
        judd_checkpoint_abandon(saving);
    h->save_seconds += MPI_Wtime() - start;
    return status;
}

/* ---- event files --------------------------------------------------------------------------------
 */

/* Curves are no results: what cannot be written costs a warning, and the rest of them. */
static void drop_events(bank_head *h, judd_status status) {
    if (status == JUDD_OK) return;
    judd_log_warning(h->p->log, "%s: no curves for TensorBoard: %s", h->p->name,
                     judd_status_message());
    judd_event_file_close(h->events);
    h->events = NULL;
}

/* Of a training that goes on behind `step`; -1: begins. */
static void open_events(bank_head *h, int64_t step) {
    const judd_head_problem *p = h->p;
    if (!p->events || p->comm->rank != 0 || is_lbfgs(p->config)) return;
    drop_events(h, judd_event_file_open(&h->events, p->events, "0.curves", step + 1));
}

/* Of a grid's point the head on all samples, or the mean of those without a fold. */
static double value_of(const bank_head *h, int64_t point, const double *values) {
    const double *of = values + point * (h->p->n_folds + 1);
    double sum = 0.0;
    int n = 0;
    for (int k = 1; k <= h->p->n_folds; k++) {
        if (isnan(of[k])) continue;
        sum += of[k];
        n++;
    }
    return !isnan(of[0]) ? of[0] : n > 0 ? sum / n : NAN;
}

/* "train_loss/learning_rate=0.1,l2=0.01": what the grid has one value of is not named. */
static void name_tag(char tag[TAG_SIZE], const char *what, const judd_job_head *config,
                     const judd_bank_head *head) {
    bool rates = !is_lbfgs(config) && config->optimizer.learning_rate.n > 1;
    int n = snprintf(tag, TAG_SIZE, "%s", what);
    if (rates)
        n += snprintf(tag + n, (size_t)(TAG_SIZE - n), "/learning_rate=%g", head->learning_rate);
    if (config->l2.n > 1)
        snprintf(tag + n, (size_t)(TAG_SIZE - n), "%sl2=%g", rates ? "," : "/", head->l2);
}

static void note(void *context, const char *what, int64_t step, const double *values) {
    bank_head *h = context;
    const judd_head_problem *p = h->p;
    int64_t n = h->bank->options.n_heads / (p->n_folds + 1);
    if (!h->events || judd_output_owned(p->output) != JUDD_OK) return;
    for (int64_t point = 0; h->events && point < n; point++) {
        double value = value_of(h, point, values);
        char tag[TAG_SIZE];
        if (isnan(value)) continue;
        name_tag(tag, what, p->config, &h->bank->options.heads[point * (p->n_folds + 1)]);
        drop_events(h, judd_event_file_add(h->events, tag, step, value));
    }
}

static judd_status solve(bank_head *h, const judd_trainer_hooks *hooks) {
    const judd_head_problem *p = h->p;
    if (!is_lbfgs(p->config)) return judd_trainer_run(h->bank, p->train, p->comm, hooks);
    judd_lbfgs_options o = JUDD_LBFGS_DEFAULTS;
    o.tolerance = p->config->optimizer.tolerance;
    o.max_iterations = p->config->optimizer.max_iterations;
    return judd_lbfgs_run(h->bank, NULL, p->train, p->comm, &o, hooks);
}

static judd_status train(void *head) {
    judd_status status = JUDD_OK;
    bank_head *h = head;
    const judd_head_problem *p = h->p;
    char *skipped = NULL;
    int64_t step = -1;
    judd_trainer_hooks hooks = {.checkpoint = save,
                                .checkpoint_runs = still_saves,
                                .checkpoint_end = end_saving,
                                .context = h,
                                .checkpoint_steps = p->checkpoint_steps,
                                .checkpoint_s = p->checkpoint_s,
                                .validation = p->validation,
                                .source = p->source,
                                .curve = p->curve,
                                .note = p->events ? note : NULL,
                                .note_steps = (h->bank->options.steps + NOTES - 1) / NOTES,
                                .stop = p->stop};
    JUDD_TRY(judd_checkpoint_restore(h->bank, &step, &skipped, p->folder, p->identity, p->comm));
    if (skipped) judd_log_warning(p->log, "%s: %s", p->name, skipped);
    if (step >= 0)
        judd_log_info(p->log, "%s: resumed after step %lld of %lld", p->name, (long long)step,
                      (long long)h->bank->options.steps);
    open_events(h, step);
    JUDD_TRY(solve(h, &hooks));
done:
    free(skipped);
    return status;
}

static judd_status held_out(void *head, const judd_outputs_sink *sink) {
    const bank_head *h = head;
    return judd_comm_agree(h->p->comm,
                           judd_bank_scores_held_out(h->bank, h->p->n_folds, h->p->train, sink));
}

/* The head on all samples. */
static int64_t head_of(const bank_head *h, int64_t point) {
    return point * (h->p->n_folds + 1);
}

static judd_status model(judd_bank **out, const void *head, int64_t point) {
    const bank_head *h = head;
    return judd_bank_extract(out, h->bank, (int)head_of(h, point));
}

static judd_status scores(void *head, int64_t first, int64_t n_points, const judd_rows *rows,
                          const judd_outputs_sink *sink) {
    const bank_head *h = head;
    judd_status status = JUDD_OK;
    for (int64_t p = first; status == JUDD_OK && p < first + n_points; p++) {
        judd_bank *one = NULL;
        status = model(&one, head, p);
        if (status == JUDD_OK) status = judd_bank_scores(one, p, rows, sink);
        judd_bank_destroy(one);
    }
    return judd_comm_agree(h->p->comm, status);
}

static void record_stochastic(json_t *hyper, const judd_job_head *config) {
    if (strcmp(config->optimizer.kind, "adamw") == 0) {
        json_object_set_new(hyper, "beta1", judd_head_number(config->optimizer.beta1));
        json_object_set_new(hyper, "beta2", judd_head_number(config->optimizer.beta2));
        json_object_set_new(hyper, "epsilon", judd_head_number(config->optimizer.epsilon));
    } else {
        json_object_set_new(hyper, "momentum", judd_head_number(config->optimizer.momentum));
        if (config->optimizer.nesterov) json_object_set_new(hyper, "nesterov", json_true());
    }
    json_object_set_new(hyper, "batch", json_integer(config->optimizer.batch));
    json_object_set_new(hyper, "steps", json_integer(config->optimizer.steps));
    json_object_set_new(hyper, "schedule", json_string(config->optimizer.schedule));
    if (strcmp(config->optimizer.schedule, "step") == 0) {
        json_object_set_new(hyper, "decay_steps", json_integer(config->optimizer.decay_steps));
        json_object_set_new(hyper, "decay_factor",
                            judd_head_number(config->optimizer.decay_factor));
    }
    if (config->optimizer.warmup_steps > 0)
        json_object_set_new(hyper, "warmup_steps", json_integer(config->optimizer.warmup_steps));
    if (config->optimizer.patience > 0) {
        json_object_set_new(hyper, "patience", json_integer(config->optimizer.patience));
        json_object_set_new(hyper, "watch_steps", json_integer(config->optimizer.watch_steps));
    }
    if (strcmp(config->optimizer.reduce, "float") == 0)
        json_object_set_new(hyper, "reduce", json_string("float"));
    if (config->optimizer.clip > 0.0)
        json_object_set_new(hyper, "clip", judd_head_number(config->optimizer.clip));
}

static void record_layers(json_t *hyper, const judd_job_head *config) {
    json_t *hidden = json_array();
    for (int64_t l = 0; l < config->hidden.n; l++)
        json_array_append_new(hidden, json_integer(config->hidden.values[l]));
    json_object_set_new(hyper, "hidden", hidden);
    json_object_set_new(hyper, "activation", json_string(config->activation));
    json_object_set_new(hyper, "layer_norm", json_boolean(config->layer_norm));
    json_object_set_new(hyper, "dropout", judd_head_number(config->dropout));
}

static judd_lbfgs_stop stop_of(const bank_head *h, int64_t point) {
    return (judd_lbfgs_stop)h->bank->finished[head_of(h, point)];
}

static void record(json_t *hyper, const void *head, int64_t point) {
    const bank_head *h = head;
    const judd_job_head *config = h->p->config;
    const judd_bank_head *picked = &h->bank->options.heads[head_of(h, point)];
    json_object_set_new(hyper, "optimizer", json_string(config->optimizer.kind));
    if (!is_lbfgs(config))
        json_object_set_new(hyper, "learning_rate", judd_head_number(picked->learning_rate));
    json_object_set_new(hyper, "l2", judd_head_number(picked->l2));
    if (is_lbfgs(config)) {
        json_object_set_new(hyper, "tolerance", judd_head_number(config->optimizer.tolerance));
        json_object_set_new(hyper, "max_iterations",
                            json_integer(config->optimizer.max_iterations));
        json_object_set_new(hyper, "stop", json_string(judd_lbfgs_stop_text(stop_of(h, point))));
    } else {
        record_stochastic(hyper, config);
        if (config->optimizer.patience > 0) {
            int64_t stopped = h->bank->stopped[head_of(h, point)];
            json_object_set_new(hyper, "stopped_after",
                                stopped < 0 ? json_null() : json_integer(stopped));
        }
    }
    if (config->label_smoothing > 0.0)
        json_object_set_new(hyper, "label_smoothing", judd_head_number(config->label_smoothing));
    if (is_balanced(config))
        json_object_set_new(hyper, "class_weights", json_string(config->class_weights));
    if (config->hidden.n > 0) record_layers(hyper, config);
}

static bool diverged(const void *head, int64_t point) {
    const bank_head *h = head;
    return h->bank->diverged[head_of(h, point)] >= 0;
}

static const char *warning(const void *head, int64_t point) {
    const bank_head *h = head;
    if (diverged(head, point)) return "every point of the grid diverged; lower the learning rate";
    if (stop_of(h, point) == JUDD_LBFGS_ITERATIONS)
        return "the iterations ended before the gradient was within tolerance; raise "
               "optimizer.max_iterations or tolerance";
    if (stop_of(h, point) == JUDD_LBFGS_ROUNDING)
        return "rounding ended the descent before the gradient was within tolerance; raise "
               "optimizer.tolerance";
    return NULL;
}

static double checkpoint_seconds(const void *head) {
    return ((const bank_head *)head)->save_seconds;
}

/* Weights between layers, of one head. */
static double weights_of(const judd_job_head *config, const judd_head_size *s) {
    double n = 0.0, before = (double)s->dim;
    for (int64_t l = 0; l < config->hidden.n; l++) {
        n += before * (double)config->hidden.values[l];
        before = (double)config->hidden.values[l];
    }
    return n + before * s->n_outputs;
}

static void load(judd_head_load *load, const judd_job_head *config, const judd_head_size *s) {
    enum { FORWARD_AND_BACK = 6, EVALUATIONS = 30 }; /* L-BFGS, of a point of a warm-started path */
    double heads = (double)s->n_points * (s->n_folds + 1), n = (double)s->n_train;
    double steps = is_lbfgs(config) ? EVALUATIONS : (double)config->optimizer.steps;
    double batch = is_lbfgs(config) || (double)config->optimizer.batch > n
                       ? n
                       : (double)config->optimizer.batch;
    double by_weight = steps * batch * FORWARD_AND_BACK + 2.0 * n + 2.0 * (double)s->n_test;
    load->shared = heads * weights_of(config, s) * by_weight;
    load->rounds = is_lbfgs(config) ? steps * (double)s->n_points : steps;
}

/* What the four kinds share. */
#define BANK                                                                                       \
    .draws = draws, .axes = axes, .create = create, .destroy = destroy, .train = train,            \
    .held_out = held_out, .scores = scores, .model = model, .record = record,                      \
    .diverged = diverged, .warning = warning, .checkpoint_seconds = checkpoint_seconds,            \
    .load = load

const judd_head_ops judd_head_softmax = {
    .kind = "softmax", .outputs = {[JUDD_CLASSIFICATION] = JUDD_OUTPUTS_LOGITS}, BANK};
const judd_head_ops judd_head_mlp = {.kind = "mlp",
                                     .outputs = {[JUDD_CLASSIFICATION] = JUDD_OUTPUTS_LOGITS,
                                                 [JUDD_MULTILABEL] = JUDD_OUTPUTS_LABELS,
                                                 [JUDD_REGRESSION] = JUDD_OUTPUTS_VALUES},
                                     BANK};
const judd_head_ops judd_head_multilabel = {
    .kind = "multilabel", .outputs = {[JUDD_MULTILABEL] = JUDD_OUTPUTS_LABELS}, BANK};
const judd_head_ops judd_head_regression = {
    .kind = "regression", .outputs = {[JUDD_REGRESSION] = JUDD_OUTPUTS_VALUES}, BANK};
