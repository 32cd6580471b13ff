/** judd bench extract: what reading and decoding cost an extraction. */
#ifndef JUDD_CLI_BENCH_EXTRACT_H
#define JUDD_CLI_BENCH_EXTRACT_H

#include <judd/comm/comm.h>

judd_status judd_bench_extract(const judd_comm *comm, int argc, char **argv);

#endif
