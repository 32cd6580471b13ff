#include "job/scoring.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what to score -----------------------------------------------------------------------------
 */

static judd_status add(judd_scoring *s, const judd_scored *one) {
    judd_scored *larger = NULL;
    if (judd_scoring_find(s, one->backbone, one->dataset, one->shots)) return JUDD_OK;
    if (s->n == s->most) {
        judd_status status = judd_memory_alloc(&larger, 2 * s->n + 16, sizeof *larger);
        if (status != JUDD_OK) return status;
        if (s->n > 0) memcpy(larger, s->all, (size_t)s->n * sizeof *larger);
        free(s->all);
        s->all = larger;
        s->most = 2 * s->n + 16;
    }
    s->all[s->n++] = *one;
    return JUDD_OK;
}

static bool is_source(const judd_job_experiment *x, const char *backbone, bool to_choose) {
    if (!to_choose && x->baseline && strcmp(x->baseline, backbone) == 0) return true;
    for (int64_t b = 0; b < x->backbone.n; b++)
        if (strcmp(x->backbone.values[b], backbone) == 0) return true;
    return false;
}

static bool has_cell(const judd_job_experiment *x, const judd_scored *one) {
    bool target = false, shots = false;
    for (int64_t t = 0; t < x->target.n; t++)
        target |= strcmp(x->target.values[t], one->dataset->name) == 0;
    for (int64_t k = 0; k < x->shots.n; k++) shots |= x->shots.values[k] == one->shots;
    return target && shots;
}

static bool counts(const judd_job_experiment *x, bool to_choose) {
    return !to_choose || (x->score && strcmp(x->score, "none") != 0);
}

/* The sources of all experiments that have this target and shot count, in the job's order. */
static judd_status add_sources(judd_scoring *s, const judd_job *job, judd_scored one,
                               bool to_choose) {
    judd_status status = JUDD_OK;
    for (int64_t b = 0; b < job->n_backbones; b++)
        for (int64_t e = 0; e < job->n_experiments; e++) {
            const judd_job_experiment *x = &job->experiments[e];
            one.backbone = &job->backbones[b];
            if (counts(x, to_choose) && has_cell(x, &one) &&
                is_source(x, one.backbone->name, to_choose))
                JUDD_TRY(add(s, &one));
        }
done:
    return status;
}

judd_status judd_scoring_list(judd_scoring *out, const judd_job *job, bool to_choose) {
    judd_status status = JUDD_OK;
    *out = (judd_scoring){0};
    for (int64_t e = 0; e < job->n_experiments; e++) {
        const judd_job_experiment *x = &job->experiments[e];
        if (!counts(x, to_choose)) continue;
        for (int64_t t = 0; t < x->target.n; t++)
            for (int64_t k = 0; k < x->shots.n; k++) {
                judd_scored one = {.dataset = judd_job_find_dataset(job, x->target.values[t]),
                                   .shots = x->shots.values[k]};
                JUDD_TRY(add_sources(out, job, one, to_choose));
            }
    }
done:
    if (status != JUDD_OK) judd_scoring_free(out);
    return status;
}

void judd_scoring_free(judd_scoring *scoring) {
    free(scoring->all);
    *scoring = (judd_scoring){0};
}

const judd_scored *judd_scoring_find(const judd_scoring *s, const judd_job_backbone *backbone,
                                     const judd_job_dataset *dataset, int64_t shots) {
    for (int64_t i = 0; i < s->n; i++)
        if (s->all[i].backbone == backbone && s->all[i].dataset == dataset &&
            s->all[i].shots == shots)
            return &s->all[i];
    return NULL;
}

/* ---- scores ------------------------------------------------------------------------------------
 */

/* More outputs than this are a picture or a text, not classes. */
enum { MOST_OUTPUTS = 1 << 16 };

static judd_plan_bank bank_of(const judd_scored *one, const judd_job *job, const char *tap) {
    return (judd_plan_bank){.name = one->dataset->name,
                            .backbone = one->backbone,
                            .dataset = one->dataset,
                            .tap = tap,
                            .shots = one->shots,
                            .seed = job->seed};
}

/* Why nothing is scored here; NULL: something is. */
static const char *no_scores(const judd_inputs *in, const judd_scored *one) {
    return judd_inputs_find(in, one->dataset)->kind == JUDD_CLASSIFICATION
               ? NULL
               : "scores are of one class a sample; the target has several labels or numbers";
}

