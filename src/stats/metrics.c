#include <judd/stats/metrics.h>

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>

typedef struct class_counts {
    int64_t right, truth, predicted; /* true positives; samples of the class; predictions of it */
} class_counts;

static class_counts count_class(const int64_t *confusion, int64_t n_classes, int64_t c) {
    class_counts k = {confusion[c * n_classes + c], 0, 0};
    for (int64_t i = 0; i < n_classes; i++) {
        k.truth += confusion[c * n_classes + i];
        k.predicted += confusion[i * n_classes + c];
    }
    return k;
}

double judd_metrics_accuracy(const int64_t *confusion, int n_classes) {
    int64_t right = 0, all = 0;
    for (int c = 0; c < n_classes; c++) {
        class_counts k = count_class(confusion, n_classes, c);
        right += k.right;
        all += k.truth;
    }
    return all > 0 ? (double)right / (double)all : NAN;
}

double judd_metrics_mean_per_class(const int64_t *confusion, int n_classes) {
    double sum = 0.0;
    int n = 0;
    for (int c = 0; c < n_classes; c++) {
        class_counts k = count_class(confusion, n_classes, c);
        if (k.truth == 0) continue;
        sum += (double)k.right / (double)k.truth;
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

double judd_metrics_macro_f1(const int64_t *confusion, int n_classes) {
    double sum = 0.0;
    for (int c = 0; c < n_classes; c++) {
        class_counts k = count_class(confusion, n_classes, c);
        int64_t both = k.truth + k.predicted; /* 2 TP + FP + FN */
        if (both > 0) sum += 2.0 * (double)k.right / (double)both;
    }
    return n_classes > 0 ? sum / n_classes : NAN;
}

int judd_metrics_rank(const float *score, int n, int32_t label) {
    int rank = 0;
    float own = score[label];
    for (int c = 0; c < n; c++)
        if (c != label && !isnan(score[c]))
            rank += isnan(own) || score[c] > own || (score[c] == own && c < label);
    return rank;
}

void judd_metrics_calibrate(judd_metrics_calibration *bins, double confidence, bool correct) {
    double p = confidence >= 0.0 ? fmin(confidence, 1.0) : isnan(confidence) ? 1.0 : 0.0;
    int bin = (int)ceil(p * JUDD_METRICS_BINS) - 1;
    if (bin < 0) bin = 0;
    bins->count[bin]++;
    bins->correct[bin] += correct;
    bins->confidence[bin] += (int64_t)llrint(ldexp(p, 32));
}

double judd_metrics_ece(const judd_metrics_calibration *bins) {
    int64_t n = 0;
    double sum = 0.0;
    for (int b = 0; b < JUDD_METRICS_BINS; b++) {
        n += bins->count[b];
        sum += fabs((double)bins->correct[b] - ldexp((double)bins->confidence[b], -32));
    }
    return n > 0 ? sum / (double)n : NAN;
}

typedef struct scored {
    float score;
    int32_t positive;
} scored;

static int by_falling_score(const void *a, const void *b) {
    float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x < y) - (x > y);
}

/* Down the distinct scores. twice_area: twice the number of (positive, negative) pairs in the right
 * order, an exact integer below 2^63 for n < 2^31. */
static void walk(double *auroc, double *average_precision, const scored *s, int64_t n) {
    int64_t above = 0, positives = 0, n_positive = 0, twice_area = 0;
    double precision = 0.0;
    for (int64_t i = 0; i < n; i++) n_positive += s[i].positive;
    for (int64_t i = 0, end; i < n; i = end) {
        int64_t here = 0;
        for (end = i; end < n && s[end].score == s[i].score; end++) here += s[end].positive;
        int64_t negatives_here = end - i - here;
        twice_area += negatives_here * (2 * positives + here);
        positives += here;
        above = end;
        precision += (double)here * (double)positives / (double)above;
    }
    int64_t n_negative = n - n_positive;
    *auroc = n_positive > 0 && n_negative > 0
                 ? (double)twice_area / (2.0 * (double)n_positive * (double)n_negative)
                 : NAN;
    *average_precision = n_positive > 0 ? precision / (double)n_positive : NAN;
}

judd_status judd_metrics_ranking(double *auroc, double *average_precision, const float *score,
                                 const uint8_t *positive, int64_t n) {
    judd_status status = JUDD_OK;
    scored *s = NULL;
    double area, precision;
    JUDD_TRY(judd_memory_alloc(&s, n, sizeof *s));
    for (int64_t i = 0; i < n; i++) {
        if (isnan(score[i]))
            JUDD_FAIL(JUDD_E_DATA, "scores: sample %lld of the set is not a number", (long long)i);
        s[i] = (scored){score[i], positive[i] != 0};
    }
    qsort(s, (size_t)n, sizeof *s, by_falling_score);
    walk(&area, &precision, s, n);
    if (auroc) *auroc = area;
    if (average_precision) *average_precision = precision;
done:
    free(s);
    return status;
}

double judd_metrics_r2(const float *truth, const float *predicted, int64_t n) {
    double mean = 0.0, rest = 0.0, all = 0.0;
    if (n <= 0) return NAN;
    for (int64_t i = 0; i < n; i++) mean += (double)truth[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double e = (double)truth[i] - (double)predicted[i], d = (double)truth[i] - mean;
        rest += e * e;
        all += d * d;
    }
    bool constant = true;
    for (int64_t i = 1; i < n; i++) constant = constant && truth[i] == truth[0];
    if (constant) return rest == 0.0 ? 1.0 : 0.0;
    return 1.0 - rest / all;
}

double judd_metrics_mae(const float *truth, const float *predicted, int64_t n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += fabs((double)truth[i] - (double)predicted[i]);
    return n > 0 ? sum / (double)n : NAN;
}
