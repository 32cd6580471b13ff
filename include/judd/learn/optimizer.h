/** Update rules and schedules of stochastic training, behind one table.
 *
 *  With gradient g, state v (and u), rate r = learning_rate * factor(t), decay d:
 *      sgd       g += d w;  v = momentum v + g;  w -= r v              (Sutskever et al. 2013)
 *      nesterov  g += d w;  v = momentum v + g;  w -= r (g + momentum v)
 *      adamw     w -= r d w;  v = b1 v + (1 - b1) g;  u = b2 u + (1 - b2) g^2
 *                w -= r v / (1 - b1^t) / (sqrt(u / (1 - b2^t)) + epsilon)
 *                                                        (Loshchilov & Hutter 2019, algorithm 2)
 *  all as PyTorch does it. Only IEEE operations: the same bits everywhere.
 */
#ifndef JUDD_LEARN_OPTIMIZER_H
#define JUDD_LEARN_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum judd_optimizer_kind {
    JUDD_OPTIMIZER_SGD,
    JUDD_OPTIMIZER_NESTEROV,
    JUDD_OPTIMIZER_ADAMW
} judd_optimizer_kind;

/** How the rate falls over the steps: not, as (1 + cos(pi t / T)) / 2, or by a factor every so many
 *  steps. */
typedef enum judd_schedule {
    JUDD_SCHEDULE_CONSTANT,
    JUDD_SCHEDULE_COSINE,
    JUDD_SCHEDULE_STEP
} judd_schedule;

typedef struct judd_optimizer_options {
    judd_optimizer_kind kind;
    double momentum;              /* sgd, nesterov */
    double beta1, beta2, epsilon; /* adamw */
    double clip; /* largest Euclidean norm of a head's gradient, before decay; 0: any */
    judd_schedule schedule;
    int64_t warmup_steps; /* the rate rises linearly for so long, then the schedule begins */
    int64_t decay_steps;  /* JUDD_SCHEDULE_STEP: every so many steps ... */
    double decay_factor;  /* ... the rate is multiplied by this */
} judd_optimizer_options;

#define JUDD_OPTIMIZER_DEFAULTS                                                                    \
    ((judd_optimizer_options){                                                                     \
        .momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .decay_factor = 0.1})

/** Whether the rule keeps a second state, u. */
bool judd_optimizer_has_second(judd_optimizer_kind kind);

/** Factor of the learning rate at `step` (from 0) of `steps`. */
double judd_optimizer_factor(const judd_optimizer_options *options, int64_t step, int64_t steps);

/** One update of n parameters with gradient sum[i] * unit. step counts from 0; second may be NULL
 *  unless has_second. Local. */
void judd_optimizer_update(const judd_optimizer_options *options, float *w, float *first,
                           float *second, const int64_t *sum, int64_t n, double unit, double rate,
                           double decay, int64_t step);

/** Sum of squares of sum[i] * unit, in a fixed order. */
double judd_optimizer_square(const int64_t *sum, int64_t n, double unit);

#endif
