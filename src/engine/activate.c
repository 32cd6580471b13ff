#include "engine/activate.h"

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>

#include <math.h>

/* 1 / (1 + exp(-x)); exp of the negative size only, which cannot overflow. */
static inline float logistic(float x) {
    float e = judd_exact_expf(-fabsf(x)), positive = 1.0f / (1.0f + e);
    return x < 0.0f ? e * positive : positive;
}

/* Abramowitz & Stegun 1964, 7.1.26: |error| < 1.5e-7. */
static inline float error_function(float x) {
    float size = fabsf(x), t = 1.0f / (1.0f + 0.3275911f * size);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float y = 1.0f - p * t * judd_exact_expf(-size * size);
    return x < 0.0f ? -y : y;
}

#define LOOP(name, expression)                                                                     \
    JUDD_CLONES static void name(float alpha, float beta, float *y, int64_t n) {                   \
        (void)alpha;                                                                               \
        (void)beta;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            float x = y[i];                                                                        \
            y[i] = expression;                                                                     \
        }                                                                                          \
    }

LOOP(relu_all, x > 0.0f ? x : alpha * x)
LOOP(clip_all, x<alpha ? alpha : x> beta ? beta : x)
LOOP(sigmoid_all, logistic(x))
LOOP(swish_all, x *logistic(x))
LOOP(gelu_all, 0.5f * x * (1.0f + error_function(x * 0.70710678f)))

void judd_activate(judd_activation f, float *x, int64_t n) {
    switch (f.kind) {
    case JUDD_ACTIVATION_NONE:
        break;
    case JUDD_ACTIVATION_RELU:
        relu_all(f.alpha, 0.0f, x, n);
        break;
    case JUDD_ACTIVATION_CLIP:
        clip_all(f.alpha, f.beta, x, n);
        break;
    case JUDD_ACTIVATION_SIGMOID:
        sigmoid_all(0.0f, 0.0f, x, n);
        break;
    case JUDD_ACTIVATION_SWISH:
        swish_all(0.0f, 0.0f, x, n);
        break;
    case JUDD_ACTIVATION_GELU:
        gelu_all(0.0f, 0.0f, x, n);
        break;
    default:
        for (int64_t i = 0; i < n; i++) x[i] = judd_net_activate(f, x[i]);
    }
}
