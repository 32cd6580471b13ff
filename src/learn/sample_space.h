/** Rows that are fewer than their columns, in the space that they span.
 *
 *  The weights of a linear head with an L2 penalty lie in the span of its samples (representer
 *  theorem; Schoelkopf, Herbrich, Smola 2001), so a head with few samples of many features needs
 * few unknowns. With X [n, dim] and X X' = L L' (Cholesky), row i of L stands for sample i: weights
 *  w [n] there and X' L^-T w [dim] here give all samples the same outputs and have the same norm,
 *  hence the same loss and penalty. All of it is made on every rank, in one order of summation.
 */
#ifndef JUDD_SRC_LEARN_SAMPLE_SPACE_H
#define JUDD_SRC_LEARN_SAMPLE_SPACE_H

#include <judd/learn/rows.h>

#include <stdbool.h>

typedef struct judd_sample_space {
    int64_t n, dim;
    judd_rows rows; /* this rank's rows of L, with the labels, folds and targets of the rows that it
                       was made from, which must outlive it */
    double *x;      /* [n, dim]: all samples */
    double *factor; /* [n, n]: L, as judd/linalg/cholesky.h has it */
    double *own;    /* rows.wide */
} judd_sample_space;

/** Whether so many samples are fewer than the columns, and small enough for every rank. Local. */
bool judd_sample_space_fits(int64_t n_samples, int64_t dim);

/** Of rows that fit. *out: NULL if the samples have no such L in float64. Collective. Owner:
 * caller, judd_sample_space_destroy. */
judd_status judd_sample_space_create(judd_sample_space **out, const judd_rows *rows,
                                     const judd_comm *comm);
/** Local. NULL is allowed. */
void judd_sample_space_destroy(judd_sample_space *space);

/** to [m, n] = weights with the outputs of `from` [m, dim] on all samples. Local. */
void judd_sample_space_enter(const judd_sample_space *space, double *to, const double *from,
                             int64_t m);
/** to [m, dim] = the weights here of `from` [m, n], which is overwritten. Local. */
void judd_sample_space_leave(const judd_sample_space *space, double *to, double *from, int64_t m);

#endif
