/* Every verdict with what it is worth: metrics, intervals, labels and seconds saved, guards. */
#include "report/view.h"

#include <math.h>
#include <stdio.h>

/* On a phone each row is a card, so every cell carries its column's name. */
static void open_cell(judd_html *h, const char *name) {
    judd_html_add(h, "<td data-label=\"%s\">", name);
}

static void write_number(judd_html *h, const char *name, double x) {
    open_cell(h, name);
    judd_view_number(h, x);
    judd_html_add(h, "</td>");
}

static void write_interval(judd_html *h, const judd_comparison *c) {
    open_cell(h, "Gain");
    judd_view_signed(h, c->gain);
    if (isfinite(c->low)) {
        judd_html_add(h, " <small class=\"number\">[");
        judd_view_signed(h, c->low);
        judd_html_add(h, ", ");
        judd_view_signed(h, c->high);
        judd_html_add(h, "]</small>");
    }
    judd_html_add(h, "</td>");
}

static void write_p(judd_html *h, double p) {
    open_cell(h, "p (Holm)");
    if (!isfinite(p))
        judd_html_add(h, "&ndash;");
    else if (p < 0.001)
        judd_html_add(h, "&lt; 0.001");
    else
        judd_html_add(h, "%.3f", p);
    judd_html_add(h, "</td>");
}

/* What saved labels or seconds are, or why that is not known. */
static void write_saved(judd_html *h, const char *name, int digits, double x, const char *note) {
    open_cell(h, name);
    if (isfinite(x))
        judd_html_add(h, digits == 1 ? "%s%.1f" : "%s%.2f", x < 0.0 ? "\xE2\x88\x92" : "+",
                      fabs(x));
    else if (note[0])
        judd_html_add(h, "<abbr title=\"%s\">&ndash;</abbr>", note);
    else
        judd_html_add(h, "&ndash;");
    judd_html_add(h, "</td>");
}

static void write_verdict(const judd_view *v, const json_t *verdict) {
    judd_html *h = v->html;
    double more = judd_records_number(verdict, "further_seeds");
    const char *word = judd_view_verdict(v, verdict);
    judd_html_add(h, "<td data-label=\"Verdict\"><strong class=\"number %s\">%s %s</strong>",
                  v->in->state == JUDD_PAGE_COMPLETE ? word : "pending", judd_view_sign(v, verdict),
                  word);
    if (v->in->state == JUDD_PAGE_COMPLETE && more > 0.0 &&
        judd_records_is(verdict, "verdict", "inconclusive"))
        judd_html_add(h, "<small>%.0f more seed%s may decide</small>", more,
                      more == 1.0 ? "" : "s");
    if (judd_records_is(verdict, "kind", "guard")) {
        judd_html_add(h, "<small>transferred in %.0f of %.0f seeds, ",
                      judd_records_number(verdict, "n_transferred"),
                      judd_records_number(verdict, "n_seeds"));
        judd_view_signed(h, judd_records_number(verdict, "against_always"));
        judd_html_add(h, " against always</small>");
    }
    judd_html_add(h, "</td>");
}

static void write_row(const judd_view *v, const json_t *verdict) {
    const judd_comparison c = judd_view_comparison(v, verdict);
    char label[JUDD_LABEL], shots[JUDD_LABEL];
    judd_html *h = v->html;
    judd_view_label(label, v, &c);
    judd_view_shots(shots, &c);
    judd_html_add(h, "<tr><th scope=\"row\">%s", label);
    if (!judd_records_is(verdict, "kind", "gain"))
        judd_html_add(h, "<small>%s</small>", judd_records_text(verdict, "kind"));
    judd_html_add(h, "</th>");
    open_cell(h, "Target");
    judd_html_add(h, "<span>%s, <span class=\"number\">%s</span></span></td>", c.target, shots);
    write_number(h, "Baseline", judd_records_number(verdict, "baseline"));
    write_number(h, "Transfer", judd_records_number(verdict, "transfer"));
    write_interval(h, &c);
    open_cell(h, "Seeds");
    judd_html_add(h, "%.0f</td>", judd_records_number(verdict, "n_seeds"));
    write_p(h, v->in->state == JUDD_PAGE_COMPLETE ? judd_records_number(verdict, "p_holm") : NAN);
    write_saved(h, "Labels saved", 1, judd_records_number(verdict, "equivalent_labels"),
                judd_records_text(verdict, "equivalent_labels_note"));
    write_saved(h, "Seconds saved", 2, judd_records_number(verdict, "seconds_saved"), "");
    write_verdict(v, verdict);
    judd_html_add(h, "</tr>\n");
}

judd_status judd_section_verdicts(judd_view *v) {
    static const char *const heads[] = {
        "Comparison", "Target, labels", "Baseline",     "Transfer",      "Gain, 95 % interval",
        "Seeds",      "p (Holm)",       "Labels saved", "Seconds saved", "Verdict"};
    size_t i = 0;
    json_t *verdict = NULL;
    if (json_array_size(v->in->verdicts) == 0) return JUDD_OK;
    judd_view_open_box(v, "All comparisons");
    judd_html_add(v->html, "<table class=\"cards\"><thead><tr>");
    for (size_t k = 0; k < sizeof heads / sizeof *heads; k++)
        judd_html_add(v->html, "<th scope=\"col\">%s</th>", heads[k]);
    judd_html_add(v->html, "</tr></thead><tbody>\n");
    json_array_foreach(v->in->verdicts, i,
                       verdict) if (!judd_records_is(verdict, "kind", "sequence"))
        write_row(v, verdict);
    judd_html_add(
        v->html,
        "</tbody></table></section>\n<p class=\"note\">Metrics are means of the test set over "
        "seeds, "
        "fractions; p and the verdict count every comparison of the job (Holm), an interval its "
        "own alone. Labels saved: how many more a "
        "class "
        "the baseline would need to be as good, interpolated between measured shot counts; seconds "
        "saved: how much longer its training then took here.</p>\n");
    return JUDD_OK;
}
