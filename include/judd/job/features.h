/** The extraction phase of a job alone. */
#ifndef JUDD_JOB_FEATURES_H
#define JUDD_JOB_FEATURES_H

#include <judd/job/run.h>

/** Compute the features that the trials of the job need and that the cache does not hold; all: of
 *  every sample of its tasks, drawn or not. With seeds = "auto" the trials are those of the first
 *  look; all: of the last. Rank 0 prints a line for each cache file on stdout. The
 *  output folder is neither read nor made, so the job itself may run at the same time. options:
 *  fresh is not used. Collective. JUDD_E_AGAIN after a signal: run it again. */
judd_status judd_features_run(const judd_comm *comm, const judd_run_options *options, bool all);

#endif
