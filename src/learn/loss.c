#include <judd/learn/loss.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>

#include <math.h>
#include <string.h>

JUDD_CLONES static void exponentials(float *z, int64_t n) {
    for (int64_t i = 0; i < n; i++) z[i] = judd_exact_expf(z[i]);
}

/* ---- softmax: one row of one head ---------------------------------------------------------------
 */

/* Less its largest logit. */
static void shift(float *z, int n_classes) {
    float top = z[0];
    for (int c = 1; c < n_classes; c++) top = z[c] > top ? z[c] : top;
    for (int c = 0; c < n_classes; c++) z[c] -= top;
}

/* From the exponentials to d loss / d logits. */
static void finish(float *z, const judd_targets *t, int32_t label) {
    const float *share = t->share + (int64_t)label * t->n_outputs;
    float sum = 0.0f, mass = (float)t->mass[label];
    for (int c = 0; c < t->n_outputs; c++) sum += z[c];
    if (t->plain) {
        for (int c = 0; c < t->n_outputs; c++) z[c] /= sum;
        z[label] -= 1.0f;
    } else {
        for (int c = 0; c < t->n_outputs; c++) z[c] = mass * (z[c] / sum) - share[c];
    }
}

/* In three sweeps over a row that fits the first cache, so that the exponentials fill vectors. */
static void softmax_row(const judd_bank *b, float *row, const judd_batch *batch, int64_t i) {
    int n_heads = b->options.n_heads, n_classes = b->options.n_outputs;
    for (int h = 0; h < n_heads; h++) shift(row + (int64_t)h * n_classes, n_classes);
    exponentials(row, (int64_t)n_heads * n_classes);
    for (int h = 0; h < n_heads; h++)
        finish(row + (int64_t)h * n_classes, &b->targets, batch->labels[i]);
}

static double softmax_value(const judd_targets *t, int h, const float *z, const judd_batch *batch,
                            int64_t i) {
    (void)h;
    int32_t label = batch->labels[i];
    const float *share = t->share + (int64_t)label * t->n_outputs;
    double sum = 0.0, pull = 0.0, mass = t->mass[label];
    float top = z[0];
    for (int c = 1; c < t->n_outputs; c++) top = z[c] > top ? z[c] : top;
    for (int c = 0; c < t->n_outputs; c++) {
        sum += (double)judd_exact_expf(z[c] - top);
        pull += (double)share[c] * (double)(z[c] - top);
    }
    return mass * judd_exact_log(sum) - pull;
}

/* ---- sigmoid ------------------------------------------------------------------------------------
 */

/* All heads of a row ask the same questions. With e = exp(-|z|), s(z) = 1 / (1 + e) or e / (1 + e).
 */
JUDD_CLONES static void sigmoid_slopes(float *restrict z, const float *restrict y,
                                       const float *restrict positive, int n) {
    for (int c = 0; c < n; c++) {
        float e = judd_exact_expf(-fabsf(z[c]));
        float no = (z[c] >= 0.0f ? e : 1.0f) / (1.0f + e); /* 1 - s(z) */
        float yes = (z[c] >= 0.0f ? 1.0f : e) / (1.0f + e);
        z[c] = (1.0f - y[c]) * yes - positive[c] * y[c] * no;
    }
}

static void sigmoid_row(const judd_bank *b, float *row, const judd_batch *batch, int64_t i) {
    int n = b->options.n_outputs;
    for (int h = 0; h < b->options.n_heads; h++)
        sigmoid_slopes(row + (int64_t)h * n, batch->targets + i * n, b->targets.positive, n);
}

