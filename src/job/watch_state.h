/** What the files of an output folder say of its job now. Local. */
#ifndef JUDD_SRC_JOB_WATCH_STATE_H
#define JUDD_SRC_JOB_WATCH_STATE_H

#include "job/plan.h"

#include <judd/io/lock.h>

#include <jansson.h>

enum { JUDD_WATCH_WARNINGS = 4, JUDD_WATCH_LINE = 512 };

/** A training that has a checkpoint. */
typedef struct judd_watch_bank {
    char *name;
    int64_t step, n_steps; /* n_steps 0: ends by itself */
} judd_watch_bank;

typedef struct judd_watch_state {
    judd_job *job;
    judd_plan *plan; /* NULL: experiments have not chosen their backbones yet */
    judd_shard shard;
    judd_lock_owner owner;
    bool complete;
    json_t *results;  /* object: trial -> record, of trials of the plan */
    json_t *verdicts; /* array; empty before the end */
    /* since the last start: */
    int64_t start_s, training_s; /* Unix time; 0: not begun */
    int64_t n_trials;            /* that there are, or may be at most */
    int64_t n_heads, n_trained;  /* to train; trained */
    double worth;                /* of those trained, in heads of mean size */
    int64_t n_ranks, n_groups;
    int64_t n_caches; /* files of features that are done */
    int64_t n_now;
    judd_watch_bank *now;
    int n_warnings; /* kept: the last */
    char warnings[JUDD_WATCH_WARNINGS][JUDD_WATCH_LINE];
} judd_watch_state;

/** Read what is there; files that are torn, or change or vanish meanwhile, count as far as they can
 *  be read. JUDD_E_DATA, JUDD_E_IO: no output folder. Owner: caller, judd_watch_state_free, also
 *  after a failure. */
judd_status judd_watch_state_read(judd_watch_state *state, const char *folder);
void judd_watch_state_free(judd_watch_state *state);

/** Mean gain of a comparison over the seeds that both arms have; *n of them. NaN without any. */
double judd_watch_state_gain(const judd_watch_state *state, const judd_plan_comparison *comparison,
                             int64_t *n);

#endif
