/* Linear discriminant analysis: the shrinkage is picked by folds, or follows from the data. */
#include "job/head_linear.h"

#include <judd/base/memory.h>
#include <judd/learn/lda.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool is_ledoit_wolf(const judd_job_head *config) {
    return strcmp(config->covariance, "ledoit-wolf") == 0;
}

static int axes(judd_head_axis out[JUDD_HEAD_AXES], const judd_job_head *config) {
    if (is_ledoit_wolf(config)) return 0;
    out[0] = (judd_head_axis){.name = "shrinkage", .offset = offsetof(judd_job_head, shrinkage)};
    return 1;
}

/* Scores of the fold's rows by every shrinkage of a fit without them, in float64. */
static judd_status score_fold(judd_head_linear *h, const double *weight, const double *bias,
                              int fold, double *score) {
    judd_status status = JUDD_OK;
    const judd_rows *rows = h->whole.rows;
    const int64_t n = judd_lanes_count(&rows->lanes), dim = rows->dim, outputs = h->p->n_outputs;
    double *x = NULL;
    JUDD_TRY(judd_memory_alloc(&x, dim, sizeof *x));
    for (int64_t i = 0; i < n; i++) {
        if (rows->folds[i] != fold) continue;
        JUDD_TRY(judd_rows_read_centred(x, rows, i, 1, NULL));
        for (int64_t s = 0; s < h->n_points; s++) {
            for (int64_t c = 0; c < outputs; c++) {
                const double *w = weight + (s * outputs + c) * dim;
                score[c] = bias[s * outputs + c];
                for (int64_t j = 0; j < dim; j++) score[c] += w[j] * x[j];
            }
            judd_head_linear_set_held_out(h, s, i, score);
        }
    }
done:
    free(x);
    return status;
}

static judd_status solve(judd_head_linear *h) {
    judd_status status = JUDD_OK;
    const int64_t outputs = h->p->n_outputs, dim = h->p->train->dim, n = h->n_points * outputs;
    judd_lda_options options = {.n_classes = h->p->n_outputs,
                                .shrinkage = h->p->config->shrinkage.values,
                                .n_shrinkage = (int)h->n_points,
                                .ledoit_wolf = is_ledoit_wolf(h->p->config)};
    double *weight = NULL, *bias = NULL, *score = NULL;
    bool flat; /* a fold's */
    status = judd_memory_alloc(&weight, n * dim, sizeof *weight);
    if (status == JUDD_OK) status = judd_memory_alloc(&bias, n, sizeof *bias);
    if (status == JUDD_OK) status = judd_memory_alloc(&score, outputs, sizeof *score);
    JUDD_TRY(judd_comm_agree(h->whole.comm, status));
    for (options.held_out = 0; h->held_out && options.held_out < h->p->n_folds;
         options.held_out++) {
        JUDD_TRY(judd_status_context(
            judd_lda_fit(weight, bias, &flat, h->whole.rows, &options, h->whole.comm),
            "without fold %d (one shrinkage needs no folds)", options.held_out));
        JUDD_TRY(
            judd_comm_agree(h->whole.comm, score_fold(h, weight, bias, options.held_out, score)));
    }
    options.held_out = -1;
    JUDD_TRY(judd_lda_fit(weight, bias, &h->flat, h->whole.rows, &options, h->whole.comm));
    for (int64_t s = 0; s < h->n_points; s++)
        judd_head_linear_set(h, s, weight + s * outputs * dim, bias + s * outputs);
done:
    free(weight);
    free(bias);
    free(score);
    return status;
}

static judd_status train(void *head) {
    return judd_head_linear_solve(head, solve);
}

static void record(json_t *hyper, const void *head, int64_t point) {
    const judd_head_linear *h = head;
    if (is_ledoit_wolf(h->p->config))
        json_object_set_new(hyper, "covariance", json_string("ledoit-wolf"));
    else
        json_object_set_new(hyper, "shrinkage",
                            judd_head_number(h->p->config->shrinkage.values[point]));
}

static const char *warning(const void *head, int64_t point) {
    if (!((const judd_head_linear *)head)->flat) return judd_head_linear_warning(head, point);
    return "the features do not vary within the classes, so the nearest class mean wins; look at "
           "the backbone's features, or give more than one sample a class";
}

static void load(judd_head_load *load, const judd_job_head *config, const judd_head_size *s) {
    double n = (double)s->n_train, dim = (double)s->dim, points = (double)s->n_points;
    (void)config;
    double fit = 2.0 * n * dim * dim + points * dim * dim * (dim / 3.0 + 2.0 * s->n_outputs);
    judd_head_linear_load(load, s, (s->n_folds + 1.0) * fit);
}

const judd_head_ops judd_head_lda = {.kind = "lda",
                                     .outputs = {[JUDD_CLASSIFICATION] = JUDD_OUTPUTS_LOGITS},
                                     .axes = axes,
                                     .create = judd_head_linear_create,
                                     .destroy = judd_head_linear_destroy,
                                     .train = train,
                                     .held_out = judd_head_linear_held_out,
                                     .scores = judd_head_linear_scores,
                                     .model = judd_head_linear_model,
                                     .record = record,
                                     .diverged = judd_head_linear_lost,
                                     .warning = warning,
                                     .warns_of = JUDD_HEAD_FEATURES,
                                     .load = load};
