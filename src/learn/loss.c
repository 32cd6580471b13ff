#include <judd/learn/loss.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>

#include <stdbool.h>
#include <string.h>

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
void judd_loss_gradient(const judd_bank *b, float *outputs, const judd_batch *batch, double *loss) {
    int n_heads = b->options.n_heads, n_classes = b->options.n_outputs;
    const int32_t *labels = batch->labels;
    for (int64_t i = 0; i < batch->n; i++) {
        float *row = outputs + i * n_heads * n_classes;
        for (int h = 0; h < n_heads; h++) {
            float *z = row + (int64_t)h * n_classes;
            shift(z, n_classes);
            if (loss && b->options.heads[h].held_out != batch->folds[i])
                loss[h] -= pull(z, &b->targets, labels[i]);
        }
        exponentials(row, (int64_t)n_heads * n_classes);
        for (int h = 0; h < n_heads; h++) {
            float *z = row + (int64_t)h * n_classes;
            bool held_out = b->options.heads[h].held_out == batch->folds[i];
            float sum = held_out ? 1.0f : finish(z, &b->targets, labels[i]);
            if (held_out) memset(z, 0, (size_t)n_classes * sizeof *z);
            if (loss && !held_out)
                loss[h] += (double)b->targets.mass[labels[i]] * judd_exact_log((double)sum);
        }
    }
}

void judd_loss_count(const judd_bank *b, int64_t *count, const judd_batch *batch) {
    const judd_bank_options *o = &b->options;
    for (int h = 0; h < o->n_heads; h++)
        for (int64_t i = 0; i < batch->n; i++)
            if (o->heads[h].held_out != batch->folds[i])
                count[h] += b->targets.weight[batch->labels[i]];
}
