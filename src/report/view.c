#include "report/view.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void judd_predicted_free(judd_predicted *p) {
    free(p->names);
    free(p->ids);
    free(p->label);
    free(p->predicted);
    free(p->score);
    *p = (judd_predicted){0};
}

void judd_page_sample_free(judd_page_sample *s) {
    judd_image_free(&s->image);
    free(s->text);
    *s = (judd_page_sample){0};
}

/* ---- the comparisons ----------------------------------------------------------------------------
 */

/* The value under a key, made if it is not there. Borrowed. */
static json_t *member(json_t *object, const char *key, json_t *(*make)(void)) {
    json_t *there = json_object_get(object, key);
    if (there) return there;
    json_object_set_new(object, key, make());
    return json_object_get(object, key);
}

static json_t *index_trials(const json_t *results) {
    json_t *all = json_object(), *r = NULL;
    size_t i = 0;
    json_array_foreach((json_t *)(uintptr_t)results, i, r) {
        json_t *cell = member(all, judd_records_text(r, "comparison"), json_object);
        json_array_append(member(cell, judd_records_text(r, "arm"), json_array), r);
    }
    return all;
}

/* The records of a comparison's arm: "transfer", "baseline"; borrowed, or NULL. */
static const json_t *trials_of(const judd_view *v, const char *comparison, const char *arm) {
    return json_object_get(json_object_get(v->trials, comparison), arm);
}

judd_comparison judd_view_comparison(const judd_view *v, const json_t *verdict) {
    const json_t *ends = json_object_get(verdict, "ci95");
    const char *name = judd_records_text(verdict, "comparison");
    judd_comparison c = {.verdict = verdict,
                         .experiment = judd_records_text(verdict, "experiment"),
                         .backbone = judd_records_text(verdict, "backbone"),
                         .target = judd_records_text(verdict, "target"),
                         .head = judd_records_text(verdict, "head"),
                         .metric = judd_records_text(verdict, "metric"),
                         .shots = judd_records_number(verdict, "shots"),
                         .gain = judd_records_number(verdict, "gain"),
                         .low = judd_records_value(json_array_get(ends, 0)),
                         .high = judd_records_value(json_array_get(ends, 1)),
                         .transfer = trials_of(v, name, "transfer"),
                         .plain = trials_of(v, name, "baseline")};
    c.baseline = judd_records_text(json_array_get(c.plain, 0), "backbone");
    c.source = judd_records_text(json_array_get(c.transfer, 0), "source");
    c.mode = judd_records_text(json_array_get(c.transfer, 0), "mode");
    return c;
}

static bool same_row(const judd_comparison *a, const judd_comparison *b) {
    return strcmp(a->experiment, b->experiment) == 0 && strcmp(a->backbone, b->backbone) == 0 &&
           strcmp(a->head, b->head) == 0;
}

/* The metric of most interest: gains in others cannot be compared with it. */
static const char *metric_of(const judd_view *v) {
    for (int i = 0; i < v->n; i++)
        if (strcmp(v->gains[i].metric, "accuracy") == 0) return "accuracy";
    return v->n > 0 ? v->gains[0].metric : "";
}

/* Rows of the matrix, extremes, and which axes tell rows apart. */
static void order(judd_view *v) {
    v->best = v->worst = -1;
    for (int i = 0; i < v->n; i++) {
        judd_comparison *c = &v->gains[i];
        int j = 0;
        while (j < i && !same_row(&v->gains[j], c)) j++;
        c->row = j < i ? v->gains[j].row : v->n_rows++;
        v->several_experiments |= strcmp(c->experiment, v->gains[0].experiment) != 0;
        v->several_backbones |= strcmp(c->backbone, v->gains[0].backbone) != 0;
        v->several_heads |= strcmp(c->head, v->gains[0].head) != 0;
        if (!isfinite(c->gain) || strcmp(c->metric, metric_of(v)) != 0) continue;
        if (v->best < 0 || c->gain > v->gains[v->best].gain) v->best = i;
        if (v->worst < 0 || c->gain < v->gains[v->worst].gain) v->worst = i;
    }
}

