#include "report/study.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SCORES = 1 << 25, MOST_CLASSES = 1 << 11 };

void judd_study_free(judd_study *s) {
    free(s->names);
    free(s->ids);
    free(s->label);
    for (int a = 0; a < JUDD_STUDY_ARMS; a++) {
        free(s->right[a]);
        free(s->said[a]);
        free(s->confusion[a]);
    }
    *s = (judd_study){0};
}

/* Samples, labels and classes of the first file; they become the study's. */
static judd_status take_shape(judd_study *s, judd_predicted *p) {
    judd_status status = JUDD_OK;
    s->n = p->n;
    s->n_classes = p->n_classes;
    s->names = p->names;
    s->ids = p->ids;
    s->label = p->label;
    p->names = NULL;
    p->ids = NULL;
    p->label = NULL;
    for (int a = 0; a < JUDD_STUDY_ARMS; a++) {
        JUDD_TRY(judd_memory_alloc(&s->right[a], s->n, sizeof *s->right[a]));
        JUDD_TRY(judd_memory_alloc(&s->said[a], s->n, sizeof *s->said[a]));
        JUDD_TRY(judd_memory_alloc(&s->confusion[a], (int64_t)s->n_classes * s->n_classes,
                                   sizeof *s->confusion[a]));
    }
done:
    return status;
}

static bool in_range(int32_t c, int n) {
    return c >= 0 && c < n;
}

/* Largest softmax probability of scores [n]. */
static double confidence_of(const float *score, int n) {
    double most = score[0], sum = 0.0;
    for (int c = 1; c < n; c++) most = score[c] > most ? score[c] : most;
    for (int c = 0; c < n; c++) sum += exp(score[c] - most);
    return 1.0 / sum;
}

static void add(judd_study *s, int arm, const judd_predicted *p, const int32_t *label) {
    for (int64_t i = 0; i < s->n; i++) {
        int32_t truth = label[i], said = p->predicted[i];
        double confidence = confidence_of(p->score + i * s->n_classes, s->n_classes);
        if (!in_range(truth, s->n_classes) || !in_range(said, s->n_classes) ||
            !isfinite(confidence))
            continue;
        int bin = (int)(confidence * JUDD_STUDY_BINS);
        if (bin == JUDD_STUDY_BINS) bin--;
        s->bins[arm][bin].confidence += confidence;
        s->bins[arm][bin].right += truth == said;
        s->bins[arm][bin].n += 1.0;
        s->confusion[arm][(int64_t)truth * s->n_classes + said]++;
        s->right[arm][i] += truth == said;
        if (truth != said) s->said[arm][i] = said;
    }
}

/* One trial; the samples must be those of the first. */
static judd_status read_trial(judd_study *s, const judd_view *v, int arm, const char *trial) {
    judd_status status = JUDD_OK;
    judd_predicted p = {0};
    JUDD_TRY(v->in->predictions(v->in->context, trial, &p));
    if (p.n_classes < 2 || p.n_classes > MOST_CLASSES)
        JUDD_FAIL(JUDD_E_DATA, "%d classes are not shown", p.n_classes);
    if (!s->ids) JUDD_TRY(take_shape(s, &p));
    const int32_t *label = p.label ? p.label : s->label;
    if (p.n != s->n && p.ids) JUDD_FAIL(JUDD_E_DATA, "%s: other samples than the rest", trial);
    if (p.n_classes != s->n_classes || (p.ids && memcmp(p.ids, s->ids, (size_t)s->n * 8) != 0))
        JUDD_FAIL(JUDD_E_DATA, "%s: other samples than the rest", trial);
    add(s, arm, &p, label);
done:
    judd_predicted_free(&p);
    return status;
}

/* The trial of an arm at a seed; NULL: none that is sound. Borrowed. */
static const char *trial_of(const json_t *trials, json_int_t seed) {
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach((json_t *)(uintptr_t)trials, i, r) {
        bool this = json_integer_value(json_object_get(r, "seed")) == seed;
        if (this && judd_records_is(r, "status", "ok")) return judd_records_text(r, "trial");
    }
    return NULL;
}

static judd_status read_pairs(judd_study *s, const judd_view *v) {
    judd_status status = JUDD_OK;
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach((json_t *)(uintptr_t)s->of->transfer, i, r) {
        json_int_t seed = json_integer_value(json_object_get(r, "seed"));
        const char *transfer = trial_of(s->of->transfer, seed);
        const char *plain = trial_of(s->of->plain, seed);
        if (s->n_seeds > 0 && s->n_seeds >= MOST_SCORES / (s->n * s->n_classes)) break;
        if (!transfer || !plain) continue;
        JUDD_TRY(read_trial(s, v, JUDD_STUDY_TRANSFER, transfer));
        JUDD_TRY(read_trial(s, v, JUDD_STUDY_BASELINE, plain));
        s->n_seeds++;
    }
    if (s->n_seeds == 0) JUDD_FAIL(JUDD_E_DATA, "no seed has both arms");
done:
    return status;
}

judd_status judd_study_make(judd_study *out, const judd_view *v, const judd_comparison *of) {
    *out = (judd_study){.of = of};
    judd_status status = read_pairs(out, v);
    if (status == JUDD_OK || status == JUDD_E_INTERNAL) return status;
    judd_study_free(out);
    *out = (judd_study){.of = of};
    snprintf(out->why, sizeof out->why, "%s", judd_status_message());
    return JUDD_OK;
}
