#include <judd/comm/comm.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts are int and some transports slow down or fail near 2 GiB. Tests set it lower. */
#ifndef JUDD_COMM_CALL_BYTES
#define JUDD_COMM_CALL_BYTES ((int64_t)1 << 30)
#endif

enum { GATHER_TAG = 1 };

judd_status judd_comm_check(int mpi_code, const char *call) {
    if (mpi_code == MPI_SUCCESS) return JUDD_OK;
    char reason[MPI_MAX_ERROR_STRING + 1] = "unknown MPI error";
    int length = 0;
    MPI_Error_string(mpi_code, reason, &length);
    return judd_status_set(JUDD_E_INTERNAL, "%s: %s; look for a lost rank or node in the log", call,
                           reason);
}

/* An MPI call of this file: the watchdog sees that the rank waits in it. */
#define CALL(comm, call, name) (judd_watchdog_wait((comm)->watchdog), called(comm, call, name))

static judd_status called(const judd_comm *comm, int mpi_code, const char *name) {
    judd_watchdog_beat(comm->watchdog);
    return judd_comm_check(mpi_code, name);
}

static judd_status split_node(MPI_Comm *comm, bool by_memory, MPI_Comm parent, int color,
                              int rank) {
    judd_status status = JUDD_OK;
    int code = by_memory
                   ? MPI_Comm_split_type(parent, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, comm)
                   : MPI_Comm_split(parent, color, rank, comm);
    JUDD_TRY(judd_comm_check(code, by_memory ? "MPI_Comm_split_type" : "MPI_Comm_split"));
    JUDD_TRY(judd_comm_check(MPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN),
                             "MPI_Comm_set_errhandler"));
done:
    return status;
}

static void free_comm(MPI_Comm *comm) {
    if (*comm != MPI_COMM_NULL) MPI_Comm_free(comm);
}

/* Who shares memory with this rank. */
static judd_status find_node(judd_comm *comm) {
    judd_status status = JUDD_OK;
    const char *limit = getenv("JUDD_NODE_RANKS");
    const int most = limit ? atoi(limit) : 0;
    MPI_Comm all = MPI_COMM_NULL;
    comm->node_size = 1;
    if (comm->size == 1) return JUDD_OK;
    JUDD_TRY(split_node(&comm->node, true, comm->mpi, 0, comm->rank));
    JUDD_TRY(judd_comm_check(MPI_Comm_rank(comm->node, &comm->node_rank), "MPI_Comm_rank"));
    if (most > 0) {
        all = comm->node;
        comm->node = MPI_COMM_NULL;
        JUDD_TRY(split_node(&comm->node, false, all, comm->node_rank / most, comm->node_rank));
        JUDD_TRY(judd_comm_check(MPI_Comm_rank(comm->node, &comm->node_rank), "MPI_Comm_rank"));
    }
    JUDD_TRY(judd_comm_check(MPI_Comm_size(comm->node, &comm->node_size), "MPI_Comm_size"));
    if (comm->node_size == 1) free_comm(&comm->node);
done:
    free_comm(&all);
    return status;
}

/* A communicator of our own becomes a judd_comm, or is freed. */
static judd_status adopt(judd_comm *out, MPI_Comm mpi) {
    judd_status status = JUDD_OK;
    judd_comm comm = {.mpi = mpi, .node = MPI_COMM_NULL};
    JUDD_TRY(judd_comm_check(MPI_Comm_set_errhandler(comm.mpi, MPI_ERRORS_RETURN),
                             "MPI_Comm_set_errhandler"));
    JUDD_TRY(judd_comm_check(MPI_Comm_rank(comm.mpi, &comm.rank), "MPI_Comm_rank"));
    JUDD_TRY(judd_comm_check(MPI_Comm_size(comm.mpi, &comm.size), "MPI_Comm_size"));
    JUDD_TRY(find_node(&comm));
    *out = comm;
done:
    if (status != JUDD_OK) {
        free_comm(&comm.node);
        free_comm(&comm.mpi);
    }
    return status;
}

judd_status judd_comm_open(judd_comm *out, MPI_Comm parent) {
    judd_status status = JUDD_OK;
    MPI_Comm mpi = MPI_COMM_NULL;
    memset(out, 0, sizeof *out);
    JUDD_TRY(judd_comm_check(MPI_Comm_dup(parent, &mpi), "MPI_Comm_dup"));
    JUDD_TRY(adopt(out, mpi));
done:
    return status;
}

judd_status judd_comm_split(judd_comm *out, const judd_comm *comm, int group) {
    judd_status status = JUDD_OK;
    MPI_Comm mpi = MPI_COMM_NULL;
    memset(out, 0, sizeof *out);
    JUDD_TRY(judd_comm_check(
        MPI_Comm_split(comm->mpi, group < 0 ? MPI_UNDEFINED : group, comm->rank, &mpi),
        "MPI_Comm_split"));
    if (group < 0) return JUDD_OK;
    JUDD_TRY(adopt(out, mpi));
    out->watchdog = comm->watchdog;
done:
    return status;
}

