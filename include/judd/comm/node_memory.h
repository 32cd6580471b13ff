/** Memory that the ranks of one node share: a file without a name that all of them map, in
 * $JUDD_SHM (else /dev/shm), or on disk. It goes with its processes, however they end. */
#ifndef JUDD_COMM_NODE_MEMORY_H
#define JUDD_COMM_NODE_MEMORY_H

#include <judd/base/scratch.h>
#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_node_memory judd_node_memory;

/** Collective over comm, which must outlive it. `bytes` must be equal on all ranks. One copy a
 * node, zeroed; its room is taken at once, so that too small a /dev/shm is JUDD_E_IO on all ranks
 * here and never a signal later. */
judd_status judd_node_memory_create(judd_node_memory **out, const judd_comm *comm, int64_t bytes);
/** Rank 0's scratch (others pass NULL) where every rank can read it: one copy a node, on disk like
 *  itself. The scratch is moved and becomes zero, also at a failure. Collective over comm, which
 *  must outlive it. */
judd_status judd_node_memory_share(judd_node_memory **out, const judd_comm *comm,
                                   judd_scratch *scratch);
/** Zeroed pages of a file, for what may be larger than memory. Collective, as create. */
judd_status judd_node_memory_create_on_disk(judd_node_memory **out, const judd_comm *comm,
                                            int64_t bytes);
/** Local: the others keep it. */
void judd_node_memory_destroy(judd_node_memory *memory);

/** The shared bytes, 64-byte aligned. */
void *judd_node_memory_data(const judd_node_memory *memory);
/** Whether this rank is the one of its node that fills the memory. */
bool judd_node_memory_is_writer(const judd_node_memory *memory);
/** Collective over comm: after it, what any rank of the node wrote is visible to all of them. */
judd_status judd_node_memory_publish(const judd_node_memory *memory);
/** The same for what rank 0 wrote, on every node: its bytes go to the others piece by piece. */
judd_status judd_node_memory_spread(judd_node_memory *memory);
/** What lies on disk leaves this process's memory until it is read again. Local. */
void judd_node_memory_release(const judd_node_memory *memory);

#endif
