/** Whether the nodes of a communicator have the memory for what is about to be asked of it. Linux
 *  grants memory that is not there and kills who uses it, so what takes gigabytes asks first. */
#ifndef JUDD_COMM_FREE_MEMORY_H
#define JUDD_COMM_FREE_MEMORY_H

#include <judd/comm/comm.h>

#include <stdbool.h>

/** Bytes that this node, or the control group of this process, can still give, page cache included;
 *  INFINITY if the system does not say. *limited: it is the group that limits them. Local. */
double judd_free_memory_bytes(bool *limited);

/** JUDD_E_USAGE if `bytes`, spread evenly over the ranks, are more than some rank's share of its
 *  node's free_bytes. The message says that `what` needs them, what there is, how many ranks would
 *  do, and the remedy besides (", or ..."; may be empty). Collective. */
judd_status judd_free_memory_need(const judd_comm *comm, double bytes, double free_bytes,
                                  const char *what, const char *remedy);

/** The same with what the node has, and without a question for less than JUDD_FREE_MEMORY_ASKED. */
#define JUDD_FREE_MEMORY_ASKED 256e6
judd_status judd_free_memory_ask(const judd_comm *comm, double bytes, const char *what,
                                 const char *remedy);

#endif
