/** Where a distributed matrix is solved: by rank 0 alone while it is small, so that results have
 * the same bits at any number of ranks; else by all ranks, where it is. */
#ifndef JUDD_SRC_TRANSFER_SOLVER_H
#define JUDD_SRC_TRANSFER_SOLVER_H

#include <judd/linalg/scalapack.h>

typedef struct judd_solver {
    const judd_comm *comm; /* borrowed */
    judd_comm self;
    judd_block_cyclic_grid shared; /* of all ranks */
    judd_block_cyclic_grid own;    /* of this rank */
    bool alone;
} judd_solver;

/** order: of the largest matrix to be solved. The solver must not move. Collective. */
judd_status judd_solver_open(judd_solver *out, int64_t order, const judd_comm *comm);
/** Collective. */
void judd_solver_close(judd_solver *solver);

/** Whether this rank takes part in the solution. */
bool judd_solver_works(const judd_solver *solver);
/** A matrix of the shared grid moves to where it is solved: *matrix is another one then, or, on
 *  ranks that have no part in it, NULL. Collective. */
judd_status judd_solver_bring(judd_block_cyclic **matrix, const judd_solver *solver);
/** The status of what the working ranks did, on every rank. Collective. */
judd_status judd_solver_agree(const judd_solver *solver, judd_status status);

#endif
