/** judd bench features. */
#ifndef JUDD_CLI_BENCH_FEATURES_H
#define JUDD_CLI_BENCH_FEATURES_H

#include <judd/comm/comm.h>

/** argv[0] is "features". Every rank runs the network, rank 0 reports its own rates: the others
 *  are the neighbours it has in a job. Collective. */
judd_status judd_bench_features(const judd_comm *comm, int argc, char **argv);

#endif
