/** The training loop: lanes, gradient, one exact all-reduce, one update per step. */
#ifndef JUDD_LEARN_TRAINER_H
#define JUDD_LEARN_TRAINER_H

#include <judd/learn/bank.h>

#include <signal.h>
#include <stdbool.h>

/** Where the seconds of this rank went. */
typedef struct judd_trainer_times {
    double gather;     /* rows of a step copied together */
    double product;    /* forward, softmax and gradient */
    double exact_sum;  /* to fixed point */
    double all_reduce; /* waiting included */
    double update;
    int64_t repeats; /* steps that were added up again with larger exponents */
} judd_trainer_times;

/** What happens between steps. Zeroed: nothing does. */
typedef struct judd_trainer_hooks {
    /** Save the bank, or with checkpoint_end begin to: training goes on meanwhile. Collective;
     *  called by all ranks at the same step. */
    judd_status (*checkpoint)(void *context, const judd_bank *bank);
    bool (*checkpoint_runs)(void *context);       /* whether this rank still writes. Local */
    judd_status (*checkpoint_end)(void *context); /* waits for it. Collective; NULL: none runs on */
    void *context;
    int64_t checkpoint_steps;          /* every so many steps; 0: not by steps */
    double checkpoint_s;               /* every so many seconds of rank 0's clock; 0: not by time */
    const volatile sig_atomic_t *stop; /* set by a signal on any rank: checkpoint, JUDD_E_AGAIN */
    judd_trainer_times *times;         /* measured if given */
    const judd_rows *source; /* the second set of rows of a bank with a source_weight; their folds
                                must be JUDD_ROWS_NO_FOLD */
    const judd_rows *curve;  /* what a bank with curve_steps is tried on */
    /** What heads are seen to do, values [n_heads] (NaN: nothing of this head): "train_loss"
     * without penalty on the samples of a step, every note_steps steps (0: never);
     * "validation_loss" when early stopping looks; "test_accuracy" of a learning curve. Called on
     * all ranks with the same values, in the order of the steps. NULL: nobody listens. */
    void (*note)(void *context, const char *what, int64_t step, const double *values);
    int64_t note_steps;
    const judd_rows *validation; /* for early stopping of heads without a held-out fold;
                                    standardised as the training rows; NULL: none */
} judd_trainer_hooks;

/** Train from bank->step to options.steps on the (standardised) rows, in place. Collective; bank
 * must be equal on all ranks and is so afterwards. JUDD_E_AGAIN: stopped by hooks->stop after a
 *  checkpoint. With early stopping it ends when no head learns any more, and watched heads have
 *  their best parameters. JUDD_E_DATA: labels or targets of another kind than the loss's. hooks may
 *  be NULL. */
judd_status judd_trainer_run(judd_bank *bank, const judd_rows *rows, const judd_comm *comm,
                             const judd_trainer_hooks *hooks);

#endif