void judd_comm_close(judd_comm *comm) {
    if (!comm || comm->size == 0) return; /* a zeroed handle need not equal MPI_COMM_NULL */
    free_comm(&comm->node);
    free_comm(&comm->mpi);
    memset(comm, 0, sizeof *comm);
}

judd_status judd_comm_meet_node(const judd_comm *comm) {
    if (comm->node_size == 1) return JUDD_OK;
    atomic_thread_fence(memory_order_seq_cst);
    judd_status status = CALL(comm, MPI_Barrier(comm->node), "MPI_Barrier");
    atomic_thread_fence(memory_order_seq_cst);
    return status;
}

/* What a person must look at first: a broken program hides everything else, a request to run
 * again hides nothing. */
static int64_t severity(judd_status status) {
    switch (status) {
    case JUDD_OK:
        return 0;
    case JUDD_E_AGAIN:
        return 1;
    case JUDD_E_USAGE:
        return 2;
    case JUDD_E_CONFIG:
        return 3;
    case JUDD_E_DEGENERATE:
        return 4;
    case JUDD_E_DATA:
        return 5;
    case JUDD_E_IO:
        return 6;
    case JUDD_E_INTERNAL:
        return 7;
    }
    return 8;
}

/* The failure path of agree: the winner's message on every rank. */
static judd_status share_message(const judd_comm *comm, judd_status own, judd_status code,
                                 int winner) {
    judd_status status = JUDD_OK;
    char text[JUDD_MESSAGE_SIZE] = "";
    int n_failed = own == code;
    JUDD_TRY(CALL(comm, MPI_Allreduce(MPI_IN_PLACE, &n_failed, 1, MPI_INT, MPI_SUM, comm->mpi),
                  "MPI_Allreduce"));
    if (comm->rank == winner) strncpy(text, judd_status_message(), sizeof text - 1);
    JUDD_TRY(CALL(comm, MPI_Bcast(text, sizeof text, MPI_BYTE, winner, comm->mpi), "MPI_Bcast"));
    if (n_failed == comm->size)
        status = judd_status_set(code, "%s", text);
    else
        status = judd_status_set(code, "rank %d: %s", winner, text);
done:
    return status;
}

judd_status judd_comm_agree(const judd_comm *comm, judd_status status) {
    const judd_status own = status;
    const int64_t low_ranks_win = (int64_t)INT32_MAX - comm->rank;
    /* [severity : 8][code : 16][inverted rank : 32]: one number whose maximum names the winner */
    int64_t worst = severity(own) << 48 | ((int64_t)own & 0xFFFF) << 32 | low_ranks_win;
    JUDD_TRY(CALL(comm, MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_INT64_T, MPI_MAX, comm->mpi),
                  "MPI_Allreduce"));
    if (worst >> 32 == 0) return JUDD_OK;
    status = share_message(comm, own, (judd_status)(worst >> 32 & 0xFFFF),
                           (int)(INT32_MAX - (worst & INT32_MAX)));
done:
    return status;
}

judd_status judd_comm_broadcast_status(const judd_comm *comm, judd_status status) {
    struct {
        int code;
        char message[JUDD_MESSAGE_SIZE];
    } outcome = {.code = (int)status};
    if (status != JUDD_OK) strncpy(outcome.message, judd_status_message(), JUDD_MESSAGE_SIZE - 1);
    status = JUDD_OK;
    JUDD_TRY(judd_comm_broadcast(comm, &outcome, sizeof outcome));
    if (outcome.code != JUDD_OK)
        status = judd_status_set((judd_status)outcome.code, "%s", outcome.message);
done:
    return status;
}

judd_status judd_comm_broadcast(const judd_comm *comm, void *data, int64_t bytes) {
    judd_status status = JUDD_OK;
    char *p = data;
    for (int64_t at = 0; at < bytes; at += JUDD_COMM_CALL_BYTES) {
        int n = (int)judd_least(JUDD_COMM_CALL_BYTES, bytes - at);
        JUDD_TRY(CALL(comm, MPI_Bcast(p + at, n, MPI_BYTE, 0, comm->mpi), "MPI_Bcast"));
    }
done:
    return status;
}

judd_status judd_comm_broadcast_string(const judd_comm *comm, char **text) {
    judd_status status = JUDD_OK;
    char *copy = NULL;
    int64_t bytes = comm->rank == 0 && *text ? (int64_t)strlen(*text) + 1 : 0;
    JUDD_TRY(judd_comm_broadcast(comm, &bytes, sizeof bytes));
    if (comm->rank > 0 && bytes > 0) status = judd_memory_alloc(&copy, bytes, 1);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, comm->rank == 0 ? *text : copy, bytes));
    if (comm->rank > 0) {
        *text = copy;
        copy = NULL;
    }
done:
    free(copy);
    return status;
}

