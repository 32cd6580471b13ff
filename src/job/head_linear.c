#include "job/head_linear.h"

#include "job/grid.h"

#include <judd/base/memory.h>
#include <judd/learn/bank_scores.h>

#include <math.h>
#include <stdlib.h>

static int64_t n_local(const judd_head_linear *h) {
    return judd_lanes_count(&h->p->train->lanes);
}

void judd_head_linear_destroy(void *head) {
    judd_head_linear *h = head;
    if (!h) return;
    judd_whole_close(&h->whole);
    free(h->weight);
    free(h->bias);
    free(h->held_out);
    free(h->lost);
    free(h);
}

static judd_status allocate(judd_head_linear *h) {
    judd_status status = JUDD_OK;
    int64_t rows = h->n_points * h->p->n_outputs;
    JUDD_TRY(judd_memory_alloc(&h->weight, rows * h->p->train->dim, sizeof *h->weight));
    JUDD_TRY(judd_memory_alloc(&h->bias, rows, sizeof *h->bias));
    JUDD_TRY(judd_memory_alloc(&h->lost, h->n_points, sizeof *h->lost));
    if (h->p->n_folds > 0 || h->p->leave_one_out)
        JUDD_TRY(judd_memory_alloc(&h->held_out, rows * n_local(h), sizeof *h->held_out));
done:
    return status;
}

judd_status judd_head_linear_create(void **head, const judd_head_problem *p) {
    judd_head_linear *h = NULL;
    judd_status status = judd_memory_alloc(&h, 1, sizeof *h);
    if (status == JUDD_OK) {
        h->p = p;
        h->n_points = judd_grid_size(judd_head_of(p->config), p->config);
        status = allocate(h);
    }
    JUDD_TRY(judd_comm_agree(p->comm, status));
    *head = h;
    h = NULL;
done:
    judd_head_linear_destroy(h);
    return status;
}

/* Numbers that are not finite. */
static int64_t count_bad(const float *x, int64_t n) {
    int64_t bad = 0;
    for (int64_t k = 0; x && k < n; k++) bad += !isfinite(x[k]);
    return bad;
}

static judd_status find_lost(judd_head_linear *h) {
    judd_status status = JUDD_OK;
    const int64_t outputs = h->p->n_outputs, dim = h->p->train->dim, size = n_local(h) * outputs;
    int64_t n_lost = 0;
    double *bad = NULL;
    JUDD_TRY(judd_comm_agree(h->p->comm, judd_memory_alloc(&bad, h->n_points, sizeof *bad)));
    for (int64_t p = 0; p < h->n_points; p++)
        bad[p] = (double)(count_bad(h->weight + p * outputs * dim, outputs * dim) +
                          count_bad(h->bias + p * outputs, outputs) +
                          count_bad(h->held_out ? h->held_out + p * size : NULL, size));
    JUDD_TRY(judd_comm_max(h->p->comm, bad, h->n_points)); /* each rank has its own rows' */
    for (int64_t p = 0; p < h->n_points; p++) n_lost += h->lost[p] = bad[p] > 0.0;
    if (n_lost == h->n_points)
        JUDD_FAIL(JUDD_E_DEGENERATE,
                  "%s: no value of the grid gives a model that is finite on all samples and "
                  "without each fold; give larger values, or fewer folds",
                  h->p->config->kind);
done:
    free(bad);
    return status;
}

judd_status judd_head_linear_solve(judd_head_linear *h, judd_status (*solve)(judd_head_linear *h)) {
    judd_status status = JUDD_OK;
    const int64_t rows = h->n_points * h->p->n_outputs;
    JUDD_TRY(judd_whole_open(&h->whole, h->p->train, h->p->comm));
    JUDD_TRY(judd_comm_agree(h->p->comm, solve(h)));
    JUDD_TRY(judd_whole_settle(&h->whole, h->weight,
                               rows * h->p->train->dim * (int64_t)sizeof *h->weight));
    JUDD_TRY(judd_whole_settle(&h->whole, h->bias, rows * (int64_t)sizeof *h->bias));
    JUDD_TRY(find_lost(h));
done:
    judd_whole_close(&h->whole);
    return status;
}

void judd_head_linear_set(judd_head_linear *h, int64_t point, const double *weight,
                          const double *bias) {
    const int64_t outputs = h->p->n_outputs, n = outputs * h->p->train->dim;
    for (int64_t k = 0; k < n; k++) h->weight[point * n + k] = weight ? (float)weight[k] : NAN;
    for (int64_t c = 0; c < outputs; c++)
        h->bias[point * outputs + c] = bias ? (float)bias[c] : NAN;
}

bool judd_head_linear_lost(const void *head, int64_t point) {
    return ((const judd_head_linear *)head)->lost[point];
}

const char *judd_head_linear_warning(const void *head, int64_t point) {
    const judd_head_linear *h = head;
    (void)point;
    for (int64_t p = 0; p < h->n_points; p++)
        if (h->lost[p])
            return "a value of the grid, or more, gives no model for these samples, as a matrix is "
                   "singular; the pick is of the others: give larger values";
    return NULL;
}

void judd_head_linear_set_held_out(judd_head_linear *h, int64_t point, int64_t i,
                                   const double *score) {
    const int64_t outputs = h->p->n_outputs, row = i - h->whole.first;
    if (row < 0 || row >= n_local(h)) return;
    for (int64_t c = 0; c < outputs; c++)
        h->held_out[(point * n_local(h) + row) * outputs + c] = (float)score[c];
}

judd_status judd_head_linear_held_out(void *head, const judd_outputs_sink *sink) {
    judd_status status = JUDD_OK;
    const judd_head_linear *h = head;
    const int64_t size = n_local(h) * h->p->n_outputs;
    for (int64_t p = 0; status == JUDD_OK && p < h->n_points; p++)
        status = judd_outputs_give(sink, p, h->held_out + p * size, h->p->n_outputs,
                                   &h->p->train->lanes);
    return judd_comm_agree(h->p->comm, status);
}

judd_status judd_head_linear_model(judd_bank **out, const void *head, int64_t point) {
    const judd_head_linear *h = head;
    const int64_t outputs = h->p->n_outputs, dim = h->p->train->dim;
    return judd_bank_from_linear(out, h->weight + point * outputs * dim, h->bias + point * outputs,
                                 h->p->n_outputs, dim);
}

judd_status judd_head_linear_scores(void *head, int64_t first, int64_t n_points,
                                    const judd_rows *rows, const judd_outputs_sink *sink) {
    const judd_head_linear *h = head;
    judd_status status = JUDD_OK;
    for (int64_t p = first; status == JUDD_OK && p < first + n_points; p++) {
        judd_bank *model = NULL;
        status = judd_head_linear_model(&model, head, p);
        if (status == JUDD_OK) status = judd_bank_scores(model, p, rows, sink);
        judd_bank_destroy(model);
    }
    return judd_comm_agree(h->p->comm, status);
}

void judd_head_linear_load(judd_head_load *load, const judd_head_size *s, double operations) {
    bool whole = s->n_train * s->dim <= JUDD_WHOLE_VALUES;
    *(whole ? &load->whole : &load->shared) += operations;
    load->rounds += 20.0;
}
