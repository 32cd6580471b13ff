#include "report/chart.h"

#include "report/gnuplot.h"
#include "report/svg.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drawn small and enlarged by the browser, so that the letters can be read on a phone. */
enum { WIDTH = 440, HEIGHT = 270, MOST_CHARTS = 60 };
static const double timeout_s = 10.0;

struct judd_charts {
    char *gnuplot; /* NULL: none */
    FILE *script;  /* of all charts, into */
    char *text;    /* this */
    size_t bytes;
    int n, n_left_out;
    int64_t at[MOST_CHARTS]; /* where in the page */
};

/* gnuplot's point types of the styles. */
static const int points[JUDD_CHART_STYLES] = {7, 5, 9, 13, 6, 4, 8, 12};

judd_status judd_charts_create(judd_charts **out, const char **why) {
    judd_status status = JUDD_OK;
    judd_charts *c = NULL;
    JUDD_TRY(judd_memory_alloc(&c, 1, sizeof *c));
    JUDD_TRY(judd_gnuplot_find(&c->gnuplot));
    if (!(c->script = open_memstream(&c->text, &c->bytes)))
        JUDD_FAIL(JUDD_E_INTERNAL, "report: no memory");
    *why = c->gnuplot ? NULL : "gnuplot is not installed";
    *out = c;
    c = NULL;
done:
    judd_charts_destroy(c);
    return status;
}

void judd_charts_destroy(judd_charts *c) {
    if (!c) return;
    if (c->script) fclose(c->script);
    free(c->text);
    free(c->gnuplot);
    free(c);
}

/* ---- scripts ------------------------------------------------------------------------------------
 */

static bool is_drawn(const judd_chart_series *s, int64_t i) {
    return isfinite(s->x[i]) && isfinite(s->y[i]);
}

static bool has_points(const judd_chart_series *s) {
    for (int64_t i = 0; i < s->n; i++)
        if (is_drawn(s, i)) return true;
    return false;
}

/* A block of numbers: x, y, low, high. */
static void write_data(FILE *to, const judd_chart_series *s, int index) {
    fprintf(to, "$S%d << EOD\n", index);
    for (int64_t i = 0; i < s->n; i++) {
        if (!is_drawn(s, i)) continue;
        bool interval = s->low && isfinite(s->low[i]) && isfinite(s->high[i]);
        fprintf(to, "%.9g %.9g %.9g %.9g\n", s->x[i], s->y[i], interval ? s->low[i] : s->y[i],
                interval ? s->high[i] : s->y[i]);
    }
    fprintf(to, "EOD\n");
}

/* Least and most of what is drawn along x or y. */
static void extent(double range[2], const judd_chart *c, bool along_x) {
    range[0] = c->zero && !along_x ? 0.0 : INFINITY;
    range[1] = c->zero && !along_x ? 0.0 : -INFINITY;
    for (int k = 0; k < c->n_series; k++) {
        const judd_chart_series *s = &c->series[k];
        for (int64_t i = 0; i < s->n; i++) {
            if (!is_drawn(s, i)) continue;
            bool interval = !along_x && s->low && isfinite(s->low[i]) && isfinite(s->high[i]);
            double middle = along_x ? s->x[i] : s->y[i];
            range[0] = fmin(range[0], interval ? s->low[i] : middle);
            range[1] = fmax(range[1], interval ? s->high[i] : middle);
        }
    }
}

/* A round step that divides a range into at most six: labels must not meet. 0: gnuplot's own. */
static double step_of(const double range[2]) {
    static const double steps[] = {1.0, 2.0, 5.0, 10.0};
    double least = (range[1] - range[0]) / 6.0;
    if (!(least > 0.0) || !isfinite(least)) return 0.0;
    double power = pow(10.0, floor(log10(least)));
    for (int k = 0; k < 4; k++)
        if (steps[k] * power >= least) return steps[k] * power;
    return 0.0;
}

