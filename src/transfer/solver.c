#include "transfer/solver.h"

#include <judd/transfer/scores.h>

#include <stdlib.h>
#include <string.h>

#ifndef ORDER_ALONE /* tests set it */
#define ORDER_ALONE JUDD_SCORES_ALONE
#endif

judd_status judd_solver_open(judd_solver *out, int64_t order, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    *out = (judd_solver){.comm = comm, .alone = order <= ORDER_ALONE};
    JUDD_TRY(judd_comm_agree(comm, judd_comm_open(&out->self, MPI_COMM_SELF)));
    JUDD_TRY(judd_scalapack_open(&out->shared, comm));
    JUDD_TRY(judd_comm_agree(comm, judd_scalapack_open(&out->own, &out->self)));
done:
    if (status != JUDD_OK) judd_solver_close(out);
    return status;
}

void judd_solver_close(judd_solver *solver) {
    judd_scalapack_close(&solver->own);
    judd_scalapack_close(&solver->shared);
    judd_comm_close(&solver->self);
    *solver = (judd_solver){0};
}

bool judd_solver_works(const judd_solver *solver) {
    return !solver->alone || solver->comm->rank == 0;
}

judd_status judd_solver_bring(judd_block_cyclic **matrix, const judd_solver *s) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *from = *matrix, *own = NULL;
    double *dense = NULL;
    if (!s->alone) return JUDD_OK;
    JUDD_TRY(judd_block_cyclic_gather(&dense, from));
    if (s->comm->rank == 0) {
        status = judd_block_cyclic_create(&own, &s->own, from->rows, from->columns,
                                          JUDD_BLOCK_CYCLIC_BLOCK);
        if (status == JUDD_OK)
            memcpy(own->data, dense, (size_t)(from->rows * from->columns) * sizeof *dense);
    }
    JUDD_TRY(judd_comm_broadcast_status(s->comm, status));
    judd_block_cyclic_destroy(from);
    *matrix = own;
    own = NULL;
done:
    judd_block_cyclic_destroy(own);
    free(dense);
    return status;
}

judd_status judd_solver_agree(const judd_solver *s, judd_status status) {
    return s->alone ? judd_comm_broadcast_status(s->comm, status)
                    : judd_comm_agree(s->comm, status);
}