/* Why there are no class probabilities; NULL: there may be. */
static const char *no_outputs(const judd_scored *one, bool wanted) {
    if (!wanted) return "not asked for";
    if (strcmp(one->backbone->kind, "onnx") != 0)
        return "the source is no network and has no class probabilities";
    if (strcmp(one->backbone->weights, "random") == 0)
        return "the source has random weights and has learned no classes";
    return NULL;
}

static judd_status extract(const judd_scoring *s, const judd_inputs *in, bool outputs,
                           judd_extraction_done done_one, void *context) {
    judd_status status = JUDD_OK;
    judd_plan_bank *banks = NULL;
    const judd_plan_bank **list = NULL;
    int64_t n = 0;
    status = judd_memory_alloc(&banks, 2 * s->n, sizeof *banks);
    if (status == JUDD_OK) status = judd_memory_alloc(&list, 2 * s->n, sizeof *list);
    JUDD_TRY(judd_comm_agree(in->comm, status));
    for (int64_t i = 0; i < s->n; i++) {
        if (no_scores(in, &s->all[i])) continue;
        banks[n++] = bank_of(&s->all[i], in->job, NULL);
        if (!no_outputs(&s->all[i], outputs)) banks[n++] = bank_of(&s->all[i], in->job, "logits");
    }
    for (int64_t i = 0; i < n; i++) list[i] = &banks[i];
    JUDD_TRY(judd_extraction_run(in, list, n, false, done_one, context));
done:
    free(banks);
    free(list);
    return status;
}

/* A cache's rows of the drawn samples, from memory or streamed out of it. */
typedef struct features {
    judd_cache *cache;
    judd_rows rows;
} features;

static judd_status open_features(features *f, const judd_inputs *in, const judd_plan_bank *bank,
                                 const judd_task_samples *samples) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_inputs_cache(&f->cache, in, bank, JUDD_SPLIT_TRAIN));
    judd_inputs_part part = {f->cache, samples};
    JUDD_TRY(judd_inputs_rows(&f->rows, in, &part, 1));
done:
    return status;
}

static void close_features(features *f) {
    judd_rows_free(&f->rows);
    judd_cache_close(f->cache);
}

static void leave_out(judd_scored *one, const char *reason) {
    for (int k = 0; k < JUDD_N_SCORES; k++) {
        one->score[k].value = NAN;
        snprintf(one->score[k].reason, sizeof one->score[k].reason, "%s", reason);
    }
}

