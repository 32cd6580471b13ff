/** Counts and means of classes, exact: the same bits at any number of ranks; and the checks that
 *  closed-form heads make of their rows before anything else. */
#ifndef JUDD_LEARN_MOMENTS_H
#define JUDD_LEARN_MOMENTS_H

#include <judd/learn/rows.h>

typedef struct judd_moments {
    int64_t n, dim; /* samples over all ranks */
    int n_classes;
    int64_t *count;     /* [n_classes] samples */
    double *class_mean; /* [n_classes, dim]; 0 for a class without samples */
    double *mean;       /* [dim] of all samples */
} judd_moments;

/** n_classes = 0: one class of all samples, labels are not looked at. row_scale [n_local]
 * multiplies the rows (NULL: 1). `what` names the rows in messages ("features"). JUDD_E_DATA names
 * a sample (its position in the set) and column that is not finite, or a label out of range, or
 * that there are no samples. Collective. Owner of the arrays: caller, judd_moments_free. */
judd_status judd_moments_fit(judd_moments *out, const judd_rows *rows, int n_classes,
                             const float *row_scale, const char *what, const judd_comm *comm);
void judd_moments_free(judd_moments *moments);

/** JUDD_E_DEGENERATE names a class without samples, JUDD_E_DATA says that there is one class only.
 * Local. */
judd_status judd_moments_check_classes(const judd_moments *moments, const char *head);

/** The first column that is the same in all samples, or -1. Collective. */
judd_status judd_moments_constant_column(int64_t *column, const judd_rows *rows,
                                         const judd_comm *comm);

#endif
