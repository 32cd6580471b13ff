/** What the samples of a data set are to be recognised as, and the names for it. */
#ifndef JUDD_SRC_DATA_LABEL_SET_H
#define JUDD_SRC_DATA_LABEL_SET_H

#include "data/name_table.h"

#include <judd/comm/node_memory.h>
#include <judd/data/dataset.h>

/** Filled by a reader on rank 0; one of labels and targets is there. All owned; what there is of
 *  every sample lies on disk, once a node after share. */
typedef struct judd_label_set {
    int64_t n;                                      /* samples */
    int32_t *labels;                                /* [n], or NULL */
    float *targets;                                 /* [n, n_targets], or NULL */
    int64_t n_targets;                              /* 0 without targets */
    judd_scratch label_scratch, target_scratch;     /* of rank 0 before share */
    judd_node_memory *label_memory, *target_memory; /* after it */
    judd_name_table names; /* of the classes or targets; may be empty. On rank 0 only */
    char *text;            /* after share: the names, each with a NUL */
    const char **name;     /* after share: [n_names] into text, or NULL without names */
    int64_t n_names;
} judd_label_set;

void judd_label_set_free(judd_label_set *set);

/** Room for the labels of n samples, or their targets (n_targets > 0), zeroed. Rank 0. */
judd_status judd_label_set_create(judd_label_set *set, int64_t n, int64_t n_targets);

/** Room for numbers [n, columns], as the task wants them: labels from one column, else targets.
 *  `place` stands in messages. Rank 0. */
judd_status judd_label_set_create_for(judd_label_set *set, judd_task_kind task, int64_t n,
                                      int64_t columns, const char *place);
/** ... and numbers [count] of them from number `first` on. JUDD_E_DATA names the sample whose label
 *  is no whole number. Rank 0. */
judd_status judd_label_set_put(judd_label_set *set, int64_t first, const double *values,
                               int64_t count, const char *place);

/** Fit to `task` and give rank 0's set to every rank. Labels without names reach up to the largest;
 *  JUDD_E_DATA if a label is beyond the names, if targets of a multilabel set are not 0 or 1, or if
 *  a target is not finite; JUDD_E_CONFIG if the set has none of what the task needs.
 *  `place` stands in messages. Collective. */
judd_status judd_label_set_share(judd_label_set *set, judd_task_kind task, const char *place,
                                 const judd_comm *comm);
/** Label -1 for the bad samples, whose labels `bad` then has. After share; collective. */
judd_status judd_label_set_hide(judd_label_set *set, judd_dataset_bad *bad, int64_t n_bad);

/** The set's part of info; borrowed from the set. */
void judd_label_set_fill(const judd_label_set *set, judd_task_kind task, judd_dataset_info *info);

#endif