static void write_tics(FILE *to, const judd_chart *c) {
    double x[2], y[2] = {c->y_low, c->y_high};
    extent(x, c, true);
    if (c->y_low == c->y_high) extent(y, c, false);
    if (step_of(y) > 0.0) fprintf(to, "set ytics %.9g\n", step_of(y));
    if (c->n_x_tics > 0) return;
    if (c->diagonal) memcpy(x, y, sizeof x);
    double margin = c->diagonal ? 0.0 : 0.03 * (x[1] - x[0]);
    if (step_of(x) > 0.0)
        fprintf(to, "set xtics %.9g\nset xrange [%.9g:%.9g]\n", step_of(x), x[0] - margin,
                x[1] + margin);
}

static void write_axes(FILE *to, const judd_chart *c) {
    fprintf(to,
            "reset\nset terminal svg size %d,%d font 'sans-serif,15'\n"
            "set border 3 lc rgb '#000064'\nset tics nomirror out\nunset key\n"
            "set format y '%%g'\nset grid y lt 1 lc rgb '#000065'\nset bars 0.6\n"
            "set offsets graph 0.02, graph 0.02, graph 0.05, graph 0.05\n",
            WIDTH, HEIGHT);
    write_tics(to, c);
    if (c->y_low < c->y_high) fprintf(to, "set yrange [%.9g:%.9g]\n", c->y_low, c->y_high);
    if (c->n_x_tics > 0) {
        fprintf(to, "set xrange [-0.5:%.1f]\nset xtics (", c->n_x_tics - 0.5);
        for (int i = 0; i < c->n_x_tics; i++)
            fprintf(to, "%s'%s' %d", i ? ", " : "", c->x_tics[i], i);
        fprintf(to, ")\n");
    }
    if (c->zero)
        fprintf(to,
                "set arrow from graph 0, first 0 to graph 1, first 0 nohead lc rgb '#000066'\n");
    if (c->diagonal)
        fprintf(to,
                "set arrow from graph 0, graph 0 to graph 1, graph 1 nohead lc rgb '#000066'\n");
}

static void write_script(FILE *to, const judd_chart *c) {
    const char *before = "plot ";
    write_axes(to, c);
    for (int k = 0; k < c->n_series; k++)
        if (has_points(&c->series[k])) write_data(to, &c->series[k], k);
    for (int k = 0; k < c->n_series; k++) {
        const judd_chart_series *s = &c->series[k];
        if (!has_points(s)) continue;
        if (s->line)
            fprintf(to, "%s$S%d using 1:2 with lines lw 2 dt %d lc rgb '#0000%02x'", before, k,
                    s->style % 4 + 1, s->style + 1);
        if (s->low)
            fprintf(to, "%s$S%d using 1:2:3:4 with yerrorbars pt -1 lw 1.5 lc rgb '#0000%02x'",
                    s->line ? ", " : before, k, s->style + 1);
        fprintf(to, "%s$S%d using 1:2 with points pt %d ps 0.9 lc rgb '#0000%02x'",
                s->line || s->low ? ", " : before, k, points[s->style], s->style + 1);
        before = ", ";
    }
    fprintf(to, "\n");
}

/* ---- pages --------------------------------------------------------------------------------------
 */

void judd_charts_shapes(judd_html *html) {
    static const char text[] =
        "<svg class=\"shapes\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>"
        "<g id=\"gpPt6\"><circle r=\"1\" fill=\"currentColor\" stroke=\"none\"/></g>"
        "<g id=\"gpPt4\"><path d=\"M-1-1h2v2h-2z\" fill=\"currentColor\" stroke=\"none\"/></g>"
        "<g id=\"gpPt8\"><path d=\"M0-1.33L-1.33.67h2.66z\" fill=\"currentColor\" "
        "stroke=\"none\"/></g>"
        "<g id=\"gpPt12\"><path d=\"M0-1.41L1.41 0 0 1.41-1.41 0z\" fill=\"currentColor\" "
        "stroke=\"none\"/></g>"
        "<g id=\"gpPt5\"><circle r=\"1\" class=\"open\"/></g>"
        "<g id=\"gpPt3\"><path d=\"M-1-1h2v2h-2z\" class=\"open\"/></g>"
        "<g id=\"gpPt7\"><path d=\"M0-1.33L-1.33.67h2.66z\" class=\"open\"/></g>"
        "<g id=\"gpPt11\"><path d=\"M0-1.41L1.41 0 0 1.41-1.41 0z\" class=\"open\"/></g>"
        "</defs></svg>\n";
    judd_html_raw(html, text, (int64_t)sizeof text - 1);
}

