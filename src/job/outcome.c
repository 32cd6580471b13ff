#include "job/outcome.h"

#include <judd/base/memory.h>
#include <judd/stats/metrics.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool judd_outcome_is_lbfgs(const judd_job_head *config) {
    return strcmp(config->optimizer.kind, "lbfgs") == 0;
}

int64_t judd_outcome_grid(const judd_job_head *config) {
    return (judd_outcome_is_lbfgs(config) ? 1 : config->optimizer.learning_rate.n) * config->l2.n;
}

judd_status judd_outcome_heads(judd_bank_head **heads, int *n_heads, const judd_job_head *config,
                               int n_folds) {
    const judd_job_numbers *rates = &config->optimizer.learning_rate, *l2 = &config->l2;
    int64_t n = judd_outcome_grid(config) * (n_folds + 1);
    bool has_rate = !judd_outcome_is_lbfgs(config);
    judd_bank_head *list = NULL;
    if (n > INT32_MAX)
        return judd_status_set(JUDD_E_CONFIG, "head %s: %lld heads in one grid are too many",
                               config->name, (long long)n);
    judd_status status = judd_memory_alloc(&list, n, sizeof *list);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < n; i++) {
        int64_t point = i / (n_folds + 1);
        list[i] = (judd_bank_head){.learning_rate = has_rate ? rates->values[point / l2->n] : 0.0,
                                   .l2 = l2->values[point % l2->n],
                                   .held_out = (int)(i % (n_folds + 1)) - 1};
    }
    *heads = list;
    *n_heads = (int)n;
    return JUDD_OK;
}

/* Sums over the folds of one point of the grid. */
typedef struct point_score {
    int64_t correct, count;
    double nll;
} point_score;

static point_score score_point(const int64_t *correct, const int64_t *count, const double *nll,
                               int64_t point, int n_folds) {
    point_score s = {0};
    for (int64_t h = point * (n_folds + 1) + 1; h < (point + 1) * (n_folds + 1); h++) {
        s.correct += correct[h];
        s.count += count[h];
        s.nll += nll[h];
    }
    return s;
}

static bool better(point_score a, point_score b) {
    return a.correct != b.correct ? a.correct > b.correct : a.nll < b.nll;
}

judd_status judd_outcome_select(judd_outcome *o, const judd_bank *bank, int n_folds,
                                const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t n_heads = bank->options.n_heads, *correct = NULL, *count = NULL;
    double *nll = NULL;
    point_score best = {0};
    status = judd_memory_alloc(&correct, n_heads, sizeof *correct);
    if (status == JUDD_OK) status = judd_memory_alloc(&count, n_heads, sizeof *count);
    if (status == JUDD_OK) status = judd_memory_alloc(&nll, n_heads, sizeof *nll);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_evaluate_held_out(correct, count, nll, bank, rows, comm));
    *o = (judd_outcome){.n_grid = n_heads / (n_folds + 1),
                        .pick = -1,
                        .n_folds = n_folds,
                        .n_train = rows->lanes.n_samples};
    for (int64_t p = 0; p < o->n_grid; p++) {
        point_score s = score_point(correct, count, nll, p, n_folds);
        if (bank->diverged[p * (n_folds + 1)] >= 0) continue;
        if (o->pick >= 0 && !better(s, best)) continue;
        o->pick = p;
        best = s;
    }
    o->diverged = o->pick < 0;
    if (o->diverged) o->pick = 0;
    int64_t head = o->pick * (n_folds + 1);
    o->learning_rate = bank->options.heads[head].learning_rate;
    o->l2 = bank->options.heads[head].l2;
    o->stop = (judd_lbfgs_stop)bank->finished[head];
    o->selection_accuracy = best.count ? (double)best.correct / (double)best.count : NAN;
    JUDD_TRY(judd_comm_agree(comm, judd_bank_extract(&o->head, bank, (int)head)));
done:
    free(correct);
    free(count);
    free(nll);
    return status;
}

