/** judd bench vectors: files of word vectors into memory, and texts into features. */
#ifndef JUDD_CLI_BENCH_VECTORS_H
#define JUDD_CLI_BENCH_VECTORS_H

#include <judd/comm/comm.h>

judd_status judd_bench_vectors(const judd_comm *comm, int argc, char **argv);

#endif
