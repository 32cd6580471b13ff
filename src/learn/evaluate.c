#include <judd/learn/evaluate.h>

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/network.h>

#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

static int argmax(const float *z, int n) {
    int best = 0;
    for (int c = 1; c < n; c++)
        if (z[c] > z[best]) best = c;
    return best;
}

static double loss_of(const float *z, int n, int32_t label) {
    double sum = 0.0;
    float top = z[argmax(z, n)];
    for (int c = 0; c < n; c++) sum += (double)judd_exact_expf(z[c] - top);
    double loss = judd_exact_log(sum) - (double)(z[label] - top);
    return loss < JUDD_EVALUATE_MAX_LOSS ? loss : JUDD_EVALUATE_MAX_LOSS; /* NaN counts as worst */
}

/* Scale for one lane's sum of losses. */
static judd_exact_scale loss_scale(const judd_lanes *lanes) {
    return judd_exact_sum_scale((double)judd_lanes_largest(lanes) * JUDD_EVALUATE_MAX_LOSS,
                                lanes->n_lanes);
}

typedef struct held_out {
    const judd_bank *bank;
    judd_network network;
    double *lane_nll; /* [n_heads] */
    int64_t *sum;     /* [3 n_heads]: correct, count, fixed-point nll */
    judd_exact_scale scale;
} held_out;

static void score_rows(held_out *s, const judd_rows *rows, int64_t first, int64_t n) {
    const judd_bank_options *o = &s->bank->options;
    for (int64_t i = 0; i < n; i++)
        for (int h = 0; h < o->n_heads; h++) {
            if (o->heads[h].held_out != rows->folds[first + i]) continue;
            const float *z = s->network.outputs + (i * o->n_heads + h) * o->n_outputs;
            int32_t label = rows->labels[first + i];
            s->sum[h] += argmax(z, o->n_outputs) == label;
            s->sum[o->n_heads + h]++;
            s->lane_nll[h] += loss_of(z, o->n_outputs, label);
        }
}

static judd_status score_lane(held_out *s, const judd_rows *rows, int lane) {
    judd_status status = JUDD_OK;
    int n_heads = s->bank->options.n_heads;
    int64_t base = judd_lanes_first(&rows->lanes), dim = rows->dim;
    int64_t end = judd_lanes_begin(&rows->lanes, lane + 1) - base;
    memset(s->lane_nll, 0, (size_t)n_heads * sizeof *s->lane_nll);
    for (int64_t i = judd_lanes_begin(&rows->lanes, lane) - base; i < end; i += BLOCK_ROWS) {
        int64_t n = end - i < BLOCK_ROWS ? end - i : BLOCK_ROWS;
        JUDD_TRY(judd_network_forward(&s->network, rows->x + i * dim, n));
        score_rows(s, rows, i, n);
    }
    judd_exact_sum_add_double(s->sum + 2 * n_heads, s->lane_nll, n_heads, s->scale);
done:
    return status;
}

judd_status judd_evaluate_held_out(int64_t *correct, int64_t *count, double *nll,
                                   const judd_bank *bank, const judd_rows *rows,
                                   const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int n_heads = bank->options.n_heads;
    held_out s = {.bank = bank, .scale = loss_scale(&rows->lanes)};
    status = judd_network_create(&s.network, bank, BLOCK_ROWS, false);
    if (status == JUDD_OK) status = judd_memory_alloc(&s.lane_nll, n_heads, sizeof(double));
    if (status == JUDD_OK)
        status = judd_memory_alloc(&s.sum, 3 * (int64_t)n_heads, sizeof(int64_t));
    for (int lane = rows->lanes.first_lane; status == JUDD_OK && lane < rows->lanes.end_lane;
         lane++)
        status = score_lane(&s, rows, lane);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_sum(comm, s.sum, 3 * (int64_t)n_heads));
    for (int h = 0; h < n_heads; h++) {
        correct[h] = s.sum[h];
        count[h] = s.sum[n_heads + h];
        nll[h] = judd_exact_sum_value(s.sum[2 * n_heads + h], s.scale);
    }
