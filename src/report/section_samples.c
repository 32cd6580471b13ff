/* Test samples that transfer fixed, and that it broke: pictures or texts. */
#include "report/document.h"
#include "report/study.h"

#include <stdio.h>

enum { MOST_SAMPLES = 8 };

/* Seeds in which the first arm was right, less those of the other. */
static int32_t balance_of(const judd_study *s, int arm, int64_t i) {
    return s->right[arm][i] - s->right[1 - arm][i];
}

/* The samples that most seeds had right in one arm only; ties in the order of the files. */
static int choose(int64_t *chosen, const judd_study *s, int arm) {
    int n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        int32_t b = balance_of(s, arm, i);
        if (b <= 0 || (n == MOST_SAMPLES && b <= balance_of(s, arm, chosen[n - 1]))) continue;
        int at = n < MOST_SAMPLES ? n++ : n - 1;
        for (; at > 0 && balance_of(s, arm, chosen[at - 1]) < b; at--) chosen[at] = chosen[at - 1];
        chosen[at] = i;
    }
    return n;
}

static judd_status write_sample(const judd_view *v, const judd_study *s, int arm, int64_t i) {
    judd_status status = JUDD_OK;
    judd_page_sample sample = {0};
    char what[JUDD_LABEL];
    judd_html *h = v->html;
    status = v->in->sample(v->in->context, s->of->target, s->ids[i], &sample);
    if (status == JUDD_E_INTERNAL) goto done;
    judd_html_add(h, "<li>");
    snprintf(what, sizeof what, "test sample %lld", (long long)s->ids[i]);
    if (status == JUDD_OK && sample.image.pixels)
        JUDD_TRY(judd_document_picture(h, &sample.image, what));
    if (status == JUDD_OK && sample.text) judd_html_add(h, "<q>%s</q>", sample.text);
    status = JUDD_OK;
    judd_html_add(h, "<span><strong>%s</strong>", s->names[s->label[i]]);
    judd_html_add(h, "<small>not %s</small><small>no. %lld, %d/%d seeds</small></span></li>\n",
                  s->names[s->said[1 - arm][i]], (long long)s->ids[i], balance_of(s, arm, i),
                  s->n_seeds);
done:
    judd_page_sample_free(&sample);
    return status;
}

static judd_status write_strip(const judd_view *v, const judd_study *s, int arm) {
    judd_status status = JUDD_OK;
    int64_t chosen[MOST_SAMPLES], all = 0;
    int n = choose(chosen, s, arm);
    for (int64_t i = 0; i < s->n; i++) all += 2 * balance_of(s, arm, i) > s->n_seeds;
    judd_html_add(v->html, "<h4>%s: %lld of %lld in most seeds</h4>\n",
                  arm == JUDD_STUDY_TRANSFER ? "Fixed by transfer" : "Broken by transfer",
                  (long long)all, (long long)s->n);
    if (n == 0) return JUDD_OK;
    judd_html_add(v->html, "<ul class=\"strip\">\n");
    for (int k = 0; k < n; k++) JUDD_TRY(write_sample(v, s, arm, chosen[k]));
    judd_html_add(v->html, "</ul>\n");
done:
    return status;
}

/* Whether samples can be looked at; says why not. */
static judd_status try_sample(const judd_view *v, const judd_study *s) {
    judd_page_sample sample = {0};
    judd_status status = v->in->sample(v->in->context, s->of->target, s->ids[0], &sample);
    judd_page_sample_free(&sample);
    if (status == JUDD_OK || status == JUDD_E_INTERNAL) return status;
    judd_html_add(v->html, "<p class=\"note\">No pictures: %s</p>\n", judd_status_message());
    return JUDD_OK;
}

judd_status judd_section_samples(judd_view *v) {
    judd_status status = JUDD_OK;
    for (int k = 0; k < v->n_studies; k++) {
        const judd_study *s = &v->studies[k];
        char place[JUDD_LABEL];
        if (s->why[0] || s->n == 0) continue;
        judd_view_place(place, v, s->of);
        judd_html_add(v->html, "<h3>%s</h3>\n", place);
        JUDD_TRY(try_sample(v, s));
        JUDD_TRY(write_strip(v, s, JUDD_STUDY_TRANSFER));
        JUDD_TRY(write_strip(v, s, JUDD_STUDY_BASELINE));
    }
done:
    return status;
}
