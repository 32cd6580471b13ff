/** Where the ranks of a job are: nodes, cores and bindings, as hwloc sees them. */
#ifndef JUDD_COMM_PLACEMENT_H
#define JUDD_COMM_PLACEMENT_H

#include <judd/comm/comm.h>

#include <stdbool.h>

enum { JUDD_PLACEMENT_TEXT = 512 };

typedef struct judd_placement {
    int n_ranks, n_nodes;
    int fewest_ranks, most_ranks; /* of a node */
    int fewest_cores,
        most_cores;  /* of a node, that its ranks may use; a core's threads count once */
    int cores;       /* this rank's share of those it may use, rounded down; at least 1 */
    int least_cores; /* the smallest share of any rank */
    int idle_cores;  /* of all nodes: those that no rank may use, though the job may */
    bool bound;      /* some rank may use only some of what its node has for the job */
    int n_crowded;   /* nodes where ranks have less than a core each */
} judd_placement;

/** Collective over comm. Equal on all ranks but for `cores`. */
judd_status judd_placement_find(judd_placement *out, const judd_comm *comm);

/** "placement: 2 nodes, 4 ranks each, 8 of 32 cores a rank, bound". Local. */
void judd_placement_line(char text[JUDD_PLACEMENT_TEXT], const judd_placement *placement);
/** What to do about cores that are idle or crowded; an empty text where all is well. Local. */
void judd_placement_advice(char text[JUDD_PLACEMENT_TEXT], const judd_placement *placement);

#endif
