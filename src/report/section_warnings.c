/* What to know before trusting the rest. */
#include "report/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LINES = 20 };

static void warn_of_trials(const judd_view *v) {
    int failed = 0, diverged = 0;
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach(v->in->results, i, r) {
        failed += judd_records_is(r, "status", "failed");
        diverged += judd_records_is(r, "status", "diverged");
    }
    if (diverged > 0)
        judd_html_add(v->html,
                      "<li>%d training%s diverged and count%s nowhere; lower the learning "
                      "rate.</li>\n",
                      diverged, diverged == 1 ? "" : "s", diverged == 1 ? "s" : "");
    if (failed > 0)
        judd_html_add(v->html,
                      "<li>%d trial%s failed and count%s nowhere: see failure and notes in "
                      "results.jsonl.</li>\n",
                      failed, failed == 1 ? "" : "s", failed == 1 ? "s" : "");
}

/* {HEAD: {EDGE: picks, "": trainings}} of all trials. */
static json_t *count_edges(const json_t *results) {
    json_t *heads = json_object(), *r = NULL, *edge = NULL;
    size_t i = 0, k = 0;
    json_array_foreach((json_t *)(uintptr_t)results, i, r) {
        const char *name = judd_records_text(r, "head");
        if (!json_object_get(heads, name)) json_object_set_new(heads, name, json_object());
        json_t *counts = json_object_get(heads, name);
        json_int_t all = json_integer_value(json_object_get(counts, ""));
        json_object_set_new(counts, "", json_integer(all + 1));
        json_array_foreach(json_object_get(json_object_get(r, "selection"), "grid_edge"), k, edge) {
            const char *text = json_string_value(edge);
            if (!text || !text[0]) continue;
            json_int_t n = json_integer_value(json_object_get(counts, text));
            json_object_set_new(counts, text, json_integer(n + 1));
        }
    }
    return heads;
}

static void warn_of_edges(const judd_view *v) {
    json_t *heads = count_edges(v->in->results), *counts, *n;
    const char *head, *edge;
    json_object_foreach(heads, head, counts) {
        const char *before = "";
        if (json_object_size(counts) < 2) continue;
        judd_html_add(v->html, "<li>Head %s: of %.0f picks some lie on an edge of the grid: ", head,
                      judd_records_number(counts, ""));
        json_object_foreach(counts, edge, n) {
            if (!edge[0]) continue;
            judd_html_add(v->html, "%s%s in %.0f", before, edge, judd_records_value(n));
            before = ", ";
        }
        judd_html_add(v->html, "; widen the grid there.</li>\n");
    }
    json_decref(heads);
}

static void warn_of_data(const judd_view *v) {
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach(v->in->data, i, r) {
        double twice = judd_records_number(r, "n_also_in_train");
        double imbalance = judd_records_number(r, "imbalance"),
               bad = judd_records_number(r, "n_bad");
        bool pair = json_object_get(r, "source") != NULL;
        const char *name = judd_records_text(r, pair ? "target" : "dataset");
        const char *split = pair ? "test" : judd_records_text(r, "split");
        if (twice > 0.0)
            judd_html_add(v->html,
                          "<li>Data set %s: %.0f %s samples stand in train byte for byte; they "
                          "are no honest judge.</li>\n",
                          name, twice, split);
        if (imbalance >= 3.0)
            judd_html_add(v->html,
                          "<li>Data set %s, %s: the largest class has %.1f times the samples "
                          "of the smallest; accuracy favours it.</li>\n",
                          name, split, imbalance);
        if (bad > 0.0)
            judd_html_add(v->html,
                          "<li>Data set %s, %s: %.0f images cannot be decoded and are left "
                          "out.</li>\n",
                          name, split, bad);
    }
}

static void warn_of_seeds(const judd_view *v) {
    size_t i = 0;
    int few = 0;
    json_t *verdict = NULL;
    json_array_foreach(v->in->verdicts, i, verdict) few +=
        judd_records_number(verdict, "n_seeds") < 3.0;
    if (few > 0 && v->in->state == JUDD_PAGE_COMPLETE)
        judd_html_add(v->html,
                      "<li>%d verdict%s on fewer than 3 seeds: another training may say "
                      "otherwise; set verdict.seeds.</li>\n",
                      few, few == 1 ? " rests" : "s rest");
}

/* Lines of a text, folded. marked: only those that hold this mark. */
static void write_lines(const judd_view *v, const char *what, const char *text, const char *mark) {
    int n = 0;
    for (const char *line = text; line && *line;) {
        size_t length = strcspn(line, "\n");
        char copy[512];
        snprintf(copy, sizeof copy, "%.*s", (int)(length < 500 ? length : 500), line);
        line += length + (line[length] == '\n');
        if (mark && !strstr(copy, mark)) continue;
        if (n++ == 0) judd_html_add(v->html, "<details><summary>%s</summary><pre>", what);
        if (n > MOST_LINES) {
            judd_html_add(v->html, "...\n");
            break;
        }
        judd_html_add(v->html, "%s\n", copy);
    }
    if (n > 0) judd_html_add(v->html, "</pre></details>\n");
}

judd_status judd_section_warnings(judd_view *v) {
    judd_html *h = v->html;
    judd_html_add(h, "<ul class=\"facts\">\n");
    int64_t before = h->n;
    warn_of_trials(v);
    warn_of_data(v);
    warn_of_seeds(v);
    warn_of_edges(v);
    if (h->n == before) judd_html_add(h, "<li>None.</li>\n");
    judd_html_add(h, "</ul>\n");
    write_lines(v, "Images left out (quarantine.tsv)", v->in->quarantine, NULL);
    write_lines(v, "Warnings of all runs (judd.log)", v->in->log, "warning: ");
    return JUDD_OK;
}
