/* What is taken for what, in the best and the worst comparison. */
#include "report/study.h"

#include <judd/base/memory.h>

#include <stdio.h>
#include <stdlib.h>

enum { MOST_SHOWN = 12, MOST_PAIRS = 12 };
static const char *const captions[JUDD_STUDY_ARMS] = {"Transfer", "Baseline"};

static int64_t count_of(const judd_study *s, int arm, int truth, int said) {
    return s->confusion[arm][(int64_t)truth * s->n_classes + said];
}

static int64_t row_of(const judd_study *s, int arm, int truth) {
    int64_t sum = 0;
    for (int c = 0; c < s->n_classes; c++) sum += count_of(s, arm, truth, c);
    return sum;
}

/* Rows are classes, columns what the head said, as shares of the row. */
static void write_matrix(const judd_view *v, const judd_study *s, int arm) {
    judd_html *h = v->html;
    judd_html_add(h, "<table class=\"matrix\"><caption>%s</caption><thead><tr><td></td>",
                  captions[arm]);
    for (int c = 0; c < s->n_classes; c++)
        judd_html_add(h, "<th scope=\"col\"><abbr title=\"%s\">%c</abbr></th>", s->names[c],
                      'A' + c);
    judd_html_add(h, "</tr></thead><tbody>\n");
    for (int t = 0; t < s->n_classes; t++) {
        int64_t row = row_of(s, arm, t);
        judd_html_add(h, "<tr><th scope=\"row\">%c %s</th>", 'A' + t, s->names[t]);
        for (int c = 0; c < s->n_classes; c++) {
            double share = row > 0 ? (double)count_of(s, arm, t, c) / (double)row : 0.0;
            judd_html_add(h, "<td class=\"heat q%d\">%.0f</td>", (int)(share * 5.0), 100.0 * share);
        }
        judd_html_add(h, "</tr>\n");
    }
    judd_html_add(h, "</tbody></table>\n");
}

typedef struct pair {
    int truth, said;
    double share; /* of the class */
} pair;

static int larger_first(const void *a, const void *b) {
    double x = ((const pair *)a)->share, y = ((const pair *)b)->share;
    return (x < y) - (x > y);
}

/* Many classes: the commonest confusions only. */
static judd_status write_pairs(const judd_view *v, const judd_study *s, int arm) {
    pair *pairs = NULL;
    int64_t n = 0;
    judd_status status =
        judd_memory_alloc(&pairs, (int64_t)s->n_classes * s->n_classes, sizeof *pairs);
    if (status != JUDD_OK) return status;
    for (int t = 0; t < s->n_classes; t++) {
        double row = (double)row_of(s, arm, t);
        for (int c = 0; c < s->n_classes; c++)
            if (c != t && count_of(s, arm, t, c) > 0)
                pairs[n++] = (pair){t, c, (double)count_of(s, arm, t, c) / row};
    }
    qsort(pairs, (size_t)n, sizeof *pairs, larger_first);
    judd_html_add(v->html,
                  "<table><caption>%s</caption><thead><tr><th scope=\"col\">Class</th><th "
                  "scope=\"col\">taken for</th><th scope=\"col\">%%</th></tr></thead>"
                  "<tbody>\n",
                  captions[arm]);
    for (int64_t k = 0; k < n && k < MOST_PAIRS; k++)
        judd_html_add(v->html, "<tr><td>%s</td><td>%s</td><td>%.1f</td></tr>\n",
                      s->names[pairs[k].truth], s->names[pairs[k].said], 100.0 * pairs[k].share);
    judd_html_add(v->html, "</tbody></table>\n");
    free(pairs);
    return JUDD_OK;
}

judd_status judd_section_confusion(judd_view *v) {
    judd_status status = JUDD_OK;
    bool any = false;
    for (int k = 0; k < v->n_studies; k++) {
        const judd_study *s = &v->studies[k];
        char place[JUDD_LABEL];
        if (s->why[0]) continue;
        judd_view_place(place, v, s->of);
        judd_html_add(v->html, "<h3>%s</h3><div class=\"charts\">\n", place);
        for (int a = 0; a < JUDD_STUDY_ARMS; a++) {
            char label[2 * JUDD_LABEL];
            snprintf(label, sizeof label, "Confusions of the %s, %s", captions[a], place);
            judd_view_open_box(v, label);
            if (s->n_classes <= MOST_SHOWN)
                write_matrix(v, s, a);
            else
                JUDD_TRY(write_pairs(v, s, a));
            judd_html_add(v->html, "</section>\n");
        }
        judd_html_add(v->html, "</div>\n");
        any = true;
    }
    if (any)
        judd_html_add(v->html,
                      "<p class=\"note\">Per cent of the samples of a class (rows), by what the "
                      "heads of all seeds said (columns).</p>\n");
done:
    return status;
}
