/** The exact gradient of a step: per lane in float32, between lanes and ranks in int64.
 *
 *  What must not change a bit: a lane's part of every number is one chain of the exact product over
 *  the lane's rows in their order, rounded to fixed point once per lane. How the numbers are cut
 *  into blocks, and in which order blocks, lanes and heads are visited, is free.
 */
#ifndef LEARN_GRADIENT_H
#define LEARN_GRADIENT_H

#include "learn/sampler.h"
#include "learn/stopwatch.h"

#include <judd/learn/network.h>
#include <judd/learn/trainer.h>

/** Everything that is summed over ranks in one step, in one buffer. */
typedef struct judd_gradient_sums {
    int64_t n, *data;
    int64_t *gradient;            /* [judd_bank_size] */
    int64_t *count, *bad;         /* [n_heads] each */
    int64_t *error, *stop, *save; /* ranks that failed, that got a signal; rank 0's clock */
} judd_gradient_sums;

typedef struct judd_gradient {
    const judd_bank *bank; /* borrowed */
    int n_lanes, fraction; /* of the fixed point */
    float *block;          /* part of one lane's gradient */
    int64_t block_rows, block_columns;
    judd_gradient_sums sums;
    judd_stopwatch watch;
    judd_trainer_times times;
} judd_gradient;

judd_status judd_gradient_create(judd_gradient *out, const judd_bank *bank, int n_lanes);
void judd_gradient_destroy(judd_gradient *gradient);

/** Add this rank's lanes to sums.gradient and bad. network->outputs holds d loss / d outputs of
 *  sampler->batch. Local. */
judd_status judd_gradient_add(judd_gradient *gradient, const judd_network *network,
                              const judd_sampler *sampler);

#endif
