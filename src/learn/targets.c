#include <judd/learn/targets.h>

#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define MAX_WEIGHT 1024.0

static double weight_of(const judd_targets *t, int c) {
    return (double)t->weight[c] * t->unit;
}

static judd_status create_softmax(judd_targets *t, const double *class_weight, double smoothing) {
    judd_status status = JUDD_OK;
    int n = t->n_outputs;
    t->plain = !class_weight && smoothing == 0.0;
    t->unit = t->plain ? 1.0 : 1.0 / JUDD_TARGETS_UNIT;
    JUDD_TRY(judd_memory_alloc(&t->share, (int64_t)n * n, sizeof *t->share));
    JUDD_TRY(judd_memory_alloc(&t->mass, n, sizeof *t->mass));
    JUDD_TRY(judd_memory_alloc(&t->weight, n, sizeof *t->weight));
    for (int c = 0; c < n; c++) {
        double w = class_weight ? class_weight[c] : 1.0;
        t->weight[c] = (int64_t)nearbyint(w / t->unit);
        t->bound = fmax(t->bound, weight_of(t, c));
    }
    for (int y = 0; y < n; y++) {
        double mass = 0.0;
        for (int c = 0; c < n; c++) {
            double q = smoothing * weight_of(t, c) / (double)n;
            if (c == y) q += (1.0 - smoothing) * weight_of(t, y);
            t->share[(int64_t)y * n + c] = (float)q;
            mass +=
                (double)(float)q; /* else the loss has no minimum: it falls as all logits move */
        }
        t->mass[y] = mass;
    }
done:
    return status;
}

static judd_status create_sigmoid(judd_targets *t, const double *class_weight) {
    judd_status status = judd_memory_alloc(&t->positive, t->n_outputs, sizeof *t->positive);
    if (status != JUDD_OK) return status;
    for (int c = 0; c < t->n_outputs; c++) {
        t->positive[c] = class_weight ? (float)class_weight[c] : 1.0f;
        t->bound = fmax(t->bound, (double)t->positive[c]);
    }
    return JUDD_OK;
}

static judd_status create_squared(judd_targets *t) {
    judd_status status = JUDD_OK;
    int64_t n = (int64_t)t->n_heads * t->n_outputs;
    t->bound = INFINITY;
    JUDD_TRY(judd_memory_alloc(&t->mean, n, sizeof *t->mean));
    JUDD_TRY(judd_memory_alloc(&t->scale, n, sizeof *t->scale));
    for (int64_t i = 0; i < n; i++) t->scale[i] = 1.0f;
done:
    return status;
}

static judd_status check_options(judd_loss_kind loss, int n_outputs, const double *class_weight,
                                 double smoothing) {
    if (smoothing != 0.0 && loss != JUDD_LOSS_SOFTMAX)
        return judd_status_set(JUDD_E_CONFIG, "label smoothing is for softmax heads only");
    if (class_weight && loss == JUDD_LOSS_SQUARED)
        return judd_status_set(JUDD_E_CONFIG, "class weights: a regression has no classes");
    for (int c = 0; class_weight && c < n_outputs; c++)
        if (!(class_weight[c] >= 0.0 && class_weight[c] <= MAX_WEIGHT))
            return judd_status_set(
                JUDD_E_CONFIG,
                "class weights: %g for class %d; they must be at least 0 and at most %g",
                class_weight[c], c, MAX_WEIGHT);
    return JUDD_OK;
}

judd_status judd_targets_create(judd_targets *out, judd_loss_kind loss, int n_heads, int n_outputs,
                                const double *class_weight, double smoothing) {
    judd_status status = JUDD_OK;
    judd_targets t = {.loss = loss,
                      .n_heads = n_heads,
                      .n_outputs = n_outputs,
                      .unit = (double)n_outputs,
                      .bound = 1.0};
    JUDD_TRY(check_options(loss, n_outputs, class_weight, smoothing));
    switch (loss) {
    case JUDD_LOSS_SOFTMAX:
        JUDD_TRY(create_softmax(&t, class_weight, smoothing));
        break;
    case JUDD_LOSS_SIGMOID:
        JUDD_TRY(create_sigmoid(&t, class_weight));
        break;
    case JUDD_LOSS_SQUARED:
        JUDD_TRY(create_squared(&t));
    }
    *out = t;
    t = (judd_targets){0};
done:
    judd_targets_free(&t);
    return status;
}

void judd_targets_free(judd_targets *t) {
    free(t->share);
    free(t->mass);
    free(t->weight);
    free(t->positive);
    free(t->mean);
    free(t->scale);
    *t = (judd_targets){0};
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static judd_status check_labels(const judd_targets *t, const judd_rows *rows) {
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++)
        if (rows->labels[i] < 0 || rows->labels[i] >= t->n_outputs)
            return judd_status_set(JUDD_E_DATA, "sample %lld of the set: class %d of %d",
                                   (long long)(judd_lanes_first(&rows->lanes) + i), rows->labels[i],
                                   t->n_outputs);
    return JUDD_OK;
}

