/** What a sample of a class asks of a softmax head: one-hot, smoothed, or weighted by class.
 *
 *  For class y, with class weights w (1 unless given) and smoothing e, as in PyTorch's
 * CrossEntropyLoss: q_yc = (1 - e) w_y [c = y] + e w_c / n_classes,      a_y = sum_c q_yc loss =
 * -sum_c q_yc log p_c,      d loss / d logit_c = a_y p_c - q_yc and the mean over samples divides
 * by the sum of their w_y (smoothing: Szegedy et al. 2016).
 */
#ifndef JUDD_LEARN_TARGETS_H
#define JUDD_LEARN_TARGETS_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

/** Class weights are whole multiples of 1 / JUDD_TARGETS_UNIT, so that sums of them are exact. */
enum { JUDD_TARGETS_UNIT = 1 << 20 };

typedef struct judd_targets {
    int n_classes;
    bool plain;      /* one-hot, all weights 1 */
    float *share;    /* [n_classes, n_classes]: q */
    float *mass;     /* [n_classes]: a */
    int64_t *weight; /* [n_classes]: w in units of 1 / JUDD_TARGETS_UNIT; 1 each when plain */
    double unit;     /* of weight: 1 / JUDD_TARGETS_UNIT, or 1 when plain */
    double bound;    /* largest |d loss / d logit|, at least 1 */
} judd_targets;

/** class_weight [n_classes] or NULL; at most 1024 each (JUDD_E_CONFIG), rounded to units. Local. */
judd_status judd_targets_create(judd_targets *out, int n_classes, const double *class_weight,
                                double smoothing);
void judd_targets_free(judd_targets *targets);

/** weight [n_classes] = n / (n_classes * samples of the class): every class counts the same. 0 for
 *  classes without samples. labels [n]. Local. */
void judd_targets_balance(double *weight, int n_classes, const int32_t *labels, int64_t n);

#endif
