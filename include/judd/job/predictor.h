/** A finished trial's head on other data: its backbone, its preprocessing and itself, from the file
 *  of the head and the job file that trained it. Features go through the cache as in a job:
 * computed once, by all ranks, and a prediction that was killed goes on where it was.
 */
#ifndef JUDD_JOB_PREDICTOR_H
#define JUDD_JOB_PREDICTOR_H

#include <judd/comm/comm.h>
#include <judd/data/dataset.h>
#include <judd/data/task.h>
#include <judd/learn/figures.h>
#include <judd/learn/outputs.h>
#include <judd/learn/rows.h>

#include <signal.h>

typedef struct judd_predictor judd_predictor;

/** What is known of the head; borrowed from the predictor. */
typedef struct judd_predictor_info {
    const char *kind; /* of the head */
    judd_task_kind task;
    judd_outputs_kind outputs; /* what its scores mean */
    int n_outputs;
    const char *const *output_names; /* [n_outputs] classes, labels or targets */
    bool text;                       /* it judges texts */
    int dct_side;                    /* data set options that its features depend on */
    const char *cache;               /* and the cache folder of its job */
    const char *trial, *folder;      /* its name, and the output folder it lies in */
} judd_predictor_info;

/** head: OUTPUT/heads/TRIAL.h5. job_file: NULL for OUTPUT/job.cfg; needed if the head lies alone.
 *  Collective. */
judd_status judd_predictor_open(judd_predictor **out, const judd_comm *comm, const char *head,
                                const char *job_file);
/** Local. NULL is allowed. */
void judd_predictor_close(judd_predictor *predictor);
const judd_predictor_info *judd_predictor_info_of(const judd_predictor *predictor);

/** Samples of a data set that the head is to judge, all of them but bad images. With a task, those
 *  of its classes only, by name, labelled as the head's outputs; *n_foreign counts the others.
 *  JUDD_E_DATA if there is none. Local; owner: caller, judd_task_free. */
judd_status judd_predictor_select(judd_task_samples *out, int64_t *n_foreign,
                                  const judd_predictor *predictor, const judd_dataset *dataset);

/** Scores [n_local, n_outputs] of this rank's samples, and rows that say which: their lanes, labels
 *  and targets, without features. keep: their features stay in the cache of the job. JUDD_E_DATA if
 * no backbone of the job made this head's features, naming what differs; JUDD_E_AGAIN after a
 * signal. Collective. Owner: caller, free() and judd_rows_free. */
judd_status judd_predictor_scores(float **scores, judd_rows *rows, judd_predictor *predictor,
                                  judd_dataset *dataset, const judd_task_samples *samples,
                                  const volatile sig_atomic_t *stop, bool keep, bool quiet);

/** Probabilities in place of scores [n, n_outputs], where the kind of head has them; returns
 * whether it has. Local. */
bool judd_predictor_probabilities(const judd_predictor *predictor, double *p, const float *scores,
                                  int64_t n);

#endif
