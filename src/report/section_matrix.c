/* Source by target: the gain of every comparison as a heat map with verdict signs. */
#include "report/view.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same_target(const judd_comparison *a, const judd_comparison *b) {
    return strcmp(a->target, b->target) == 0;
}

static bool same_column(const judd_comparison *a, const judd_comparison *b) {
    return same_target(a, b) && (a->shots == b->shots || (isnan(a->shots) && isnan(b->shots)));
}

/* One comparison of each column, targets together, in the order of the job. */
static judd_status list_columns(const judd_comparison ***columns, int *n, const judd_view *v) {
    judd_status status = judd_memory_alloc(columns, v->n + 1, sizeof **columns);
    *n = 0;
    for (int i = 0; status == JUDD_OK && i < v->n; i++)
        for (int j = i; j < v->n; j++) { /* all of the target of i, unless it is known */
            bool known = !same_target(&v->gains[i], &v->gains[j]);
            for (int k = 0; k < *n; k++) known |= same_column((*columns)[k], &v->gains[j]);
            if (!known) (*columns)[(*n)++] = &v->gains[j];
        }
    return status;
}

static void write_head(const judd_view *v, const judd_comparison *const *columns, int n) {
    judd_html *h = v->html;
    judd_html_add(h, "<thead><tr><th rowspan=\"2\" scope=\"col\">Transfer</th>");
    for (int k = 0; k < n;) {
        int span = 1;
        while (k + span < n && same_target(columns[k], columns[k + span])) span++;
        judd_html_add(h, "<th colspan=\"%d\" scope=\"colgroup\">%s</th>", span, columns[k]->target);
        k += span;
    }
    judd_html_add(h, "</tr><tr>");
    for (int k = 0; k < n; k++) {
        char shots[JUDD_LABEL];
        judd_view_shots(shots, columns[k]);
        judd_html_add(h, "<th scope=\"col\">%s</th>", shots);
    }
    judd_html_add(h, "</tr></thead>\n");
}

/* n3 .. n1, z, p1 .. p3 */
static void write_level(judd_html *h, double gain) {
    double size = fabs(gain);
    int level = size < 0.005 ? 0 : size < 0.03 ? 1 : size < 0.1 ? 2 : 3;
    if (level == 0)
        judd_html_add(h, "z");
    else
        judd_html_add(h, "%c%d", gain < 0.0 ? 'n' : 'p', level);
}

static void write_cell(const judd_view *v, const judd_comparison *c) {
    judd_html *h = v->html;
    judd_html_add(h, "<td class=\"heat ");
    if (isfinite(c->gain)) write_level(h, c->gain);
    judd_html_add(h, "\"><span role=\"img\" title=\"%s\" aria-label=\"%s\">%s</span> ",
                  judd_view_verdict(v, c->verdict), judd_view_verdict(v, c->verdict),
                  judd_view_sign(v, c->verdict));
    judd_view_signed(h, c->gain);
    judd_html_add(h, "</td>");
}

static void write_row(const judd_view *v, int row, const judd_comparison *const *columns, int n) {
    char label[JUDD_LABEL];
    int first = 0;
    while (v->gains[first].row != row) first++;
    judd_view_label(label, v, &v->gains[first]);
    judd_html_add(v->html, "<tr><th scope=\"row\">%s<small>against %s</small></th>", label,
                  v->gains[first].baseline);
    for (int k = 0; k < n; k++) {
        int i = 0;
        while (i < v->n && (v->gains[i].row != row || !same_column(&v->gains[i], columns[k]))) i++;
        if (i < v->n)
            write_cell(v, &v->gains[i]);
        else
            judd_html_add(v->html, "<td></td>");
    }
    judd_html_add(v->html, "</tr>\n");
}

judd_status judd_section_matrix(judd_view *v) {
    const judd_comparison **columns = NULL;
    int n = 0;
    if (v->n == 0) return JUDD_OK;
    judd_status status = list_columns(&columns, &n, v);
    if (status != JUDD_OK) return status;
    judd_view_open_box(v, "Gains and verdicts");
    judd_html_add(v->html,
                  "<table class=\"matrix\"><caption>Gain in the test metric, transfer minus "
                  "baseline, and its verdict</caption>");
    write_head(v, columns, n);
    judd_html_add(v->html, "<tbody>\n");
    for (int r = 0; r < v->n_rows; r++) write_row(v, r, columns, n);
    judd_html_add(
        v->html,
        "</tbody></table></section>\n<p class=\"note\">&#9650; positive, &#9660; negative, = "
        "neutral "
        "(within %.3g either way), ? undecided%s. Shades: below 0.005, 0.03, 0.1, and beyond; "
        "<span class=\"heat p2\">blue</span> gains, <span class=\"heat n2\">orange</span> "
        "losses.</p>\n",
        v->in->margin, v->in->state == JUDD_PAGE_COMPLETE ? "" : ", \xE2\x80\xA6 not yet judged");
    free(columns);
    return JUDD_OK;
}
