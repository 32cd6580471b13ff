/** What the outputs of a bank's head mean, and which class of every data set it reads is which of
 *  them.
 *
 *  A plain training and most lessons tell the classes of their own data set apart, in its order.
 *  Classes of a source are matched by name, by place, or as the experiment's label_map says; a
 *  sequence with labels = "union" tells all classes of its tasks apart, in the order in which they
 *  first come.
 */
#ifndef JUDD_SRC_JOB_LABEL_SPACE_H
#define JUDD_SRC_JOB_LABEL_SPACE_H

#include "job/inputs.h"

typedef struct judd_label_space {
    int n_outputs;
    char **names;       /* [n_outputs]; owned, as the rest */
    int64_t n_reads;    /* of the bank, as judd_plan_read_of counts them */
    int32_t *n_classes; /* [n_reads] */
    int32_t **output;   /* [n_reads][n_classes]: -1: none */
    bool *complete;     /* [n_reads]: every class of it is an output of its own */
} judd_label_space;

/** JUDD_E_DATA names a class that has no place, with the fix. Local; the same on every rank. Owner:
 *  caller, judd_label_space_free. */
judd_status judd_label_space_make(judd_label_space *out, const judd_inputs *inputs,
                                  const judd_plan_bank *bank);
void judd_label_space_free(judd_label_space *space);

/** Labels of the k-th data set's rows, in its own order, become outputs. Local. */
void judd_label_space_relabel(judd_rows *rows, const judd_label_space *space, int64_t k);

/** from [n_outputs]: which output of the head it starts from each output is; -1: none.
 * JUDD_E_CONFIG if nothing would be inherited. Local. */
judd_status judd_label_space_inherit(int32_t *from, const judd_label_space *space,
                                     const judd_plan_bank *bank);

/** What make and inherit will say of these banks [n], before anything is computed for them. Local;
 *  the same on every rank. */
judd_status judd_label_space_check(const judd_inputs *inputs, const judd_plan_bank *const *banks,
                                   int64_t n);

#endif
