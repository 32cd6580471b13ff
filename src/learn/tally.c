#include <judd/learn/tally.h>

#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/evaluate.h>

#include <stdlib.h>

struct judd_tally {
    judd_outputs_kind kind;
    int n_outputs;
    int64_t n_points, base;
    const judd_lanes *lanes;
    const int32_t *labels;
    int *lane;         /* [n_points]: of the rows that came last */
    double *lane_loss; /* [n_points]: its sum so far */
    int64_t *sum;      /* [n_points, 3]: count, correct, fixed-point loss */
    judd_exact_scale scale;
};

judd_status judd_tally_create(judd_tally **out, judd_outputs_kind kind, int64_t n_points,
                              int n_outputs, const judd_rows *rows) {
    judd_status status = JUDD_OK;
    judd_tally *t = NULL;
    JUDD_TRY(judd_memory_alloc(&t, 1, sizeof *t));
    *t = (judd_tally){.kind = kind,
                      .n_outputs = n_outputs,
                      .n_points = n_points,
                      .base = judd_lanes_first(&rows->lanes),
                      .lanes = &rows->lanes,
                      .labels = rows->labels,
                      .scale = judd_evaluate_scale(&rows->lanes)};
    JUDD_TRY(judd_memory_alloc(&t->lane, n_points, sizeof *t->lane));
    JUDD_TRY(judd_memory_alloc(&t->lane_loss, n_points, sizeof *t->lane_loss));
    JUDD_TRY(judd_memory_alloc(&t->sum, 3 * n_points, sizeof *t->sum));
    for (int64_t p = 0; p < n_points; p++) t->lane[p] = rows->lanes.first_lane;
    *out = t;
    t = NULL;
done:
    judd_tally_destroy(t);
    return status;
}

void judd_tally_destroy(judd_tally *tally) {
    if (!tally) return;
    free(tally->lane);
    free(tally->lane_loss);
    free(tally->sum);
    free(tally);
}

/* The lane that point p was in is over. */
static void close_lane(judd_tally *t, int64_t p) {
    judd_exact_sum_add_double(&t->sum[3 * p + 2], &t->lane_loss[p], 1, t->scale);
    t->lane_loss[p] = 0.0;
}

static double squared_error(const float *score, int n, int32_t label) {
    double sum = 0.0;
    for (int c = 0; c < n; c++) {
        double d = (double)score[c] - (c == label ? 1.0 : 0.0);
        sum += d * d;
    }
    return sum < JUDD_EVALUATE_MAX_LOSS ? sum : JUDD_EVALUATE_MAX_LOSS; /* NaN counts as worst */
}

static double loss_of(const judd_tally *t, const float *score, int32_t label) {
    if (t->kind == JUDD_OUTPUTS_LOGITS) return judd_evaluate_loss(score, t->n_outputs, label);
    if (t->kind == JUDD_OUTPUTS_INDICATORS) return squared_error(score, t->n_outputs, label);
    return 0.0;
}

static judd_status take(void *context, int64_t point, int64_t first, int64_t n,
                        const float *score) {
    judd_tally *t = context;
    int64_t *sum = t->sum + 3 * point;
    for (; first + t->base >= judd_lanes_begin(t->lanes, t->lane[point] + 1); t->lane[point]++)
        close_lane(t, point);
    for (int64_t i = 0; i < n; i++) {
        const float *z = score + i * t->n_outputs;
        int32_t label = t->labels[first + i];
        sum[0]++;
        sum[1] += judd_evaluate_argmax(z, t->n_outputs) == label;
        t->lane_loss[point] += loss_of(t, z, label);
    }
    return JUDD_OK;
}

judd_outputs_sink judd_tally_sink(judd_tally *tally) {
    return (judd_outputs_sink){take, tally};
}

judd_status judd_tally_finish(judd_tally_total *totals, judd_tally *t, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    for (int64_t p = 0; p < t->n_points; p++) close_lane(t, p);
    JUDD_TRY(judd_comm_sum(comm, t->sum, 3 * t->n_points));
    for (int64_t p = 0; p < t->n_points; p++)
        totals[p] = (judd_tally_total){.count = t->sum[3 * p],
                                       .correct = t->sum[3 * p + 1],
                                       .loss = judd_exact_sum_value(t->sum[3 * p + 2], t->scale)};
done:
    return status;
}
