#include <judd/learn/bank.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>
#include <judd/base/memory.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

judd_status judd_bank_create(judd_bank **out, int64_t dim, const judd_bank_options *options) {
    judd_status status = JUDD_OK;
    judd_bank *b = NULL;
    judd_bank_head *heads = NULL;
    JUDD_TRY(judd_memory_alloc(&b, 1, sizeof *b));
    b->options = *options;
    b->options.heads = NULL;
    b->dim = dim;
    int64_t width = judd_bank_width(b);
    JUDD_TRY(judd_memory_alloc(&heads, options->n_heads, sizeof *heads));
    memcpy(heads, options->heads, (size_t)options->n_heads * sizeof *heads);
    b->options.heads = heads;
    JUDD_TRY(judd_memory_alloc(&b->weight, width * dim, sizeof *b->weight));
    JUDD_TRY(judd_memory_alloc(&b->weight_velocity, width * dim, sizeof *b->weight));
    JUDD_TRY(judd_memory_alloc(&b->bias, width, sizeof *b->bias));
    JUDD_TRY(judd_memory_alloc(&b->bias_velocity, width, sizeof *b->bias));
    JUDD_TRY(judd_memory_alloc(&b->diverged, options->n_heads, sizeof *b->diverged));
    for (int h = 0; h < options->n_heads; h++) b->diverged[h] = -1;
    *out = b;
    b = NULL;
done:
    judd_bank_destroy(b);
    return status;
}

void judd_bank_destroy(judd_bank *b) {
    if (!b) return;
    free((void *)b->options.heads);
    free(b->weight);
    free(b->weight_velocity);
    free(b->bias);
    free(b->bias_velocity);
    free(b->diverged);
    free(b);
}

int64_t judd_bank_width(const judd_bank *b) {
    return (int64_t)b->options.n_heads * b->options.n_classes;
}

double judd_bank_rate(judd_schedule schedule, int64_t step, int64_t steps) {
    if (schedule == JUDD_SCHEDULE_CONSTANT) return 1.0;
    return 0.5 * (1.0 + judd_exact_cospi((double)step / (double)steps));
}

/* One row of one head: z becomes p - onehot; adds the loss -log p_y unless loss is NULL. */
static void softmax_row(float *z, int n_classes, int32_t label, double *loss) {
    float top = z[0], sum = 0.0f;
    for (int c = 1; c < n_classes; c++) top = z[c] > top ? z[c] : top;
    float at_label = z[label] - top;
    for (int c = 0; c < n_classes; c++) {
        z[c] = judd_exact_expf(z[c] - top);
        sum += z[c];
    }
    for (int c = 0; c < n_classes; c++) z[c] /= sum;
    z[label] -= 1.0f;
    if (loss) *loss += judd_exact_log((double)sum) - (double)at_label;
}

void judd_bank_softmax(const judd_bank *b, float *logits, const int32_t *labels,
                       const int16_t *folds, int64_t n, double *loss) {
    int n_heads = b->options.n_heads, n_classes = b->options.n_classes;
    for (int64_t i = 0; i < n; i++)
        for (int h = 0; h < n_heads; h++) {
            float *z = logits + (i * n_heads + h) * n_classes;
            if (b->options.heads[h].held_out == folds[i]) {
                memset(z, 0, (size_t)n_classes * sizeof *z);
                continue;
            }
            softmax_row(z, n_classes, labels[i], loss ? &loss[h] : NULL);
        }
}

/* SGD as in Sutskever et al. 2013, in PyTorch's form. */
JUDD_CLONES static void update(float *w, float *v, const int64_t *sum, int64_t n, double unit,
                               double rate, double momentum, double l2) {
    float m = (float)momentum, r = (float)rate, d = (float)l2;
    for (int64_t j = 0; j < n; j++) {
        float g = (float)((double)sum[j] * unit);
        g = g + d * w[j];
        v[j] = m * v[j] + g;
        w[j] = w[j] - r * v[j];
    }
}

/* On bits, since a loop over integers vectorises: all exponent bits set means infinite or NaN. */
JUDD_CLONES static bool all_finite(const float *x, int64_t n) {
    const uint32_t exponent = 0x7F800000u;
    uint32_t bad = 0;
    for (int64_t j = 0; j < n; j++) {
        uint32_t bits;
        memcpy(&bits, &x[j], sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    return !bad;
}

static void mark_diverged(judd_bank *b, int h) {
    int64_t rows = b->options.n_classes, first = h * rows;
    b->diverged[h] = b->step;
    memset(b->weight + first * b->dim, 0, (size_t)(rows * b->dim) * sizeof(float));
    memset(b->weight_velocity + first * b->dim, 0, (size_t)(rows * b->dim) * sizeof(float));
    memset(b->bias + first, 0, (size_t)rows * sizeof(float));
    memset(b->bias_velocity + first, 0, (size_t)rows * sizeof(float));
}

void judd_bank_update(judd_bank *b, const int64_t *gradient, const int64_t *bias_gradient,
                      const int64_t *count, const int64_t *bad, judd_exact_scale scale) {
    const judd_bank_options *o = &b->options;
    double factor = judd_bank_rate(o->schedule, b->step, o->steps);
    for (int h = 0; h < o->n_heads; h++) {
        if (b->diverged[h] < 0 && bad[h] > 0) mark_diverged(b, h);
        if (b->diverged[h] >= 0 || count[h] == 0) continue;
        double unit = judd_exact_sum_value(1, scale) / (double)count[h];
        double rate = o->heads[h].learning_rate * factor;
        int64_t first = (int64_t)h * o->n_classes;
        update(b->weight + first * b->dim, b->weight_velocity + first * b->dim,
               gradient + first * b->dim, o->n_classes * b->dim, unit, rate, o->momentum,
               o->heads[h].l2);
        update(b->bias + first, b->bias_velocity + first, bias_gradient + first, o->n_classes, unit,
               rate, o->momentum, 0.0);
        if (!all_finite(b->weight + first * b->dim, o->n_classes * b->dim) ||
            !all_finite(b->bias + first, o->n_classes))
            mark_diverged(b, h);
    }
    b->step++;
}
