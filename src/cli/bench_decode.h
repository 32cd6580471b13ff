/** `judd bench decode`: how fast pictures become what a network takes. */
#ifndef JUDD_CLI_BENCH_DECODE_H
#define JUDD_CLI_BENCH_DECODE_H

#include <judd/comm/comm.h>

/** argv[0] is the bench's name. Collective. */
judd_status judd_bench_decode(const judd_comm *comm, int argc, char **argv);

#endif
