#include <judd/transfer/scores.h>

#include "transfer/families.h"

#include <math.h>
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

static void leave_out(judd_score *score, const char *reason) {
    score->value = NAN;
    snprintf(score->reason, sizeof score->reason, "%s", reason);
}

static void set(judd_score *score, double value) {
    leave_out(score, isfinite(value) ? "" : "the score of these features is not a finite number");
    if (isfinite(value)) score->value = value;
}

/* What is wrong with the data is the reason for having no score; other errors remain. */
static judd_status excuse(judd_score *score, judd_status status) {
    if (status != JUDD_E_DATA) return status;
    leave_out(score, judd_status_message());
    return JUDD_OK;
}

static judd_status measure_spectrum(judd_score *scores, const judd_rows *features, int n_classes,
                                    const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_spectrum s = {0};
    judd_status fitted = judd_spectrum_fit(&s, features, n_classes, comm);
    for (int k = 0; k < JUDD_N_SCORES; k++) {
        if (!scores_of[k].of) continue;
        if (fitted == JUDD_OK)
            set(&scores[k], scores_of[k].of(&s));
        else
            JUDD_TRY(excuse(&scores[k], fitted));
    }
done:
    judd_spectrum_free(&s);
    return status;
}

static judd_status measure_outputs(judd_score *scores, const judd_rows *outputs, int n_classes,
                                   const judd_comm *comm) {
    judd_status status = JUDD_OK;
    double leep = NAN, nce = NAN;
    status = judd_label_transfer_measure(&leep, &nce, outputs, n_classes, comm);
    set(&scores[JUDD_SCORE_LEEP], leep);
    set(&scores[JUDD_SCORE_NCE], nce);
    if (status == JUDD_OK) goto done;
    JUDD_TRY(excuse(&scores[JUDD_SCORE_LEEP], status));
    scores[JUDD_SCORE_NCE] = scores[JUDD_SCORE_LEEP];
done:
    return status;
}

judd_status judd_scores_measure(judd_score scores[JUDD_N_SCORES], const judd_rows *features,
                                const judd_rows *outputs, const char *no_outputs, int n_classes,
                                const judd_comm *comm) {
    judd_status status = JUDD_OK;
    double accuracy = NAN;
    JUDD_TRY(measure_spectrum(scores, features, n_classes, comm));
    status = judd_probes_centroid(&accuracy, features, n_classes, comm);
    set(&scores[JUDD_SCORE_CENTROID], accuracy);
    if (status != JUDD_OK) JUDD_TRY(excuse(&scores[JUDD_SCORE_CENTROID], status));
    leave_out(&scores[JUDD_SCORE_LEEP], no_outputs ? no_outputs : "no class probabilities");
    scores[JUDD_SCORE_NCE] = scores[JUDD_SCORE_LEEP];
    if (outputs) JUDD_TRY(measure_outputs(scores, outputs, n_classes, comm));
done:
    return status;
}