judd_status judd_view_create(judd_view **out, const judd_page_input *in) {
    judd_status status = JUDD_OK;
    judd_view *v = NULL;
    json_t *verdict = NULL;
    size_t i = 0;
    JUDD_TRY(judd_memory_alloc(&v, 1, sizeof *v));
    v->in = in;
    v->trials = index_trials(in->results);
    JUDD_TRY(
        judd_memory_alloc(&v->gains, (int64_t)json_array_size(in->verdicts) + 1, sizeof *v->gains));
    json_array_foreach(in->verdicts, i, verdict) if (judd_records_is(verdict, "kind", "gain"))
        v->gains[v->n++] = judd_view_comparison(v, verdict);
    order(v);
    *out = v;
    v = NULL;
done:
    judd_view_destroy(v);
    return status;
}

void judd_view_destroy(judd_view *v) {
    if (!v) return;
    json_decref(v->trials);
    free(v->gains);
    free(v);
}

double judd_view_mean(const json_t *trials, const char *metric) {
    double sum = 0.0;
    int n = 0;
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach((json_t *)(uintptr_t)trials, i, r) {
        double x = judd_records_number(json_object_get(r, "metrics"), metric);
        if (!judd_records_is(r, "status", "ok") || !isfinite(x)) continue;
        sum += x;
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

/* ---- words --------------------------------------------------------------------------------------
 */

void judd_view_label(char text[JUDD_LABEL], const judd_view *v, const judd_comparison *c) {
    snprintf(text, JUDD_LABEL, "%.80s%s%.80s%s%.80s", v->several_experiments ? c->experiment : "",
             v->several_experiments ? ": " : "", c->backbone, v->several_heads ? ", " : "",
             v->several_heads ? c->head : "");
}

void judd_view_shots(char text[JUDD_LABEL], const judd_comparison *c) {
    if (isfinite(c->shots))
        snprintf(text, JUDD_LABEL, "%.0f a class", c->shots);
    else
        snprintf(text, JUDD_LABEL, "all samples");
}

void judd_view_place(char text[JUDD_LABEL], const judd_view *v, const judd_comparison *c) {
    char label[JUDD_LABEL], shots[JUDD_LABEL];
    judd_view_label(label, v, c);
    judd_view_shots(shots, c);
    snprintf(text, JUDD_LABEL, "%.120s on %.80s with %.40s", label, c->target, shots);
}

static const struct {
    const char *verdict, *sign;
} signs[] = {{"positive", "\xE2\x96\xB2"}, /* triangle up */
             {"negative", "\xE2\x96\xBC"}, /* triangle down */
             {"neutral", "="},
             {"inconclusive", "?"}};

const char *judd_view_verdict(const judd_view *v, const json_t *verdict) {
    return v->in->state == JUDD_PAGE_COMPLETE ? judd_records_text(verdict, "verdict")
                                              : "not yet judged";
}

const char *judd_view_sign(const judd_view *v, const json_t *verdict) {
    const char *word = judd_view_verdict(v, verdict);
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
        if (strcmp(word, signs[k].verdict) == 0) return signs[k].sign;
    return "\xE2\x80\xA6"; /* ... */
}

void judd_view_number(judd_html *html, double x) {
    if (isfinite(x))
        judd_html_add(html, "%.3f", x);
    else
        judd_html_add(html, "&ndash;");
}

void judd_view_signed(judd_html *html, double x) {
    if (isfinite(x))
        judd_html_add(html, "%s%.3f", x < 0.0 ? "\xE2\x88\x92" : "+", fabs(x));
    else
        judd_html_add(html, "&ndash;");
}

void judd_view_open_box(const judd_view *v, const char *label) {
    judd_html_add(v->html, "<section class=\"scroll\" tabindex=\"0\" aria-label=\"%s\">", label);
}

void judd_view_open_table(const judd_view *v, const char *what) {
    judd_html_add(v->html, "<details%s><summary>Table: %s</summary>", v->pictures ? "" : " open",
                  what);
    judd_view_open_box(v, what);
    judd_html_add(v->html, "<table>");
}

void judd_view_close_table(const judd_view *v) {
    judd_html_add(v->html, "</table></section></details>\n");
}
