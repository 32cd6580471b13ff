#include <judd/learn/scores.h>

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/row_stream.h>
#include <judd/linalg/gemm.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256, MOST_STEPS = 200 };
#define MAX_LOSS 1e6
#define HOTTEST 1000.0

static judd_status multiply(float *score, const float *weight, const float *bias, int n_outputs,
                            const judd_standard *standard, const judd_rows *rows) {
    judd_status status = JUDD_OK;
    const int64_t dim = rows->dim;
    judd_gemm *gemm = NULL;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    float *x = NULL;
    JUDD_TRY(judd_gemm_create(&gemm));
    JUDD_TRY(judd_memory_alloc(&x, BLOCK_ROWS * dim, sizeof *x));
    JUDD_TRY(judd_row_stream_all(&stream, rows, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        float *out = score + b.first * n_outputs;
        judd_rows_standard_apply(standard, x, b.x, b.n);
        JUDD_TRY(judd_gemm_multiply(gemm, b.n, n_outputs, dim, (judd_gemm_matrix){x, dim, 1},
                                    (judd_gemm_matrix){weight, 1, dim}, out, n_outputs, false));
        for (int64_t i = 0; i < b.n * n_outputs; i++) out[i] += bias[i % n_outputs];
    }
done:
    judd_row_stream_close(stream);
    judd_gemm_destroy(gemm);
    free(x);
    return status;
}

judd_status judd_scores_linear(float **score, const float *weight, const float *bias, int n_outputs,
                               const judd_standard *standard, const judd_rows *rows,
                               const judd_comm *comm) {
    float *out = NULL;
    judd_status status =
        judd_memory_alloc(&out, judd_lanes_count(&rows->lanes) * n_outputs, sizeof *out);
    if (status == JUDD_OK) status = multiply(out, weight, bias, n_outputs, standard, rows);
    JUDD_TRY(judd_comm_agree(comm, status));
    *score = out;
    out = NULL;
done:
    free(out);
    return status;
}

/* What one row says at inverse temperature b: p = softmax(b z). */
typedef struct row {
    int best;
    double top;            /* probability of best */
    double loss;           /* -log p[label] */
    double mean, variance; /* of z - max z under p */
} row;

static row look_at(const float *z, int n, int32_t label, double b) {
    row r = {0};
    double sum = 0.0, first = 0.0, second = 0.0;
    for (int c = 1; c < n; c++)
        if (z[c] > z[r.best]) r.best = c;
    for (int c = 0; c < n; c++) {
        double d = (double)z[c] - (double)z[r.best];
        double e = (double)judd_exact_expf((float)(b * d));
        if (e == 0.0) continue; /* d may be -infinity */
        sum += e;
        first += e * d;
        second += e * d * d;
    }
    r.top = 1.0 / sum;
    r.loss = judd_exact_log(sum) - b * ((double)z[label] - (double)z[r.best]);
    if (!(r.loss < MAX_LOSS)) r.loss = MAX_LOSS; /* NaN counts as worst */
    r.mean = first / sum;
    r.variance = second / sum - r.mean * r.mean;
    return r;
}

judd_status judd_scores_summarise(judd_scores_summary *out, const float *score,
                                  const int32_t *labels, int n_classes, double temperature,
                                  const judd_lanes *lanes, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    enum { CORRECT, TOP5, NLL, BINS, ALL = BINS + 3 * JUDD_METRICS_BINS };
    int64_t sum[ALL] = {0}, base = judd_lanes_first(lanes);
    judd_metrics_calibration bins = {0};
    judd_exact_scale scale =
        judd_exact_sum_scale((double)judd_lanes_largest(lanes) * MAX_LOSS, lanes->n_lanes);
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        double nll = 0.0;
        for (int64_t i = judd_lanes_begin(lanes, lane) - base;
             i < judd_lanes_begin(lanes, lane + 1) - base; i++) {
            const float *z = score + i * n_classes;
            row r = look_at(z, n_classes, labels[i], 1.0 / temperature);
            nll += r.loss;
            sum[CORRECT] += r.best == labels[i];
            sum[TOP5] += judd_metrics_rank(z, n_classes, labels[i]) < 5;
            judd_metrics_calibrate(&bins, r.top, r.best == labels[i]);
        }
        judd_exact_sum_add_double(&sum[NLL], &nll, 1, scale);
    }
    memcpy(sum + BINS, &bins, sizeof bins);
    JUDD_TRY(judd_comm_sum(comm, sum, ALL));
    memcpy(&bins, sum + BINS, sizeof bins);
    *out = (judd_scores_summary){
        .n = lanes->n_samples, .correct = sum[CORRECT], .top5 = sum[TOP5], .bins = bins};
    out->nll = judd_exact_sum_value(sum[NLL], scale) / (double)lanes->n_samples;
done:
    return status;
}

