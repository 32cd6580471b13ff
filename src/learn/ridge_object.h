/* The inside of a ridge, for ridge.c and ridge_held_out.c. */
#ifndef JUDD_SRC_LEARN_RIDGE_OBJECT_H
#define JUDD_SRC_LEARN_RIDGE_OBJECT_H

#include <judd/learn/moments.h>
#include <judd/learn/ridge.h>
#include <judd/linalg/scalapack.h>

struct judd_ridge {
    const judd_comm *comm;
    judd_ridge_problem problem;
    judd_block_cyclic_grid grid;
    int64_t n, dim, order, block;
    bool dual;           /* order is n, not dim */
    judd_moments mean;   /* of the features */
    double *target_mean; /* [n_targets] */
    int64_t *ids;        /* [n_local]: place in the order of folds */
    int64_t *fold_start; /* [n_folds + 1]: ranges of that order */
    int n_folds;
    double shift;               /* of the constant vector's eigenvalue (dual) */
    judd_block_cyclic *gram;    /* [order, order]; until it is decomposed */
    judd_block_cyclic *right;   /* [order, n_targets]: X^T Y or Y; decomposed: vectors^T of that */
    judd_block_cyclic *vectors; /* [order, order] */
    double *values;             /* [order], ascending */
    judd_block_cyclic *x;       /* [n, dim], in the order of folds (dual) */
};

/** Rows of X and Y, centred. Context: the ridge. */
judd_status judd_ridge_fill_x(void *context, double *out, int64_t first, int64_t n);
judd_status judd_ridge_fill_y(void *context, double *out, int64_t first, int64_t n);
/** Target t of local sample i, not centred. */
double judd_ridge_target(const judd_ridge *ridge, int64_t i, int64_t t);

/** A matrix on the ridge's grid. Collective. */
judd_status judd_ridge_matrix(judd_block_cyclic **out, const judd_ridge *ridge, int64_t rows,
                              int64_t columns);
/** Is the decomposed matrix regular at this strength? Collective. */
judd_status judd_ridge_check(const judd_ridge *ridge, double l2);
/** (values + l2)^-1 right, [order, n_targets]. Collective. */
judd_status judd_ridge_scaled(judd_block_cyclic **out, const judd_ridge *ridge, double l2);

#endif
