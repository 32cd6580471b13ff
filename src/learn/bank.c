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
    b->options.class_weight = NULL; /* now in targets */
    JUDD_TRY(judd_targets_create(&b->targets, options->n_classes, options->class_weight,
                                 options->label_smoothing));
    b->dim = dim;
    int64_t width = judd_bank_width(b);
    JUDD_TRY(judd_memory_alloc(&heads, options->n_heads, sizeof *heads));
    memcpy(heads, options->heads, (size_t)options->n_heads * sizeof *heads);
    b->options.heads = heads;
    JUDD_TRY(judd_memory_alloc(&b->weight, width * dim, sizeof *b->weight));
    JUDD_TRY(judd_memory_alloc(&b->weight_velocity, width * dim, sizeof *b->weight));
    JUDD_TRY(judd_memory_alloc(&b->bias, width, sizeof *b->bias));
    JUDD_TRY(judd_memory_alloc(&b->bias_velocity, width, sizeof *b->bias));
    if (judd_optimizer_has_second(options->optimizer.kind)) {
        JUDD_TRY(judd_memory_alloc(&b->weight_second, width * dim, sizeof *b->weight));
        JUDD_TRY(judd_memory_alloc(&b->bias_second, width, sizeof *b->bias));
    }
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
    free(b->weight_second);
    free(b->bias_second);
    judd_targets_free(&b->targets);
    free(b->diverged);
    free(b->finished);
    free(b);
}

int64_t judd_bank_width(const judd_bank *b) {
    return (int64_t)b->options.n_heads * b->options.n_classes;
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

/* From the exponentials of one row of one head to d loss / d logits; returns their sum. */
static float finish(float *z, const judd_targets *t, int32_t label) {
    const float *share = t->share + (int64_t)label * t->n_classes;
    float sum = 0.0f, mass = t->mass[label];
    for (int c = 0; c < t->n_classes; c++) sum += z[c];
    if (t->plain) {
        for (int c = 0; c < t->n_classes; c++) z[c] /= sum;
        z[label] -= 1.0f;
    } else {
        for (int c = 0; c < t->n_classes; c++) z[c] = mass * (z[c] / sum) - share[c];
    }
    return sum;
}

/* sum_c q_c z_c, z less the largest: with mass times log sum exp z, the loss. */
static double pull(const float *z, const judd_targets *t, int32_t label) {
    const float *share = t->share + (int64_t)label * t->n_classes;
    double sum = 0.0;
    for (int c = 0; c < t->n_classes; c++) sum += (double)share[c] * (double)z[c];
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
            if (loss && b->options.heads[h].held_out != folds[i])
                loss[h] -= pull(z, &b->targets, labels[i]);
        }
        exponentials(row, (int64_t)n_heads * n_classes);
        for (int h = 0; h < n_heads; h++) {
            float *z = row + (int64_t)h * n_classes;
            bool held_out = b->options.heads[h].held_out == folds[i];
            float sum = held_out ? 1.0f : finish(z, &b->targets, labels[i]);
            if (held_out) memset(z, 0, (size_t)n_classes * sizeof *z);
            if (loss && !held_out)
                loss[h] += (double)b->targets.mass[labels[i]] * judd_exact_log((double)sum);
        }
    }
}

static void clear_rows(float *x, int64_t first, int64_t rows, int64_t columns) {
    if (x) memset(x + first * columns, 0, (size_t)(rows * columns) * sizeof *x);
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
    clear_rows(b->weight, first, rows, b->dim);
    clear_rows(b->weight_velocity, first, rows, b->dim);
    clear_rows(b->weight_second, first, rows, b->dim);
    clear_rows(b->bias, first, rows, 1);
    clear_rows(b->bias_velocity, first, rows, 1);
    clear_rows(b->bias_second, first, rows, 1);
}

static void update_head(judd_bank *b, int h, const int64_t *gradient, const int64_t *bias_gradient,
                        double unit) {
    const judd_optimizer_options *o = &b->options.optimizer;
    const judd_bank_head *head = &b->options.heads[h];
    int64_t rows = b->options.n_classes, row = h * rows, first = row * b->dim, n = rows * b->dim;
    double rate = head->learning_rate * judd_optimizer_factor(o, b->step, b->options.steps);
    if (o->clip > 0.0) { /* PyTorch's clip_grad_norm_ */
        double norm = sqrt(judd_optimizer_square(gradient + first, n, unit) +
                           judd_optimizer_square(bias_gradient + row, rows, unit));
        unit *= fmin(1.0, o->clip / (norm + 1e-6));
    }
    judd_optimizer_update(o, b->weight + first, b->weight_velocity + first,
                          b->weight_second ? b->weight_second + first : NULL, gradient + first, n,
                          unit, rate, head->l2, b->step);
    judd_optimizer_update(o, b->bias + row, b->bias_velocity + row,
                          b->bias_second ? b->bias_second + row : NULL, bias_gradient + row, rows,
                          unit, rate, 0.0, b->step);
}

void judd_bank_update(judd_bank *b, const int64_t *gradient, const int64_t *bias_gradient,
                      const int64_t *count, const int64_t *bad, judd_exact_scale scale) {
    for (int h = 0; h < b->options.n_heads; h++) {
        if (b->diverged[h] < 0 && bad[h] > 0) mark_diverged(b, h);
        if (b->diverged[h] >= 0 || count[h] == 0) continue;
        double samples = (double)count[h] * b->targets.unit;
        update_head(b, h, gradient, bias_gradient, judd_exact_sum_value(1, scale) / samples);
        int64_t rows = b->options.n_classes, row = h * rows;
        if (!all_finite(b->weight + row * b->dim, rows * b->dim) ||
            !all_finite(b->bias + row, rows))
            mark_diverged(b, h);
    }
    b->step++;
}
