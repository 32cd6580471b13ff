#include <judd/learn/whole.h>

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static judd_status read_all(float **out, const judd_rows *rows, int64_t n) {
    judd_status status = JUDD_OK;
    int64_t *which = NULL;
    JUDD_TRY(judd_memory_alloc(&which, n, sizeof *which));
    JUDD_TRY(judd_memory_alloc(out, n * rows->dim, sizeof **out));
    for (int64_t i = 0; i < n; i++) which[i] = i;
    JUDD_TRY(judd_rows_read(*out, rows, which, n));
done:
    free(which);
    return status;
}

/* All ranks' rows in the order of the set: lanes follow each other, rank by rank. */
static judd_status gather(judd_rows *out, const judd_rows *rows, const judd_comm *comm,
                          const judd_comm *self) {
    judd_status status = JUDD_OK;
    judd_rows all = {.dim = rows->dim, .n_targets = rows->n_targets};
    const int64_t n = judd_lanes_count(&rows->lanes);
    void *x = NULL, *labels = NULL, *folds = NULL, *targets = NULL;
    float *read = NULL;
    JUDD_TRY(judd_lanes_deal(&all.lanes, rows->lanes.n_samples, rows->lanes.n_lanes, self->rank,
                             self->size));
    JUDD_TRY(judd_comm_agree(comm, rows->x ? JUDD_OK : read_all(&read, rows, n)));
    JUDD_TRY(
        judd_comm_allgather(comm, &x, rows->x ? rows->x : read, n * rows->dim, sizeof *rows->x));
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
    free(read);
    return status;
}

judd_status judd_whole_open(judd_whole *out, const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    *out = (judd_whole){.comm = comm, .rows = rows, .all = comm};
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
