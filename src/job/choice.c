#include "job/choice.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static bool chooses(const judd_job_experiment *x) {
    return x->score && strcmp(x->score, "none") != 0;
}

static judd_score_kind score_of(const judd_job_experiment *x) {
    int k = 0;
    while (k + 1 < JUDD_N_SCORES && strcmp(judd_scores_name(k), x->score) != 0) k++;
    return k;
}

/* ---- auto --------------------------------------------------------------------------------------
 */

static judd_status list_backbones(judd_job_experiment *x, const judd_job *job) {
    judd_status status = JUDD_OK;
    char **names = NULL;
    int64_t n = 0;
    JUDD_TRY(judd_memory_alloc(&names, job->n_backbones, sizeof *names));
    for (int64_t b = 0; b < job->n_backbones; b++)
        if (strcmp(job->backbones[b].name, x->baseline) != 0)
            JUDD_TRY(judd_memory_string(&names[n++], job->backbones[b].name));
    if (n == 0) goto done; /* the check of names says that there is no backbone "auto" */
    free(x->backbone.values[0]);
    free(x->backbone.values);
    x->backbone = (judd_job_strings){n, names};
    names = NULL;
done:
    for (int64_t b = 0; names && b < n; b++) free(names[b]);
    free(names);
    return status;
}

judd_status judd_choice_expand(judd_job *job) {
    judd_status status = JUDD_OK;
    for (int64_t e = 0; e < job->n_experiments; e++) {
        judd_job_experiment *x = &job->experiments[e];
        if (strcmp(x->mode, "backbone") != 0) continue;
        bool any = x->backbone.n == 1 && strcmp(x->backbone.values[0], "auto") == 0 &&
                   !judd_job_find_backbone(job, "auto");
        if (any) JUDD_TRY(list_backbones(x, job));
        if ((any || strcmp(x->source, "auto") == 0) && !chooses(x)) {
            free(x->score);
            x->score = NULL;
            JUDD_TRY(judd_memory_string(&x->score, "logme"));
        }
    }
done:
    return status;
}

void judd_choice_clear(judd_job *job) {
    for (int64_t e = 0; e < job->n_experiments; e++) {
        free(job->experiments[e].chosen);
        job->experiments[e].chosen = NULL;
    }
}

bool judd_choice_any(const judd_job *job) {
    bool any = false;
    for (int64_t e = 0; e < job->n_experiments; e++) any |= chooses(&job->experiments[e]);
    return any;
}

bool judd_choice_needs_outputs(const judd_job *job) {
    bool any = false;
    for (int64_t e = 0; e < job->n_experiments; e++) {
        const judd_job_experiment *x = &job->experiments[e];
        any |= chooses(x) && (score_of(x) == JUDD_SCORE_LEEP || score_of(x) == JUDD_SCORE_NCE);
    }
    return any;
}

/* Where the choice for a target and shot count stands; -1: the experiment has none of them. */
static int64_t place_of(const judd_job_experiment *x, const char *target, int64_t shots) {
    for (int64_t t = 0; t < x->target.n; t++)
        for (int64_t k = 0; k < x->shots.n; k++)
            if (strcmp(x->target.values[t], target) == 0 && x->shots.values[k] == shots)
                return t * x->shots.n + k;
    return -1;
}

bool judd_choice_has(const judd_job_experiment *x, const judd_job_dataset *target, int64_t shots,
                     const judd_job_backbone *backbone) {
    if (!x->chosen) return true;
    int32_t chosen = x->chosen[place_of(x, target->name, shots)];
    return strcmp(x->backbone.values[chosen], backbone->name) == 0;
}

/* ---- choosing ----------------------------------------------------------------------------------
 */