judd_status judd_targets_check(const judd_targets *t, const judd_rows *rows) {
    if (t->loss == JUDD_LOSS_SOFTMAX) return check_labels(t, rows);
    bool yes_or_no = t->loss == JUDD_LOSS_SIGMOID;
    if (rows->n_targets != t->n_outputs)
        return judd_status_set(
            JUDD_E_DATA,
            "the samples have %d targets, the head has %d outputs; %s needs a data set with one "
            "target an output",
            rows->n_targets, t->n_outputs, yes_or_no ? "a multi-label head" : "a regression");
    for (int64_t i = 0; i < judd_lanes_count(&rows->lanes); i++)
        for (int c = 0; c < t->n_outputs; c++) {
            float y = rows->targets[i * t->n_outputs + c];
            if (isfinite(y) && (!yes_or_no || (y >= 0.0f && y <= 1.0f))) continue;
            return judd_status_set(JUDD_E_DATA, "sample %lld of the set, target %d is %g; %s",
                                   (long long)(judd_lanes_first(&rows->lanes) + i), c, (double)y,
                                   yes_or_no ? "a multi-label head takes 0 to 1"
                                             : "a regression takes finite numbers");
        }
    return JUDD_OK;
}

/* sums[c], c < n_outputs: exact totals over lanes of each lane's sum of ((y - mean) / unit)^power
 * over the rows that are not held out; sums[n_outputs]: their number. */
static judd_status target_sums(double *sums, const judd_targets *t, int held_out, double unit,
                               const double *mean, int power, const judd_rows *rows,
                               const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &rows->lanes;
    int n = t->n_outputs;
    int64_t *total = NULL, base = judd_lanes_first(lanes);
    double *lane_sum = NULL;
    judd_exact_scale scale =
        judd_exact_sum_scale(4.0 * (double)judd_lanes_largest(lanes), lanes->n_lanes);
    status = judd_memory_alloc(&total, n + 1, sizeof *total);
    if (status == JUDD_OK) status = judd_memory_alloc(&lane_sum, n, sizeof *lane_sum);
    JUDD_TRY(judd_comm_agree(comm, status));
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        for (int c = 0; c < n; c++) lane_sum[c] = 0.0;
        for (int64_t i = judd_lanes_begin(lanes, lane) - base;
             i < judd_lanes_begin(lanes, lane + 1) - base; i++) {
            if (rows->folds[i] == held_out) continue;
            total[n]++;
            for (int c = 0; c < n; c++) {
                double d = ((double)rows->targets[i * n + c] - mean[c]) / unit;
                lane_sum[c] += power == 1 ? d : d * d;
            }
        }
        judd_exact_sum_add_double(total, lane_sum, n, scale);
    }
    JUDD_TRY(judd_comm_sum(comm, total, n + 1));
    for (int c = 0; c < n; c++)
        sums[c] = judd_exact_sum_value(total[c], scale) * unit * (power == 1 ? 1.0 : unit);
    sums[n] = (double)total[n];
done:
    free(total);
    free(lane_sum);
    return status;
}

/* A power of two above every |y|, so that dividing by it is exact. */
static judd_status target_unit(double *unit, const judd_rows *rows, const judd_comm *comm) {
    int64_t n = judd_lanes_count(&rows->lanes) * rows->n_targets;
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)rows->targets[i]));
    judd_status status = judd_comm_max(comm, &largest, 1);
    int exponent;
    (void)frexp(largest, &exponent);
    *unit = ldexp(1.0, exponent);
    return status;
}

judd_status judd_targets_fit(judd_targets *t, int head, int held_out, const judd_rows *rows,
                             const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int n = t->n_outputs;
    double unit = 1.0, *mean = NULL, *sums = NULL;
    if (t->loss != JUDD_LOSS_SQUARED) return JUDD_OK;
    status = judd_memory_alloc(&mean, n, sizeof *mean);
    if (status == JUDD_OK) status = judd_memory_alloc(&sums, n + 1, sizeof *sums);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(target_unit(&unit, rows, comm));
    JUDD_TRY(target_sums(sums, t, held_out, unit, mean, 1, rows, comm));
    for (int c = 0; c < n; c++) mean[c] = sums[n] > 0.0 ? sums[c] / sums[n] : 0.0;
    JUDD_TRY(target_sums(sums, t, held_out, unit, mean, 2, rows, comm));
    for (int c = 0; c < n; c++) {
        double deviation = sums[n] > 0.0 ? sqrt(sums[c] / sums[n]) : 0.0;
        int64_t at = (int64_t)head * n + c;
        t->mean[at] = (float)mean[c];
        t->scale[at] = deviation >= (double)FLT_MIN ? (float)(1.0 / deviation) : 1.0f;
    }
done:
    free(mean);
    free(sums);
    return status;
}

void judd_targets_balance(double *weight, int n_classes, const int32_t *labels, int64_t n) {
    for (int c = 0; c < n_classes; c++) weight[c] = 0.0;
    for (int64_t i = 0; i < n; i++) weight[labels[i]] += 1.0;
    for (int c = 0; c < n_classes; c++)
        if (weight[c] > 0.0) weight[c] = (double)n / ((double)n_classes * weight[c]);
}

void judd_targets_balance_answers(double *weight, int n_outputs, const float *answers, int64_t n) {
    for (int c = 0; c < n_outputs; c++) {
        double yes = 0.0;
        for (int64_t i = 0; i < n; i++) yes += (double)answers[i * n_outputs + c];
        weight[c] = yes > 0.0 ? fmin(((double)n - yes) / yes, MAX_WEIGHT) : 1.0;
    }
}
