/* Sequences of tasks: accuracy on each after each, and what is retained. */
#include "report/view.h"

#include <math.h>
#include <stdio.h>

static const char *task_of(const json_t *sequence, size_t j) {
    const char *name = json_string_value(json_array_get(json_object_get(sequence, "tasks"), j));
    return name ? name : "";
}

static double accuracy_of(const json_t *sequence, size_t i, size_t j) {
    const json_t *row = json_array_get(json_object_get(sequence, "accuracy"), i);
    return judd_records_value(json_array_get(row, j));
}

static void write_summary(const judd_view *v, const json_t *s) {
    static const struct {
        const char *key, *what;
    } all[] = {{"acc", "mean accuracy at the end"},
               {"bwt", "backward transfer"},
               {"fwt", "forward transfer"},
               {"forgetting", "forgetting"}};
    judd_html_add(v->html, "<ul class=\"facts\">");
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        const json_t *one = json_object_get(s, all[k].key), *ends = json_object_get(one, "ci95");
        judd_html_add(v->html, "<li>%s ", all[k].what);
        if (k == 0)
            judd_view_number(v->html, judd_records_number(one, "mean"));
        else
            judd_view_signed(v->html, judd_records_number(one, "mean"));
        if (json_array_size(ends) == 2) {
            judd_html_add(v->html, " [");
            judd_view_signed(v->html, judd_records_value(json_array_get(ends, 0)));
            judd_html_add(v->html, ", ");
            judd_view_signed(v->html, judd_records_value(json_array_get(ends, 1)));
            judd_html_add(v->html, "]");
        }
        judd_html_add(v->html, "</li>");
    }
    judd_html_add(v->html, "</ul>\n");
}

static void write_matrix(const judd_view *v, const json_t *s, const char *heading) {
    size_t n = json_array_size(json_object_get(s, "tasks"));
    judd_view_open_box(v, heading);
    judd_html_add(v->html,
                  "<table class=\"matrix\"><caption>"
                  "Test accuracy on each task (columns) after learning each (rows)</caption>"
                  "<thead><tr><td></td>");
    for (size_t j = 0; j < n; j++)
        judd_html_add(v->html, "<th scope=\"col\">%s</th>", task_of(s, j));
    judd_html_add(v->html, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++) {
        judd_html_add(v->html, "<tr><th scope=\"row\">after %s</th>", task_of(s, i));
        for (size_t j = 0; j < n; j++) {
            double x = accuracy_of(s, i, j);
            judd_html_add(v->html, "<td class=\"heat q%d\">", isfinite(x) ? (int)(x * 5.0) : 0);
            judd_view_number(v->html, x);
            judd_html_add(v->html, "</td>");
        }
        judd_html_add(v->html, "</tr>\n");
    }
    judd_html_add(v->html, "</tbody></table></section>\n");
}

/* How the accuracy on each task goes on, from when it was learned. */
static void draw(const judd_view *v, const json_t *s, const char *heading) {
    enum { MOST = JUDD_CHART_STYLES };
    size_t n = json_array_size(json_object_get(s, "tasks"));
    double x[MOST], y[MOST][MOST];
    char text[MOST][24];
    const char *tics[MOST];
    judd_chart_series series[MOST];
    if (n > MOST) return;
    for (size_t j = 0; j < n; j++) {
        x[j] = (double)j;
        snprintf(text[j], sizeof text[j], "%zu", j + 1);
        tics[j] = text[j];
        for (size_t i = 0; i < n; i++) y[j][i] = i < j ? NAN : accuracy_of(s, i, j);
        series[j] = (judd_chart_series){.name = task_of(s, j),
                                        .style = (int)j,
                                        .line = true,
                                        .n = (int64_t)n,
                                        .x = x,
                                        .y = y[j]};
    }
    const judd_chart chart = {.title = heading,
                              .description = "Accuracy on each task after later ones were learned; "
                                             "the numbers stand in the matrix.",
                              .x_label = "tasks learned",
                              .y_label = "test accuracy",
                              .y_low = 0.0,
                              .y_high = 1.0,
                              .x_tics = tics,
                              .n_x_tics = (int)n,
                              .n_series = (int)n,
                              .series = series};
    judd_charts_add(v->charts, v->html, &chart);
}

judd_status judd_section_sequences(judd_view *v) {
    size_t i = 0;
    json_t *s = NULL;
    json_array_foreach(v->in->verdicts, i, s) {
        char heading[JUDD_LABEL], shots[JUDD_LABEL];
        if (!judd_records_is(s, "kind", "sequence")) continue;
        const judd_comparison c = {.shots = judd_records_number(s, "shots")};
        judd_view_shots(shots, &c);
        snprintf(heading, sizeof heading, "%.80s, %.60s", judd_records_text(s, "experiment"),
                 shots);
        judd_html_add(v->html, "<h3>%s</h3>\n<div class=\"charts\"><div>", heading);
        write_matrix(v, s, heading);
        write_summary(v, s);
        judd_html_add(v->html, "</div>\n");
        draw(v, s, heading);
        judd_html_add(v->html, "</div>\n");
    }
    return JUDD_OK;
}
