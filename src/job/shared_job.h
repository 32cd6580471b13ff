/** What every command that takes a job file does first. */
#ifndef JUDD_JOB_SHARED_JOB_H
#define JUDD_JOB_SHARED_JOB_H

#include <judd/comm/comm.h>
#include <judd/job/job.h>

/** Rank 0 reads the files; every rank takes the resolved text, so all see the same job. Collective.
 */
judd_status judd_shared_job_read(judd_job **out, const judd_comm *comm, const char *job_file,
                                 const char *const *overrides, int n_overrides);

/** Features depend on the instruction set, so the ranks agree on the lowest. Collective. */
judd_status judd_shared_job_agree_on_isa(const judd_comm *comm);

#endif
