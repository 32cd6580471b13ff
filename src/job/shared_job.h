/** What every command that takes a job file does first. */
#ifndef JUDD_SRC_JOB_SHARED_JOB_H
#define JUDD_SRC_JOB_SHARED_JOB_H

#include <judd/base/log.h>
#include <judd/comm/placement.h>
#include <judd/job/job.h>

/** Rank 0 reads the files; every rank takes the resolved text, so all see the same job. Refuses
 *  networks in bfloat16 where the CPU of any rank has no products of it. Collective. */
judd_status judd_shared_job_read(judd_job **out, const judd_comm *comm, const char *job_file,
                                 const char *const *overrides, int n_overrides);

/** Where the ranks are, into the log, and what is wrong with it; the job's threads, if it leaves
 *  them open. Features depend on the instruction set, so the ranks agree on the lowest. log and
 *  placement may be NULL. Collective. */
judd_status judd_shared_job_settle(judd_job *job, const judd_comm *comm, judd_log *log,
                                   judd_placement *placement);

#endif
