/** Validation between steps: which heads have learned enough, and their best parameters. */
#ifndef JUDD_SRC_LEARN_EARLY_STOPPING_H
#define JUDD_SRC_LEARN_EARLY_STOPPING_H

#include <judd/learn/network.h>
#include <judd/learn/trainer.h>

typedef struct judd_early_stopping_watch {
    judd_bank *bank;                    /* borrowed; its best_loss, ... and values are set */
    const judd_rows *rows, *validation; /* borrowed; validation may be NULL */
    const judd_trainer_hooks *hooks;    /* borrowed; may be NULL */
    const judd_comm *comm;
    judd_network network;
    double *lane_loss; /* [n_heads]: of one lane */
    double *values;    /* [n_heads]: of this look */
    int64_t *sums;     /* [n_heads] losses in fixed point, [n_heads] counts */
} judd_early_stopping_watch;

/** Does nothing for a bank without early stopping. Local. */
judd_status judd_early_stopping_create(judd_early_stopping_watch *out, judd_bank *bank,
                                       const judd_rows *rows, const judd_trainer_hooks *hooks,
                                       const judd_comm *comm);
void judd_early_stopping_destroy(judd_early_stopping_watch *watch);

/** After a step: if it is time, a look at every head that still learns. Collective; the same on
 *  every rank. */
judd_status judd_early_stopping_look(judd_early_stopping_watch *watch);

/** Whether there is early stopping and no head learns any more. */
bool judd_early_stopping_is_over(const judd_early_stopping_watch *watch);

#endif
