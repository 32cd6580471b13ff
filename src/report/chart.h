/** Line charts of a page: data and numbers go to gnuplot, every word to HTML. Local.
 *
 *  A page collects its charts while its text is written; one gnuplot draws them all in the end. Its
 *  colours become classes, so that a style sheet decides them (light, dark, print), and each
 * picture gets a title and a description. */
#ifndef JUDD_SRC_REPORT_CHART_H
#define JUDD_SRC_REPORT_CHART_H

#include "report/html.h"

#include <stdbool.h>

/** A series is told by colour, shape and dash: all three belong to its style, 0 .. 7. */
enum { JUDD_CHART_STYLES = 8 };

typedef struct judd_chart_series {
    const char *name; /* in the legend; any text */
    int style;
    bool line; /* points are joined */
    int64_t n;
    const double *x, *y;      /* [n]; points that are not finite are left out */
    const double *low, *high; /* [n] ends of intervals, or NULL */
} judd_chart_series;

typedef struct judd_chart {
    const char *title, *description; /* for those who do not see it; any text */
    const char *heading;             /* above it, or NULL; any text */
    const char *x_label, *y_label;   /* any text */
    const char *const *x_tics;       /* [n_x_tics] labels at 0, 1, ...: of ours only, or NULL */
    int n_x_tics;
    double y_low, y_high; /* equal: by the data; with a diagonal also of x */
    bool zero;            /* a line at 0 */
    bool diagonal;        /* a line x = y */
    int n_series;
    const judd_chart_series *series;
} judd_chart;

typedef struct judd_charts judd_charts;

/** *why (static) says why no chart can be drawn; NULL: they can. */
judd_status judd_charts_create(judd_charts **out, const char **why);
void judd_charts_destroy(judd_charts *charts);

/** Write a <figure> at the end of html; nothing, if charts cannot be drawn. */
void judd_charts_add(judd_charts *charts, judd_html *html, const judd_chart *chart);

/** How many were one too many for a page; their tables have the numbers. */
int judd_charts_left_out(const judd_charts *charts);

/** Shapes that pictures refer to; once a page, before them. */
void judd_charts_shapes(judd_html *html);

/** Draw all and write `from`, to which they were added, into `to` with the pictures in their
 *  places; *drawn: whether gnuplot drew them. */
judd_status judd_charts_finish(judd_charts *charts, judd_html *to, const judd_html *from,
                               bool *drawn);

#endif
