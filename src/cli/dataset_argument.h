/** A data set on the command line: a path recognised by its content, or JOB.cfg:NAME. */
#ifndef JUDD_CLI_DATASET_ARGUMENT_H
#define JUDD_CLI_DATASET_ARGUMENT_H

#include <judd/data/dataset.h>
#include <judd/job/job.h>

typedef struct judd_dataset_argument {
    const char *text;             /* what was typed, borrowed from argv */
    bool test;                    /* the test files of a job's data set */
    bool texts;                   /* wanted: a file of no other format holds a text a line */
    judd_dataset_options options; /* strings of argv, or of the job */
    judd_job *job;                /* owned, or NULL */
} judd_dataset_argument;

#define JUDD_DATASET_ARGUMENT_HELP                                                                 \
    "DATASET is a path (its format is recognised by its content) or JOB.cfg:NAME\n"                \
    "  --format F      the format of the path, as in job files\n"                                  \
    "  --labels FILE   labels (idx, npy, lines) or list of the classes\n"                          \
    "  --text-column C --label-column C   of tsv, csv and jsonl: by number or name\n"              \
    "  --task T        classification, multilabel or regression\n"                                 \
    "  --split test    of JOB.cfg:NAME: the test files (else the training files)\n"

/** Takes argv[*i] if it is an option of data sets (and its value) or, if there is none yet, the
 *  data set itself; *taken says so. */
judd_status judd_dataset_argument_take(judd_dataset_argument *a, bool *taken, int *i, int argc,
                                       char **argv);

/** Whether a path exists that is recognised as a data set, or the text is JOB.cfg:NAME. Local. */
bool judd_dataset_argument_is_one(const char *text);

/** Open the data set, and load it. Collective. */
judd_status judd_dataset_argument_open(judd_dataset **out, judd_dataset_argument *a,
                                       const judd_comm *comm);
void judd_dataset_argument_free(judd_dataset_argument *a);

#endif
