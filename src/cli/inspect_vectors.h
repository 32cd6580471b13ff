/** judd inspect of a file of word vectors. */
#ifndef JUDD_SRC_CLI_INSPECT_VECTORS_H
#define JUDD_SRC_CLI_INSPECT_VECTORS_H

#include <judd/comm/comm.h>

/** Collective. */
judd_status judd_inspect_vectors(const judd_comm *comm, const char *path);

#endif
