/** Weighted k nearest neighbours, exact and distributed: the protocol of DINO (Caron et al. 2021,
 *  section 4.1, after Wu et al. 2018).
 *
 *  Similarity of test row q and training row x: cosine of the two (rows divided by their length;
 * zeros stay zeros). Each of the k most similar training rows votes for its class with
 * exp(similarity / T); the class with the most votes wins, the lowest on ties. Among equal
 * similarities the sample that comes first in the training set is the nearer. k above the number of
 * training samples means all.
 *
 *  Training rows stay where they are; blocks of test rows visit every rank, whose best are merged
 * by the rank that owns the test row. Similarities come from the exact product (linalg/gemm.h): the
 * same bits at any number of ranks. All k come from one pass.
 */
#ifndef JUDD_LEARN_KNN_H
#define JUDD_LEARN_KNN_H

#include <judd/learn/rows.h>

typedef struct judd_knn_options {
    int n_classes;
    const int *k; /* [n_k], ascending, each >= 1 */
    int n_k;
    double temperature; /* T > 0; DINO: 0.07 */
} judd_knn_options;

#define JUDD_KNN_TEMPERATURE 0.07

typedef struct judd_knn {
    int n_classes, n_k;
    int64_t n;          /* test samples over all ranks */
    int64_t *confusion; /* [n_k, n_classes (true), n_classes (predicted)], over all ranks */
    int64_t *top5;      /* [n_k] samples whose class is among the five with most votes */
    int64_t n_local;    /* this rank's test samples */
    int32_t *predicted; /* [n_k, n_local] */
    int64_t n_nearest;  /* min(largest k, training samples) */
    int64_t *nearest;   /* [n_local, n_nearest] positions in the training set, nearest first */
    float *similarity;  /* [n_local, n_nearest] */
} judd_knn;

/** Classifies `test` by `train` (same dim, same ranks). JUDD_E_DATA names a value that is not
 * finite or a label out of range. Collective. Owner of the arrays: caller, judd_knn_free. */
judd_status judd_knn_classify(judd_knn *out, const judd_rows *train, const judd_rows *test,
                              const judd_knn_options *options, const judd_comm *comm);
void judd_knn_free(judd_knn *knn);

#endif
