/** How often picks lie on the edge of their grid: a better value may lie beyond. Local but for
 * merge.
 */
#ifndef JUDD_SRC_JOB_EDGES_H
#define JUDD_SRC_JOB_EDGES_H

#include <judd/base/log.h>
#include <judd/comm/comm.h>

#include <jansson.h>

/** Count a training of this head with its "selection" record in `edges`, an object. */
judd_status judd_edges_count(json_t *edges, const char *head, const json_t *selection);

/** Add the counts of all ranks on rank 0; those that share theirs give them on one rank and NULL on
 *  the others. Collective. */
judd_status judd_edges_merge(json_t **all, const json_t *edges, const judd_comm *comm);

/** A warning for every head and end of an axis that is among them. */
void judd_edges_warn(const json_t *edges, judd_log *log);

#endif
