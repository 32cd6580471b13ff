#include <judd/learn/bank.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>
#include <judd/base/memory.h>

#include <math.h>
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
    JUDD_TRY(judd_memory_alloc(&b->finished, options->n_heads, sizeof *b->finished));
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
    free(b->finished);
    free(b);
}

int64_t judd_bank_width(const judd_bank *b) {
    return (int64_t)b->options.n_heads * b->options.n_classes;
}

double judd_bank_rate(judd_schedule schedule, int64_t step, int64_t steps) {
    if (schedule == JUDD_SCHEDULE_CONSTANT) return 1.0;
    return 0.5 * (1.0 + judd_exact_cospi((double)step / (double)steps));
}

JUDD_CLONES static void exponentials(float *z, int64_t n) {
    for (int64_t i = 0; i < n; i++) z[i] = judd_exact_expf(z[i]);
}

/* One row of one head less its largest logit. */
static void shift(float *z, int n_classes) {
    float top = z[0];
    for (int c = 1; c < n_classes; c++) top = z[c] > top ? z[c] : top;
    for (int c = 0; c < n_classes; c++) z[c] -= top;
}

/* From the exponentials of one row of one head to p - onehot; returns their sum. */
static float finish(float *z, int n_classes, int32_t label) {
    float sum = 0.0f;
    for (int c = 0; c < n_classes; c++) sum += z[c];
    for (int c = 0; c < n_classes; c++) z[c] /= sum;
    z[label] -= 1.0f;
    return sum;
}

/* In three sweeps over rows that fit the first cache, so that the exponentials fill vectors. */
void judd_bank_softmax(const judd_bank *b, float *logits, const int32_t *labels,
                       const int16_t *folds, int64_t n, double *loss) {
    int n_heads = b->options.n_heads, n_classes = b->options.n_classes;
    for (int64_t i = 0; i < n; i++) {
        float *row = logits + i * n_heads * n_classes;
        for (int h = 0; h < n_heads; h++) {
            float *z = row + (int64_t)h * n_classes;
            shift(z, n_classes);
            if (loss && b->options.heads[h].held_out != folds[i]) loss[h] -= (double)z[labels[i]];
        }
        exponentials(row, (int64_t)n_heads * n_classes);
        for (int h = 0; h < n_heads; h++) {
            float *z = row + (int64_t)h * n_classes;
            bool held_out = b->options.heads[h].held_out == folds[i];
            float sum = held_out ? 1.0f : finish(z, n_classes, labels[i]);
            if (held_out) memset(z, 0, (size_t)n_classes * sizeof *z);
            if (loss && !held_out) loss[h] += judd_exact_log((double)sum);
        }
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
    }
    b->step++;
}
