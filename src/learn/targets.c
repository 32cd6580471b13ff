#include <judd/learn/targets.h>

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>

#define MAX_WEIGHT 1024.0

static double weight_of(const judd_targets *t, int c) {
    return (double)t->weight[c] * t->unit;
}

judd_status judd_targets_create(judd_targets *out, int n_classes, const double *class_weight,
                                double smoothing) {
    judd_status status = JUDD_OK;
    judd_targets t = {.n_classes = n_classes, .plain = !class_weight && smoothing == 0.0};
    double classes = (double)n_classes;
    t.unit = t.plain ? 1.0 : 1.0 / JUDD_TARGETS_UNIT;
    t.bound = 1.0;
    JUDD_TRY(judd_memory_alloc(&t.share, (int64_t)n_classes * n_classes, sizeof *t.share));
    JUDD_TRY(judd_memory_alloc(&t.mass, n_classes, sizeof *t.mass));
    JUDD_TRY(judd_memory_alloc(&t.weight, n_classes, sizeof *t.weight));
    for (int c = 0; c < n_classes; c++) {
        double w = class_weight ? class_weight[c] : 1.0;
        if (!(w >= 0.0 && w <= MAX_WEIGHT))
            JUDD_FAIL(JUDD_E_CONFIG,
                      "class weights: %g for class %d; they must be at least 0 and at most %g", w,
                      c, MAX_WEIGHT);
        t.weight[c] = (int64_t)nearbyint(w / t.unit);
        t.bound = fmax(t.bound, weight_of(&t, c));
    }
    for (int y = 0; y < n_classes; y++) {
        double mass = 0.0;
        for (int c = 0; c < n_classes; c++) {
            double q = smoothing * weight_of(&t, c) / classes;
            if (c == y) q += (1.0 - smoothing) * weight_of(&t, y);
            t.share[(int64_t)y * n_classes + c] = (float)q;
            mass += q;
        }
        t.mass[y] = (float)mass;
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
    *t = (judd_targets){0};
}

void judd_targets_balance(double *weight, int n_classes, const int32_t *labels, int64_t n) {
    for (int c = 0; c < n_classes; c++) weight[c] = 0.0;
    for (int64_t i = 0; i < n; i++) weight[labels[i]] += 1.0;
    for (int c = 0; c < n_classes; c++)
        if (weight[c] > 0.0) weight[c] = (double)n / ((double)n_classes * weight[c]);
}