/* The message without the cache's path: records do not know the machine. */
static const char *message_without(const judd_cache *cache) {
    const char *text = judd_status_message(), *path = cache ? judd_cache_path(cache, 0) : "";
    size_t n = strlen(path);
    return strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

static judd_status measure(judd_scored *one, const judd_inputs *in, bool outputs) {
    judd_status status = JUDD_OK;
    const judd_plan_bank bank = bank_of(one, in->job, NULL),
                         tapped = bank_of(one, in->job, "logits");
    const int n_classes = judd_inputs_find(in, one->dataset)->n_classes;
    const char *without = no_outputs(one, outputs);
    judd_inputs_drawn drawn = {0};
    features f = {0}, o = {0};
    JUDD_TRY(judd_comm_agree(in->comm, judd_inputs_draw(&drawn, in, &bank)));
    status = open_features(&f, in, &bank, &drawn.train);
    if (status == JUDD_E_DATA) {
        leave_out(one, message_without(f.cache));
        status = JUDD_OK;
        goto done;
    }
    JUDD_TRY(status);
    if (!without) status = open_features(&o, in, &tapped, &drawn.train);
    if (status == JUDD_E_DATA) without = message_without(o.cache);
    if (status != JUDD_E_DATA) JUDD_TRY(status);
    if (!without && (o.rows.dim < 2 || o.rows.dim > MOST_OUTPUTS))
        without = "the source's outputs are no class probabilities";
    JUDD_TRY(judd_scores_measure(one->score, &f.rows, without ? NULL : &o.rows, without, n_classes,
                                 in->comm));
done:
    close_features(&f);
    close_features(&o);
    judd_inputs_drawn_free(&drawn);
    return judd_status_context(status, "scores of %s for %s", one->backbone->name,
                               one->dataset->name);
}

double judd_scoring_nine_digits(double x) {
    char text[32];
    snprintf(text, sizeof text, "%.8e", x);
    return strtod(text, NULL);
}

static bool same_cell(const judd_scored *a, const judd_scored *b) {
    return a->dataset == b->dataset && a->shots == b->shots;
}

static void set_ranks(judd_scoring *s, int kind) {
    for (int64_t i = 0; i < s->n; i++) {
        judd_scored *own = &s->all[i];
        double value = judd_scoring_nine_digits(own->score[kind].value);
        if (isnan(value)) continue;
        own->rank[kind] = 1;
        for (int64_t j = 0; j < s->n; j++) {
            double other = judd_scoring_nine_digits(s->all[j].score[kind].value);
            if (same_cell(own, &s->all[j]))
                own->rank[kind] += other > value || (other == value && j < i);
        }
    }
}

judd_status judd_scoring_run(judd_scoring *s, const judd_inputs *in, bool outputs,
                             judd_extraction_done done_one, void *context) {
    judd_status status = JUDD_OK;
    JUDD_TRY(extract(s, in, outputs, done_one, context));
    for (int64_t i = 0; i < s->n; i++) {
        const char *without = no_scores(in, &s->all[i]);
        if (without)
            leave_out(&s->all[i], without);
        else
            JUDD_TRY(measure(&s->all[i], in, outputs));
    }
    for (int k = 0; k < JUDD_N_SCORES; k++) set_ranks(s, k);
done:
    return status;
}

/* ---- records and tables ------------------------------------------------------------------------
 */

judd_status judd_scoring_records(json_t *records, const judd_scoring *s) {
    for (int64_t i = 0; i < s->n; i++)
        for (int k = 0; k < JUDD_N_SCORES; k++) {
            const judd_scored *one = &s->all[i];
            const judd_score *score = &one->score[k];
            bool none = isnan(score->value);
            json_t *r = json_pack("{s:i, s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "schema", 1, "target",
                                  one->dataset->name, "source", one->backbone->name, "shots",
                                  one->shots ? json_integer(one->shots) : json_null(), "score",
                                  judd_scores_name(k), "value",
                                  none ? json_null() : json_real(score->value), "reason",
                                  none ? json_string(score->reason) : json_null(), "rank",
                                  none ? json_null() : json_integer(one->rank[k]));
            if (!r || json_array_append_new(records, r) != 0)
                return judd_status_set(JUDD_E_INTERNAL, "scores: no memory for a record");
        }
    return JUDD_OK;
}

static void print_source(FILE *to, const judd_scored *one) {
    fprintf(to, "  %-24s", one->backbone->name);
    for (int k = 0; k < JUDD_N_SCORES; k++)
        if (one->rank[k] > 0)
            fprintf(to, " %12.4f%s", one->score[k].value, one->rank[k] == 1 ? "*" : " ");
        else
            fprintf(to, " %12s ", "-");
    fprintf(to, "\n");
}

static void print_reasons(FILE *to, const judd_scored *one) {
    const char *last = "";
    for (int k = 0; k < JUDD_N_SCORES; k++) {
        const char *reason = one->score[k].reason;
        if (reason[0] && strcmp(reason, last) != 0)
            fprintf(to, "  %s: no %s: %s\n", one->backbone->name, judd_scores_name(k), reason);
        last = reason;
    }
}

/* The table that begins with source `first`; the n sources of it stand together. */
static void print_table(FILE *to, const judd_scoring *s, int64_t first, int64_t n,
                        judd_score_kind by) {
    char shots[32] = "all training samples";
    const judd_scored *head = &s->all[first];
    if (head->shots) snprintf(shots, sizeof shots, "%lld shots", (long long)head->shots);
    fprintf(to, "%s%s, %s\n  %-24s", first > 0 ? "\n" : "", head->dataset->name, shots, "source");
    for (int k = 0; k < JUDD_N_SCORES; k++) fprintf(to, " %12s ", judd_scores_name(k));
    fprintf(to, "\n");
    for (int rank = 1; rank <= n + 1; rank++) /* those without a rank last */
        for (int64_t i = first; i < first + n; i++)
            if (s->all[i].rank[by] == (rank <= n ? rank : 0)) print_source(to, &s->all[i]);
    for (int64_t i = first; i < first + n; i++) print_reasons(to, &s->all[i]);
}

void judd_scoring_print(FILE *to, const judd_scoring *s, judd_score_kind by) {
    for (int64_t first = 0, n; first < s->n; first += n) {
        n = 1;
        while (first + n < s->n && same_cell(&s->all[first], &s->all[first + n])) n++;
        print_table(to, s, first, n, by);
    }
}
