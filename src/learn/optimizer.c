#include <judd/learn/optimizer.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>

#include <math.h>

typedef struct update {
    float *w, *first, *second;
    const int64_t *sum;
    int64_t n, step;
    double unit, rate, decay;
} update;

JUDD_CLONES static void sgd(const judd_optimizer_options *o, const update *u) {
    float m = (float)o->momentum, r = (float)u->rate, d = (float)u->decay;
    float *restrict w = u->w, *restrict v = u->first;
    for (int64_t j = 0; j < u->n; j++) {
        float g = (float)((double)u->sum[j] * u->unit);
        g = g + d * w[j];
        v[j] = m * v[j] + g;
        w[j] = w[j] - r * v[j];
    }
}

JUDD_CLONES static void nesterov(const judd_optimizer_options *o, const update *u) {
    float m = (float)o->momentum, r = (float)u->rate, d = (float)u->decay;
    float *restrict w = u->w, *restrict v = u->first;
    for (int64_t j = 0; j < u->n; j++) {
        float g = (float)((double)u->sum[j] * u->unit);
        g = g + d * w[j];
        v[j] = m * v[j] + g;
        w[j] = w[j] - r * (g + m * v[j]);
    }
}

/* x^n by squaring: the same bits everywhere, which the C library's pow does not promise. */
static double power(double x, int64_t n) {
    double y = 1.0;
    for (; n > 0; n >>= 1, x *= x)
        if (n & 1) y *= x;
    return y;
}

JUDD_CLONES static void adamw(const judd_optimizer_options *o, const update *u) {
    float b1 = (float)o->beta1, b2 = (float)o->beta2, epsilon = (float)o->epsilon;
    float c1 = (float)(1.0 - o->beta1), c2 = (float)(1.0 - o->beta2);
    float keep = (float)(1.0 - u->rate * u->decay);
    float rate = (float)(u->rate / (1.0 - power(o->beta1, u->step + 1)));
    float root = (float)sqrt(1.0 - power(o->beta2, u->step + 1));
    float *restrict w = u->w, *restrict v = u->first, *restrict s = u->second;
    for (int64_t j = 0; j < u->n; j++) {
        float g = (float)((double)u->sum[j] * u->unit);
        v[j] = b1 * v[j] + c1 * g;
        s[j] = b2 * s[j] + c2 * g * g;
        w[j] = w[j] * keep - rate * (v[j] / (sqrtf(s[j]) / root + epsilon));
    }
}

static const struct {
    void (*run)(const judd_optimizer_options *options, const update *u);
    bool has_second;
} rules[] = {[JUDD_OPTIMIZER_SGD] = {sgd, false},
             [JUDD_OPTIMIZER_NESTEROV] = {nesterov, false},
             [JUDD_OPTIMIZER_ADAMW] = {adamw, true}};

bool judd_optimizer_has_second(judd_optimizer_kind kind) {
    return rules[kind].has_second;
}

double judd_optimizer_factor(const judd_optimizer_options *o, int64_t step, int64_t steps) {
    if (step < o->warmup_steps) return (double)(step + 1) / (double)o->warmup_steps;
    int64_t t = step - o->warmup_steps, all = steps - o->warmup_steps;
    if (o->schedule == JUDD_SCHEDULE_COSINE)
        return 0.5 * (1.0 + judd_exact_cospi((double)t / (double)all));
    if (o->schedule == JUDD_SCHEDULE_STEP && o->decay_steps > 0)
        return power(o->decay_factor, t / o->decay_steps);
    return 1.0;
}

void judd_optimizer_update(const judd_optimizer_options *options, float *w, float *first,
                           float *second, const int64_t *sum, int64_t n, double unit, double rate,
                           double decay, int64_t step) {
    rules[options->kind].run(options, &(update){.w = w,
                                                .first = first,
                                                .second = second,
                                                .sum = sum,
                                                .n = n,
                                                .unit = unit,
                                                .rate = rate,
                                                .decay = decay,
                                                .step = step});
}

JUDD_CLONES double judd_optimizer_square(const int64_t *sum, int64_t n, double unit) {
    double part[16] = {0}, square = 0.0;
    int64_t full = n / 16 * 16;
    for (int64_t i = 0; i < full; i += 16)
        for (int k = 0; k < 16; k++) {
            double g = (double)sum[i + k] * unit;
            part[k] += g * g;
        }
    for (int64_t i = full; i < n; i++) square += (double)sum[i] * unit * ((double)sum[i] * unit);
    for (int k = 0; k < 16; k++) square += part[k];
    return square;
}
