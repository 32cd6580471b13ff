/** How often picks lie on the edge of their grid: a better value may lie beyond. Local: rank 0. */
#ifndef JUDD_JOB_EDGES_H
#define JUDD_JOB_EDGES_H

#include <judd/base/log.h>
#include <judd/base/status.h>

#include <jansson.h>

/** Count a training of this head with its "selection" record in `edges`, an object. */
judd_status judd_edges_count(json_t *edges, const char *head, const json_t *selection);

/** A warning for every head and end of an axis that is among them. */
void judd_edges_warn(const json_t *edges, judd_log *log);

#endif