/* The picture of a style for legends. */
static void write_symbol(judd_html *html, int style) {
    static const char *const dashes[] = {"", "4 3", "2 2", "5 2 1 2"};
    judd_html_add(html,
                  "<svg class=\"symbol\" width=\"30\" height=\"12\" viewBox=\"0 0 30 12\" "
                  "aria-hidden=\"true\"><path d=\"M0 6h30\" class=\"k%d\" stroke-width=\"2\" "
                  "stroke-dasharray=\"%s\"/><use href=\"#gpPt%d\" class=\"c%d\" "
                  "transform=\"translate(15,6) scale(4)\"/></svg>",
                  style + 1, dashes[style % 4], points[style] - 1, style + 1);
}

static void write_legend(judd_html *html, const judd_chart *c) {
    if (c->n_series < 2 && !c->series[0].name) return;
    judd_html_add(html, "<ul class=\"legend\">");
    for (int k = 0; k < c->n_series; k++) {
        judd_html_add(html, "<li>");
        write_symbol(html, c->series[k].style);
        judd_html_add(html, " %s</li>", c->series[k].name);
    }
    judd_html_add(html, "</ul>");
}

void judd_charts_add(judd_charts *c, judd_html *html, const judd_chart *chart) {
    bool any = false;
    for (int k = 0; k < chart->n_series; k++) any = any || has_points(&chart->series[k]);
    if (!c->gnuplot || !any) return;
    if (c->n == MOST_CHARTS) {
        c->n_left_out++;
        return;
    }
    judd_html_add(html, "<figure class=\"chart\">");
    if (chart->heading) judd_html_add(html, "<figcaption>%s</figcaption>", chart->heading);
    judd_html_add(html, "<div class=\"axis\">%s</div>", chart->y_label);
    judd_html_add(html,
                  "<svg role=\"img\" viewBox=\"0 0 %d %d\" aria-label=\"%s\" "
                  "aria-describedby=\"d%d\"><title>%s</title><desc id=\"d%d\">%s</desc>",
                  WIDTH, HEIGHT, chart->title, c->n, chart->title, c->n, chart->description);
    c->at[c->n++] = html->n;
    judd_html_add(html, "</svg><div class=\"axis x\">%s</div>", chart->x_label);
    write_legend(html, chart);
    judd_html_add(html, "</figure>\n");
    write_script(c->script, chart);
}

int judd_charts_left_out(const judd_charts *c) {
    return c->n_left_out;
}

judd_status judd_charts_finish(judd_charts *c, judd_html *to, const judd_html *from, bool *drawn) {
    char *pictures = NULL;
    int64_t bytes = 0, done = 0;
    const char *at = NULL;
    *drawn = true;
    if (fflush(c->script) != 0) return judd_status_set(JUDD_E_INTERNAL, "report: no memory");
    if (c->n > 0)
        *drawn = judd_gnuplot_run(&pictures, &bytes, c->gnuplot, c->text, (int64_t)c->bytes,
                                  timeout_s) == JUDD_OK;
    at = *drawn ? pictures : NULL;
    for (int k = 0; k < c->n; k++) {
        judd_html_raw(to, from->text + done, c->at[k] - done);
        done = c->at[k];
        if (at) at = judd_svg_copy(to, at);
        if (!at) {
            *drawn = false;
            judd_html_add(to, "<text x=\"20\" y=\"40\" fill=\"currentColor\">no picture: gnuplot "
                              "failed; see the table</text>");
        }
    }
    judd_html_raw(to, from->text + done, from->n - done);
    free(pictures);
    return to->status;
}