judd_status judd_comm_max(const judd_comm *comm, double *x, int64_t n) {
    judd_status status = JUDD_OK;
    const int64_t step = JUDD_COMM_CALL_BYTES / (int64_t)sizeof *x;
    double *both = NULL; /* [2 n]: MPI_MAX says nothing about NaN, which travels as a flag */
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&both, 2 * n, sizeof *both)));
    for (int64_t i = 0; i < n; i++) {
        both[i] = isnan(x[i]) ? 1.0 : 0.0;
        both[n + i] = isnan(x[i]) ? -INFINITY : x[i];
    }
    for (int64_t at = 0; at < 2 * n; at += step)
        JUDD_TRY(CALL(comm,
                      MPI_Allreduce(MPI_IN_PLACE, both + at, (int)judd_least(step, 2 * n - at),
                                    MPI_DOUBLE, MPI_MAX, comm->mpi),
                      "MPI_Allreduce"));
    for (int64_t i = 0; i < n; i++) /* one zero: which of -0 and +0 wins is open */
        x[i] = both[i] > 0 ? (double)NAN : both[n + i] + 0.0;
done:
    free(both);
    return status;
}

judd_status judd_comm_sum(const judd_comm *comm, int64_t *x, int64_t n) {
    judd_status status = JUDD_OK;
    const int64_t step = JUDD_COMM_CALL_BYTES / (int64_t)sizeof *x;
    for (int64_t at = 0; at < n; at += step)
        JUDD_TRY(CALL(comm,
                      MPI_Allreduce(MPI_IN_PLACE, x + at, (int)judd_least(step, n - at),
                                    MPI_INT64_T, MPI_SUM, comm->mpi),
                      "MPI_Allreduce"));
done:
    return status;
}

/* Bytes of every rank in counts[0 .. size-1] and their total; overflow is found on all ranks. */
static judd_status share_counts(const judd_comm *comm, int64_t *counts, int64_t *total,
                                int64_t n_local, int64_t size) {
    judd_status status = JUDD_OK;
    int64_t bytes = 0;
    if (n_local < 0 || size < 0 || __builtin_mul_overflow(n_local, size, &bytes)) bytes = -1;
    JUDD_TRY(CALL(comm, MPI_Allgather(&bytes, 1, MPI_INT64_T, counts, 1, MPI_INT64_T, comm->mpi),
                  "MPI_Allgather"));
    *total = 0;
    for (int r = 0; r < comm->size; r++)
        if (counts[r] < 0 || __builtin_add_overflow(*total, counts[r], total))
            JUDD_FAIL(JUDD_E_INTERNAL, "gather: the items of rank %d exceed 2^63 bytes", r);
done:
    return status;
}

/* Plain messages: MPI_Gatherv cannot hold the counts, and is no faster for a few large pieces. */
static judd_status move_to_root(const judd_comm *comm, char *out, const void *local,
                                const int64_t *counts) {
    judd_status status = JUDD_OK;
    if (comm->rank > 0) {
        for (int64_t at = 0; at < counts[comm->rank]; at += JUDD_COMM_CALL_BYTES) {
            int n = (int)judd_least(JUDD_COMM_CALL_BYTES, counts[comm->rank] - at);
            JUDD_TRY(CALL(comm,
                          MPI_Send((const char *)local + at, n, MPI_BYTE, 0, GATHER_TAG, comm->mpi),
                          "MPI_Send"));
        }
        goto done;
    }
    if (counts[0] > 0) memcpy(out, local, (size_t)counts[0]);
    for (int r = 1; r < comm->size; r++) {
        out += counts[r - 1];
        for (int64_t at = 0; at < counts[r]; at += JUDD_COMM_CALL_BYTES) {
            int n = (int)judd_least(JUDD_COMM_CALL_BYTES, counts[r] - at);
            JUDD_TRY(CALL(
                comm, MPI_Recv(out + at, n, MPI_BYTE, r, GATHER_TAG, comm->mpi, MPI_STATUS_IGNORE),
                "MPI_Recv"));
        }
    }
done:
    return status;
}

static judd_status gather(const judd_comm *comm, void **out, const void *local, int64_t n_local,
                          int64_t size, int everywhere) {
    judd_status status = JUDD_OK;
    int64_t *counts = NULL;
    char *all = NULL;
    int64_t total = 0;
    *out = NULL;
    status = judd_memory_alloc(&counts, comm->size, sizeof *counts);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(share_counts(comm, counts, &total, n_local, size));
    if (everywhere || comm->rank == 0) status = judd_memory_alloc(&all, total, 1);
    JUDD_TRY(judd_comm_agree(comm, status));
    status = move_to_root(comm, all, local, counts);
    JUDD_TRY(judd_comm_agree(comm, status));
    if (everywhere) JUDD_TRY(judd_comm_broadcast(comm, all, total));
    *out = all;
    all = NULL;
done:
    free(all);
    free(counts);
    return status;
}

judd_status judd_comm_gather(const judd_comm *comm, void **out, const void *local, int64_t n_local,
                             int64_t size) {
    return gather(comm, out, local, n_local, size, 0);
}

judd_status judd_comm_allgather(const judd_comm *comm, void **out, const void *local,
                                int64_t n_local, int64_t size) {
    return gather(comm, out, local, n_local, size, 1);
}
