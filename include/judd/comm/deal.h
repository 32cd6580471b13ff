/** Work dealt to the ranks as they ask for it, so that a slow one holds up no other.
 *
 *  n items are cut into chunks that every rank knows; which chunk is next is a counter in rank 0's
 *  memory that ranks fetch and raise by themselves (MPI_Fetch_and_op). Chunks shrink towards the
 *  end: Polychronopoulos & Kuck 1987, guided self-scheduling, with remaining / (8 ranks).
 */
#ifndef JUDD_COMM_DEAL_H
#define JUDD_COMM_DEAL_H

#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_deal judd_deal;

/** n items in chunks of a multiple of `unit` (the last one may be smaller); both equal on all
 *  ranks. Collective over comm, which must outlive it. */
judd_status judd_deal_create(judd_deal **out, const judd_comm *comm, int64_t n, int64_t unit);
/** Collective. NULL is allowed. */
void judd_deal_destroy(judd_deal *deal);

/** The next chunk [*first, *end) is this rank's; first = end = n when there is none left. Local,
 * but makes MPI calls. */
judd_status judd_deal_next(judd_deal *deal, int64_t *first, int64_t *end);
/** No rank gets another chunk. Local, but makes MPI calls. */
judd_status judd_deal_stop(judd_deal *deal);
/** Rank 0 should call this every few milliseconds while others may ask: without shared memory the
 *  network's requests are answered inside MPI calls only. Local, but makes MPI calls. */
void judd_deal_answer(judd_deal *deal);

#endif