static judd_status choose(int32_t *chosen, const judd_job *job, const judd_job_experiment *x,
                          const judd_job_dataset *target, int64_t shots, const judd_scoring *s) {
    const judd_score_kind by = score_of(x);
    const judd_scored *best = NULL, *last = NULL;
    for (int64_t b = 0; b < x->backbone.n; b++) {
        const judd_job_backbone *backbone = judd_job_find_backbone(job, x->backbone.values[b]);
        const judd_scored *one = judd_scoring_find(s, backbone, target, shots);
        if (one) last = one;
        if (!one || one->rank[by] == 0 || (best && one->rank[by] > best->rank[by])) continue;
        best = one;
        *chosen = (int32_t)b;
    }
    if (best) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "experiment %s: no backbone has a score %s for %s%s%s; name another "
                           "score, or the backbones with score = \"none\"",
                           x->name, x->score, target->name, last ? ": " : "",
                           last ? last->score[by].reason : "");
}

static judd_status make_room(judd_job_experiment *x) {
    free(x->chosen);
    x->chosen = NULL;
    return judd_memory_alloc(&x->chosen, x->target.n * x->shots.n, sizeof *x->chosen);
}

judd_status judd_choice_make(judd_job *job, const judd_scoring *scoring) {
    judd_status status = JUDD_OK;
    for (int64_t e = 0; e < job->n_experiments; e++) {
        judd_job_experiment *x = &job->experiments[e];
        if (!chooses(x)) continue;
        JUDD_TRY(make_room(x));
        for (int64_t t = 0; t < x->target.n; t++)
            for (int64_t k = 0; k < x->shots.n; k++)
                JUDD_TRY(choose(&x->chosen[t * x->shots.n + k], job, x,
                                judd_job_find_dataset(job, x->target.values[t]), x->shots.values[k],
                                scoring));
    }
done:
    return status;
}

judd_status judd_choice_records(json_t *records, const judd_job *job) {
    for (int64_t e = 0; e < job->n_experiments; e++) {
        const judd_job_experiment *x = &job->experiments[e];
        for (int64_t i = 0; x->chosen && i < x->target.n * x->shots.n; i++) {
            int64_t shots = x->shots.values[i % x->shots.n];
            json_t *r =
                json_pack("{s:i, s:s, s:s, s:s, s:o, s:s, s:s}", "schema", 1, "kind", "choice",
                          "experiment", x->name, "target", x->target.values[i / x->shots.n],
                          "shots", shots ? json_integer(shots) : json_null(), "score", x->score,
                          "source", x->backbone.values[x->chosen[i]]);
            if (!r || json_array_append_new(records, r) != 0)
                return judd_status_set(JUDD_E_INTERNAL, "scores: no memory for a record");
        }
    }
    return JUDD_OK;
}

/* ---- choices that were recorded ----------------------------------------------------------------
 */

static const char *text_of(const json_t *record, const char *key) {
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

/* Takes one record; what does not fit the experiment is passed over. */
static void take(judd_job_experiment *x, uint8_t *taken, const json_t *r) {
    const json_t *shots = json_object_get(r, "shots");
    if (strcmp(text_of(r, "kind"), "choice") != 0 || strcmp(text_of(r, "experiment"), x->name) != 0)
        return;
    int64_t i = place_of(x, text_of(r, "target"), json_integer_value(shots)); /* null: 0 */
    for (int64_t b = 0; i >= 0 && b < x->backbone.n; b++) {
        if (strcmp(text_of(r, "source"), x->backbone.values[b]) != 0) continue;
        x->chosen[i] = (int32_t)b;
        taken[i] = 1;
    }
}

judd_status judd_choice_take(bool *all, judd_job *job, const json_t *records) {
    judd_status status = JUDD_OK;
    uint8_t *taken = NULL;
    size_t k = 0;
    json_t *r = NULL;
    *all = true;
    for (int64_t e = 0; e < job->n_experiments; e++) {
        judd_job_experiment *x = &job->experiments[e];
        if (!chooses(x)) continue;
        JUDD_TRY(make_room(x));
        JUDD_TRY(judd_memory_alloc(&taken, x->target.n * x->shots.n, 1));
        json_array_foreach(records, k, r) take(x, taken, r);
        for (int64_t i = 0; i < x->target.n * x->shots.n; i++) *all = *all && taken[i];
        free(taken);
        taken = NULL;
    }
    if (!*all) judd_choice_clear(job);
done:
    free(taken);
    return status;
}
