#include <judd/stats/metrics.h>

#include <math.h>

static judd_metrics_counts count_class(const int64_t *confusion, int64_t n_classes, int64_t c) {
    judd_metrics_counts k = {confusion[c * n_classes + c], 0, 0};
    for (int64_t i = 0; i < n_classes; i++) {
        k.truth += confusion[c * n_classes + i];
        k.predicted += confusion[i * n_classes + c];
    }
    return k;
}

double judd_metrics_accuracy(const int64_t *confusion, int n_classes) {
    int64_t right = 0, all = 0;
    for (int c = 0; c < n_classes; c++) {
        judd_metrics_counts k = count_class(confusion, n_classes, c);
        right += k.right;
        all += k.truth;
    }
    return all > 0 ? (double)right / (double)all : NAN;
}

double judd_metrics_mean_per_class(const int64_t *confusion, int n_classes) {
    double sum = 0.0;
    int n = 0;
    for (int c = 0; c < n_classes; c++) {
        judd_metrics_counts k = count_class(confusion, n_classes, c);
        if (k.truth == 0) continue;
        sum += (double)k.right / (double)k.truth;
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

double judd_metrics_macro_f1(const int64_t *confusion, int n_classes) {
    double sum = 0.0;
    for (int c = 0; c < n_classes; c++) {
        judd_metrics_counts k = count_class(confusion, n_classes, c);
        sum += judd_metrics_f1(&k);
    }
    return n_classes > 0 ? sum / n_classes : NAN;
}

judd_metrics_counts judd_metrics_count(const uint8_t *truth, const uint8_t *predicted, int64_t n) {
    judd_metrics_counts k = {0};
    for (int64_t i = 0; i < n; i++) {
        k.right += truth[i] && predicted[i];
        k.truth += truth[i] != 0;
        k.predicted += predicted[i] != 0;
    }
    return k;
}

double judd_metrics_f1(const judd_metrics_counts *counts) {
    int64_t both = counts->truth + counts->predicted; /* 2 TP + FP + FN */
    return both > 0 ? 2.0 * (double)counts->right / (double)both : 0.0;
}

int judd_metrics_rank(const float *score, int n, int32_t label) {
    int rank = 0;
    float own = score[label];
    for (int c = 0; c < n; c++)
        if (c != label && !isnan(score[c]))
            rank += isnan(own) || score[c] > own || (score[c] == own && c < label);
    return rank;
}

/* Inside [0, 1], NaN as 1. */
static double clamp(double confidence) {
    return confidence >= 0.0 ? fmin(confidence, 1.0) : isnan(confidence) ? 1.0 : 0.0;
}

int judd_metrics_bin(double confidence) {
    int bin = (int)ceil(clamp(confidence) * JUDD_METRICS_BINS) - 1;
    return bin < 0 ? 0 : bin;
}

void judd_metrics_calibrate(judd_metrics_calibration *bins, double confidence, bool correct) {
    double p = clamp(confidence);
    int bin = judd_metrics_bin(p);
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

bool judd_metrics_r2_parts(double *rest, double *all, double *mean, const float *truth,
                           const float *predicted, int64_t n) {
    *rest = *all = *mean = 0.0;
    bool constant = true;
    for (int64_t i = 0; i < n; i++) *mean += (double)truth[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double e = (double)truth[i] - (double)predicted[i], d = (double)truth[i] - *mean;
        *rest += e * e;
        *all += d * d;
        constant = constant && truth[i] == truth[0];
    }
    return !constant;
}

double judd_metrics_r2(const float *truth, const float *predicted, int64_t n) {
    double rest, all, mean;
    if (n <= 0) return NAN;
    if (!judd_metrics_r2_parts(&rest, &all, &mean, truth, predicted, n))
        return rest == 0.0 ? 1.0 : 0.0;
    return 1.0 - rest / all;
}
