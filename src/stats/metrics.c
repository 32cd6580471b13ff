#include <judd/stats/metrics.h>

#include <math.h>

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
