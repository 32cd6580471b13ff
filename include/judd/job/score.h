/** Transferability scores of a job's backbones: `judd score`. */
#ifndef JUDD_JOB_SCORE_H
#define JUDD_JOB_SCORE_H

#include <judd/job/run.h>

/** Score every backbone for the targets it is compared on, print a table for each target (or, as
 *  JSON, the records), and write scores.jsonl into the job's output folder, which no other job may
 *  hold and no run may be using. Features that the cache lacks are computed. When the folder has
 *  verdicts, also how well each score agrees with the measured gains. `by`: the score that orders
 *  the tables; NULL: logme. options: fresh and shard are not used. Collective. JUDD_E_AGAIN after a
 *  signal: run it again. */
judd_status judd_score_run(const judd_comm *comm, const judd_run_options *options, const char *by,
                           bool as_json);

#endif
