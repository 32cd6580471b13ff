#include "job/agreement.h"

#include <judd/base/memory.h>
#include <judd/stats/correlation.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *record, const char *key) {
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

static double number_of(const json_t *record, const char *key) {
    const json_t *value = json_object_get(record, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static bool is_gain(const json_t *verdict) {
    return strcmp(text_of(verdict, "kind"), "gain") == 0 && isfinite(number_of(verdict, "gain"));
}

/* The same question to several backbones. */
static bool same_question(const json_t *a, const json_t *b) {
    static const char *const keys[] = {"experiment", "target", "head"};
    for (int k = 0; k < 3; k++)
        if (strcmp(text_of(a, keys[k]), text_of(b, keys[k])) != 0) return false;
    return json_equal(json_object_get(a, "shots"), json_object_get(b, "shots"));
}

/* Scores and gains of the sources of a question that have both. */
typedef struct sources {
    const judd_scoring *scoring;
    const judd_job *job;
    const json_t *question; /* any of its verdicts */
    int64_t n;
    double *score, *gain;
    int *rank;
} sources;

static void add(sources *s, const char *backbone, double gain, int kind) {
    const judd_job *job = s->job;
    const judd_scored *one =
        judd_scoring_find(s->scoring, judd_job_find_backbone(job, backbone),
                          judd_job_find_dataset(job, text_of(s->question, "target")),
                          json_integer_value(json_object_get(s->question, "shots")));
    if (!one || one->rank[kind] == 0) return;
    s->score[s->n] = judd_scoring_nine_digits(one->score[kind].value);
    s->rank[s->n] = one->rank[kind];
    s->gain[s->n++] = gain;
}

static void list_sources(sources *s, const json_t *verdicts, const judd_job_experiment *x,
                         int kind) {
    size_t i = 0;
    json_t *v = NULL;
    s->n = 0;
    if (x->baseline) add(s, x->baseline, 0.0, kind);
    json_array_foreach(verdicts, i, v) if (is_gain(v) && same_question(v, s->question))
        add(s, text_of(v, "backbone"), number_of(v, "gain"), kind);
}

static double regret(const sources *s) {
    int64_t best = 0, top = 0;
    for (int64_t i = 1; i < s->n; i++) {
        if (s->rank[i] < s->rank[top]) top = i;
        if (s->gain[i] > s->gain[best]) best = i;
    }
    return s->n > 1 ? s->gain[best] - s->gain[top] : NAN;
}

static const char *why_not(const sources *s, double tau) {
    if (s->n < 2) return "less than two sources have both this score and a gain";
    return isnan(tau) ? "all scores or all gains are equal" : NULL;
}

static json_t *record_of(const sources *s, int kind) {
    double tau = judd_correlation_kendall(s->score, s->gain, s->n);
    const char *reason = why_not(s, tau);
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:O, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "schema",
                     1, "kind", "agreement", "experiment", text_of(s->question, "experiment"),
                     "target", text_of(s->question, "target"), "head", text_of(s->question, "head"),
                     "shots", json_object_get(s->question, "shots"), "score",
                     judd_scores_name(kind), "measure", "gain", "n", (json_int_t)s->n,
                     "kendall_tau", number(tau), "pearson",
                     number(judd_correlation_pearson(s->score, s->gain, s->n)), "top1_regret",
                     number(regret(s)), "reason", reason ? json_string(reason) : json_null());
}

static const judd_job_experiment *find_experiment(const judd_job *job, const char *name) {
    for (int64_t e = 0; e < job->n_experiments; e++)
        if (strcmp(job->experiments[e].name, name) == 0) return &job->experiments[e];
    return NULL;
}

/* The names of a verdict are those of this job's parts, in a comparison of backbones. */
static bool is_known(const json_t *v, const judd_job *job) {
    const judd_job_experiment *x = find_experiment(job, text_of(v, "experiment"));
    return x && strcmp(x->mode, "backbone") == 0 &&
           judd_job_find_dataset(job, text_of(v, "target")) && json_object_get(v, "shots");
}

judd_status judd_agreement_records(json_t *records, const judd_scoring *scoring,
                                   const json_t *verdicts, const judd_job *job) {
    judd_status status = JUDD_OK;
    sources s = {.scoring = scoring, .job = job};
    const int64_t most = (int64_t)json_array_size(verdicts) + 1;
    JUDD_TRY(judd_memory_alloc(&s.score, most, sizeof *s.score));
    JUDD_TRY(judd_memory_alloc(&s.gain, most, sizeof *s.gain));
    JUDD_TRY(judd_memory_alloc(&s.rank, most, sizeof *s.rank));
    for (size_t i = 0; i < json_array_size(verdicts); i++) {
        bool first = true;
        s.question = json_array_get(verdicts, i);
        if (!is_gain(s.question) || !is_known(s.question, job)) continue;
        for (size_t j = 0; j < i && first; j++) {
            const json_t *before = json_array_get(verdicts, j);
            first = !is_gain(before) || !same_question(before, s.question);
        }
        for (int k = 0; first && k < JUDD_N_SCORES; k++) {
            list_sources(&s, verdicts, find_experiment(job, text_of(s.question, "experiment")), k);
            if (json_array_append_new(records, record_of(&s, k)) != 0)
                JUDD_FAIL(JUDD_E_INTERNAL, "scores: no memory for a record");
        }
    }
done:
    free(s.score);
    free(s.gain);
    free(s.rank);
    return status;
}

/* Mean of a key over the records of a score that have it; *n: their number. */
static double mean_of(int *n, const json_t *records, const char *score, const char *key) {
    double sum = 0.0;
    size_t i = 0;
    json_t *r = NULL;
    *n = 0;
    json_array_foreach(records, i, r) {
        if (strcmp(text_of(r, "kind"), "agreement") != 0 || isnan(number_of(r, key))) continue;
        if (strcmp(text_of(r, "score"), score) != 0) continue;
        sum += number_of(r, key);
        ++*n;
    }
    return *n > 0 ? sum / *n : NAN;
}

void judd_agreement_print(FILE *to, const json_t *records) {
    static const char *const keys[] = {"kendall_tau", "pearson", "top1_regret"};
    int n = 0;
    fprintf(to,
            "\nagainst measured gains (the baseline's is 0), means over comparisons\n  %-14s %12s",
            "score", "comparisons");
    for (int k = 0; k < 3; k++) fprintf(to, " %11s", keys[k]);
    fprintf(to, "\n");
    for (int score = 0; score < JUDD_N_SCORES; score++) {
        (void)mean_of(&n, records, judd_scores_name(score), "top1_regret");
        fprintf(to, "  %-14s %12d", judd_scores_name(score), n);
        for (int k = 0; k < 3; k++)
            fprintf(to, " %11.3f", mean_of(&n, records, judd_scores_name(score), keys[k]));
        fprintf(to, "\n");
    }
    fprintf(to,
            "kendall_tau: tau-b; top1_regret: the largest gain less that of the best-scored source."
            "\n");
}
