/* Scores of sources, computed without training, against the gains that were measured. */
#include "report/view.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mean gain of a source on a target over all shots and heads; NaN: none was measured. */
static double measured(const judd_view *v, const json_t *score) {
    double sum = 0.0;
    int n = 0;
    for (int i = 0; i < v->n; i++) {
        const judd_comparison *c = &v->gains[i];
        bool of = judd_records_is(score, "source", c->backbone) ||
                  judd_records_is(score, "source", c->source);
        bool shots = isnan(judd_records_number(score, "shots")) ||
                     judd_records_number(score, "shots") == c->shots;
        if (!of || !shots || !judd_records_is(score, "target", c->target) || !isfinite(c->gain))
            continue;
        sum += c->gain;
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

static bool is_agreement(const json_t *r) {
    return judd_records_is(r, "kind", "agreement");
}

static bool has_agreement(const judd_view *v) {
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach(v->in->scores, i, r) if (is_agreement(r)) return true;
    return false;
}

/* Whether r is the value of this score for as many shots as `like`. */
static bool is_value(const json_t *r, const char *score, const json_t *like) {
    return !is_agreement(r) && judd_records_is(r, "score", score) &&
           json_equal(json_object_get(r, "shots"), json_object_get(like, "shots"));
}

/* "logme against measured gain, 5 shots" */
static void make_title(char title[JUDD_LABEL], const char *score, const json_t *like) {
    double shots = judd_records_number(like, "shots");
    int n = snprintf(title, JUDD_LABEL, "%.60s against measured gain, ", score);
    if (shots > 0.0)
        snprintf(title + n, (size_t)(JUDD_LABEL - n), "%.0f shot%s", shots, shots > 1.0 ? "s" : "");
    else
        snprintf(title + n, (size_t)(JUDD_LABEL - n), "all samples");
}

/* A score at the shots of `like`: values of different numbers of samples have different scales. The
 * targets it has been computed for are the series. */
static judd_status draw_score(const judd_view *v, const char *score, const json_t *like) {
    judd_status status = JUDD_OK;
    int n = (int)json_array_size(v->in->scores), n_series = 0, at = 0;
    double *x = NULL, *y = NULL;
    judd_chart_series series[JUDD_CHART_STYLES];
    char title[JUDD_LABEL];
    JUDD_TRY(judd_memory_alloc(&x, n, sizeof *x));
    JUDD_TRY(judd_memory_alloc(&y, n, sizeof *y));
    for (int i = 0; i < n && n_series < JUDD_CHART_STYLES; i++) {
        const json_t *r = json_array_get(v->in->scores, (size_t)i);
        const char *target = judd_records_text(r, "target");
        bool known = !is_value(r, score, like);
        for (int k = 0; k < n_series; k++) known |= strcmp(series[k].name, target) == 0;
        if (known) continue;
        series[n_series] =
            (judd_chart_series){.name = target, .style = n_series, .x = x + at, .y = y + at};
        for (int j = i; j < n; j++) {
            const json_t *s = json_array_get(v->in->scores, (size_t)j);
            if (!is_value(s, score, like) || !judd_records_is(s, "target", target)) continue;
            x[at] = judd_records_number(s, "value");
            y[at++] = measured(v, s);
            series[n_series].n++;
        }
        n_series++;
    }
    make_title(title, score, like);
    const judd_chart chart = {.title = title,
                              .description = "A point for each source; the numbers stand in the "
                                             "table below.",
                              .heading = title,
                              .x_label = score,
                              .y_label = "mean measured gain",
                              .zero = true,
                              .n_series = n_series,
                              .series = series};
    if (n_series > 0) judd_charts_add(v->charts, v->html, &chart);
done:
    free(x);
    free(y);
    return status;
}

/* Training samples a class that a score or gain rests on. */
static void write_shots(const judd_view *v, const json_t *r) {
    double shots = judd_records_number(r, "shots");
    if (shots > 0.0)
        judd_html_add(v->html, "%.0f", shots);
    else
        judd_html_add(v->html, "all");
}

static void write_scores(const judd_view *v) {
    size_t i = 0;
    json_t *r = NULL;
    judd_view_open_table(v, "scores and gains");
    judd_html_add(v->html,
                  "<thead><tr><th scope=\"col\">Target</th><th scope=\"col\">Shots</th>"
                  "<th scope=\"col\">Source</th>"
                  "<th scope=\"col\">Score</th><th scope=\"col\">Value</th>"
                  "<th scope=\"col\">Rank</th><th scope=\"col\">Mean gain</th></tr></thead>"
                  "<tbody>\n");
    json_array_foreach(v->in->scores, i, r) {
        if (is_agreement(r)) continue;
        double value = judd_records_number(r, "value");
        judd_html_add(v->html, "<tr><th scope=\"row\">%s</th><td>", judd_records_text(r, "target"));
        write_shots(v, r);
        judd_html_add(v->html, "</td><td>%s</td><td>%s</td><td>", judd_records_text(r, "source"),
                      judd_records_text(r, "score"));
        if (isfinite(value))
            judd_html_add(v->html, "%.4g</td><td>%.0f</td><td>", value,
                          judd_records_number(r, "rank"));
        else
            judd_html_add(v->html, "%s</td><td>&ndash;</td><td>", judd_records_text(r, "reason"));
        judd_view_signed(v->html, measured(v, r));
        judd_html_add(v->html, "</td></tr>\n");
    }
    judd_html_add(v->html, "</tbody>");
    judd_view_close_table(v);
}

static void write_agreements(const judd_view *v) {
    size_t i = 0;
    json_t *r = NULL;
    if (!has_agreement(v)) return;
    judd_html_add(v->html, "<h3>How well scores foretold gains</h3>");
    judd_view_open_box(v, "Agreement of scores and gains");
    judd_html_add(
        v->html,
        "<table><thead><tr>"
        "<th scope=\"col\">Score</th><th scope=\"col\">Experiment</th><th "
        "scope=\"col\">Head</th><th scope=\"col\">Target</th><th scope=\"col\">Shots</th><th "
        "scope=\"col\">Kendall</th><th scope=\"col\">Pearson</th><th scope=\"col\">Regret of "
        "the first</th><th scope=\"col\">n</th></tr></thead><tbody>\n");
    json_array_foreach(v->in->scores, i, r) {
        if (!is_agreement(r)) continue;
        bool one = json_is_string(json_object_get(r, "target"));
        judd_html_add(v->html, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td><td>",
                      judd_records_text(r, "score"), judd_records_text(r, "experiment"),
                      judd_records_text(r, "head"), one ? judd_records_text(r, "target") : "all");
        write_shots(v, r);
        judd_html_add(v->html, "</td><td>");
        judd_view_signed(v->html, judd_records_number(r, "kendall_tau"));
        judd_html_add(v->html, "</td><td>");
        judd_view_signed(v->html, judd_records_number(r, "pearson"));
        judd_html_add(v->html, "</td><td>");
        judd_view_number(v->html, judd_records_number(r, "top1_regret"));
        judd_html_add(v->html, "</td><td>%.0f</td></tr>\n", judd_records_number(r, "n"));
    }
    judd_html_add(v->html, "</tbody></table></section>\n");
}

judd_status judd_section_scores(judd_view *v) {
    judd_status status = JUDD_OK;
    json_t *r = NULL;
    size_t i = 0;
    if (json_array_size(v->in->scores) == 0) goto done;
    judd_html_add(v->html, "<div class=\"charts\">\n");
    json_array_foreach(v->in->scores, i, r) {
        const char *score = judd_records_text(r, "score");
        bool drawn = is_agreement(r);
        for (size_t k = 0; k < i && !drawn; k++)
            drawn = is_value(json_array_get(v->in->scores, k), score, r);
        if (!drawn) JUDD_TRY(draw_score(v, score, r));
    }
    judd_html_add(v->html, "</div>\n");
    write_agreements(v);
    write_scores(v);
done:
    return status;
}
