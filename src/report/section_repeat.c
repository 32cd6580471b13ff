/* Everything needed to repeat the job: command, versions, CPU, hashes, the job itself. */
#include "report/view.h"

#include <math.h>
#include <string.h>

/* Rows of an object of texts, objects of texts in place. */
static void write_object(judd_html *h, const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (json_is_object(value))
            write_object(h, value);
        else if (json_is_string(value))
            judd_html_add(h, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", key,
                          json_string_value(value));
    }
}

static void write_table(const judd_view *v, const char *what, const json_t *object) {
    if (!object) return;
    judd_html_add(v->html, "<details><summary>%s</summary>", what);
    judd_view_open_box(v, what);
    judd_html_add(v->html, "<table class=\"keys\"><tbody>\n");
    write_object(v->html, object);
    judd_html_add(v->html, "</tbody></table></section></details>\n");
}

/* Seconds of training and of features by backbone, as measured, and on how many ranks. */
static void write_times(const judd_view *v) {
    double train = 0.0, computed = 0.0, ranks = 0.0;
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach(v->in->timing, i, r) {
        double n = judd_records_number(r, "ranks"), s = judd_records_number(r, "seconds");
        if (n > ranks) ranks = n;
        if (judd_records_is(r, "phase", "train") && isfinite(s)) train += s * (n > 0.0 ? n : 1.0);
        if (judd_records_is(r, "phase", "features"))
            computed += isfinite(judd_records_number(r, "computed"))
                            ? judd_records_number(r, "computed")
                            : 0.0;
    }
    if (ranks > 0.0)
        judd_html_add(
            v->html,
            "<p>As measured: %.1f seconds of training summed over ranks, at most %.0f rank%s "
            "side by side; %.0f rows of features computed.</p>\n",
            train, ranks, ranks == 1.0 ? "" : "s", computed);
}

/* What the features were computed on. */
static void write_cpu(judd_html *h, const json_t *versions) {
    const char *cpu = judd_records_text(versions, "cpu");
    judd_html_add(h, ", features on %s%s%s%s", cpu, cpu[0] ? " (" : "",
                  judd_records_text(versions, "instruction_set"), cpu[0] ? ")" : "");
}

judd_status judd_section_repeat(judd_view *v) {
    const judd_page_input *in = v->in;
    judd_html *h = v->html;
    judd_html_add(h, "<pre class=\"command\">%s</pre>\n", in->command);
    judd_html_add(h, "<p class=\"note\">Any number of ranks gives the same bits. Made by judd %s",
                  in->version);
    if (in->versions) write_cpu(h, in->versions);
    judd_html_add(h, ".</p>\n");
    write_times(v);
    write_table(v, "Versions and inputs (versions.json)", in->versions);
    write_table(v, "SHA-256 of what was found", in->hashes);
    if (in->config)
        judd_html_add(
            h,
            "<details><summary>The job with every default (job.cfg)</summary><pre>%s</pre>"
            "</details>\n",
            in->config);
    return JUDD_OK;
}
