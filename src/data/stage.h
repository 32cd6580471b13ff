/** A file that all nodes read, once on each node's own disk: the shared file system is read once.
 */
#ifndef JUDD_SRC_DATA_STAGE_H
#define JUDD_SRC_DATA_STAGE_H

#include <judd/comm/node_memory.h>

/** Whether rank 0's environment asks for it (JUDD_STAGE set, and not "0" or "no"). Collective. */
judd_status judd_stage_wanted(bool *wanted, const judd_comm *comm);

/** The bytes of `path`: read by rank 0, broadcast, in a nameless file of $TMPDIR on every node,
 * compared there by their check. JUDD_E_IO if a node has no room for it, and nothing is left.
 * Collective. Owner: caller, judd_node_memory_destroy. */
judd_status judd_stage_file(judd_node_memory **out, int64_t *bytes, const judd_comm *comm,
                            const char *path);

#endif