typedef struct slope {
    const float *score;
    const int32_t *labels;
    int n_classes;
    const judd_lanes *lanes;
    const judd_comm *comm;
    judd_exact_scale first, second;
} slope;

/* First and second derivative of the loss by b, summed over all ranks. */
static judd_status derive(double *first, double *second, const slope *s, double b) {
    judd_status status = JUDD_OK;
    int64_t sum[2] = {0}, base = judd_lanes_first(s->lanes);
    for (int lane = s->lanes->first_lane; lane < s->lanes->end_lane; lane++) {
        double g = 0.0, h = 0.0;
        for (int64_t i = judd_lanes_begin(s->lanes, lane) - base;
             i < judd_lanes_begin(s->lanes, lane + 1) - base; i++) {
            const float *z = s->score + i * s->n_classes;
            row r = look_at(z, s->n_classes, s->labels[i], b);
            g += r.mean - ((double)z[s->labels[i]] - (double)z[r.best]);
            h += r.variance;
        }
        judd_exact_sum_add_double(&sum[0], &g, 1, s->first);
        judd_exact_sum_add_double(&sum[1], &h, 1, s->second);
    }
    JUDD_TRY(judd_comm_sum(s->comm, sum, 2));
    *first = judd_exact_sum_value(sum[0], s->first);
    *second = judd_exact_sum_value(sum[1], s->second);
done:
    return status;
}

/* Newton inside the bracket; its geometric middle where Newton leaves it. */
static judd_status find_zero(double *root, const slope *s) {
    judd_status status = JUDD_OK;
    double low = 1.0 / HOTTEST, high = HOTTEST, b = 1.0, g, h;
    JUDD_TRY(derive(&g, &h, s, low));
    if (g >= 0.0) high = low; /* the loss grows from the start: no use for these scores */
    JUDD_TRY(derive(&g, &h, s, high));
    if (g <= 0.0) low = high; /* and here it still falls */
    for (int step = 0; step < MOST_STEPS && high > low * (1.0 + 1e-8); step++) {
        JUDD_TRY(derive(&g, &h, s, b));
        if (g < 0.0)
            low = b;
        else
            high = b;
        double next = b - g / h;
        if (fabs(next - b) < 1e-9 * b) break;
        b = next > low && next < high ? next : sqrt(low * high);
    }
    *root = low == high ? low : b;
done:
    return status;
}

judd_status judd_scores_temperature(double *temperature, const float *score, const int32_t *labels,
                                    int n_classes, const judd_lanes *lanes, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    double max = 0.0, b = 1.0, lane = (double)judd_lanes_largest(lanes);
    for (int64_t i = 0; i < judd_lanes_count(lanes) * n_classes; i++) {
        if (status == JUDD_OK && !isfinite(score[i]))
            status = judd_status_set(
                JUDD_E_DATA, "scores: sample %lld of the set, class %lld is not finite",
                (long long)(judd_lanes_first(lanes) + i / n_classes), (long long)(i % n_classes));
        max = fmax(max, fabs((double)score[i]));
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_max(comm, &max, 1));
    slope s = {score,
               labels,
               n_classes,
               lanes,
               comm,
               judd_exact_sum_scale(2.0 * max * lane, lanes->n_lanes),
               judd_exact_sum_scale(4.0 * max * max * lane, lanes->n_lanes)};
    JUDD_TRY(find_zero(&b, &s));
    *temperature = 1.0 / b;
done:
    return status;
}
