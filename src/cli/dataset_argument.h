/** A data set on the command line: a path recognised by its content, or JOB.cfg:NAME. */
#ifndef JUDD_SRC_CLI_DATASET_ARGUMENT_H
#define JUDD_SRC_CLI_DATASET_ARGUMENT_H

#include "cli/arguments.h"

#include <judd/data/dataset.h>
#include <judd/job/job.h>

typedef struct judd_dataset_argument {
    const char *text;             /* what was typed, borrowed from argv */
    bool test;                    /* the test files of a job's data set */
    bool texts;                   /* wanted: a file of no other format holds a text a line */
    judd_dataset_options options; /* strings of argv, or of the job */
    judd_job *job;                /* owned, or NULL */
} judd_dataset_argument;

/** The operand of that number and the options of data sets. Local. */
judd_status judd_dataset_argument_read(judd_dataset_argument *d, judd_arguments *a, int operand);

/** Whether the text is JOB.cfg:NAME. Local. */
bool judd_dataset_argument_in_job(const char *text);
/** Whether a path exists that is recognised as a data set, or the text is JOB.cfg:NAME. Local. */
bool judd_dataset_argument_is_one(const char *text);

/** Open the data set, and load it. Collective. */
judd_status judd_dataset_argument_open(judd_dataset **out, judd_dataset_argument *a,
                                       const judd_comm *comm);
void judd_dataset_argument_free(judd_dataset_argument *a);

#endif
