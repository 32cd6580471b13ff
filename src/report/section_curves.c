/* Learning curves: test accuracy along the steps of training, both arms. */
#include "report/view.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_CURVES = 16, MOST_POINTS = 512 };

/* Mean over the trials whose curve has the steps of the first. */
typedef struct curve {
    int n, n_trials;
    double step[MOST_POINTS], accuracy[MOST_POINTS];
} curve;

static const json_t *part_of(const json_t *trial, const char *key) {
    return json_object_get(json_object_get(trial, "curve"), key);
}

static void read_curve(curve *c, const json_t *trials) {
    size_t i = 0;
    json_t *r = NULL;
    *c = (curve){0};
    json_array_foreach((json_t *)(uintptr_t)trials, i, r) {
        const json_t *steps = part_of(r, "steps"), *accuracy = part_of(r, "accuracy");
        int n = (int)json_array_size(steps);
        if (n < 2 || n > MOST_POINTS || (int)json_array_size(accuracy) != n) continue;
        if (c->n_trials > 0 && n != c->n) continue;
        c->n = n;
        c->n_trials++;
        for (int k = 0; k < n; k++) {
            c->step[k] = judd_records_value(json_array_get(steps, (size_t)k));
            c->accuracy[k] += judd_records_value(json_array_get(accuracy, (size_t)k));
        }
    }
    for (int k = 0; k < c->n; k++) c->accuracy[k] /= c->n_trials;
}

static void draw(const judd_view *v, const judd_comparison *c, const curve *arms) {
    char heading[JUDD_LABEL];
    judd_view_place(heading, v, c);
    judd_chart_series series[2] = {{.name = "transfer"}, {.name = "baseline"}};
    for (int a = 0; a < 2; a++) {
        series[a].style = a;
        series[a].line = true;
        series[a].n = arms[a].n;
        series[a].x = arms[a].step;
        series[a].y = arms[a].accuracy;
    }
    const judd_chart chart = {.title = heading,
                              .description = "Mean test accuracy along training, transfer and "
                                             "baseline; the numbers stand in the table below.",
                              .heading = heading,
                              .x_label = "steps",
                              .y_label = "test accuracy",
                              .n_series = 2,
                              .series = series};
    judd_charts_add(v->charts, v->html, &chart);
}

static void write_rows(const judd_view *v, const judd_comparison *c, const curve *arms) {
    char place[JUDD_LABEL];
    judd_view_place(place, v, c);
    judd_html_add(v->html, "<tbody><tr><th colspan=\"3\" scope=\"rowgroup\">%s</th></tr>\n", place);
    for (int k = 0; k < arms[0].n; k++) {
        judd_html_add(v->html, "<tr><td>%.0f</td><td>", arms[0].step[k]);
        judd_view_number(v->html, arms[0].accuracy[k]);
        judd_html_add(v->html, "</td><td>");
        judd_view_number(v->html, k < arms[1].n ? arms[1].accuracy[k] : NAN);
        judd_html_add(v->html, "</td></tr>\n");
    }
    judd_html_add(v->html, "</tbody>");
}

/* What verdicts say of the curves. */
static void write_facts(const judd_view *v, const judd_comparison *c) {
    const json_t *area = json_object_get(c->verdict, "curve_area");
    const json_t *steps = json_object_get(c->verdict, "steps_to_baseline");
    double median = judd_records_number(steps, "median");
    char place[JUDD_LABEL];
    if (!area) return;
    judd_view_place(place, v, c);
    judd_html_add(v->html, "<li>%s: mean gain along training ", place);
    judd_view_signed(v->html, judd_records_number(area, "mean"));
    if (isfinite(median))
        judd_html_add(v->html, "; as good as the baseline's end (%.0f steps) after %.0f (median)",
                      judd_records_number(steps, "baseline"), median);
    judd_html_add(v->html, ".</li>\n");
}

judd_status judd_section_curves(judd_view *v) {
    judd_status status = JUDD_OK;
    curve *arms = NULL; /* [v->n][2] */
    int n = 0, *of = NULL;
    JUDD_TRY(judd_memory_alloc(&arms, 2 * MOST_CURVES, sizeof *arms));
    JUDD_TRY(judd_memory_alloc(&of, MOST_CURVES, sizeof *of));
    for (int i = 0; i < v->n && n < MOST_CURVES; i++) {
        read_curve(&arms[2 * n], v->gains[i].transfer);
        read_curve(&arms[2 * n + 1], v->gains[i].plain);
        if (arms[2 * n].n > 0) of[n++] = i;
    }
    if (n == 0) goto done;
    judd_html_add(v->html, "<div class=\"charts\">\n");
    for (int k = 0; k < n; k++) draw(v, &v->gains[of[k]], &arms[2 * k]);
    judd_html_add(v->html, "</div>\n<ul class=\"facts\">");
    for (int k = 0; k < n; k++) write_facts(v, &v->gains[of[k]]);
    judd_html_add(v->html, "</ul>\n");
    judd_view_open_table(v, "learning curves");
    judd_html_add(v->html, "<thead><tr><th scope=\"col\">Steps</th><th scope=\"col\">Transfer</th>"
                           "<th scope=\"col\">Baseline</th></tr></thead>\n");
    for (int k = 0; k < n; k++) write_rows(v, &v->gains[of[k]], &arms[2 * k]);
    judd_view_close_table(v);
done:
    free(arms);
    free(of);
    return status;
}
