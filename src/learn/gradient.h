/** The exact gradient of a step: per lane in float32, between lanes and ranks in int64.
 *
 *  What must not change a bit: a lane's part of every number is one chain of the exact product over
 *  the lane's rows in their order, rounded to fixed point once per lane. How the numbers are cut
 *  into blocks, and in which order blocks, lanes and heads are visited, is free.
 *
 *  Exponents. Where the slope of the loss is bounded and there is one layer, |gradient| <=
 *  micro-batch * largest feature * bound, known before the first step. Otherwise a lane's largest
 *  number of each tensor of each head is summed along with the gradient; that sum is at least the
 *  largest over lanes, and sets the exponent of the next step, with some bits to spare. Should a
 *  number exceed its exponent, all ranks take the largest over lanes, exactly, as the exponent and
 *  add up that step again. So exponents are a function of one head's own numbers: the same at any
 *  number of ranks and in any bank; they are part of a bank's state.
 */
#ifndef JUDD_SRC_LEARN_GRADIENT_H
#define JUDD_SRC_LEARN_GRADIENT_H

#include "learn/sampler.h"
#include "learn/stopwatch.h"

#include <judd/comm/node_sum.h>
#include <judd/learn/network.h>
#include <judd/learn/trainer.h>
#include <judd/linalg/lane_product.h>

/** Everything that is summed over ranks in one step: the gradient, and few numbers in one buffer.
 */
typedef struct judd_gradient_sums {
    int64_t *gradient;    /* [judd_bank_size], the node sum's */
    int64_t n, *data;     /* the others, this rank's own */
    int64_t *peak, *over; /* [n_parameters, n_heads] each: sums of the lanes' largest; lanes
                             whose largest exceeds the exponent */
    int64_t *bad;         /* [n_heads]: what was not finite */
    int64_t n_again;      /* the numbers so far: they are added up again with the gradient */
    int64_t *count;       /* [n_heads] */
    int64_t *error;       /* ranks that failed */
    int64_t *wishes;      /* [JUDD_N_WISHES] */
} judd_gradient_sums;

typedef struct judd_gradient {
    judd_bank *bank;             /* borrowed; its exponents are set */
    const judd_network *network; /* borrowed: deltas and activations */
    const judd_sampler *sampler; /* borrowed: the batch and its lanes */
    int set;                     /* of rows that the sampler draws from */
    int fraction;                /* of the fixed point */
    bool adapts;                 /* exponents move; else they are a bound */
    judd_lane_product *product;  /* with JUDD_BANK_EXACT */
    float *plain;                /* [judd_bank_size]: with JUDD_BANK_FLOAT, this rank's sums */
    uint32_t *largest; /* [own lanes, n_parameters, n_heads]: bits of magnitudes; if adapts */
    judd_gradient_sums sums;
    judd_node_sum *total; /* of the gradient over ranks, under way while it is added up; borrowed */
    int64_t *vector;      /* [most outputs of all heads]: of one vector, before it is added */
    float *lane;          /* [the same]: a lane's part of it */
    judd_stopwatch watch;
    judd_trainer_times times;
} judd_gradient;

/** set: 0 the target's rows, 1 the source's. total: of judd_bank_size numbers. Local. */
judd_status judd_gradient_create(judd_gradient *out, judd_bank *bank, const judd_network *network,
                                 const judd_sampler *sampler, judd_node_sum *total, int set);
void judd_gradient_destroy(judd_gradient *gradient);

/** Where the exponent of head h of a parameter is, for this set. */
int64_t *judd_gradient_exponent(const judd_gradient *gradient, const judd_parameter *parameter,
                                int64_t h);

/** Exponents before the first step, of rows whose largest |feature| is max_x. A resumed bank has
 *  its own if they move. */
void judd_gradient_begin(judd_gradient *gradient, double max_x);

/** Add this rank's lanes to sums.gradient, peak, over and bad, from the network's deltas of the
 *  sampler's batch, once a step. `total` gets what is final on the way. Local. */
judd_status judd_gradient_add(judd_gradient *gradient);

/** JUDD_BANK_FLOAT: this rank's sums, of a batch in one piece, into `plain`; then the totals over
 *  ranks into sums, their exponents into the bank. Local; collective. */
void judd_gradient_add_float(judd_gradient *gradient);
judd_status judd_gradient_finish_float(judd_gradient *gradient, const judd_comm *comm);

/** After the first sum over ranks: where numbers exceeded their exponents, larger exponents and all
 *  again. Collective; the same on every rank. */
judd_status judd_gradient_settle(judd_gradient *gradient, const judd_comm *comm);

/** Makes ready for the next sums, when no rank of the node reads these any more: in an array of
 *  the rank's own they are stored over the old ones. Local. */
void judd_gradient_clear(judd_gradient *gradient);

/** The exponents of the next step, from the sums of this one. */
void judd_gradient_adapt(judd_gradient *gradient);

#endif
