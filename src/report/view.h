/** What the sections of a page share: the comparisons of a job, ordered for people. */
#ifndef JUDD_SRC_REPORT_VIEW_H
#define JUDD_SRC_REPORT_VIEW_H

#include "report/chart.h"
#include "report/page.h"
#include "report/records.h"

enum { JUDD_LABEL = 256 };

/** One verdict and the trials behind it. Strings and records borrowed. */
typedef struct judd_comparison {
    const json_t *verdict;
    const char *experiment, *mode, *backbone, *baseline, *source, *target, *head, *metric;
    double shots;                   /* a class; NaN: all samples */
    double gain, low, high;         /* NaN: none */
    const json_t *transfer, *plain; /* arrays of records of both arms, or NULL */
    int row;                        /* of the matrix: same experiment, backbone and head */
} judd_comparison;

typedef struct judd_view {
    const judd_page_input *in;
    judd_html *html; /* where sections write */
    judd_charts *charts;
    bool pictures;          /* charts can be drawn: tables behind them are folded */
    int n;                  /* gains */
    judd_comparison *gains; /* [n] in the order of the verdicts */
    int n_rows;
    int best, worst; /* of gains, in accuracy if any is; -1: none */
    bool several_experiments, several_backbones, several_heads;
    struct judd_study *studies; /* [n_studies] best and worst, sample by sample */
    int n_studies;
    json_t *trials; /* {COMPARISON: {ARM: [records]}} */
} judd_view;

judd_status judd_view_create(judd_view **out, const judd_page_input *in);
void judd_view_destroy(judd_view *view);

/** What a verdict of any kind compares; row is not set. */
judd_comparison judd_view_comparison(const judd_view *v, const json_t *verdict);

/** What tells a comparison's row from others: "net, ridge", with its experiment if there are
 *  several. */
void judd_view_label(char text[JUDD_LABEL], const judd_view *v, const judd_comparison *c);
/** "5 a class", "all samples". */
void judd_view_shots(char text[JUDD_LABEL], const judd_comparison *c);
/** "net on digits with 5 a class" */
void judd_view_place(char text[JUDD_LABEL], const judd_view *v, const judd_comparison *c);
/** Mean of a metric over sound trials; NaN: none has it. */
double judd_view_mean(const json_t *trials, const char *metric);
/** Sign and word of a comparison's verdict: of an unfinished job there is none yet. */
const char *judd_view_sign(const judd_view *v, const json_t *verdict);
const char *judd_view_verdict(const judd_view *v, const json_t *verdict);

/** A number as text: "0.812", "+0.034"; a dash if it is none. */
void judd_view_number(judd_html *html, double x);
void judd_view_signed(judd_html *html, double x);
/** Opens a <section> in which what is wider than the window scrolls. */
void judd_view_open_box(const judd_view *v, const char *label);
/** Opens the table behind a picture, folded where there are pictures. */
void judd_view_open_table(const judd_view *v, const char *what);
void judd_view_close_table(const judd_view *v);

/** The sections of a page, in its order. A section that writes nothing is left out, and `absent`
 *  says why. */
typedef struct judd_section {
    const char *id, *title, *absent;
    judd_status (*write)(judd_view *view);
} judd_section;

judd_status judd_section_summary(judd_view *view);
judd_status judd_section_warnings(judd_view *view);
judd_status judd_section_matrix(judd_view *view);
judd_status judd_section_choices(judd_view *view);
judd_status judd_section_shots(judd_view *view);
judd_status judd_section_verdicts(judd_view *view);
judd_status judd_section_scores(judd_view *view);
judd_status judd_section_curves(judd_view *view);
judd_status judd_section_sequences(judd_view *view);
judd_status judd_section_calibration(judd_view *view);
judd_status judd_section_confusion(judd_view *view);
judd_status judd_section_samples(judd_view *view);
judd_status judd_section_repeat(judd_view *view);

#endif
