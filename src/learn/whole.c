#include <judd/learn/whole.h>

#include <stdlib.h>
#include <string.h>

/* All ranks' rows in the order of the set: lanes follow each other, rank by rank. */
static judd_status gather(judd_rows *out, const judd_rows *rows, const judd_comm *comm,
                          const judd_comm *self) {
    judd_status status = JUDD_OK;
    judd_rows all = {.dim = rows->dim, .n_targets = rows->n_targets};
    const int64_t n = judd_lanes_count(&rows->lanes);
    void *x = NULL, *labels = NULL, *folds = NULL, *targets = NULL;
    JUDD_TRY(judd_lanes_deal(&all.lanes, rows->lanes.n_samples, rows->lanes.n_lanes, self->rank,
                             self->size));
    JUDD_TRY(judd_comm_allgather(comm, &x, rows->x, n * rows->dim, sizeof *rows->x));
    all.x = x;
    JUDD_TRY(judd_comm_allgather(comm, &labels, rows->labels, n, sizeof *rows->labels));
    all.labels = labels;
    JUDD_TRY(judd_comm_allgather(comm, &folds, rows->folds, n, sizeof *rows->folds));
    all.folds = folds;
    if (rows->targets)
        JUDD_TRY(judd_comm_allgather(comm, &targets, rows->targets, n * rows->n_targets,
                                     sizeof *rows->targets));
    all.targets = targets;
    *out = all;
    all = (judd_rows){0};
done:
    judd_rows_free(&all);
    return status;
}

judd_status judd_whole_open(judd_whole *out, const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    *out = (judd_whole){.comm = comm, .rows = rows, .all = comm};
    JUDD_TRY(judd_comm_agree(comm, judd_rows_need_memory(rows, "features")));
    if (comm->size == 1 || rows->lanes.n_samples > JUDD_WHOLE_VALUES / rows->dim) return JUDD_OK;
    JUDD_TRY(judd_comm_agree(comm, judd_comm_open(&out->self, MPI_COMM_SELF)));
    JUDD_TRY(gather(&out->copy, rows, comm, &out->self));
    out->comm = &out->self;
    out->rows = &out->copy;
    out->first = judd_lanes_first(&rows->lanes);
    out->gathered = true;
done:
    if (status != JUDD_OK) judd_whole_close(out);
    return status;
}

void judd_whole_close(judd_whole *whole) {
    judd_rows_free(&whole->copy);
    judd_comm_close(&whole->self);
    *whole = (judd_whole){0};
}

judd_status judd_whole_settle(const judd_whole *whole, void *result, int64_t bytes) {
    return whole->gathered ? judd_comm_broadcast(whole->all, result, bytes) : JUDD_OK;
}
