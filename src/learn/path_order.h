/** In which order heads that differ in L2 only are trained, and from where each starts.
 *
 *  The minimiser is a smooth function of log l2, so a head between finished ones starts near its
 *  minimum: on the cubic through the weights of the four nearest. Of n strengths every 2^k-th and
 *  the last start from zero, all at once, then those halfway between finished ones, and so on: few
 *  rounds, each with many heads that share one wide product. A chain, strongest first, would need
 *  about as many evaluations, but one after the other.
 */
#ifndef JUDD_SRC_LEARN_PATH_ORDER_H
#define JUDD_SRC_LEARN_PATH_ORDER_H

#include <judd/learn/bank.h>

enum { JUDD_PATH_MOST_PARENTS = 4 };

typedef struct judd_path_head {
    int head, level;
    int n_parents; /* 0: it starts from zero */
    int parents[JUDD_PATH_MOST_PARENTS];
    double shares[JUDD_PATH_MOST_PARENTS]; /* of the parents' weights in the start; sum 1 */
} judd_path_head;

/** order [n]: parents come before children. Heads that leave out different folds never share
 *  weights. Local. */
judd_status judd_path_order_make(judd_path_head *order, const judd_bank_head *heads, int n);

/** Where a head without hidden layers starts: x [n_outputs * dim] weights, [n_outputs] biases. Its
 *  parents in the bank are finished. Local. */
void judd_path_order_start(double *x, const judd_path_head *head, const judd_bank *bank);

#endif
