/** Update rules and schedules of stochastic training, behind one table.
 *
 *  With gradient g, state v (and u), rate r = learning_rate * factor(t), decay d towards an anchor
 * a, which is zero unless the head starts from another one: sgd       g += d (w - a);  v = momentum
 * v + g;  w -= r v        (Sutskever et al. 2013) nesterov  g += d (w - a);  v = momentum v + g;  w
 * -= r (g + momentum v) adamw     w -= r d (w - a);  v = b1 v + (1 - b1) g;  u = b2 u + (1 - b2)
 * g^2 w -= r v / (1 - b1^t) / (sqrt(u / (1 - b2^t)) + epsilon) (Loshchilov & Hutter 2019, algorithm
 * 2) all as PyTorch does it. Only IEEE operations: the same bits everywhere.
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

/** How something falls over the steps: not, as (1 + cos(pi t / T)) / 2, as 1 - t / T, or by a
 * factor every so many steps. */
typedef enum judd_schedule {
    JUDD_SCHEDULE_CONSTANT,
    JUDD_SCHEDULE_COSINE,
    JUDD_SCHEDULE_STEP,
    JUDD_SCHEDULE_LINEAR
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

/** What one update changes: n parameters, their state, and what draws them; first and second are
 * the rule's state, second NULL unless has_second; anchor NULL: zero. Everything borrowed. */
typedef struct judd_optimizer_parameters {
    int64_t n;
    float *w, *first, *second;
    const float *gradient, *anchor;
    double rate, decay;
    int64_t step; /* from 0 */
} judd_optimizer_parameters;

/** Local. */
void judd_optimizer_update(const judd_optimizer_options *options,
                           const judd_optimizer_parameters *parameters);

#endif
