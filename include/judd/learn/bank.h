/** A bank: linear softmax heads that share features and sample sequence, trained together as one
 * wide product by minibatch SGD. Each head of a bank has the bits it would have alone.
 *
 *  Per head, with batch B (its samples not in the head's held-out fold) and weights W, bias b:
 *      loss = 1/|B| sum_i CE(softmax(W x_i + b), y_i) + l2/2 ||W||^2
 *      v <- momentum v + gradient;   w <- w - rate_t v        (as PyTorch's SGD)
 *  with rate_t = rate (constant) or rate (1 + cos(pi t/T))/2 (cosine). Heads start from zero: the
 * loss is convex. The sample order is a function of (seed, epoch, lane).
 */
#ifndef JUDD_LEARN_BANK_H
#define JUDD_LEARN_BANK_H

#include <judd/comm/exact_sum.h>
#include <judd/learn/rows.h>

typedef enum judd_schedule { JUDD_SCHEDULE_CONSTANT, JUDD_SCHEDULE_COSINE } judd_schedule;

/** What distinguishes the heads of a bank. */
typedef struct judd_bank_head {
    double learning_rate;
    double l2;
    int held_out; /* fold whose samples this head does not see; -1: none */
} judd_bank_head;

typedef struct judd_bank_options {
    int n_heads, n_classes;
    const judd_bank_head *heads; /* [n_heads]; borrowed during create */
    double momentum;
    int64_t batch; /* samples per step over all lanes; each lane takes ceil(batch / n_lanes) */
    int64_t steps;
    judd_schedule schedule;
    uint64_t seed; /* of the sample order */
} judd_bank_options;

/** State of a bank: equal on all ranks. A plain struct, so that checkpoints see all of it. */
typedef struct judd_bank {
    judd_bank_options options;       /* heads owned */
    int64_t dim, step;               /* steps done so far */
    float *weight, *weight_velocity; /* [n_heads * n_classes, dim] */
    float *bias, *bias_velocity;     /* [n_heads * n_classes] */
    int64_t *diverged;               /* [n_heads]: step at which the head left the finite, or -1 */
} judd_bank;

judd_status judd_bank_create(judd_bank **out, int64_t dim, const judd_bank_options *options);
void judd_bank_destroy(judd_bank *bank);
/** Rows of weight: n_heads * n_classes. */
int64_t judd_bank_width(const judd_bank *bank);

/** One update with the exact sums of a step. gradient [width, dim] and bias_gradient [width] are
 *  fixed-point sums over samples, count [n_heads] samples seen, bad [n_heads] values that were not
 *  finite. A head with bad > 0, or whose weights leave the finite in this update, is marked
 * diverged and set to zero; the others go on. Local, the same on every rank for the same input. */
void judd_bank_update(judd_bank *bank, const int64_t *gradient, const int64_t *bias_gradient,
                      const int64_t *count, const int64_t *bad, judd_exact_scale scale);

/** Learning rate factor at `step` of `steps`. */
double judd_bank_rate(judd_schedule schedule, int64_t step, int64_t steps);

/** Losses and d loss/d logits of softmax cross-entropy, row by row and head by head.
 *  logits [n, width] is replaced by p - onehot (0 where fold equals held_out); labels, folds [n].
 *  loss [n_heads] += sums over rows (float64, row order; may be NULL). Local. */
void judd_bank_softmax(const judd_bank *bank, float *logits, const int32_t *labels,
                       const int16_t *folds, int64_t n, double *loss);

#endif
