/* Gain by shot count: a chart for each target, a series for each of its rows. */
#include "report/view.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TICS = 24 };

/* The shot counts of a chart, fewest first, "all" last. */
typedef struct shots {
    int n;
    double value[MOST_TICS];
    char text[MOST_TICS][24];
    const char *label[MOST_TICS];
} shots;

static bool in_chart(const judd_comparison *a, const judd_comparison *b) {
    return strcmp(a->target, b->target) == 0 && strcmp(a->metric, b->metric) == 0;
}

static double rank_of(double x) {
    return isnan(x) ? INFINITY : x;
}

static void list_shots(shots *s, const judd_view *v, const judd_comparison *of) {
    s->n = 0;
    for (int i = 0; i < v->n; i++) {
        double x = rank_of(v->gains[i].shots);
        int at = s->n;
        if (!in_chart(&v->gains[i], of) || s->n == MOST_TICS) continue;
        for (int k = 0; k < s->n; k++)
            if (s->value[k] == x) at = -1;
        if (at < 0) continue;
        for (; at > 0 && s->value[at - 1] > x; at--) s->value[at] = s->value[at - 1];
        s->value[at] = x;
        s->n++;
    }
    for (int k = 0; k < s->n; k++) {
        if (isfinite(s->value[k]))
            snprintf(s->text[k], sizeof s->text[k], "%.0f", s->value[k]);
        else
            snprintf(s->text[k], sizeof s->text[k], "all");
        s->label[k] = s->text[k];
    }
}

/* One row's points: x, y, low, high [MOST_TICS each]. */
typedef struct row {
    char label[JUDD_LABEL];
    double x[MOST_TICS], y[MOST_TICS], low[MOST_TICS], high[MOST_TICS];
} row;

static void fill_row(row *r, judd_chart_series *series, const judd_view *v, const shots *s,
                     const judd_comparison *of, int k, int n_rows) {
    int n = 0;
    judd_view_label(r->label, v, of);
    for (int i = 0; i < v->n; i++) {
        const judd_comparison *c = &v->gains[i];
        int at = 0;
        if (c->row != of->row || !in_chart(c, of) || n == MOST_TICS) continue;
        while (at < s->n && s->value[at] != rank_of(c->shots)) at++;
        r->x[n] = at + 0.06 * (k - 0.5 * (n_rows - 1)); /* intervals side by side */
        r->y[n] = c->gain;
        r->low[n] = c->low;
        r->high[n++] = c->high;
    }
    *series = (judd_chart_series){.name = r->label,
                                  .style = k,
                                  .line = s->n > 1,
                                  .n = n,
                                  .x = r->x,
                                  .y = r->y,
                                  .low = r->low,
                                  .high = r->high};
}

static void draw(const judd_view *v, const shots *s, const judd_comparison *of,
                 const judd_chart_series *series, int n) {
    char title[JUDD_LABEL], y_label[JUDD_LABEL];
    snprintf(title, sizeof title, "Gain by shot count: %.160s", of->target);
    snprintf(y_label, sizeof y_label, "gain in %.80s", of->metric);
    const judd_chart chart = {.title = title,
                              .description = "Mean gains with 95 % intervals; the numbers stand in "
                                             "the table below.",
                              .heading = of->target,
                              .x_label = "labelled samples a class",
                              .y_label = y_label,
                              .x_tics = s->label,
                              .n_x_tics = s->n,
                              .zero = true,
                              .n_series = n,
                              .series = series};
    judd_charts_add(v->charts, v->html, &chart);
}

/* Whether i is the first comparison of its row in the chart of `of`. */
static bool begins_row(const judd_view *v, const judd_comparison *of, int i) {
    for (int j = 0; j < i; j++)
        if (in_chart(&v->gains[j], of) && v->gains[j].row == v->gains[i].row) return false;
    return in_chart(&v->gains[i], of);
}

/* The charts of one target, at most eight rows a chart. */
static judd_status draw_target(const judd_view *v, const judd_comparison *of) {
    judd_status status = JUDD_OK;
    row *rows = NULL;
    judd_chart_series series[JUDD_CHART_STYLES];
    shots s;
    int n = 0, n_rows = 0;
    JUDD_TRY(judd_memory_alloc(&rows, JUDD_CHART_STYLES, sizeof *rows));
    list_shots(&s, v, of);
    for (int i = 0; i < v->n; i++) n_rows += begins_row(v, of, i);
    if (n_rows > JUDD_CHART_STYLES) n_rows = JUDD_CHART_STYLES;
    for (int i = 0; i < v->n; i++) {
        if (!begins_row(v, of, i)) continue;
        fill_row(&rows[n], &series[n], v, &s, &v->gains[i], n, n_rows);
        if (++n == JUDD_CHART_STYLES) {
            draw(v, &s, of, series, n);
            n = 0;
        }
    }
    if (n > 0) draw(v, &s, of, series, n);
done:
    free(rows);
    return status;
}

static void write_table(const judd_view *v) {
    judd_view_open_table(v, "gain by shot count");
    judd_html_add(v->html, "<thead><tr><th scope=\"col\">Transfer</th><th scope=\"col\">Target</th>"
                           "<th scope=\"col\">Labels</th><th scope=\"col\">Gain, 95&#8239;%% "
                           "interval</th></tr></thead><tbody>\n");
    for (int i = 0; i < v->n; i++) {
        const judd_comparison *c = &v->gains[i];
        char label[JUDD_LABEL], count[JUDD_LABEL];
        judd_view_label(label, v, c);
        judd_view_shots(count, c);
        judd_html_add(v->html, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>", label,
                      c->target, count);
        judd_view_signed(v->html, c->gain);
        judd_html_add(v->html, " [");
        judd_view_signed(v->html, c->low);
        judd_html_add(v->html, ", ");
        judd_view_signed(v->html, c->high);
        judd_html_add(v->html, "]</td></tr>\n");
    }
    judd_html_add(v->html, "</tbody>");
    judd_view_close_table(v);
}

judd_status judd_section_shots(judd_view *v) {
    judd_status status = JUDD_OK;
    if (v->n == 0) return JUDD_OK;
    judd_html_add(v->html, "<div class=\"charts\">\n");
    for (int i = 0; i < v->n; i++) {
        int first = 0;
        while (!in_chart(&v->gains[first], &v->gains[i])) first++;
        if (first == i) JUDD_TRY(draw_target(v, &v->gains[i]));
    }
    judd_html_add(v->html, "</div>\n");
    write_table(v);
done:
    return status;
}
