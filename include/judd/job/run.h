/** Run a whole job: from the job file to the verdicts. */
#ifndef JUDD_JOB_RUN_H
#define JUDD_JOB_RUN_H

#include <judd/comm/comm.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/** A member of a job array: it has every n-th combination of experiment, backbone, target and head,
 *  with all shot counts, from the i-th on (1 <= i <= n). n = 0: all of them. */
typedef struct judd_shard {
    int64_t i, n;
} judd_shard;

typedef struct judd_run_options {
    const char *job_file;
    const char *const *overrides; /* [n_overrides] "path.to.key=value" */
    int n_overrides;
    bool fresh, quiet;
    judd_shard shard; /* its output folder is OUTPUT.i-of-n; it writes no verdicts */
    const volatile sig_atomic_t
        *stop; /* becomes non-zero when a signal asks to stop; may be NULL */
} judd_run_options;

/** Run the job, resume it, or, when it is complete, only print its table. Rank 0 prints the table
 * on stdout and progress on stderr. Collective; the same status on every rank. JUDD_E_AGAIN:
 * stopped after a checkpoint. */
judd_status judd_run(const judd_comm *comm, const judd_run_options *options);

#endif
