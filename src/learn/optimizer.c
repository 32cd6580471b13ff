#include <judd/learn/optimizer.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>

#include <math.h>

typedef judd_optimizer_parameters update;

/* Parameters at a time, so that an anchor of zeros is at hand. */
enum { BLOCK = 1024 };

JUDD_CLONES static void sgd(const judd_optimizer_options *o, const update *u) {
    float m = (float)o->momentum, r = (float)u->rate, d = (float)u->decay;
    float *restrict w = u->w, *restrict v = u->first;
    for (int64_t j = 0; j < u->n; j++) {
        float g = u->gradient[j] + d * (w[j] - u->anchor[j]);
        v[j] = m * v[j] + g;
        w[j] = w[j] - r * v[j];
    }
}

JUDD_CLONES static void nesterov(const judd_optimizer_options *o, const update *u) {
    float m = (float)o->momentum, r = (float)u->rate, d = (float)u->decay;
    float *restrict w = u->w, *restrict v = u->first;
    for (int64_t j = 0; j < u->n; j++) {
        float g = u->gradient[j] + d * (w[j] - u->anchor[j]);
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
    float keep = (float)(1.0 - u->rate * u->decay), drawn = (float)(u->rate * u->decay);
    float rate = (float)(u->rate / (1.0 - power(o->beta1, u->step + 1)));
    float root = (float)sqrt(1.0 - power(o->beta2, u->step + 1));
    float *restrict w = u->w, *restrict v = u->first, *restrict s = u->second;
    for (int64_t j = 0; j < u->n; j++) {
        float g = u->gradient[j];
        v[j] = b1 * v[j] + c1 * g;
        s[j] = b2 * s[j] + c2 * g * g;
        w[j] = w[j] * keep + drawn * u->anchor[j];
        w[j] = w[j] - rate * (v[j] / (sqrtf(s[j]) / root + epsilon));
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
    if (o->schedule == JUDD_SCHEDULE_LINEAR) return 1.0 - (double)t / (double)all;
    if (o->schedule == JUDD_SCHEDULE_STEP && o->decay_steps > 0)
        return power(o->decay_factor, t / o->decay_steps);
    return 1.0;
}

void judd_optimizer_update(const judd_optimizer_options *options, const update *u) {
    static const float zeros[BLOCK] = {0};
    for (int64_t i = 0; i < u->n; i += BLOCK) {
        update part = *u;
        part.n = u->n - i < BLOCK ? u->n - i : BLOCK;
        part.w += i;
        part.first += i;
        if (part.second) part.second += i;
        part.gradient += i;
        part.anchor = u->anchor ? u->anchor + i : zeros;
        rules[options->kind].run(options, &part);
    }
}
