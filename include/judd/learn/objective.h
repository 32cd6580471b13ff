/** The regularised loss of several linear heads on all samples, with its gradient, in float64.
 *
 *  Per head, with its samples (those outside its held-out fold), weights W and bias b:
 *      f = 1/n sum_i loss(W x_i + b, y_i) + l2/2 ||W||^2
 *  with n and the losses as in learn/targets.h. Features are float32, everything else float64. The
 *  heads share one pass over the features: one wide forward and backward product. Each head has the
 *  bits it would have alone, at any number of ranks: sums over samples are chains within a lane,
 *  exact between lanes (what has no small bound in two fixed-point words).
 */
#ifndef JUDD_LEARN_OBJECTIVE_H
#define JUDD_LEARN_OBJECTIVE_H

#include <judd/learn/rows.h>
#include <judd/learn/targets.h>

#include <stdbool.h>

/** One head's question and answer. */
typedef struct judd_objective_point {
    const double *at; /* [n_outputs * dim] weights, then [n_outputs] biases */
    int head;         /* whose targets.mean and scale it has, where there are any */
    double l2;
    int held_out; /* fold whose samples do not count; -1: none */
    double value;
    double *gradient; /* as `at` */
    double *span;     /* or NULL, not asked: [judd_objective_span] */
    int64_t count;    /* times targets.unit, what the mean divides by */
    int64_t mistakes; /* softmax: samples whose own class does not have the highest logit alone;
                         sigmoid: with an answer on the wrong side of a half; squared: all */
    bool finite;      /* else value and gradient mean nothing */
} judd_objective_point;

typedef struct judd_objective judd_objective;

/** Room for up to n_heads points at once. rows, targets and comm are borrowed. Collective. */
judd_status judd_objective_create(judd_objective **out, const judd_rows *rows,
                                  const judd_targets *targets, int n_heads, const judd_comm *comm);
void judd_objective_destroy(judd_objective *objective);

/** Mean squares of the features over all samples, [dim]: the scale of the loss's curvature. */
const double *judd_objective_squares(const judd_objective *objective);

/** Numbers of a point's `span`, what the loss curves with along the weights themselves: for outputs
 *  a <= b, then for u <= v of the outputs less their biases and of a last one that is always 1, the
 *  mean over samples of d^2 loss / d output_a d output_b times the product of u and v. 0: not to be
 *  had; the loss's curvature is the same everywhere, or finding it would cost too much, as with
 * many outputs. */
int64_t judd_objective_span(const judd_targets *targets, int64_t dim);

/** Answer n points. *wishes: any numbers of every rank come back as sums over ranks (a stop signal,
 *  a clock). Collective; the answers are the same on every rank. */
judd_status judd_objective_evaluate(judd_objective *objective, judd_objective_point *points, int n,
                                    int64_t *wishes, int n_wishes);

#endif
