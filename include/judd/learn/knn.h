/** Weighted k nearest neighbours, exact and distributed: the protocol of DINO (Caron et al. 2021,
 *  section 4.1, after Wu et al. 2018).
 *
 *  Similarity of test row q and training row x: cosine of the two (rows divided by their length;
 *  zeros stay zeros). Each of the k most similar training rows votes for its class with
 *  exp(similarity / T). Among equal similarities the sample that comes first in the training set is
 *  the nearer. k above the number of training samples means all.
 *
 *  Training rows stay where they are, in memory or in the cache; blocks of test rows visit every
 * rank, whose best are merged by the rank that owns the test row. Similarities come from the exact
 * product (linalg/gemm.h): the same bits at any number of ranks. Smaller k need no other search.
 */
#ifndef JUDD_LEARN_KNN_H
#define JUDD_LEARN_KNN_H

#include <judd/learn/rows.h>

#include <stdbool.h>

typedef struct judd_knn_options {
    int n_classes;
    int64_t k;          /* neighbours kept, >= 1 */
    bool leave_one_out; /* the test rows are the training rows, and no row is its own neighbour */
} judd_knn_options;

#define JUDD_KNN_TEMPERATURE 0.07

/** The neighbours of this rank's test rows. */
typedef struct judd_knn {
    int64_t n_local;
    int64_t n_nearest; /* min(k, training samples that can be neighbours) */
    int64_t *nearest;  /* [n_local, n_nearest] positions in the training set, nearest first */
    int32_t *label;    /* [n_local, n_nearest] */
    float *similarity; /* [n_local, n_nearest] */
} judd_knn;

/** Searches `train` for the neighbours of `test` (same dim, same ranks). JUDD_E_DATA names a value
 *  that is not finite or a label out of range, JUDD_E_DEGENERATE says that a sample has no
 *  neighbours, JUDD_E_IO that rows cannot be read. Collective.
 * Owner of the arrays: caller, judd_knn_free. */
judd_status judd_knn_search(judd_knn *out, const judd_rows *train, const judd_rows *test,
                            const judd_knn_options *options, const judd_comm *comm);
void judd_knn_free(judd_knn *knn);

/** votes [n_classes] of the k nearest of a local row, in units of the nearest one's vote. Local. */
void judd_knn_vote(double *votes, const judd_knn *knn, int64_t row, int n_classes, int64_t k,
                   double temperature);

#endif
