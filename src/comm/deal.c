#include <judd/comm/deal.h>

#include <judd/base/memory.h>

#include <stdlib.h>

enum { SHARE = 8, MOST = 1024 }; /* a chunk is at most remaining / (SHARE ranks), and MOST items */
static const int64_t beyond = (int64_t)1 << 40; /* more chunks than there are */

struct judd_deal {
    const judd_comm *comm; /* borrowed */
    int64_t n, n_chunks;
    int64_t *starts; /* [n_chunks + 1] */
    MPI_Win window;
    int64_t *counter; /* rank 0's counts */
};

static int64_t chunk_size(int64_t left, int64_t unit, int ranks) {
    int64_t size = left / (SHARE * (int64_t)ranks);
    if (size > MOST) size = MOST;
    size -= size % unit;
    if (size < unit) size = unit;
    return size < left ? size : left;
}

static judd_status make_chunks(judd_deal *d, int64_t unit) {
    judd_status status = JUDD_OK;
    int64_t k = 0;
    for (int64_t at = 0; at < d->n; at += chunk_size(d->n - at, unit, d->comm->size)) d->n_chunks++;
    JUDD_TRY(judd_memory_alloc(&d->starts, d->n_chunks + 1, sizeof *d->starts));
    for (int64_t at = 0; at < d->n; at += chunk_size(d->n - at, unit, d->comm->size))
        d->starts[k++] = at;
    d->starts[k] = d->n;
done:
    return status;
}

/* The counter starts at 0 before anyone can ask. */
static judd_status open_window(judd_deal *d) {
    judd_status status = JUDD_OK;
    MPI_Aint size = d->comm->rank == 0 ? (MPI_Aint)sizeof(int64_t) : 0;
    JUDD_TRY(judd_comm_check(MPI_Win_allocate(size, (int)sizeof(int64_t), MPI_INFO_NULL,
                                              d->comm->mpi, &d->counter, &d->window),
                             "MPI_Win_allocate"));
    JUDD_TRY(judd_comm_check(MPI_Win_set_errhandler(d->window, MPI_ERRORS_RETURN),
                             "MPI_Win_set_errhandler"));
    JUDD_TRY(judd_comm_check(MPI_Win_lock_all(MPI_MODE_NOCHECK, d->window), "MPI_Win_lock_all"));
    if (d->comm->rank == 0) {
        *d->counter = 0;
        JUDD_TRY(judd_comm_check(MPI_Win_sync(d->window), "MPI_Win_sync"));
    }
done:
    return status;
}

judd_status judd_deal_create(judd_deal **out, const judd_comm *comm, int64_t n, int64_t unit) {
    judd_status status = JUDD_OK;
    judd_deal *d = NULL;
    *out = NULL;
    status = judd_memory_alloc(&d, 1, sizeof *d);
    if (status == JUDD_OK) {
        *d = (judd_deal){.comm = comm, .n = n, .window = MPI_WIN_NULL};
        status = make_chunks(d, unit);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_agree(comm, open_window(d)));
    *out = d;
    d = NULL;
done:
    judd_deal_destroy(d);
    return status;
}

void judd_deal_destroy(judd_deal *d) {
    if (!d) return;
    if (d->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(d->window);
        MPI_Win_free(&d->window);
    }
    free(d->starts);
    free(d);
}

static judd_status raise_counter(judd_deal *d, int64_t by, int64_t *before) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_check(MPI_Fetch_and_op(&by, before, MPI_INT64_T, 0, 0, MPI_SUM, d->window),
                             "MPI_Fetch_and_op"));
    JUDD_TRY(judd_comm_check(MPI_Win_flush(0, d->window), "MPI_Win_flush"));
done:
    return status;
}

judd_status judd_deal_next(judd_deal *d, int64_t *first, int64_t *end) {
    int64_t k = 0;
    *first = *end = d->n;
    judd_status status = raise_counter(d, 1, &k);
    if (status != JUDD_OK || k < 0 || k >= d->n_chunks) return status;
    *first = d->starts[k];
    *end = d->starts[k + 1];
    return JUDD_OK;
}

judd_status judd_deal_stop(judd_deal *d) {
    int64_t before = 0;
    return raise_counter(d, beyond, &before);
}

void judd_deal_answer(judd_deal *d) {
    int flag = 0;
    if (d->comm->rank == 0 && d->comm->size > 1)
        (void)MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, d->comm->mpi, &flag, MPI_STATUS_IGNORE);
}
