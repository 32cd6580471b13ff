/** Transferability scores: how well the features of a source suit a target task, from its training
 *  samples alone and without training anything. Larger is better in all of them.
 *
 *  f [n, dim]: features, m their mean; y: labels of C classes; n_c: samples of class c;
 *  theta [n, Z]: the source network's own class probabilities.
 *    logme          evidence of a Bayesian linear model of each class's indicator, per sample, mean
 *                   over classes (You et al. 2021, fixed point)
 *    leep           mean log probability of the label by P(y|z) theta (Nguyen et al. 2020)
 *    nce            -H(y|z), z = argmax theta (Tran et al. 2019)
 *    h              tr(pinv(cov f) cov E[f|y]), divisor n - 1 (Bao et al. 2019)
 *    regularised_h  the same with Ledoit & Wolf's covariance (Ibrahim et al. 2021)
 *    transrate      coding rate of f less the mean of the classes' (Huang et al. 2022), eps 1e-4
 *    ridge          share of the indicators' variance that ridge regression predicts, by
 * generalised cross-validation, best of 45 strengths (Golub, Heath & Wahba 1979) centroid accuracy
 * of the nearest class mean, every sample left out of its own class's
 *
 *  Float64. Sums over samples are exact and in lanes, and no rank ever holds all features; of the
 *  matrix of products with order = min(n, dim) every rank holds a share, or, when its order is at
 *  most JUDD_SCORES_ALONE, the whole. In that case scores have the same bits at any number of ranks
 *  (of equal CPUs); leep, nce and centroid always. Beyond, the decomposition is ScaLAPACK's and
 *  logme, h, regularised_h, transrate and ridge agree to 1e-9 relative.
 */
#ifndef JUDD_TRANSFER_SCORES_H
#define JUDD_TRANSFER_SCORES_H

#include <judd/learn/rows.h>

enum { JUDD_SCORES_ALONE = 2048, JUDD_SCORES_REASON = 512 };

typedef enum judd_score_kind {
    JUDD_SCORE_LOGME,
    JUDD_SCORE_LEEP,
    JUDD_SCORE_NCE,
    JUDD_SCORE_H,
    JUDD_SCORE_REGULARISED_H,
    JUDD_SCORE_TRANSRATE,
    JUDD_SCORE_RIDGE,
    JUDD_SCORE_CENTROID,
    JUDD_N_SCORES
} judd_score_kind;

typedef struct judd_score {
    double value;                    /* NAN: none */
    char reason[JUDD_SCORES_REASON]; /* why there is none; else "" */
} judd_score;

/** "logme", ...: the names above. */
const char *judd_scores_name(judd_score_kind kind);

/** features: this rank's lanes, with labels 0 .. n_classes-1; in memory or streamed. outputs: the
 *  source network's outputs before the softmax for the same samples, dealt alike, or NULL, and then
 *  no_outputs says why. What a score cannot be had from (one class, constant features, values that
 *  are not finite) is its reason, not an error. Collective; the same on every rank. */
judd_status judd_scores_measure(judd_score scores[JUDD_N_SCORES], const judd_rows *features,
                                const judd_rows *outputs, const char *no_outputs, int n_classes,
                                const judd_comm *comm);

#endif
