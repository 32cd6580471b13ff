/** The loss of each head on the samples of a step, for who watches: nothing is decided by it.
 *
 *  Every sample's loss is rounded to fixed point by itself, so the mean is the same at any number
 * of ranks.
 */
#ifndef JUDD_SRC_LEARN_TRAINING_LOSS_H
#define JUDD_SRC_LEARN_TRAINING_LOSS_H

#include "learn/sampler.h"

#include <judd/learn/trainer.h>

typedef struct judd_training_loss {
    const judd_bank *bank;           /* borrowed */
    const judd_trainer_hooks *hooks; /* borrowed; NULL: nobody listens */
    judd_exact_scale scale;
    int64_t *sums;  /* [2, n_heads]: losses, weights */
    double *values; /* [n_heads] */
} judd_training_loss;

/** Does nothing without a listener. Local. */
judd_status judd_training_loss_create(judd_training_loss *out, const judd_bank *bank,
                                      const judd_sampler *sampler, const judd_trainer_hooks *hooks);
void judd_training_loss_destroy(judd_training_loss *loss);

/** Whether the coming step is one that is told of. */
bool judd_training_loss_is_due(const judd_training_loss *loss);
/** This rank's outputs [batch->n, width] of such a step. Local. */
void judd_training_loss_add(judd_training_loss *loss, const float *outputs,
                            const judd_batch *batch);
/** After all ranks have added theirs, before the update. Collective. */
judd_status judd_training_loss_tell(judd_training_loss *loss, const judd_comm *comm);

#endif
