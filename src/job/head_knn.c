/* k nearest neighbours by DINO's protocol: k is picked by leave-one-out, one search serves all. */
#include "job/head.h"

#include <judd/base/memory.h>
#include <judd/learn/knn.h>

#include <stddef.h>
#include <stdlib.h>

typedef struct knn_head {
    const judd_head_problem *p;
    judd_knn
        others; /* each training sample's neighbours among the others; n_nearest = 0: not yet */
} knn_head;

static int axes(judd_head_axis out[JUDD_HEAD_AXES], const judd_job_head *config) {
    (void)config;
    out[0] = (judd_head_axis){
        .name = "k", .offset = offsetof(judd_job_head, k), .integers = true, .floor = 1.0};
    return 1;
}

static bool leaves_one_out(const judd_job_head *config) {
    (void)config;
    return true;
}

static int64_t largest(const judd_job_head *config, int64_t first, int64_t n_points) {
    int64_t k = 0;
    for (int64_t p = first; p < first + n_points; p++)
        if (config->k.values[p] > k) k = config->k.values[p];
    return k;
}

static judd_status create(void **head, const judd_head_problem *p) {
    knn_head *h = NULL;
    judd_status status = judd_comm_agree(p->comm, judd_memory_alloc(&h, 1, sizeof *h));
    if (status != JUDD_OK) {
        free(h);
        return status;
    }
    *h = (knn_head){.p = p};
    *head = h;
    return JUDD_OK;
}

static void destroy(void *head) {
    knn_head *h = head;
    if (h) judd_knn_free(&h->others);
    free(h);
}

/* The training rows are the model. */
static judd_status train(void *head) {
    (void)head;
    return JUDD_OK;
}

/* Votes of points first .. first + n_points - 1 for every row that was searched. */
static judd_status vote(const knn_head *h, const judd_knn *knn, int64_t first, int64_t n_points,
                        const judd_lanes *lanes, const judd_outputs_sink *sink) {
    judd_status status = JUDD_OK;
    const judd_job_head *config = h->p->config;
    const int n_classes = h->p->n_outputs;
    double *votes = NULL;
    float *score = NULL;
    JUDD_TRY(judd_memory_alloc(&votes, n_classes, sizeof *votes));
    JUDD_TRY(judd_memory_alloc(&score, knn->n_local * n_classes, sizeof *score));
    for (int64_t p = first; p < first + n_points; p++) {
        for (int64_t i = 0; i < knn->n_local; i++) {
            judd_knn_vote(votes, knn, i, n_classes, config->k.values[p], config->temperature);
            for (int c = 0; c < n_classes; c++) score[i * n_classes + c] = (float)votes[c];
        }
        JUDD_TRY(judd_outputs_give(sink, p, score, n_classes, lanes));
    }
done:
    free(votes);
    free(score);
    return status;
}

static judd_status search(judd_knn *out, const knn_head *h, int64_t first, int64_t n_points,
                          const judd_rows *rows, bool leave_one_out) {
    const judd_head_problem *p = h->p;
    judd_knn_options options = {p->n_outputs, largest(p->config, first, n_points), leave_one_out};
    return judd_knn_search(out, p->train, rows, &options, p->comm);
}

/* Asked for more than once: by the selection, and for what is learned from its scores. */
static judd_status held_out(void *head, const judd_outputs_sink *sink) {
    judd_status status = JUDD_OK;
    knn_head *h = head;
    const int64_t n_points = h->p->config->k.n;
    if (h->others.n_nearest == 0) JUDD_TRY(search(&h->others, h, 0, n_points, h->p->train, true));
    JUDD_TRY(
        judd_comm_agree(h->p->comm, vote(h, &h->others, 0, n_points, &h->p->train->lanes, sink)));
done:
    return status;
}

static judd_status scores(void *head, int64_t first, int64_t n_points, const judd_rows *rows,
                          const judd_outputs_sink *sink) {
    judd_status status = JUDD_OK;
    const knn_head *h = head;
    judd_knn knn = {0};
    JUDD_TRY(search(&knn, h, first, n_points, rows, false));
    JUDD_TRY(judd_comm_agree(h->p->comm, vote(h, &knn, first, n_points, &rows->lanes, sink)));
done:
    judd_knn_free(&knn);
    return status;
}

static void record(json_t *hyper, const void *head, int64_t point) {
    const judd_job_head *config = ((const knn_head *)head)->p->config;
    json_object_set_new(hyper, "k", json_integer(config->k.values[point]));
    json_object_set_new(hyper, "temperature", judd_head_number(config->temperature));
}

static const char *warning(const void *head, int64_t point) {
    const judd_head_problem *p = ((const knn_head *)head)->p;
    (void)point;
    if (largest(p->config, 0, p->config->k.n) > p->train->lanes.n_samples)
        return "a k above the number of training samples counts as all of them; give smaller "
               "values";
    return NULL;
}

static void load(judd_head_load *load, const judd_job_head *config, const judd_head_size *s) {
    double searched = (double)s->n_test + (s->leave_one_out ? (double)s->n_train : 0.0);
    (void)config;
    load->shared = 2.0 * searched * (double)s->n_train * (double)s->dim;
    load->rounds = 20.0;
}

const judd_head_ops judd_head_knn = {.kind = "knn",
                                     .outputs = {[JUDD_CLASSIFICATION] = JUDD_OUTPUTS_RANKS},
                                     .axes = axes,
                                     .leaves_one_out = leaves_one_out,
                                     .create = create,
                                     .destroy = destroy,
                                     .train = train,
                                     .held_out = held_out,
                                     .scores = scores,
                                     .record = record,
                                     .warning = warning,
                                     .warns_of = JUDD_HEAD_SIZE,
                                     .load = load};
