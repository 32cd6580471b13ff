/** The communicator of a job: who we are, agreement on errors, small broadcasts. */
#ifndef JUDD_COMM_COMM_H
#define JUDD_COMM_COMM_H

#include <judd/base/status.h>

#include <mpi.h>
#include <stdint.h>

typedef struct judd_comm {
    MPI_Comm mpi; /* a private duplicate; errors are returned, not fatal */
    int rank;     /* 0 .. size-1 */
    int size;
    struct judd_watchdog *watchdog; /* borrowed; told of every collective; NULL: nobody watches */
    MPI_Comm node; /* the ranks that share memory with this one, in their order; MPI_COMM_NULL if it
                      is alone */
    int node_rank; /* 0 .. node_size-1 */
    int node_size;
} judd_comm;

/** Duplicate `parent`, and find the ranks of each node. With JUDD_NODE_RANKS=N in the environment
 *  at most N of them count as a node. Collective over parent. Owner: caller, judd_comm_close. */
judd_status judd_comm_open(judd_comm *out, MPI_Comm parent);
/** Part of comm: the ranks that give the same group, in their order; zero for a rank that gives a
 *  negative one. With comm's watchdog. Collective over comm. Owner: caller, judd_comm_close. */
judd_status judd_comm_split(judd_comm *out, const judd_comm *comm, int group);
/** Collective over comm; closing a zeroed comm is allowed. */
void judd_comm_close(judd_comm *comm);

/** Turn an MPI return code into a status that names the call. */
judd_status judd_comm_check(int mpi_code, const char *call);

/** What any rank of the node wrote to shared memory before is visible to all of them afterwards.
 *  Collective over the node. */
judd_status judd_comm_meet_node(const judd_comm *comm);

/** Collective over comm: every rank returns the same status, the worst that any rank passed in,
 *  with the message of the lowest rank that had it ("rank R: " in front if only some failed). */
judd_status judd_comm_agree(const judd_comm *comm, judd_status status);

/** Collective over comm: rank 0's status and message on every rank, for work that rank 0 did alone;
 *  what the other ranks pass is ignored. */
judd_status judd_comm_broadcast_status(const judd_comm *comm, judd_status status);

/** Collective over comm: rank 0's bytes on every rank. */
judd_status judd_comm_broadcast(const judd_comm *comm, void *data, int64_t bytes);

/** Collective over comm: rank 0's string on every rank, as a new string (free()) on ranks > 0.
 *  On rank 0 *text stays as it is. */
judd_status judd_comm_broadcast_string(const judd_comm *comm, char **text);

/** Collective over comm: element by element, the largest x of all ranks (exact); NaN if any rank
 *  passed NaN there. */
judd_status judd_comm_max(const judd_comm *comm, double *x, int64_t n);

/** Collective over comm: sums of int64, exact. */
judd_status judd_comm_sum(const judd_comm *comm, int64_t *x, int64_t n);

/** Collective over comm: concatenation, in rank order, of each rank's `n_local` items of `size`
 *  bytes, on rank 0; *out is NULL elsewhere (free()). */
judd_status judd_comm_gather(const judd_comm *comm, void **out, const void *local, int64_t n_local,
                             int64_t size);

/** Collective over comm: as gather, on every rank. */
judd_status judd_comm_allgather(const judd_comm *comm, void **out, const void *local,
                                int64_t n_local, int64_t size);

#endif
