/* What was best for each target. */
#include "report/view.h"

#include <math.h>
#include <string.h>

typedef struct choice {
    const judd_comparison *of;
    bool transfer; /* its transfer, or its baseline */
    double metric;
} choice;

static const char *backbone_of(const choice *c) {
    return c->transfer ? c->of->backbone : c->of->baseline;
}

/* A fresh head on frozen features, whatever it is compared with. */
static bool is_plain(const choice *c) {
    return !c->transfer || strcmp(c->of->mode, "backbone") == 0;
}

/* What several comparisons share is one choice. */
static bool is_same(const choice *a, const choice *b) {
    if (!a->of || !b->of || strcmp(a->of->head, b->of->head) != 0) return false;
    if (is_plain(a) && is_plain(b)) return strcmp(backbone_of(a), backbone_of(b)) == 0;
    return a->transfer == b->transfer && a->of->row == b->of->row;
}

static void consider(choice *best, choice *next, choice c) {
    if (!isfinite(c.metric) || is_same(best, &c)) return;
    if (!best->of || c.metric > best->metric) {
        *next = *best;
        *best = c;
    } else if (!next->of || c.metric > next->metric) {
        *next = c;
    }
}

static bool same_task(const judd_comparison *a, const judd_comparison *b) {
    return strcmp(a->target, b->target) == 0 &&
           (a->shots == b->shots || (isnan(a->shots) && isnan(b->shots)));
}

static void write_choice(const judd_view *v, const choice *c) {
    char label[JUDD_LABEL];
    judd_html *h = v->html;
    judd_html_add(h, "<td>");
    if (!c->of) {
        judd_html_add(h, "&ndash;</td>");
        return;
    }
    judd_view_label(label, v, c->of);
    if (is_plain(c))
        judd_html_add(h, "%s%s%s%s", backbone_of(c), v->several_heads ? ", " : "",
                      v->several_heads ? c->of->head : "", c->transfer ? "" : " (baseline)");
    else
        judd_html_add(h, "%s", label);
    judd_html_add(h, " <span class=\"number\">");
    judd_view_number(h, c->metric);
    judd_html_add(h, "</span></td>");
}

judd_status judd_section_choices(judd_view *v) {
    if (v->n == 0) return JUDD_OK;
    judd_view_open_box(v, "Best on the test set");
    judd_html_add(v->html,
                  "<table><thead><tr><th scope=\"col\">Target</th><th scope=\"col\">Labels</th>"
                  "<th scope=\"col\">Best</th><th scope=\"col\">Next</th></tr></thead>"
                  "<tbody>\n");
    for (int i = 0; i < v->n; i++) {
        const judd_comparison *c = &v->gains[i];
        choice best = {0}, next = {0};
        char shots[JUDD_LABEL];
        int first = 0;
        while (!same_task(&v->gains[first], c)) first++;
        if (first < i) continue;
        for (int j = i; j < v->n; j++) {
            const judd_comparison *d = &v->gains[j];
            if (!same_task(c, d)) continue;
            consider(&best, &next, (choice){d, true, judd_records_number(d->verdict, "transfer")});
            consider(&best, &next, (choice){d, false, judd_records_number(d->verdict, "baseline")});
        }
        judd_view_shots(shots, c);
        judd_html_add(v->html, "<tr><th scope=\"row\">%s</th><td>%s</td>", c->target, shots);
        write_choice(v, &best);
        write_choice(v, &next);
        judd_html_add(v->html, "</tr>\n");
    }
    judd_html_add(v->html,
                  "</tbody></table></section>\n<p class=\"note\">Highest means over seeds. Whoever "
                  "chooses by them has looked at the test set: the chosen figure is a little "
                  "too good.</p>\n");
    return JUDD_OK;
}
