/** judd inspect of a file of word vectors. */
#ifndef JUDD_CLI_INSPECT_VECTORS_H
#define JUDD_CLI_INSPECT_VECTORS_H

#include <judd/comm/comm.h>

#include <stdbool.h>

/** Whether one argument is all there is and its content that of word vectors. */
bool judd_inspect_is_vectors(int argc, char **argv);
judd_status judd_inspect_vectors(const judd_comm *comm, const char *path);

#endif
