/** An exact sum over ranks that the ranks of a node make in one memory.
 *
 *  Every rank adds its numbers to the same array, some at a time, under locks for the runs of it;
 * so a node has one array however many ranks it has, and nothing is copied between them. Between
 * nodes, chunks of it whose last number has come are summed in the background (comm/running_sum.h):
 * each rank of a node deals with its part of the chunks, together with one rank of every other
 * node. Where ranks do not share the sum, each has an array of its own and is a node by itself.
 *
 *  int64 sums do not depend on who adds when: the totals are the same on any number of ranks.
 *
 *  A round: all numbers are zero; ranks add, and say with reach what is done; finish; all ranks
 * read the totals; each clears its share when nobody reads it any more; they meet
 * (judd_comm_meet_node). In an array of its own (judd_node_sum_is_own) a rank may store instead.
 */
#ifndef JUDD_COMM_NODE_SUM_H
#define JUDD_COMM_NODE_SUM_H

#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_node_sum judd_node_sum;

/** Of n numbers, which are zero. share: whether the ranks of a node may share the array; without
 *  room for that each has its own. Collective; comm must outlive the sum. */
judd_status judd_node_sum_create(judd_node_sum **out, int64_t n, const judd_comm *comm, bool share);
/** Nothing may be under way. Collective over comm. NULL is allowed. */
void judd_node_sum_destroy(judd_node_sum *sum);

/** [n]: this rank's part while it adds, the totals after finish. */
int64_t *judd_node_sum_data(const judd_node_sum *sum);

/** Whether no other rank adds to the array. What this rank would add once a round it may store
 *  instead, and then need not clear anything. No with NULL. Local. */
bool judd_node_sum_is_own(const judd_node_sum *sum);

/** Whoever adds to the n numbers from x on, which are in the array, does so between these two; a
 * rank holds one run of numbers at a time. With NULL, or an array of the rank's own: nothing.
 * Local. */
void judd_node_sum_lock(judd_node_sum *sum, const int64_t *x, int64_t n);
void judd_node_sum_unlock(judd_node_sum *sum, const int64_t *x, int64_t n);

/** This rank will add nothing more to the first `final` numbers in this round. Local. */
judd_status judd_node_sum_reach(judd_node_sum *sum, int64_t final);
/** Nor to any other. Afterwards all numbers are the totals. Collective over comm. */
judd_status judd_node_sum_finish(judd_node_sum *sum);

/** This rank's share of the array becomes zero. Local. */
void judd_node_sum_clear(judd_node_sum *sum);

#endif
