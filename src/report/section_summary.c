/* The headline. */
#include "report/view.h"

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
    judd_html_add(
        v->html,
        "<p class=\"lead\">Of %d comparison%s, transfer <strong class=\"positive\">helped in "
        "%d</strong>, <strong class=\"negative\">harmed in %d</strong>",
        v->n, v->n == 1 ? "" : "s", n.positive, n.negative);
    if (n.neutral > 0) judd_html_add(v->html, ", made no difference in %d", n.neutral);
    if (n.inconclusive > 0) judd_html_add(v->html, "; %d undecided", n.inconclusive);
    judd_html_add(v->html, ".</p>\n");
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

judd_status judd_section_summary(judd_view *v) {
    write_headline(v);
    if (v->best >= 0) {
        judd_html_add(v->html, "<ul class=\"facts\">\n");
        const judd_comparison *best = &v->gains[v->best], *worst = &v->gains[v->worst];
        write_extreme(v, best->gain >= 0.0 ? "Largest gain" : "Smallest loss", best);
        if (worst != best)
            write_extreme(v, worst->gain < 0.0 ? "Largest loss" : "Smallest gain", worst);
        judd_html_add(v->html, "</ul>\n");
    }
    return JUDD_OK;
}
