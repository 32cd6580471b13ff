/** Which samples a step sees: every lane's next few of its epoch's permutation, copied together.
 *
 *  The permutation is a function of (seed, epoch, lane), so the batch of a step is the same set of
 *  samples, in the same order within a lane, at any number of ranks.
 */
#ifndef LEARN_SAMPLER_H
#define LEARN_SAMPLER_H

#include <judd/learn/batch.h>
#include <judd/learn/rows.h>

typedef struct judd_sampler {
    const judd_rows *rows; /* borrowed */
    uint64_t seed;
    int n_own;                      /* lanes of this rank */
    int64_t micro, steps_per_epoch; /* samples a lane takes per step */
    int64_t epoch;                  /* of `order`; -1: none yet */
    int64_t *order;                 /* [n_local]: each lane's permutation, lane after lane */
    int64_t capacity;               /* rows of the largest batch of this rank */
    judd_batch batch;               /* of the latest step; owned */
    int64_t *begin;                 /* [n_own + 1]: where each own lane's rows begin in it */
} judd_sampler;

/** `batch` samples a step over all lanes of all ranks. Local. */
judd_status judd_sampler_create(judd_sampler *out, const judd_rows *rows, int64_t batch,
                                uint64_t seed);
void judd_sampler_destroy(judd_sampler *sampler);
/** Fill batch and begin for a step, from 0. Local. */
void judd_sampler_next(judd_sampler *sampler, int64_t step);

#endif
