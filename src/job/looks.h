/** seeds = "auto": which seeds each comparison uses, look after look. A comparison stops by what is
 *  seen of it and by the number of comparisons alone, so the looks of a job are the same on every
 *  rank, after a restart, and in every shard. With fixed seeds there is one look at all of them. */
#ifndef JUDD_SRC_JOB_LOOKS_H
#define JUDD_SRC_JOB_LOOKS_H

#include "job/output.h"

/** n_seeds and n_looks of a plan. Local. */
void judd_looks_plan(judd_plan *plan, const judd_job *job);

/** Set the seeds of every comparison for look `look` (0: the first): those of comparisons not
 *  settled by the seeds they have; *more is false if none of them needs more, or all looks were
 *  made. n_judged: lines of the whole job's verdicts. Collective. */
judd_status judd_looks_next(bool *more, judd_plan *plan, int look, int64_t n_judged,
                            const judd_output *output, double margin, const judd_comm *comm);

/** skip [n_trials] = finished, or not used by any comparison as it stands now. Local. */
void judd_looks_skip(uint8_t *skip, const uint8_t *finished, const judd_plan *plan,
                     int64_t first_seed);

/** skip [n_trials] of a job that is only looked at: finished, or of comparisons that are settled by
 *  what is finished; those that are open count with all their seeds. Collective. */
judd_status judd_looks_left(uint8_t *skip, judd_plan *plan, const uint8_t *finished,
                            const judd_output *output, const judd_job *job, const judd_comm *comm);

#endif
