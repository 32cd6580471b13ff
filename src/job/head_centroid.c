/* Nearest centroids: nothing to pick. */
#include "job/head_linear.h"

#include <judd/learn/centroid.h>

#include <string.h>

/* Exact on any number of ranks: no need to have the rows whole. */
static judd_status train(void *head) {
    judd_head_linear *h = head;
    bool cosine = strcmp(h->p->config->metric, "cosine") == 0;
    return judd_centroid_fit(h->weight, h->bias, h->p->train, h->p->n_outputs,
                             cosine ? JUDD_CENTROID_COSINE : JUDD_CENTROID_EUCLIDEAN, h->p->comm);
}

static void record(json_t *hyper, const void *head, int64_t point) {
    const judd_head_linear *h = head;
    (void)point;
    json_object_set_new(hyper, "metric", json_string(h->p->config->metric));
}

const judd_head_ops judd_head_centroid = {.kind = "centroid",
                                          .outputs = {[JUDD_CLASSIFICATION] = JUDD_OUTPUTS_RANKS},
                                          .create = judd_head_linear_create,
                                          .destroy = judd_head_linear_destroy,
                                          .train = train,
                                          .held_out = judd_head_linear_held_out,
                                          .scores = judd_head_linear_scores,
                                          .model = judd_head_linear_model,
                                          .record = record};
