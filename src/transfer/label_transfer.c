/* LEEP: Nguyen et al. 2020, "LEEP: a new measure to evaluate transferability"; NCE: Tran et al.
 * 2019, "Transferability and hardness of supervised classification tasks". */
#include "transfer/families.h"

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/row_stream.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

typedef struct tables {
    const judd_rows *rows;
    const judd_comm *comm;
    int n_classes;
    int64_t n_outputs;
    judd_exact_scale scale;
    double *theta;    /* [n_outputs] of one sample */
    double *lane;     /* [n_classes, n_outputs] sums of one lane */
    int64_t *total;   /* [n_classes, n_outputs] of theta, in fixed point */
    int64_t *count;   /* [n_classes, n_outputs] samples by argmax theta */
    double *given;    /* [n_classes, n_outputs] P(y|z) */
    double *log_sum;  /* [lanes of this rank] */
    int64_t n_beyond; /* numbers that are not finite */
} tables;

/* Softmax in place of the outputs; returns the likeliest, the first of several. */
static int64_t make_theta(tables *t, const float *x) {
    int64_t top = 0;
    double sum = 0.0;
    for (int64_t z = 1; z < t->n_outputs; z++)
        if (x[z] > x[top]) top = z;
    for (int64_t z = 0; z < t->n_outputs; z++) {
        t->theta[z] = judd_exact_exp((double)x[z] - (double)x[top]);
        sum += t->theta[z];
    }
    for (int64_t z = 0; z < t->n_outputs; z++) t->theta[z] /= sum;
    return top;
}

/* The empirical joint distribution of y and theta, and of y and z. */
static void add_joint(tables *t, const float *x, int32_t label, int lane) {
    (void)lane;
    int64_t top = make_theta(t, x);
    t->count[label * t->n_outputs + top]++;
    for (int64_t z = 0; z < t->n_outputs; z++) t->lane[label * t->n_outputs + z] += t->theta[z];
}

static void add_log(tables *t, const float *x, int32_t label, int lane) {
    double p = 0.0;
    (void)make_theta(t, x);
    for (int64_t z = 0; z < t->n_outputs; z++)
        p += t->given[label * t->n_outputs + z] * t->theta[z];
    t->log_sum[lane] += judd_exact_log(p);
}

typedef void with_sample(tables *t, const float *x, int32_t label, int lane);

static judd_status with_lane(tables *t, int lane, with_sample *act) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    JUDD_TRY(judd_row_stream_lane(&stream, t->rows, lane, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        for (int64_t i = 0; i < b.n; i++)
            act(t, b.x + i * t->n_outputs, t->rows->labels[b.first + i],
                lane - t->rows->lanes.first_lane);
    }
done:
    judd_row_stream_close(stream);
    return status;
}

static judd_status allocate(tables *t) {
    judd_status status = JUDD_OK;
    int64_t n = t->n_classes * t->n_outputs;
    const judd_lanes *lanes = &t->rows->lanes;
    if (t->n_classes < 2) JUDD_FAIL(JUDD_E_DATA, "scores: one class only; nothing to tell apart");
    JUDD_TRY(judd_rows_check_finite(t->rows, NULL));
    for (int64_t i = 0; i < judd_lanes_count(lanes); i++)
        if (t->rows->labels[i] < 0 || t->rows->labels[i] >= t->n_classes)
            JUDD_FAIL(JUDD_E_DATA,
                      "outputs: sample %lld of the set has label %d, but there are %d "
                      "classes",
                      (long long)(judd_lanes_first(lanes) + i), t->rows->labels[i], t->n_classes);
    JUDD_TRY(judd_memory_alloc(&t->theta, t->n_outputs, sizeof *t->theta));
    JUDD_TRY(judd_memory_alloc(&t->lane, n, sizeof *t->lane));
    JUDD_TRY(judd_memory_alloc(&t->total, n, sizeof *t->total));
    JUDD_TRY(judd_memory_alloc(&t->count, n, sizeof *t->count));
    JUDD_TRY(judd_memory_alloc(&t->given, n, sizeof *t->given));
    JUDD_TRY(
        judd_memory_alloc(&t->log_sum, lanes->end_lane - lanes->first_lane, sizeof *t->log_sum));
done:
    return status;
}

static judd_status find_joint(tables *t) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &t->rows->lanes;
    const int64_t n = t->n_classes * t->n_outputs;
    t->scale = judd_exact_sum_scale((double)judd_lanes_largest(lanes), lanes->n_lanes);
    for (int l = lanes->first_lane; l < lanes->end_lane && status == JUDD_OK; l++) {
        memset(t->lane, 0, (size_t)n * sizeof *t->lane);
        status = with_lane(t, l, add_joint);
        t->n_beyond += judd_exact_sum_add_double(t->total, t->lane, n, t->scale);
    }
    if (status == JUDD_OK && t->n_beyond > 0)
        status = judd_status_set(JUDD_E_INTERNAL, "leep: sums left their bound");
    JUDD_TRY(judd_comm_agree(t->comm, status));
    JUDD_TRY(judd_comm_sum(t->comm, t->total, n));
    JUDD_TRY(judd_comm_sum(t->comm, t->count, n));
done:
    return status;
}

static judd_status measure_leep(double *leep, tables *t) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &t->rows->lanes;
    void *all = NULL;
    for (int64_t z = 0; z < t->n_outputs; z++) {
        int64_t sum = 0; /* of at most n_lanes * most: within its bound */
        for (int y = 0; y < t->n_classes; y++) sum += t->total[y * t->n_outputs + z];
        for (int y = 0; y < t->n_classes && sum > 0; y++)
            t->given[y * t->n_outputs + z] = (double)t->total[y * t->n_outputs + z] / (double)sum;
    }
    for (int l = lanes->first_lane; l < lanes->end_lane && status == JUDD_OK; l++)
        status = with_lane(t, l, add_log);
    JUDD_TRY(judd_comm_agree(t->comm, status));
    JUDD_TRY(judd_comm_allgather(t->comm, &all, t->log_sum, lanes->end_lane - lanes->first_lane,
                                 sizeof *t->log_sum));
    *leep = 0.0;
    for (int l = 0; l < lanes->n_lanes; l++) *leep += ((double *)all)[l];
    *leep /= (double)lanes->n_samples;
done:
    free(all);
    return status;
}

static double measure_nce(const tables *t) {
    double sum = 0.0;
    for (int64_t z = 0; z < t->n_outputs; z++) {
        int64_t all = 0;
        for (int y = 0; y < t->n_classes; y++) all += t->count[y * t->n_outputs + z];
        for (int y = 0; y < t->n_classes; y++) {
            double n = (double)t->count[y * t->n_outputs + z];
            if (n > 0.0) sum += n * judd_exact_log(n / (double)all);
        }
    }
    return sum / (double)t->rows->lanes.n_samples;
}

judd_status judd_label_transfer_measure(double *leep, double *nce, const judd_rows *outputs,
                                        int n_classes, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    tables t = {.rows = outputs, .comm = comm, .n_classes = n_classes, .n_outputs = outputs->dim};
    JUDD_TRY(judd_comm_agree(comm, allocate(&t)));
    JUDD_TRY(find_joint(&t));
    JUDD_TRY(measure_leep(leep, &t));
    *nce = measure_nce(&t);
done:
    free(t.theta);
    free(t.lane);
    free(t.total);
    free(t.count);
    free(t.given);
    free(t.log_sum);
    return status;
}