void judd_outcome_free(judd_outcome *o) {
    judd_bank_destroy(o->head);
    judd_evaluate_free(&o->test);
    *o = (judd_outcome){0};
}

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static void stochastic_of(json_t *h, const judd_job_head *head) {
    if (strcmp(head->optimizer.kind, "adamw") == 0) {
        json_object_set_new(h, "beta1", number(head->optimizer.beta1));
        json_object_set_new(h, "beta2", number(head->optimizer.beta2));
        json_object_set_new(h, "epsilon", number(head->optimizer.epsilon));
    } else {
        json_object_set_new(h, "momentum", number(head->optimizer.momentum));
        if (head->optimizer.nesterov) json_object_set_new(h, "nesterov", json_true());
    }
    json_object_set_new(h, "batch", json_integer(head->optimizer.batch));
    json_object_set_new(h, "steps", json_integer(head->optimizer.steps));
    json_object_set_new(h, "schedule", json_string(head->optimizer.schedule));
    if (strcmp(head->optimizer.schedule, "step") == 0) {
        json_object_set_new(h, "decay_steps", json_integer(head->optimizer.decay_steps));
        json_object_set_new(h, "decay_factor", number(head->optimizer.decay_factor));
    }
    if (head->optimizer.warmup_steps > 0)
        json_object_set_new(h, "warmup_steps", json_integer(head->optimizer.warmup_steps));
    if (head->optimizer.clip > 0.0) json_object_set_new(h, "clip", number(head->optimizer.clip));
}

static json_t *hyper_of(const judd_outcome *o, const judd_job_head *head) {
    json_t *h = json_object();
    json_object_set_new(h, "optimizer", json_string(head->optimizer.kind));
    if (!judd_outcome_is_lbfgs(head))
        json_object_set_new(h, "learning_rate", number(o->learning_rate));
    json_object_set_new(h, "l2", number(o->l2));
    if (judd_outcome_is_lbfgs(head)) {
        json_object_set_new(h, "tolerance", number(head->optimizer.tolerance));
        json_object_set_new(h, "max_iterations", json_integer(head->optimizer.max_iterations));
        json_object_set_new(h, "stop", json_string(judd_lbfgs_stop_text(o->stop)));
    } else {
        stochastic_of(h, head);
    }
    if (head->label_smoothing > 0.0)
        json_object_set_new(h, "label_smoothing", number(head->label_smoothing));
    if (strcmp(head->class_weights, "none") != 0)
        json_object_set_new(h, "class_weights", json_string(head->class_weights));
    json_object_set_new(h, "standardize", json_boolean(head->standardize));
    json_object_set_new(h, "grid", json_integer(o->n_grid));
    json_object_set_new(h, "folds", json_integer(o->n_folds));
    json_object_set_new(h, "selection_accuracy", number(o->selection_accuracy));
    return h;
}

static json_t *metrics_of(const judd_outcome *o) {
    const int64_t *confusion = o->test.confusion;
    int n = o->test.n_classes;
    json_t *m = json_object();
    json_object_set_new(m, "accuracy", number(judd_metrics_accuracy(confusion, n)));
    json_object_set_new(m, "mean_per_class", number(judd_metrics_mean_per_class(confusion, n)));
    json_object_set_new(m, "macro_f1", number(judd_metrics_macro_f1(confusion, n)));
    json_object_set_new(m, "nll", number(o->test.nll));
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
    json_object_set_new(r, "hyper", hyper_of(o, bank->head));
    json_object_set_new(r, "shots", trial->shots ? json_integer(trial->shots) : json_null());
    json_object_set_new(r, "seed", json_integer(trial->seed));
    json_object_set_new(r, "n_train", json_integer(o->n_train));
    json_object_set_new(r, "n_validation", json_integer(0));
    json_object_set_new(r, "n_test", json_integer(o->test.n));
    json_object_set_new(r, "metrics", metrics_of(o));
    json_object_set_new(r, "head_sha256", json_string(o->head_sha256));
    json_object_set_new(r, "inputs_sha256", json_string(o->inputs_sha256));
    if (json_object_set_new(r, "status", json_string(o->diverged ? "diverged" : "ok")) != 0) {
        json_decref(r);
        return judd_status_set(JUDD_E_INTERNAL, "%s: no memory for the record", trial->name);
    }
    *record = r;
    return JUDD_OK;
}
