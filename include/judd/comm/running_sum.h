/** An exact sum over ranks that begins before its last number is known.
 *
 *  The numbers become final from the first to the last. Whole chunks of final ones are summed in
 *  the background while the caller makes the next. Chunks depend on the number of numbers alone, so
 *  ranks agree on them whatever each has made, or failed to make; int64 sums do not depend on how
 *  they are cut or ordered.
 *
 *  A chunk is summed by recursive halving and doubling (Rabenseifner 2004; Thakur, Rabenseifner &
 *  Gropp 2005): ranks exchange halves with the rank at distance 1, then quarters at distance 2, and
 *  so on; then the sums travel back. Neighbours in rank come first, so where they share a node, all
 *  ranks of the node together send over the network what one of them would. Messages of a rank: 4
 *  log2(size) a chunk at most; bytes: twice those of the numbers, four times beyond the largest
 *  power of two of ranks. MPI's own (MPI_Iallreduce) would send every number log2(size) times in
 *  Open MPI 4.1, which sums in place along a tree.
 *
 *  The chunks of one array may be dealt out over several sums, each over ranks of its own: sum
 * `part` of `parts` has every parts-th chunk, from number `part` on.
 *
 *  Messages move on only inside MPI calls: call reach often.
 */
#ifndef JUDD_COMM_RUNNING_SUM_H
#define JUDD_COMM_RUNNING_SUM_H

#include <judd/comm/comm.h>

enum { JUDD_RUNNING_SUM_ROOMS = 4 };

typedef struct judd_running_sum_chunk judd_running_sum_chunk;

typedef struct judd_running_sum {
    const judd_comm *comm;          /* borrowed */
    int64_t *x, n;                  /* borrowed; what is summed, in place */
    int64_t chunk;                  /* numbers in one; the last of all may be shorter */
    int part, parts;                /* this sum's chunks */
    int n_chunks, n_open;           /* own chunks begun; those of them under way */
    int rounds, place;              /* log2 of the ranks that take part; this one's number there */
    int folded;                     /* ranks beyond a power of two; each of them has a partner */
    judd_running_sum_chunk *chunks; /* [chunks] */
    MPI_Request *requests;          /* [2 chunks]: a chunk's send and receive */
    int *ready;                     /* [2 chunks] */
    int64_t *memory;                /* of the rooms: what chunks receive before it is added */
    int n_rooms;                    /* free ones */
    int64_t *rooms[JUDD_RUNNING_SUM_ROOMS];
} judd_running_sum;

/** Local. x must outlive the sum. */
judd_status judd_running_sum_create(judd_running_sum *out, int64_t *x, int64_t n,
                                    const judd_comm *comm, int part, int parts);
/** Nothing may be under way. */
void judd_running_sum_destroy(judd_running_sum *sum);

/** The first `final` numbers of this rank will not change: they may be summed, and must not be
 *  touched before finish. */
judd_status judd_running_sum_reach(judd_running_sum *sum, int64_t final);
/** All n are final: wait for the sums. Collective. Ready for the next round afterwards. */
judd_status judd_running_sum_finish(judd_running_sum *sum);

#endif
