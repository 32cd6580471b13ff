/** Rows that go through a bank together, with all that is known of them. */
#ifndef JUDD_LEARN_BATCH_H
#define JUDD_LEARN_BATCH_H

#include <stdint.h>

/** A view: who made it owns the arrays. */
typedef struct judd_batch {
    int64_t n;
    const float *x;      /* [.., dim], standardised; row i of the batch is */
    const int64_t *rows; /* row rows[i] of x; NULL: row i */
    int32_t *labels;     /* [n] */
    int16_t *folds;      /* [n] */
    float *targets;      /* [n, n_targets], or NULL */
    int64_t *positions;  /* [n]: of the samples in their set */
} judd_batch;

#endif
