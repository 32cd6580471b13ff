/** What the samples of a data set are to be recognised as, and the names for it. */
#ifndef DATA_LABEL_SET_H
#define DATA_LABEL_SET_H

#include "data/name_table.h"

#include <judd/data/dataset.h>

/** Filled by a reader on rank 0; one of labels and targets is there. All owned. */
typedef struct judd_label_set {
    int64_t n;             /* samples */
    int32_t *labels;       /* [n], or NULL */
    float *targets;        /* [n, n_targets], or NULL */
    int64_t n_targets;     /* 0 without targets */
    judd_name_table names; /* of the classes or targets; may be empty. On rank 0 only */
    char *text;            /* after share: the names, each with a NUL */
    const char **name;     /* after share: [n_names] into text, or NULL without names */
    int64_t n_names;
} judd_label_set;

void judd_label_set_free(judd_label_set *set);

/** Labels or targets from numbers [n, columns], as the task wants them: whole numbers for
 *  classification (one column), else targets. JUDD_E_DATA names the sample and column that is not
 *  what it should be. Rank 0. */
judd_status judd_label_set_numbers(judd_label_set *set, judd_task_kind task, const double *values,
                                   int64_t n, int64_t columns, const char *place);

/** Fit to `task` and give rank 0's set to every rank. Labels without names reach up to the largest;
 *  JUDD_E_DATA if a label is beyond the names, if targets of a multilabel set are not 0 or 1, or if
 *  a target is not finite; JUDD_E_CONFIG if the set has none of what the task needs.
 *  `place` stands in messages. Collective. */
judd_status judd_label_set_share(judd_label_set *set, judd_task_kind task, const char *place,
                                 const judd_comm *comm);

/** The set's part of info; borrowed from the set. */
void judd_label_set_fill(const judd_label_set *set, judd_task_kind task, judd_dataset_info *info);

#endif
