/** `judd bench read`: how fast the bytes of data sets come from their files. */
#ifndef JUDD_CLI_BENCH_READ_H
#define JUDD_CLI_BENCH_READ_H

#include <judd/comm/comm.h>

/** argv[0] is the bench's name. Collective. */
judd_status judd_bench_read(const judd_comm *comm, int argc, char **argv);

#endif
