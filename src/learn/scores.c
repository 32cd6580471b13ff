#include <judd/learn/scores.h>

#include <judd/base/exact_math.h>
#include <judd/comm/exact_sum.h>

#include <math.h>

enum { MOST_STEPS = 200 };
#define HOTTEST 1000.0

judd_scores_row judd_scores_look(const float *z, int n, int32_t label, double b) {
    judd_scores_row r = {0};
    double sum = 0.0, first = 0.0, second = 0.0;
    for (int c = 1; c < n; c++)
        if (z[c] > z[r.best]) r.best = c;
    for (int c = 0; c < n; c++) {
        double d = (double)z[c] - (double)z[r.best];
        double e = judd_exact_exp(b * d);
        if (e == 0.0) continue; /* d may be -infinity */
        sum += e;
        first += e * d;
        second += e * d * d;
    }
    r.top = 1.0 / sum;
    r.loss = judd_exact_log(sum) - b * ((double)z[label] - (double)z[r.best]);
    if (!(r.loss < JUDD_SCORES_MAX_LOSS)) r.loss = JUDD_SCORES_MAX_LOSS; /* NaN counts as worst */
    r.mean = first / sum;
    r.variance = second / sum - r.mean * r.mean;
    return r;
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
            judd_scores_row r = judd_scores_look(z, s->n_classes, s->labels[i], b);
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
                JUDD_E_DATA,
                "scores: sample %lld of the set, class %lld is not finite; train the head again, "
                "with a lower learning rate or more L2",
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
