/** What each head of a bank knows as it learns: samples it has right after every so many steps.
 *
 *  Nothing is decided by it: a curve may be taken on the samples a head is judged by.
 */
#ifndef JUDD_SRC_LEARN_LEARNING_CURVE_H
#define JUDD_SRC_LEARN_LEARNING_CURVE_H

#include <judd/learn/network.h>
#include <judd/learn/trainer.h>

typedef struct judd_learning_curve {
    judd_bank *bank;                 /* borrowed; its curve is set */
    const judd_rows *rows;           /* borrowed; what it is tried on */
    const judd_trainer_hooks *hooks; /* borrowed; may be NULL */
    const judd_comm *comm;
    judd_network network;
    int64_t *right; /* [n_heads] */
    double *values; /* [n_heads]: the same as shares */
} judd_learning_curve;

/** Does nothing for a bank without curve_steps, or without hooks->curve. Local. */
judd_status judd_learning_curve_create(judd_learning_curve *out, judd_bank *bank,
                                       const judd_trainer_hooks *hooks, const judd_comm *comm);
void judd_learning_curve_destroy(judd_learning_curve *curve);

/** Before the first step and after each: if it is time, bank->curve gets its next point.
 * Collective; the same on every rank. */
judd_status judd_learning_curve_look(judd_learning_curve *curve);

#endif
