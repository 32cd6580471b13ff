/** Which samples a step sees: every lane's next few of its epoch's permutation.
 *
 *  The permutation is a function of (seed, epoch, lane), so the batch of a step is the same set of
 *  samples, in the same order within a lane, at any number of ranks.
 */
#ifndef JUDD_SRC_LEARN_SAMPLER_H
#define JUDD_SRC_LEARN_SAMPLER_H

#include <judd/learn/batch.h>
#include <judd/learn/row_stream.h>

#include <stdbool.h>

/** What the order of samples is made from. The stream's thread may be at it. */
typedef struct judd_sampler_order {
    const judd_lanes *lanes; /* borrowed */
    uint64_t seed;
    int64_t micro, steps_per_epoch; /* samples a lane takes per step */
    int64_t epoch;                  /* of `order`; -1: none yet */
    int64_t *order;                 /* [n_local]: each lane's permutation, lane after lane */
} judd_sampler_order;

typedef struct judd_sampler {
    const judd_rows *rows;  /* borrowed */
    int n_own;              /* lanes of this rank */
    int64_t micro;          /* samples a lane takes per step */
    int64_t first_position; /* of the set: so that positions of no two sets are the same */
    int64_t capacity;       /* rows of the largest batch of this rank */
    judd_batch batch;       /* of the latest step; x belongs to the stream */
    float *copy;            /* [capacity, dim]: of x in one piece, or NULL */
    int64_t *begin;         /* [n_own + 1]: where each own lane's rows begin in it */
    judd_sampler_order *order;
    judd_row_stream *stream;
} judd_sampler;

/** `batch` samples a step over all lanes of all ranks, from `step` on. set: of a bank's sets of
 *  rows; each has an order of its own. in_order: batch.x is the rows in one piece, batch.rows NULL.
 *  Local. */
judd_status judd_sampler_create(judd_sampler *out, const judd_rows *rows, int64_t batch,
                                uint64_t seed, int set, int64_t step, bool in_order);
void judd_sampler_destroy(judd_sampler *sampler);
/** Fill batch and begin for the next step. JUDD_E_IO as judd_row_stream_next. Local. */
judd_status judd_sampler_next(judd_sampler *sampler);

#endif
