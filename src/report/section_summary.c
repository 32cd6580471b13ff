/* The headline, and what to use for each target. */
#include "report/view.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct counts {
    int positive, negative, neutral, inconclusive;
} counts;

static counts count(const judd_view *v) {
    counts n = {0};
    for (int i = 0; i < v->n; i++) {
        const char *word = judd_records_text(v->gains[i].verdict, "verdict");
        n.positive += strcmp(word, "positive") == 0;
        n.negative += strcmp(word, "negative") == 0;
        n.neutral += strcmp(word, "neutral") == 0;
        n.inconclusive += strcmp(word, "inconclusive") == 0;
    }
    return n;
}

static void write_headline(const judd_view *v) {
    const counts n = count(v);
    if (v->in->state != JUDD_PAGE_COMPLETE) {
        judd_html_add(
            v->html,
            "<p class=\"lead\">%lld of %lld trials are finished%s%s. Gains below are those "
            "so far; verdicts follow when the job is complete.</p>\n",
            (long long)v->in->n_finished, (long long)(v->in->n_finished + v->in->n_unfinished),
            v->in->missing[0] ? "; missing shards: " : "", v->in->missing);
        return;
    }
    judd_html_add(v->html, "<p class=\"lead\">Of %d comparison%s, transfer", v->n,
                  v->n == 1 ? "" : "s");
    judd_html_add(v->html,
                  " <strong class=\"positive\">helped in %d</strong>, <strong "
                  "class=\"negative\">harmed in %d</strong>",
                  n.positive, n.negative);
    judd_html_add(v->html, ", made no difference in %d, and %d %s undecided.</p>\n", n.neutral,
                  n.inconclusive, n.inconclusive == 1 ? "is" : "are");
}

/* "net on digits with 5 a class: accuracy 0.859 against 0.519 of pixels, ..." */
static void write_extreme(const judd_view *v, const char *what, const judd_comparison *c) {
    char place[JUDD_LABEL];
    judd_html *h = v->html;
    judd_view_place(place, v, c);
    judd_html_add(h, "<li><strong>%s:</strong> %s. Mean %s ", what, place, c->metric);
    judd_view_number(h, judd_records_number(c->verdict, "transfer"));
    judd_html_add(h, " against ");
    judd_view_number(h, judd_records_number(c->verdict, "baseline"));
    judd_html_add(h, " of %s: ", c->baseline);
    judd_view_signed(h, c->gain);
    judd_html_add(h, " (95&#8239;%% interval ");
    judd_view_signed(h, c->low);
    judd_html_add(h, " to ");
    judd_view_signed(h, c->high);
    judd_html_add(h, ", %.0f seeds).</li>\n", judd_records_number(c->verdict, "n_seeds"));
}

/* ---- what to use --------------------------------------------------------------------------------
 */

typedef struct choice {
    const char *backbone, *head, *experiment; /* experiment: of a transfer, else NULL */
    double metric;
} choice;

static void consider(choice *best, choice *next, choice c) {
    bool same = best->backbone && strcmp(c.backbone, best->backbone) == 0 &&
                strcmp(c.head, best->head) == 0 && !c.experiment == !best->experiment;
    if (!isfinite(c.metric) || (same && c.metric == best->metric)) return;
    if (!best->backbone || c.metric > best->metric) {
        if (!same) *next = *best;
        *best = c;
    } else if (!same && (!next->backbone || c.metric > next->metric)) {
        *next = c;
    }
}

static bool same_task(const judd_comparison *a, const judd_comparison *b) {
    return strcmp(a->target, b->target) == 0 &&
           (a->shots == b->shots || (isnan(a->shots) && isnan(b->shots)));
}

static void write_choice(const judd_view *v, const choice *c) {
    if (!c->backbone) {
        judd_html_add(v->html, "<td>&ndash;</td>");
        return;
    }
    judd_html_add(v->html, "<td>%s%s%s", c->backbone, v->several_heads ? ", " : "",
                  v->several_heads ? c->head : "");
    judd_html_add(v->html, "%s <span class=\"number\">", c->experiment ? "" : " (baseline)");
    judd_view_number(v->html, c->metric);
    judd_html_add(v->html, "</span></td>");
}

static void write_choices(const judd_view *v) {
    judd_html_add(v->html, "<h3>Best on the test set</h3><div class=\"scroll\" tabindex=\"0\" "
                           "role=\"region\" aria-label=\"Best on the test set\"><table><thead><tr>"
                           "<th scope=\"col\">Target</th><th scope=\"col\">Labels</th>"
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
            consider(&best, &next,
                     (choice){d->backbone, d->head, d->experiment,
                              judd_records_number(d->verdict, "transfer")});
            consider(
                &best, &next,
                (choice){d->baseline, d->head, NULL, judd_records_number(d->verdict, "baseline")});
        }
        judd_view_shots(shots, c);
        judd_html_add(v->html, "<tr><th scope=\"row\">%s</th><td>%s</td>", c->target, shots);
        write_choice(v, &best);
        write_choice(v, &next);
        judd_html_add(v->html, "</tr>\n");
    }
    judd_html_add(v->html,
                  "</tbody></table></div><p class=\"note\">Highest means over seeds. Whoever "
                  "chooses by them has looked at the test set: the chosen figure is a little "
                  "too good.</p>\n");
}

judd_status judd_section_summary(judd_view *v) {
    write_headline(v);
    if (v->best >= 0) {
        judd_html_add(v->html, "<ul class=\"facts\">\n");
        write_extreme(v, "Largest gain", &v->gains[v->best]);
        if (v->worst != v->best)
            write_extreme(v, v->gains[v->worst].gain < 0.0 ? "Largest loss" : "Smallest gain",
                          &v->gains[v->worst]);
        judd_html_add(v->html, "</ul>\n");
    }
    if (v->n > 0) write_choices(v);
    return JUDD_OK;
}
