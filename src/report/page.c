#include "report/page.h"

#include "report/document.h"
#include "report/study.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* The page, in order. */
static const judd_section sections[] = {
    {"summary", "Summary", "nothing", judd_section_summary},
    {"matrix", "Which source for which target", "the matrix: nothing has been judged",
     judd_section_matrix},
    {"warnings", "Before you trust it", "nothing", judd_section_warnings},
    {"choices", "Best on the test set", "what was best: nothing has been judged",
     judd_section_choices},
    {"shots", "Gain by shot count", "gain by shot count: nothing has been judged",
     judd_section_shots},
    {"verdicts", "All comparisons", "comparisons: none is finished", judd_section_verdicts},
    {"scores", "Scores against gains", "scores of sources: there is no scores.jsonl (judd score)",
     judd_section_scores},
    {"curves", "Learning curves", "learning curves: set optimizer.curve_steps",
     judd_section_curves},
    {"sequences", "Sequences and retention",
     "retention: the job has no experiment of mode sequence", judd_section_sequences},
    {"calibration", "Calibration", "calibration: needs predictions of classes",
     judd_section_calibration},
    {"confusion", "Confusions", "confusions: need predictions of classes", judd_section_confusion},
    {"samples", "What transfer fixed and broke",
     "samples fixed and broken: need predictions of classes", judd_section_samples},
    {"repeat", "Repeat it", "nothing", judd_section_repeat}};
enum { N_SECTIONS = sizeof sections / sizeof *sections };

/* The best and the worst comparison of classes, sample by sample. */
static judd_status make_studies(judd_view *v) {
    judd_status status = JUDD_OK;
    int of[2] = {v->best, v->worst};
    JUDD_TRY(judd_memory_alloc(&v->studies, 2, sizeof *v->studies));
    for (int k = 0; k < 2; k++) {
        if (of[k] < 0 || (k == 1 && of[1] == of[0])) continue;
        JUDD_TRY(judd_study_make(&v->studies[v->n_studies], v, &v->gains[of[k]]));
        v->n_studies++;
    }
done:
    return status;
}

/* Each section behind its heading; one that has nothing to say leaves none. */
static judd_status write_sections(judd_view *v, bool *there) {
    judd_status status = JUDD_OK;
    for (int k = 0; k < N_SECTIONS; k++) {
        const judd_section *s = &sections[k];
        int64_t before = v->html->n;
        judd_html_add(v->html, "<section id=\"%s\"><h2>%s</h2>\n", s->id, s->title);
        int64_t empty = v->html->n;
        JUDD_TRY(judd_status_context(s->write(v), "report, %s", s->id));
        there[k] = v->html->n > empty;
        if (there[k])
            judd_html_add(v->html, "</section>\n");
        else if (v->html->status == JUDD_OK)
            v->html->n = before;
    }
done:
    return status;
}

static void write_state(judd_html *h, const judd_page_input *in) {
    static const char *const names[] = {[JUDD_PAGE_COMPLETE] = "complete",
                                        [JUDD_PAGE_RUNNING] = "still running",
                                        [JUDD_PAGE_STOPPED] = "stopped before its end"};
    judd_html_add(h, "<p class=\"state\">Transfer report, job <strong>%s</strong>, %lld trials",
                  names[in->state], (long long)in->n_finished);
    if (in->n_unfinished > 0)
        judd_html_add(h, " finished, %lld to go", (long long)in->n_unfinished);
    judd_html_add(h, ".</p></header>\n");
}

static void write_contents(judd_html *h, const bool *there) {
    judd_html_add(h, "<nav aria-label=\"Contents\"><ul>");
    for (int k = 0; k < N_SECTIONS; k++)
        if (there[k])
            judd_html_add(h, "<li><a href=\"#%s\">%s</a></li>", sections[k].id, sections[k].title);
    judd_html_add(h, "</ul></nav>\n");
}

/* What is not here, and why. */
static void write_foot(judd_html *h, const bool *there, const judd_view *v, const char *why) {
    judd_html_add(h, "</main>\n<footer>");
    if (why) judd_html_add(h, "<p>No charts: %s. Their tables stand in their places.</p>", why);
    if (judd_charts_left_out(v->charts) > 0)
        judd_html_add(h, "<p>%d charts more than a page has; their tables have the numbers.</p>",
                      judd_charts_left_out(v->charts));
    judd_html_add(h, "<ul>");
    for (int k = 0; k < N_SECTIONS; k++)
        if (!there[k]) judd_html_add(h, "<li>Not here: %s.</li>", sections[k].absent);
    for (int k = 0; k < v->n_studies; k++)
        if (v->studies[k].why[0])
            judd_html_add(h, "<li>%s: %s</li>", v->studies[k].of->target, v->studies[k].why);
    judd_html_add(h,
                  "<li>Written by judd %s. The page asks for nothing from the network and runs no "
                  "script.</li></ul></footer>\n",
                  v->in->version);
    judd_document_end(h);
}

judd_status judd_page_make(char **html, int64_t *bytes, const char **no_charts,
                           const judd_page_input *in) {
    judd_status status = JUDD_OK;
    judd_view *v = NULL;
    judd_html body = {0}, page = {0};
    char *title = NULL;
    bool there[N_SECTIONS] = {false}, drawn = false;
    const char *why = NULL;
    *no_charts = NULL;
    JUDD_TRY(judd_memory_format(&title, "%s: transfer report", in->job_name));
    JUDD_TRY(judd_view_create(&v, in));
    JUDD_TRY(judd_charts_create(&v->charts, &why));
    v->html = &body;
    v->pictures = why == NULL;
    JUDD_TRY(make_studies(v));
    JUDD_TRY(write_sections(v, there));
    judd_document_begin(&page, title, in->job_name);
    write_state(&page, in);
    write_contents(&page, there);
    judd_charts_shapes(&page);
    judd_html_add(&page, "<main>\n");
    JUDD_TRY(body.status);
    JUDD_TRY(judd_charts_finish(v->charts, &page, &body, &drawn));
    if (!drawn) *no_charts = "gnuplot failed";
    write_foot(&page, there, v, drawn ? why : *no_charts);
    JUDD_TRY(page.status);
    *html = page.text;
    *bytes = page.n;
    page.text = NULL;
done:
    for (int k = 0; v && k < v->n_studies; k++) judd_study_free(&v->studies[k]);
    if (v) {
        free(v->studies);
        judd_charts_destroy(v->charts);
    }
    judd_view_destroy(v);
    judd_html_free(&body);
    judd_html_free(&page);
    free(title);
    return status;
}
