/* The same where every two ranks are a node of their own, to which the rows have to travel. */
#include <stdlib.h>

static void __attribute__((constructor)) two_ranks_a_node(void) {
    setenv("JUDD_NODE_RANKS", "2", 1);
}

#include "text/test_mpi_vectors.c"
