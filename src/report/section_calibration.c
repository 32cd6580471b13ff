/* Is a head as often right as it is sure? Reliability of the best and the worst comparison, and the
 * calibration error of all. */
#include "report/study.h"

#include <math.h>

enum { LEAST_IN_BIN = 20 }; /* fewer say nothing, and are not drawn */

static const char *const arm_names[JUDD_STUDY_ARMS] = {"transfer", "baseline"};

static void draw(const judd_view *v, const judd_study *s) {
    double x[JUDD_STUDY_ARMS][JUDD_STUDY_BINS], y[JUDD_STUDY_ARMS][JUDD_STUDY_BINS];
    char heading[JUDD_LABEL];
    judd_chart_series series[JUDD_STUDY_ARMS];
    judd_view_place(heading, v, s->of);
    for (int a = 0; a < JUDD_STUDY_ARMS; a++) {
        for (int b = 0; b < JUDD_STUDY_BINS; b++) {
            double n = s->bins[a][b].n >= LEAST_IN_BIN ? s->bins[a][b].n : 0.0;
            x[a][b] = n > 0.0 ? s->bins[a][b].confidence / n : NAN;
            y[a][b] = n > 0.0 ? s->bins[a][b].right / n : NAN;
        }
        series[a] = (judd_chart_series){.name = arm_names[a],
                                        .style = a,
                                        .line = true,
                                        .n = JUDD_STUDY_BINS,
                                        .x = x[a],
                                        .y = y[a]};
    }
    const judd_chart chart = {.title = heading,
                              .description =
                                  "Share of right answers by confidence; on the diagonal "
                                  "a head is as often right as it is sure. The numbers "
                                  "stand in the table below.",
                              .heading = heading,
                              .x_label = "confidence (softmax)",
                              .y_label = "share that is right",
                              .y_low = 0.0,
                              .y_high = 1.0,
                              .diagonal = true,
                              .n_series = JUDD_STUDY_ARMS,
                              .series = series};
    judd_charts_add(v->charts, v->html, &chart);
}

static void write_bins(const judd_view *v, const judd_study *s) {
    char place[JUDD_LABEL];
    judd_view_place(place, v, s->of);
    judd_html_add(v->html,
                  "<tbody><tr><th colspan=\"5\" scope=\"rowgroup\">%s, %d seeds</th></tr>\n", place,
                  s->n_seeds);
    for (int b = 0; b < JUDD_STUDY_BINS; b++) {
        if (s->bins[0][b].n + s->bins[1][b].n == 0.0) continue;
        judd_html_add(v->html, "<tr><th scope=\"row\">%.2f&ndash;%.2f</th>",
                      (double)b / JUDD_STUDY_BINS, (b + 1.0) / JUDD_STUDY_BINS);
        for (int a = 0; a < JUDD_STUDY_ARMS; a++) {
            double n = s->bins[a][b].n;
            judd_html_add(v->html, "<td>");
            judd_view_number(v->html, n > 0.0 ? s->bins[a][b].right / n : NAN);
            judd_html_add(v->html, "</td><td>%.0f</td>", n);
        }
        judd_html_add(v->html, "</tr>\n");
    }
    judd_html_add(v->html, "</tbody>");
}

static void write_errors(const judd_view *v) {
    static const char *const names[] = {"ece", "ece_calibrated"};
    judd_view_open_table(v, "calibration errors (ECE), plain and with a temperature");
    judd_html_add(v->html, "<thead><tr><th scope=\"col\">Comparison</th><th colspan=\"2\" "
                           "scope=\"colgroup\">Transfer</th><th colspan=\"2\" "
                           "scope=\"colgroup\">Baseline</th></tr></thead><tbody>\n");
    for (int i = 0; i < v->n; i++) {
        const judd_comparison *c = &v->gains[i];
        char place[JUDD_LABEL];
        judd_view_place(place, v, c);
        judd_html_add(v->html, "<tr><th scope=\"row\">%s</th>", place);
        for (int k = 0; k < 4; k++) {
            judd_html_add(v->html, "<td>");
            judd_view_number(v->html, judd_view_mean(k < 2 ? c->transfer : c->plain, names[k % 2]));
            judd_html_add(v->html, "</td>");
        }
        judd_html_add(v->html, "</tr>\n");
    }
    judd_html_add(v->html, "</tbody>");
    judd_view_close_table(v);
}

judd_status judd_section_calibration(judd_view *v) {
    bool any = false;
    for (int k = 0; k < v->n_studies; k++) any = any || !v->studies[k].why[0];
    if (!any) return JUDD_OK;
    judd_html_add(v->html, "<div class=\"charts\">\n");
    for (int k = 0; k < v->n_studies; k++)
        if (!v->studies[k].why[0]) draw(v, &v->studies[k]);
    judd_html_add(v->html,
                  "</div>\n<p class=\"note\">Bins of equal width over all test samples and "
                  "seeds; points below the diagonal are too sure.</p>\n");
    judd_view_open_table(v, "reliability");
    judd_html_add(v->html,
                  "<thead><tr><th scope=\"col\">Confidence</th><th scope=\"col\">Transfer is "
                  "right</th><th scope=\"col\">of</th><th scope=\"col\">Baseline is "
                  "right</th><th scope=\"col\">of</th></tr></thead>\n");
    for (int k = 0; k < v->n_studies; k++)
        if (!v->studies[k].why[0]) write_bins(v, &v->studies[k]);
    judd_view_close_table(v);
    write_errors(v);
    return JUDD_OK;
}
