#include <judd/stats/influence.h>

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>

void judd_influence_mean(double *influence, const double *x, double mean, int64_t n) {
    for (int64_t i = 0; i < n; i++) influence[i] = x[i] - mean;
}

judd_status judd_influence_macro_f1(double *influence, const int64_t *confusion, int n_classes,
                                    const int32_t *truth, const int32_t *predicted, int64_t n) {
    double *f1 = NULL, *both = NULL; /* [n_classes]; both: 2 TP + FP + FN */
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&f1, n_classes, sizeof *f1));
    JUDD_TRY(judd_memory_alloc(&both, n_classes, sizeof *both));
    for (int64_t c = 0; c < n_classes; c++) {
        for (int64_t j = 0; j < n_classes; j++)
            both[c] += (double)(confusion[c * n_classes + j] + confusion[j * n_classes + c]);
        if (both[c] > 0.0) f1[c] = 2.0 * (double)confusion[c * n_classes + c] / both[c];
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t t = truth[i], p = predicted[i];
        double moved = t == p ? (2.0 - 2.0 * f1[t]) / both[t] : -f1[t] / both[t] - f1[p] / both[p];
        influence[i] = (double)n / (double)n_classes * moved;
    }
done:
    free(f1);
    free(both);
    return status;
}

void judd_influence_ece(double *influence, const judd_metrics_calibration *bins,
                        const double *confidence, const uint8_t *correct, int64_t n) {
    double ece = judd_metrics_ece(bins);
    for (int64_t i = 0; i < n; i++) {
        int b = judd_metrics_bin(confidence[i]);
        double gap = (double)bins->correct[b] - ldexp((double)bins->confidence[b], -32);
        double own = (double)(correct[i] != 0) - confidence[i];
        influence[i] = (gap < 0.0 ? -own : own) - ece;
    }
}

void judd_influence_add_f1(double *influence, double scale, const judd_metrics_counts *counts,
                           const uint8_t *truth, const uint8_t *predicted, int64_t n) {
    double both = (double)(counts->truth + counts->predicted);
    if (both == 0.0) return;
    double f1 = judd_metrics_f1(counts);
    for (int64_t i = 0; i < n; i++) {
        double found = 2.0 * (truth[i] && predicted[i]);
        influence[i] += scale * (double)n / both * (found - f1 * (!!truth[i] + !!predicted[i]));
    }
}

void judd_influence_add_r2(double *influence, double scale, const float *truth,
                           const float *predicted, int64_t n) {
    double rest, all, mean;
    if (!judd_metrics_r2_parts(&rest, &all, &mean, truth, predicted, n)) return;
    for (int64_t i = 0; i < n; i++) { /* 1 - rest/all; moving the mean does not move `all` */
        double e = (double)truth[i] - (double)predicted[i], d = (double)truth[i] - mean;
        influence[i] += scale * (double)n / all * (rest / all * d * d - e * e);
    }
}

double judd_influence_variance(const double *influence, int64_t n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += influence[i] * influence[i];
    return n > 1 ? sum / (double)n / (double)(n - 1) : NAN;
}
