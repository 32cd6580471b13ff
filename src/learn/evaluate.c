#include <judd/learn/evaluate.h>

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/network.h>
#include <judd/learn/row_stream.h>

#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

int judd_evaluate_argmax(const float *z, int n) {
    int best = 0;
    for (int c = 1; c < n; c++)
        if (z[c] > z[best]) best = c;
    return best;
}

double judd_evaluate_loss(const float *z, int n, int32_t label) {
    double sum = 0.0;
    float top = z[judd_evaluate_argmax(z, n)];
    for (int c = 0; c < n; c++) sum += (double)judd_exact_expf(z[c] - top);
    double loss = judd_exact_log(sum) - (double)(z[label] - top);
    return loss < JUDD_EVALUATE_MAX_LOSS ? loss : JUDD_EVALUATE_MAX_LOSS; /* NaN counts as worst */
}

judd_exact_scale judd_evaluate_scale(const judd_lanes *lanes) {
    return judd_exact_sum_scale((double)judd_lanes_largest(lanes) * JUDD_EVALUATE_MAX_LOSS,
                                lanes->n_lanes);
}

typedef struct scoring {
    int n_classes;
    int32_t *predicted; /* [n_local] */
    int64_t *sum;       /* [n_classes^2 + 1]: confusion, fixed-point nll */
    judd_exact_scale scale;
} scoring;

static void evaluate_lane(scoring *s, const float *score, const judd_rows *rows, int lane) {
    int64_t base = judd_lanes_first(&rows->lanes), n_classes = s->n_classes;
    int64_t end = judd_lanes_begin(&rows->lanes, lane + 1) - base;
    double nll = 0.0;
    for (int64_t i = judd_lanes_begin(&rows->lanes, lane) - base; i < end; i++) {
        const float *z = score + i * n_classes;
        int32_t label = rows->labels[i];
        s->predicted[i] = judd_evaluate_argmax(z, s->n_classes);
        s->sum[label * n_classes + s->predicted[i]]++;
        nll += judd_evaluate_loss(z, s->n_classes, label);
    }
    judd_exact_sum_add_double(s->sum + n_classes * n_classes, &nll, 1, s->scale);
}

static judd_status evaluate_scores(judd_evaluation *out, const float *score, int n_classes,
                                   const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t cells = (int64_t)n_classes * n_classes, n = judd_lanes_count(&rows->lanes);
    void *predicted = NULL;
    scoring s = {.n_classes = n_classes, .scale = judd_evaluate_scale(&rows->lanes)};
    status = judd_memory_alloc(&s.predicted, n, sizeof *s.predicted);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.sum, cells + 1, sizeof *s.sum);
    JUDD_TRY(judd_comm_agree(comm, status));
    for (int lane = rows->lanes.first_lane; lane < rows->lanes.end_lane; lane++)
        evaluate_lane(&s, score, rows, lane);
    JUDD_TRY(judd_comm_sum(comm, s.sum, cells + 1));
    JUDD_TRY(judd_comm_gather(comm, &predicted, s.predicted, n, sizeof(int32_t)));
    *out = (judd_evaluation){.n_classes = n_classes, .n = rows->lanes.n_samples};
    out->nll = judd_exact_sum_value(s.sum[cells], s.scale) / (double)out->n;
    out->confusion = s.sum; /* its last cell, the loss, is not looked at again */
    out->predicted = predicted;
    s.sum = NULL;
done:
    free(s.predicted);
    free(s.sum);
    return status;
}

typedef struct standardised {
    judd_network network;
    float *x, *score; /* [BLOCK_ROWS, dim], [n_local, n_outputs] */
} standardised;

static judd_status score_raw(standardised *s, const judd_bank *head, const judd_standard *standard,
                             const judd_rows *rows) {
    judd_status status = JUDD_OK;
    const int64_t n = judd_lanes_count(&rows->lanes), outputs = head->options.n_outputs;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    JUDD_TRY(judd_network_create(&s->network, head, BLOCK_ROWS, false));
    JUDD_TRY(judd_memory_alloc(&s->x, BLOCK_ROWS * rows->dim, sizeof *s->x));
    JUDD_TRY(judd_memory_alloc(&s->score, n * outputs, sizeof *s->score));
    JUDD_TRY(judd_row_stream_all(&stream, rows, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        judd_rows_standard_apply(standard, s->x, b.x, b.n);
        JUDD_TRY(judd_network_forward(&s->network, s->x, b.n));
        memcpy(s->score + b.first * outputs, s->network.outputs,
               (size_t)(b.n * outputs) * sizeof *s->score);
    }
done:
    judd_row_stream_close(stream);
    return status;
}

judd_status judd_evaluate_head(judd_evaluation *out, const judd_bank *head,
                               const judd_standard *standard, const judd_rows *rows,
                               const judd_comm *comm) {
    judd_status status = JUDD_OK;
    standardised s = {0};
    JUDD_TRY(judd_comm_agree(comm, score_raw(&s, head, standard, rows)));
    JUDD_TRY(evaluate_scores(out, s.score, head->options.n_outputs, rows, comm));
done:
    judd_network_destroy(&s.network);
    free(s.x);
    free(s.score);
    return status;
}

void judd_evaluate_free(judd_evaluation *evaluation) {
    free(evaluation->confusion);
    free(evaluation->predicted);
    *evaluation = (judd_evaluation){0};
}
