/** The trials of a job, and the banks (unique trainings) they share. */
#ifndef JUDD_JOB_PLAN_H
#define JUDD_JOB_PLAN_H

#include <judd/job/job.h>

/** One training: a head with its grid and folds on the features of one backbone. Two trials that
 * need the same training (one backbone against two baselines) share its bank. */
typedef struct judd_plan_bank {
    char *name; /* BACKBONE+DATASET+HEAD+kSHOTS+sSEED, a file name */
    const judd_job_backbone *backbone;
    const judd_job_dataset *dataset;
    const judd_job_head *head;
    int64_t shots; /* per class; 0: all */
    int64_t seed;
} judd_plan_bank;

typedef struct judd_plan_trial {
    char *name; /* COMPARISON+sSEED+ARM, a file name */
    const judd_job_experiment *experiment;
    const judd_job_dataset *dataset;
    bool transfer; /* the arm: transfer or baseline */
    int64_t shots, seed;
    int64_t comparison, bank; /* indices */
} judd_plan_trial;

/** What one line of verdicts.jsonl compares. */
typedef struct judd_plan_comparison {
    char *name; /* EXPERIMENT[+BACKBONE]+DATASET[+HEAD]+kSHOTS; in brackets: what the experiment has
                   several of */
    const judd_job_experiment *experiment;
    const judd_job_backbone *backbone; /* of the transfer arm */
    const judd_job_dataset *dataset;
    const judd_job_head *head;
    int64_t shots;
    int64_t *transfer, *baseline; /* [n_seeds]: trial indices, by seed */
} judd_plan_comparison;

typedef struct judd_plan {
    int64_t n_banks, n_trials, n_comparisons, n_seeds;
    judd_plan_bank *banks;             /* those that share features stand together */
    judd_plan_trial *trials;           /* sorted by name */
    judd_plan_comparison *comparisons; /* in the order of the job file */
} judd_plan;

/** The job is borrowed and must outlive the plan. Local; the same on every rank. */
judd_status judd_plan_create(judd_plan **out, const judd_job *job);
void judd_plan_destroy(judd_plan *plan);

/** Seed of the random weights of a bank's backbone; 0 when its weights come from the file. */
uint64_t judd_plan_weights_seed(const judd_plan_bank *bank);

#endif