done:
    judd_network_destroy(&s.network);
    free(s.lane_nll);
    free(s.sum);
    return status;
}

typedef struct scoring {
    judd_network network;
    float *x;           /* [BLOCK_ROWS, dim] */
    int32_t *predicted; /* [n_local] */
    int64_t *sum;       /* [n_classes^2 + 1]: confusion, fixed-point nll */
    judd_exact_scale scale;
} scoring;

static judd_status evaluate_lane(scoring *s, const judd_standard *standard, const judd_rows *rows,
                                 int lane) {
    judd_status status = JUDD_OK;
    int n_classes = s->network.bank->options.n_outputs;
    int64_t base = judd_lanes_first(&rows->lanes), dim = rows->dim;
    int64_t end = judd_lanes_begin(&rows->lanes, lane + 1) - base;
    double nll = 0.0;
    for (int64_t i = judd_lanes_begin(&rows->lanes, lane) - base; i < end; i += BLOCK_ROWS) {
        int64_t n = end - i < BLOCK_ROWS ? end - i : BLOCK_ROWS;
        judd_rows_standard_apply(standard, s->x, rows->x + i * dim, n);
        JUDD_TRY(judd_network_forward(&s->network, s->x, n));
        for (int64_t j = 0; j < n; j++) {
            const float *z = s->network.outputs + j * n_classes;
            int32_t label = rows->labels[i + j];
            s->predicted[i + j] = argmax(z, n_classes);
            s->sum[(int64_t)label * n_classes + s->predicted[i + j]]++;
            nll += loss_of(z, n_classes, label);
        }
    }
    judd_exact_sum_add_double(s->sum + (int64_t)n_classes * n_classes, &nll, 1, s->scale);
done:
    return status;
}

static judd_status evaluate_local(scoring *s, const judd_bank *head, const judd_standard *standard,
                                  const judd_rows *rows) {
    judd_status status = JUDD_OK;
    int n_classes = head->options.n_outputs;
    JUDD_TRY(judd_network_create(&s->network, head, BLOCK_ROWS, false));
    JUDD_TRY(judd_memory_alloc(&s->x, BLOCK_ROWS * rows->dim, sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&s->predicted, judd_lanes_count(&rows->lanes), sizeof(int32_t)));
    JUDD_TRY(judd_memory_alloc(&s->sum, (int64_t)n_classes * n_classes + 1, sizeof(int64_t)));
    for (int lane = rows->lanes.first_lane; lane < rows->lanes.end_lane; lane++)
        JUDD_TRY(evaluate_lane(s, standard, rows, lane));
done:
    return status;
}

judd_status judd_evaluate_head(judd_evaluation *out, const judd_bank *head,
                               const judd_standard *standard, const judd_rows *rows,
                               const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int n_classes = head->options.n_outputs;
    int64_t cells = (int64_t)n_classes * n_classes;
    void *predicted = NULL;
    scoring s = {.scale = loss_scale(&rows->lanes)};
    JUDD_TRY(judd_comm_agree(comm, evaluate_local(&s, head, standard, rows)));
    JUDD_TRY(judd_comm_sum(comm, s.sum, cells + 1));
    JUDD_TRY(judd_comm_gather(comm, &predicted, s.predicted, judd_lanes_count(&rows->lanes),
                              sizeof(int32_t)));
    *out = (judd_evaluation){.n_classes = n_classes, .n = rows->lanes.n_samples};
    out->nll = judd_exact_sum_value(s.sum[cells], s.scale) / (double)out->n;
    out->confusion = s.sum; /* its last cell, the loss, is not looked at again */
    out->predicted = predicted;
    s.sum = NULL;
done:
    judd_network_destroy(&s.network);
    free(s.x);
    free(s.predicted);
    free(s.sum);
    return status;
}

void judd_evaluate_free(judd_evaluation *evaluation) {
    free(evaluation->confusion);
    free(evaluation->predicted);
    *evaluation = (judd_evaluation){0};
}