static double sigmoid_value(const judd_targets *t, int h, const float *z, const judd_batch *batch,
                            int64_t i) {
    (void)h;
    const float *target = batch->targets + i * t->n_outputs;
    double loss = 0.0;
    for (int c = 0; c < t->n_outputs; c++) { /* -log s(z) = log(1 + exp(-|z|)) + max(-z, 0) */
        double x = (double)z[c], y = (double)target[c];
        double rest = judd_exact_log(1.0 + judd_exact_exp(-fabs(x)));
        double yes = rest + (x < 0.0 ? -x : 0.0), no = rest + (x > 0.0 ? x : 0.0);
        loss += (double)t->positive[c] * y * yes + (1.0 - y) * no;
    }
    return loss;
}

/* ---- squared ------------------------------------------------------------------------------------
 */

static void squared_row(const judd_bank *b, float *row, const judd_batch *batch, int64_t i) {
    int n = b->options.n_outputs;
    const float *y = batch->targets + i * n;
    for (int h = 0; h < b->options.n_heads; h++) {
        const float *mean = b->targets.mean + (int64_t)h * n;
        const float *scale = b->targets.scale + (int64_t)h * n;
        float *z = row + (int64_t)h * n;
        for (int c = 0; c < n; c++) z[c] = 2.0f * (z[c] - (y[c] - mean[c]) * scale[c]);
    }
}

static double squared_value(const judd_targets *t, int h, const float *z, const judd_batch *batch,
                            int64_t i) {
    const float *y = batch->targets + i * t->n_outputs;
    double loss = 0.0;
    for (int c = 0; c < t->n_outputs; c++) {
        int64_t at = (int64_t)h * t->n_outputs + c;
        double d = (double)(z[c] - (y[c] - t->mean[at]) * t->scale[at]);
        loss += d * d;
    }
    return loss;
}

/* ---- all of them --------------------------------------------------------------------------------
 */

static const struct {
    void (*row)(const judd_bank *bank, float *row, const judd_batch *batch, int64_t i);
    double (*value)(const judd_targets *t, int h, const float *outputs, const judd_batch *batch,
                    int64_t i);
} losses[] = {[JUDD_LOSS_SOFTMAX] = {softmax_row, softmax_value},
              [JUDD_LOSS_SIGMOID] = {sigmoid_row, sigmoid_value},
              [JUDD_LOSS_SQUARED] = {squared_row, squared_value}};

void judd_loss_gradient(const judd_bank *b, float *outputs, const judd_batch *batch) {
    int64_t width = judd_bank_width(b), n = b->options.n_outputs;
    for (int64_t i = 0; i < batch->n; i++) {
        float *row = outputs + i * width;
        losses[b->targets.loss].row(b, row, batch, i);
        for (int h = 0; h < b->options.n_heads; h++)
            if (b->options.heads[h].held_out == batch->folds[i])
                memset(row + h * n, 0, (size_t)n * sizeof *row);
    }
}

double judd_loss_value(const judd_bank *b, int h, const float *outputs, const judd_batch *batch,
                       int64_t i) {
    double loss = losses[b->targets.loss].value(&b->targets, h, outputs, batch, i);
    return loss < JUDD_LOSS_MAX ? loss : JUDD_LOSS_MAX;
}

void judd_loss_units(const judd_bank *b, int h, float *outputs) {
    const judd_targets *t = &b->targets;
    for (int c = 0; t->loss == JUDD_LOSS_SQUARED && c < t->n_outputs; c++) {
        int64_t at = (int64_t)h * t->n_outputs + c;
        outputs[c] = outputs[c] / t->scale[at] + t->mean[at];
    }
}

int64_t judd_loss_weight(const judd_bank *b, const judd_batch *batch, int64_t i) {
    return b->targets.loss == JUDD_LOSS_SOFTMAX ? b->targets.weight[batch->labels[i]] : 1;
}

void judd_loss_count(const judd_bank *b, int64_t *count, const judd_batch *batch) {
    for (int h = 0; h < b->options.n_heads; h++)
        for (int64_t i = 0; i < batch->n; i++)
            if (b->options.heads[h].held_out != batch->folds[i])
                count[h] += judd_loss_weight(b, batch, i);
}
