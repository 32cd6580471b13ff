/* The same where every two ranks are a node of their own, to which the rows have to travel. */
#define JUDD_NODE_RANKS 2
#include "comm/node_memory.c"

#include "text/test_mpi_vectors.c"
