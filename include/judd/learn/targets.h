/** What a sample asks of a head, loss by loss, and what makes losses of samples one mean.
 *
 *  softmax: one class of n_outputs, in rows->labels. For class y, with class weights w (1 unless
 *  given) and smoothing e, as in PyTorch's CrossEntropyLoss:
 *      q_yc = (1 - e) w_y [c = y] + e w_c / n_outputs,      a_y = sum_c q_yc
 *      loss = -sum_c q_yc log p_c,      d loss / d logit_c = a_y p_c - q_yc
 *  and the mean over samples divides by the sum of their w_y (smoothing: Szegedy et al. 2016).
 *
 *  sigmoid: n_outputs yes-or-no questions, answers in [0, 1] in rows->targets. With class weights w
 *  on the yes, as in PyTorch's BCEWithLogitsLoss(pos_weight = w):
 *      loss = -sum_c w_c y_c log s(z_c) + (1 - y_c) log(1 - s(z_c)),      s(z) = 1 / (1 + exp(-z))
 *  and the mean is over samples and outputs.
 *
 *  squared: n_outputs numbers in rows->targets. Every head brings them to mean 0 and deviation 1
 *  over the samples that it sees, so that rates and penalties mean the same in every unit:
 *      loss = sum_c (z_c - (y_c - mean_c) scale_c)^2
 *  and the mean is over samples and outputs. judd_bank_extract folds mean and scale into the last
 *  layer: a finished head speaks in the targets' own units.
 */
#ifndef JUDD_LEARN_TARGETS_H
#define JUDD_LEARN_TARGETS_H

#include <judd/learn/rows.h>

#include <stdbool.h>

typedef enum judd_loss_kind {
    JUDD_LOSS_SOFTMAX,
    JUDD_LOSS_SIGMOID,
    JUDD_LOSS_SQUARED
} judd_loss_kind;

/** Class weights are whole multiples of 1 / JUDD_TARGETS_UNIT, so that sums of them are exact. */
enum { JUDD_TARGETS_UNIT = 1 << 20 };

typedef struct judd_targets {
    judd_loss_kind loss;
    int n_outputs, n_heads;
    bool plain;      /* softmax: one-hot, all weights 1 */
    float *share;    /* softmax: [n_outputs, n_outputs]: q */
    double *mass;    /* softmax: [n_outputs]: a, the sum of q as stored */
    int64_t *weight; /* softmax: [n_outputs]: w in units of 1 / JUDD_TARGETS_UNIT; 1 when plain */
    float *positive; /* sigmoid: [n_outputs]: w */
    float *mean, *scale; /* squared: [n_heads, n_outputs]; 0 and 1 until fitted */
    double unit;  /* a mean divides by unit times the count: of softmax, the sum of `weight` of the
                     samples; of the others, their number */
    double bound; /* largest |d loss / d output|, at least 1; INFINITY: there is none */
} judd_targets;

/** class_weight [n_outputs] or NULL; at most 1024 each (JUDD_E_CONFIG), rounded to units; softmax
 *  and sigmoid only, smoothing softmax only. Local. */
judd_status judd_targets_create(judd_targets *out, judd_loss_kind loss, int n_heads, int n_outputs,
                                const double *class_weight, double smoothing);
void judd_targets_free(judd_targets *targets);

/** JUDD_E_DATA if the rows have no answers of this kind; names the sample. Local. */
judd_status judd_targets_check(const judd_targets *targets, const judd_rows *rows);

/** Mean and 1 / deviation of a head's targets, exact: the same bits at any number of ranks. A
 *  constant target gets scale 1. Does nothing but for squared. Collective. */
judd_status judd_targets_fit(judd_targets *targets, int head, int held_out, const judd_rows *rows,
                             const judd_comm *comm);

/** weight [n_classes] = n / (n_classes * samples of the class): every class counts the same. 0 for
 *  classes without samples. labels [n]. Local. */
void judd_targets_balance(double *weight, int n_classes, const int32_t *labels, int64_t n);
/** weight [n_outputs] = no / yes: both answers count the same; at most the largest weight that
 *  judd_targets_create takes. 1 where nobody says yes. answers [n, n_outputs]. Local. */
void judd_targets_balance_answers(double *weight, int n_outputs, const float *answers, int64_t n);

#endif
