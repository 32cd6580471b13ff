/** Exact evaluation: every sample counted once, the same figures at any number of ranks. */
#ifndef JUDD_LEARN_EVALUATE_H
#define JUDD_LEARN_EVALUATE_H

#include <judd/learn/bank.h>

/** Losses above this are counted as this, so that one sample cannot break the exact sum. */
#define JUDD_EVALUATE_MAX_LOSS 1e6

/** Scores of every head on the training samples of its own held-out fold.
 *  correct, count [n_heads] (integers over all ranks), nll [n_heads] (sums, natural logarithm);
 * heads without a held-out fold get 0. rows are standardised. Collective. */
judd_status judd_evaluate_held_out(int64_t *correct, int64_t *count, double *nll,
                                   const judd_bank *bank, const judd_rows *rows,
                                   const judd_comm *comm);

typedef struct judd_evaluation {
    int n_classes;
    int64_t n;          /* samples over all ranks */
    int64_t *confusion; /* [n_classes (true), n_classes (predicted)], over all ranks */
    double nll;         /* mean negative log likelihood */
    int32_t *predicted; /* rank 0: [n] in the set's order (lowest class on ties); else NULL */
} judd_evaluation;

/** A bank of one head (judd_bank_extract) on raw rows standardised on the way. Collective. Owner of
 *  the arrays: caller, judd_evaluate_free. */
judd_status judd_evaluate_head(judd_evaluation *out, const judd_bank *head,
                               const judd_standard *standard, const judd_rows *rows,
                               const judd_comm *comm);
void judd_evaluate_free(judd_evaluation *evaluation);

#endif
