/** Transferability scores of the backbones that a job's experiments compare, for each target and
 *  shot count, from training samples alone: those that trials of the first seed draw. */
#ifndef JUDD_SRC_JOB_SCORING_H
#define JUDD_SRC_JOB_SCORING_H

#include "job/extraction.h"

#include <judd/transfer/scores.h>

#include <jansson.h>

typedef struct judd_scored {
    const judd_job_backbone *backbone; /* borrowed from the job, as dataset */
    const judd_job_dataset *dataset;
    int64_t shots; /* 0: all */
    judd_score score[JUDD_N_SCORES];
    int rank[JUDD_N_SCORES]; /* among those of the same dataset and shots, from 1; 0: no score */
} judd_scored;

typedef struct judd_scoring {
    int64_t n, most;
    judd_scored *all; /* by dataset and shots as the experiments name them, then as the job lists
                         backbones */
} judd_scoring;

/** What there is to score: the backbones and baselines of experiments with mode "backbone" and the
 *  backbones of others; to_choose: only the backbones of experiments that choose among them. Local.
 *  Owner: caller, judd_scoring_free. */
judd_status judd_scoring_list(judd_scoring *out, const judd_job *job, bool to_choose);
void judd_scoring_free(judd_scoring *scoring);

/** Features that the cache lacks, then scores and ranks. Ties, also of values that are equal in
 *  nine digits, go by the order of the job's backbones. outputs: leep and nce too, for which
 *  networks' own outputs are computed. done as in judd_extraction_run. Collective. */
judd_status judd_scoring_run(judd_scoring *scoring, const judd_inputs *inputs, bool outputs,
                             judd_extraction_done done, void *context);

/** What of a score counts when sources are compared: solvers differ in the last digits. */
double judd_scoring_nine_digits(double x);

/** NULL: not among them. */
const judd_scored *judd_scoring_find(const judd_scoring *scoring, const judd_job_backbone *backbone,
                                     const judd_job_dataset *dataset, int64_t shots);

/** Append a record for each target, source and score. Local. */
judd_status judd_scoring_records(json_t *records, const judd_scoring *scoring);

/** A table for each target and shot count, best by `by` first. */
void judd_scoring_print(FILE *to, const judd_scoring *scoring, judd_score_kind by);

#endif
