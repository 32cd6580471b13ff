/** The kinds of heads, behind one table: job/train.c knows no kind by name.
 *
 *  A head is a grid of points (a learning rate and a strength, a value of k, ...), trained together
 *  on the rows of one trial. Whatever the kind, a point yields scores [n, n_outputs]: held-out ones
 *  of its own training rows, by which the point is picked, and those of any other rows; and what
 *  goes into the record. Everything else (selection, metrics, predictions, files) is written once
 *  on top of that. All functions are collective unless they say otherwise.
 */
#ifndef JUDD_SRC_JOB_HEAD_H
#define JUDD_SRC_JOB_HEAD_H

#include <judd/base/log.h>
#include <judd/data/task.h>
#include <judd/job/job.h>
#include <judd/learn/bank.h>
#include <judd/learn/outputs.h>
#include <judd/learn/rows.h>

#include <jansson.h>
#include <signal.h>

/** What a head is made from; everything borrowed, and outliving the head. */
typedef struct judd_head_problem {
    const judd_job_head *config;
    const judd_comm *comm;
    const judd_rows *train;           /* as the feature map left them */
    const judd_rows *validation;      /* the same, set apart from training; NULL: none */
    const judd_task_samples *samples; /* the same samples, all of them on every rank */
    const judd_rows *source;          /* of a source, learned from with this weight; NULL: none */
    double source_weight;
    const char *source_schedule; /* as the job's weight_schedule */
    const judd_bank *start;      /* the head to start from; NULL: a fresh one */
    const int32_t *from_output;  /* [n_outputs]: its output that each output inherits; -1: none */
    double pull;                 /* towards it */
    const judd_rows *curve;      /* what a learning curve is taken on */
    judd_task_kind task;
    int n_outputs;                  /* classes, labels or targets */
    int n_folds;                    /* of train->folds that hold out; 0: none */
    bool leave_one_out;             /* hold out every sample alone */
    int64_t n_features;             /* columns of mapped rows */
    const int32_t *classes;         /* [n_outputs] labels of the files; regression: NULL */
    const char *const *class_names; /* [n_outputs] */
    int n_file_classes;             /* classes of the files, the task's or not */
    int64_t seed;
    /* for kinds that take long, and say so in checkpoints: */
    const char *name;                 /* of the training, in messages */
    const char *folder;               /* of its checkpoints */
    const char *events;               /* folder of its event files; NULL: none are wanted */
    const struct judd_output *output; /* where that folder is; asked whether it is still ours */
    const char *identity;             /* of everything its bits depend on */
    int64_t checkpoint_steps;
    double checkpoint_s;
    const volatile sig_atomic_t *stop;
    judd_log *log;
} judd_head_problem;

/** One hyper-parameter of a grid: a list of values in the configuration. */
typedef struct judd_head_axis {
    const char *name;
    size_t offset; /* in judd_job_head, of a judd_job_numbers or, if integers, _integers */
    bool integers;
    double floor; /* the smallest value there can be: no edge of the grid */
} judd_head_axis;
enum { JUDD_HEAD_AXES = 4 };

enum { JUDD_HEAD_TASKS = JUDD_REGRESSION + 1 };

/** What a head is trained on, as far as it is known before. */
typedef struct judd_head_size {
    int64_t n_train, n_test, dim, n_points; /* of its grid */
    int n_outputs, n_folds;
    bool leave_one_out;
} judd_head_size;

/** What training it takes, roughly: schedules and estimates rest on it, results never do. */
typedef struct judd_head_load {
    double shared; /* floating-point operations that the ranks divide among them */
    double whole;  /* and that every rank makes for itself */
    double rounds; /* sums over ranks, one after another */
} judd_head_load;

/** What a warning follows from: it is said once for each. */
typedef enum judd_head_cause {
    JUDD_HEAD_TRAINING,
    JUDD_HEAD_FEATURES, /* of a backbone on a data set */
    JUDD_HEAD_SIZE      /* the number of training samples */
} judd_head_cause;

typedef struct judd_head_ops {
    const char *kind;
    judd_outputs_kind outputs[JUDD_HEAD_TASKS]; /* by judd_task_kind; NONE: not its task */
    bool untrained;                             /* needs no training samples */
    /** Whether training draws by the problem's seed; NULL: it does not. Local. */
    bool (*draws)(const judd_job_head *config);
    const char *tap; /* where the features leave the network; NULL: where the backbone says */
    /** Axes of the grid, whose points are numbered row by row, the last axis fastest (job/grid.h).
     *  Returns their number; NULL: a kind without a grid. Local, from the configuration alone. */
    int (*axes)(judd_head_axis axes[JUDD_HEAD_AXES], const judd_job_head *config);
    /** An untrained head in *head, to be destroyed by destroy, also after a failure of train. */
    judd_status (*create)(void **head, const judd_head_problem *problem);
    void (*destroy)(void *head);
    /** JUDD_E_AGAIN after a signal, with a checkpoint saved. */
    judd_status (*train)(void *head);
    /** Whether held_out leaves out each sample alone and needs no folds; NULL: it needs folds.
     *  Local. */
    bool (*leaves_one_out)(const judd_job_head *config);
    /** Scores of the training rows, for every point, by models that did not see them. Only if the
     *  problem has folds or leaves one out. */
    judd_status (*held_out)(void *head, const judd_outputs_sink *sink);
    /** Scores of mapped rows by points first .. first + n_points - 1. */
    judd_status (*scores)(void *head, int64_t first, int64_t n_points, const judd_rows *rows,
                          const judd_outputs_sink *sink);
    /** A point as a bank of its own; NULL: the kind has no weights. Owner: caller. Local. */
    judd_status (*model)(judd_bank **model, const void *head, int64_t point);
    /** Adds the hyper-parameters of a point to its record. Local. */
    void (*record)(json_t *hyper, const void *head, int64_t point);
    /** Whether a point has no model: its training left the finite, or its matrix is singular; NULL:
     *  all have one. Such a point is not picked before others. Local. */
    bool (*diverged)(const void *head, int64_t point);
    /** What a reader of the log should know of the picked point, NULL: nothing. Local. */
    const char *(*warning)(const void *head, int64_t point);
    judd_head_cause warns_of; /* and what it follows from, besides the configuration */
    double (*checkpoint_seconds)(const void *head); /* spent on checkpoints; NULL: none. Local. */
    /** What training takes; NULL: next to nothing. Local, from configuration and size alone. */
    void (*load)(judd_head_load *load, const judd_job_head *config, const judd_head_size *size);
} judd_head_ops;

/** The row of a kind; NULL if there is none. */
const judd_head_ops *judd_head_find(const char *kind);
/** The row of a head of the job. */
const judd_head_ops *judd_head_of(const judd_job_head *config);

/** A number of a record: null if it is not finite. */
json_t *judd_head_number(double x);

/* The rows, a family a file. */
extern const judd_head_ops judd_head_softmax, judd_head_mlp, judd_head_multilabel,
    judd_head_regression;                   /* head_bank.c */
extern const judd_head_ops judd_head_ridge; /* head_ridge.c and so on */
extern const judd_head_ops judd_head_lda;
extern const judd_head_ops judd_head_centroid;
extern const judd_head_ops judd_head_knn;
extern const judd_head_ops judd_head_source;

#endif
