#include <judd/transfer/scores.h>

#include "transfer/families.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* One row a score. Those without `of` come from rows. */
static const struct {
    const char *name;
    double (*of)(const judd_spectrum *s);
} scores_of[JUDD_N_SCORES] = {
    [JUDD_SCORE_LOGME] = {"logme", judd_evidence_logme},
    [JUDD_SCORE_LEEP] = {"leep", NULL},
    [JUDD_SCORE_NCE] = {"nce", NULL},
    [JUDD_SCORE_H] = {"h", judd_h_score_plain},
    [JUDD_SCORE_REGULARISED_H] = {"regularised_h", judd_h_score_regularised},
    [JUDD_SCORE_TRANSRATE] = {"transrate", judd_coding_rate_transrate},
    [JUDD_SCORE_RIDGE] = {"ridge", judd_probes_ridge},
    [JUDD_SCORE_CENTROID] = {"centroid", NULL}};

const char *judd_scores_name(judd_score_kind kind) {
    return scores_of[kind].name;
}

static bool needs_outputs(int kind) {
    return kind == JUDD_SCORE_LEEP || kind == JUDD_SCORE_NCE;
}

static void leave_out(judd_score *score, const char *reason) {
    score->value = NAN;
    snprintf(score->reason, sizeof score->reason, "%s", reason);
}

static void set(judd_score *score, double value) {
    leave_out(score, isfinite(value) ? "" : "the score of these features is not a finite number");
    if (isfinite(value)) score->value = value;
}

/* What is wrong with the data is the reason for having no score; other errors remain. */
static judd_status excuse(judd_score *scores, bool of_outputs, judd_status status) {
    if (status != JUDD_E_DATA && status != JUDD_E_DEGENERATE) return status; /* also JUDD_OK */
    for (int k = 0; k < JUDD_N_SCORES; k++)
        if (needs_outputs(k) == of_outputs) leave_out(&scores[k], judd_status_message());
    return JUDD_OK;
}

/* All but those of outputs. */
static judd_status measure_features(judd_score *scores, const judd_rows *features, int n_classes,
                                    const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_moments m = {0};
    judd_spectrum s = {0};
    double accuracy = NAN;
    JUDD_TRY(judd_moments_fit(&m, features, n_classes, NULL, "features", comm));
    JUDD_TRY(judd_moments_check_classes(&m, "scores"));
    JUDD_TRY(judd_probes_centroid(&accuracy, features, &m, comm));
    JUDD_TRY(judd_spectrum_fit(&s, features, &m, comm));
    for (int k = 0; k < JUDD_N_SCORES; k++)
        if (scores_of[k].of) set(&scores[k], scores_of[k].of(&s));
    set(&scores[JUDD_SCORE_CENTROID], accuracy);
done:
    judd_moments_free(&m);
    judd_spectrum_free(&s);
    return status;
}

static judd_status measure_outputs(judd_score *scores, const judd_rows *outputs, int n_classes,
                                   const judd_comm *comm) {
    double leep = NAN, nce = NAN;
    judd_status status = judd_label_transfer_measure(&leep, &nce, outputs, n_classes, comm);
    set(&scores[JUDD_SCORE_LEEP], leep);
    set(&scores[JUDD_SCORE_NCE], nce);
    return status;
}

judd_status judd_scores_measure(judd_score scores[JUDD_N_SCORES], const judd_rows *features,
                                const judd_rows *outputs, const char *no_outputs, int n_classes,
                                const judd_comm *comm) {
    judd_status status = JUDD_OK;
    for (int k = 0; k < JUDD_N_SCORES; k++)
        leave_out(&scores[k], no_outputs ? no_outputs : "no class probabilities");
    JUDD_TRY(excuse(scores, false, measure_features(scores, features, n_classes, comm)));
    if (outputs) JUDD_TRY(excuse(scores, true, measure_outputs(scores, outputs, n_classes, comm)));
done:
    return status;
}
