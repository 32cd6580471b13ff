/** The trials of a job, and the banks (unique trainings) they share. */
#ifndef JUDD_SRC_JOB_PLAN_H
#define JUDD_SRC_JOB_PLAN_H

#include <judd/job/job.h>
#include <judd/job/run.h>

/** One training: a head with its grid and folds on the features of one backbone. Two trials that
 * need the same training (one backbone against two baselines) share its bank. A plain training
 * knows its own data set only; a lesson follows its experiment (modes warm, joint, sequence): it
 * may start from another trial's head, learn from further data sets, and be judged on them. */
typedef struct judd_plan_bank {
    char *name; /* BACKBONE+DATASET+HEAD+kSHOTS+sSEED[+EXPERIMENT], a file name */
    const judd_job_backbone *backbone;
    const judd_job_dataset *dataset;
    const judd_job_head *head; /* NULL: no training; its training samples' features, for scores */
    const char *tap; /* then: where they are taken, NULL: where the backbone says; borrowed */
    int64_t shots;   /* per class; 0: all */
    int64_t seed;
    const judd_job_experiment *lesson; /* NULL: a plain training */
    int64_t stage; /* in a sequence: 0, 1, ... as the targets, -1: a target alone; else 0 */
    char *start;   /* the trial whose head it starts from; NULL: a fresh head */
    int depth;     /* starts behind one another: banks of depth 0 come first */
} judd_plan_bank;

typedef enum judd_plan_arm {
    JUDD_PLAN_TRANSFER,
    JUDD_PLAN_BASELINE,
    JUDD_PLAN_SOURCE /* learns what a transfer starts from */
} judd_plan_arm;
/** "transfer", "baseline", "source". */
const char *judd_plan_arm_name(judd_plan_arm arm);

typedef struct judd_plan_trial {
    char *name; /* CELL+sSEED+ARM, a file name */
    char *cell; /* EXPERIMENT[+BACKBONE]+DATASET[+HEAD]+kSHOTS; in brackets: what the experiment has
                   several of */
    const judd_job_experiment *experiment;
    const judd_job_dataset *dataset;
    judd_plan_arm arm;
    int64_t shots, seed;
    int64_t bank; /* index */
} judd_plan_trial;

/** What one line of verdicts.jsonl compares, on the test samples of `dataset`. */
typedef struct judd_plan_comparison {
    char *name; /* a cell's; of retention with "+retention" behind it */
    const judd_job_experiment *experiment;
    const judd_job_backbone *backbone; /* of the transfer arm */
    const judd_job_dataset *dataset;
    const judd_job_head *head;
    int64_t shots;
    bool retention; /* transfer: a later head of the sequence, baseline: the one that had just
                       learned dataset; else a gain */
    int64_t *transfer, *baseline; /* [plan.n_seeds]: trial indices, by seed */
    int64_t n_seeds;              /* the first of them that are used; src/job/looks.c sets it */
} judd_plan_comparison;

typedef struct judd_plan {
    int64_t n_banks, n_trials, n_comparisons;
    int64_t n_seeds;  /* of every comparison; with seeds = "auto" the most it may use */
    int64_t n_judged; /* comparisons and guards of the whole job, whatever part of it this is */
    int n_looks;      /* planned for seeds = "auto"; else 1 */
    judd_plan_bank *banks;             /* by depth; those that share features stand together */
    judd_plan_trial *trials;           /* sorted by name */
    judd_plan_comparison *comparisons; /* in the order of the job file */
} judd_plan;

/** shard: only its comparisons; NULL: all. The job is borrowed and must outlive the plan. Local;
 * the same on every rank. */
judd_status judd_plan_create(judd_plan **out, const judd_job *job, const judd_shard *shard);
void judd_plan_destroy(judd_plan *plan);

/** Seed of the random weights of a bank's backbone; 0 when its weights come from the file. */
uint64_t judd_plan_weights_seed(const judd_plan_bank *bank);

/** A data set that a bank reads. */
typedef struct judd_plan_read {
    judd_plan_bank bank; /* the plain training of the same backbone, head, and seed on it; borrows
                            the names of the bank that reads */
    bool own;            /* the bank's own data set, learned from and judged on */
    bool source;         /* learned from, beside the bank's own; or scored */
    bool judged;         /* judged on, beside the bank's own */
} judd_plan_read;

/** Number of data sets a bank reads, the first its own; and the k-th. Local. */
int64_t judd_plan_n_reads(const judd_plan_bank *bank);
judd_plan_read judd_plan_read_of(const judd_plan_bank *bank, const judd_job *job, int64_t k);

#endif
