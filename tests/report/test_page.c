#include "report/chart.h"
#include "report/csv.h"
#include "report/gnuplot.h"
#include "report/page.h"
#include "report/records.h"
#include "report/svg.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_SAMPLES = 40, N_CLASSES = 3 };
#define RLO "\xE2\x80\xAE"
#define EVIL "a\"><script>alert(1)</script>&'" RLO

/* ---- escaping -----------------------------------------------------------------------------------
 */

static void assert_escaped(const char *text, const char *expected) {
    judd_html h = {0};
    judd_html_add(&h, "<b title=\"%s\">", text);
    char whole[512];
    snprintf(whole, sizeof whole, "<b title=\"%s\">", expected);
    assert_string_equal(h.text, whole);
    judd_html_free(&h);
}

static void test_escapes(void **state) {
    (void)state;
    assert_escaped("plain \xC3\xA4 \xF0\x9F\x99\x82", "plain \xC3\xA4 \xF0\x9F\x99\x82");
    assert_escaped("<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    assert_escaped("100%s %d %n", "100%s %d %n");
    assert_escaped("x" RLO "y", "x[U+202E]y");
    assert_escaped("\x01\x7F\xC2\x85", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_escaped("\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* overlong slash */
    assert_escaped("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* surrogate */
    assert_escaped("\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_escaped("cut \xE2\x82", "cut \xEF\xBF\xBD\xEF\xBF\xBD");
    assert_escaped(NULL, "");
}

/* Of any bytes: no markup, and UTF-8 as jansson checks it. */
static void test_escapes_anything(void **state) {
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 2000; round++) {
        char bytes[65];
        judd_html h = {0};
        int n = (int)(seed % 64);
        for (int i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (char)(1 + (seed >> 16) % 255);
        }
        bytes[n] = 0;
        seed = seed * 1664525u + 1013904223u;
        judd_html_add(&h, "%s", bytes);
        const char *text = h.text ? h.text : "";
        assert_null(strpbrk(text, "<>\"'"));
        for (const char *at = strchr(text, '&'); at; at = strchr(at + 1, '&'))
            assert_true(strncmp(at, "&lt;", 4) == 0 || strncmp(at, "&gt;", 4) == 0 ||
                        strncmp(at, "&amp;", 5) == 0 || strncmp(at, "&#39;", 5) == 0 ||
                        strncmp(at, "&quot;", 6) == 0);
        json_t *checked = json_string(text);
        assert_non_null(checked);
        json_decref(checked);
        judd_html_free(&h);
    }
}

static void test_numbers_and_base64(void **state) {
    (void)state;
    judd_html h = {0};
    judd_html_add(&h, "%d|%lld|%.3f|%5.1f|%g|%c|100%%|", -3, 1LL << 40, 1.0 / 3, 2.25, 1e300, 'x');
    judd_html_base64(&h, "Man", 3);
    judd_html_base64(&h, "Ma", 2);
    judd_html_base64(&h, "M", 1);
    assert_string_equal(h.text, "-3|1099511627776|0.333|  2.2|1e+300|x|100%|TWFuTWE=TQ==");
    judd_html_free(&h);
}

/* ---- a job made up ------------------------------------------------------------------------------
 */

/* Names and what is in it. */
typedef struct made_up {
    const char *experiment, *backbone, *target;
    int n_backbones, n_seeds;
    bool no_predictions, text;
} made_up;

static json_t *trial(const made_up *m, int b, int shots, int seed, const char *arm) {
    char name[256], comparison[200];
    snprintf(comparison, sizeof comparison, "c%d+k%d", b, shots);
    snprintf(name, sizeof name, "%s+s%d+%s", comparison, seed, arm);
    bool transfer = strcmp(arm, "transfer") == 0;
    json_t *r = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:{s:f, s:f, s:{s:[f,f]}}, s:s, "
        "s:{s:[s]}, s:{s:[i,i,i], s:[f,f,f]}}",
        "schema", 1, "trial", name, "comparison", comparison, "experiment", m->experiment, "arm",
        arm, "mode", "backbone", "backbone", transfer ? m->backbone : "pixels", "target", m->target,
        "head", "softmax", "shots", shots, "seed", seed, "metrics", "accuracy",
        transfer ? 0.8 : 0.7, "ece", 0.1, "ci95", "accuracy", 0.6, 0.9, "status", "ok", "selection",
        "grid_edge", "l2 lowest", "curve", "steps", 0, 10, 20, "accuracy", 0.1, 0.5,
        transfer ? 0.8 : 0.7);
    assert_non_null(r);
    return r;
}

static json_t *verdict(const made_up *m, int b, int shots) {
    char comparison[200], backbone[300];
    snprintf(comparison, sizeof comparison, "c%d+k%d", b, shots);
    snprintf(backbone, sizeof backbone, "%s%.0d", m->backbone, b);
    json_t *v = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:f, s:f, s:f, s:[f,f], "
        "s:f, s:s, s:i}",
        "schema", 1, "comparison", comparison, "experiment", m->experiment, "backbone", backbone,
        "target", m->target, "head", "softmax", "shots", shots, "kind", "gain", "metric",
        "accuracy", "n_seeds", m->n_seeds, "transfer", 0.8, "baseline", 0.7, "gain", 0.1 - 0.01 * b,
        "ci95", 0.05, 0.15, "p_holm", 0.01, "verdict", "positive", "further_seeds", 0);
    assert_non_null(v);
    return v;
}

static judd_status predictions(void *context, const char *name, judd_predicted *out) {
    const made_up *m = context;
    judd_status status = JUDD_OK;
    judd_predicted p = {.n = N_SAMPLES, .n_classes = N_CLASSES};
    if (m->no_predictions) return judd_status_set(JUDD_E_DATA, "%s.h5: not there", name);
    JUDD_TRY(judd_memory_alloc(&p.ids, p.n, sizeof *p.ids));
    JUDD_TRY(judd_memory_alloc(&p.label, p.n, sizeof *p.label));
    JUDD_TRY(judd_memory_alloc(&p.predicted, p.n, sizeof *p.predicted));
    JUDD_TRY(judd_memory_alloc(&p.score, p.n * N_CLASSES, sizeof *p.score));
    JUDD_TRY(judd_memory_alloc(&p.names, N_CLASSES, sizeof *p.names + 64));
    for (int c = 0; c < N_CLASSES; c++) {
        p.names[c] = (char *)(p.names + N_CLASSES) + 64 * c;
        snprintf(p.names[c], 64, "class <%d>\xFF", c);
    }
    bool transfer = strstr(name, "transfer") != NULL;
    for (int64_t i = 0; i < p.n; i++) {
        p.ids[i] = 100 + i;
        p.label[i] = (int32_t)(i % N_CLASSES);
        p.predicted[i] = transfer || i % 4 ? p.label[i] : (p.label[i] + 1) % N_CLASSES;
        p.score[i * N_CLASSES + p.predicted[i]] = 2.0f;
    }
    *out = p;
    p = (judd_predicted){0};
done:
    judd_predicted_free(&p);
    return status;
}

static judd_status sample(void *context, const char *dataset, int64_t id, judd_page_sample *out) {
    const made_up *m = context;
    assert_string_equal(dataset, m->target);
    assert_in_range(id, 100, 100 + N_SAMPLES - 1);
    if (m->text) return judd_memory_string(&out->text, "a <b>fine</b> film");
    judd_status status = judd_image_shape(&out->image, 200, 100, 3);
    if (status == JUDD_OK) memset(out->image.pixels, 77, 200 * 100 * 3);
    return status;
}

static judd_page_input make_input(made_up *m) {
    judd_page_input in = {.job_name = m->experiment,
                          .version = "0",
                          .missing = "",
                          .margin = 0.005,
                          .results = json_array(),
                          .timing = json_array(),
                          .scores = json_array(),
                          .data = json_array(),
                          .verdicts = json_array(),
                          .command = "judd run",
                          .context = m,
                          .predictions = predictions,
                          .sample = sample};
    for (int b = 0; b < m->n_backbones; b++)
        for (int shots = 5; shots <= 20; shots += 15) {
            json_array_append_new(in.verdicts, verdict(m, b, shots));
            for (int seed = 1; seed <= m->n_seeds; seed++) {
                json_array_append_new(in.results, trial(m, b, shots, seed, "transfer"));
                json_array_append_new(in.results, trial(m, b, shots, seed, "baseline"));
            }
        }
    in.n_finished = (int64_t)json_array_size(in.results);
    return in;
}

static void free_input(judd_page_input *in) {
    json_decref(in->results);
    json_decref(in->timing);
    json_decref(in->scores);
    json_decref(in->data);
    json_decref(in->verdicts);
}

static char *page_of(const judd_page_input *in) {
    char *html = NULL;
    int64_t bytes = 0;
    const char *no_charts = NULL;
    if (judd_page_make(&html, &bytes, &no_charts, in) != JUDD_OK)
        fail_msg("%s", judd_status_message());
    assert_int_equal(strlen(html), bytes);
    assert_int_equal(no_charts != NULL, strstr(html, "No charts: gnuplot failed") != NULL);
    return html;
}

static void assert_has(const char *page, const char *text) {
    if (!strstr(page, text)) fail_msg("not in the page: %s", text);
}

static void assert_has_not(const char *page, const char *text) {
    if (strstr(page, text)) fail_msg("in the page: %s", text);
}

/* ---- pages --------------------------------------------------------------------------------------
 */

static void test_names_stay_text(void **state) {
    (void)state;
    made_up m = {
        .experiment = EVIL, .backbone = EVIL, .target = EVIL, .n_backbones = 2, .n_seeds = 2};
    judd_page_input in = make_input(&m);
    in.quarantine = "x</pre><script>1</script>\tbad\n";
    in.log = "warning: <script>2</script>\n";
    in.config = "name = \"<script>3</script>\";\n";
    json_array_append_new(in.scores, json_pack("{s:s, s:s, s:n, s:s, s:f, s:n, s:i}", "target",
                                               EVIL, "source", EVIL, "shots", "score", EVIL,
                                               "value", 1.5, "reason", "rank", 1));
    char *page = page_of(&in);
    assert_has_not(page, "<script");
    assert_has_not(page, RLO);
    assert_has_not(page, "\xFF");
    assert_has(page, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;[U+202E]");
    assert_has(page, "class &lt;1&gt;\xEF\xBF\xBD");
    free(page);
    free_input(&in);
}

static void put_program(const char *path, const char *text) {
    assert_int_equal(judd_atomic_file_write(path, text, (int64_t)strlen(text)), JUDD_OK);
    assert_int_equal(chmod(path, 0755), 0);
}

/* A gnuplot that keeps its script: no name is in it. */
static void test_gnuplot_gets_numbers(void **state) {
    (void)state;
    char *script = NULL, *old = strdup(getenv("PATH")), here[4096];
    int64_t bytes = 0;
    made_up m = {.experiment = "`evil`",
                 .backbone = "e'vil",
                 .target = "$evil",
                 .n_backbones = 2,
                 .n_seeds = 2};
    judd_page_input in = make_input(&m);
    assert_non_null(getcwd(here, sizeof here));
    put_program("gnuplot", "#!/bin/sh\n/bin/cat >\"$0.script\"\n");
    setenv("PATH", here, 1);
    char *page = page_of(&in);
    setenv("PATH", old, 1);
    assert_int_equal(judd_atomic_file_read(&script, &bytes, "gnuplot.script", 1 << 24), JUDD_OK);
    assert_has(script, "set terminal svg");
    assert_has_not(script, "evil");
    assert_has_not(script, "softmax");
    assert_has_not(script, "pixels");
    assert_has(page, "No charts: gnuplot failed");
    free(script);
    free(old);
    free(page);
    free_input(&in);
}

static void test_gnuplot_that_hangs(void **state) {
    (void)state;
    char *out = NULL, here[4096], *path = NULL;
    int64_t bytes = 0;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(judd_memory_format(&path, "%s/slow", here), JUDD_OK);
    put_program(path, "#!/bin/sh\n/bin/sleep 100 & /bin/sleep 100\n");
    assert_int_equal(judd_gnuplot_run(&out, &bytes, path, "", 0, 0.2), JUDD_E_IO);
    put_program(path, "#!/bin/sh\nexit 3\n");
    assert_int_equal(judd_gnuplot_run(&out, &bytes, path, "", 0, 5.0), JUDD_E_IO);
    put_program(path,
                "#!/bin/sh\n[ -z \"$HOME$USER\" ] && /bin/cat\n"); /* nothing of our environment */
    assert_int_equal(judd_gnuplot_run(&out, &bytes, path, "hello", 5, 5.0), JUDD_OK);
    assert_string_equal(out, "hello");
    free(out);
    free(path);
}

static void test_without_gnuplot(void **state) {
    (void)state;
    char *old = strdup(getenv("PATH"));
    made_up m = {
        .experiment = "x", .backbone = "net", .target = "digits", .n_backbones = 2, .n_seeds = 2};
    judd_page_input in = make_input(&m);
    setenv("PATH", "/nonexistent::.:relative", 1);
    char *page = page_of(&in);
    setenv("PATH", old, 1);
    assert_has(page, "No charts: gnuplot is not installed");
    assert_has(page, "<details open><summary>Table: gain by shot count");
    assert_has(page, "<details open><summary>Table: learning curves");
    assert_has_not(page, "<figure");
    free(old);
    free(page);
    free_input(&in);
}

static void test_contents(void **state) {
    (void)state;
    made_up m = {
        .experiment = "x", .backbone = "net", .target = "digits", .n_backbones = 2, .n_seeds = 2};
    judd_page_input in = make_input(&m);
    char *page = page_of(&in);
    assert_has(page, "helped in 4</strong>, <strong class=\"negative\">harmed in 0");
    assert_has(page, "+0.100");
    assert_has(page, "Head softmax: of 16 picks some lie on an edge of the grid: l2 lowest in 16");
    assert_has(page, "4 verdicts rest on fewer than 3 seeds");
    assert_has(page, "id=\"curves\"");
    assert_has(page, "id=\"calibration\"");
    assert_has(page, "Fixed by transfer: 10 of 40"); /* every fourth sample */
    assert_has(page, "Broken by transfer: 0 of 40");
    assert_has(page, "<img alt=\"test sample 100\" src=\"data:image/png;base64,");
    assert_has(page, "Not here: scores of sources");
    assert_has_not(page, "http://");
    assert_has_not(page, "https://");
    free(page);
    free_input(&in);
}

static void test_unfinished(void **state) {
    (void)state;
    made_up m = {
        .experiment = "x", .backbone = "net", .target = "digits", .n_backbones = 2, .n_seeds = 2};
    static const char *const names[] = {
        [JUDD_PAGE_RUNNING] = "still running", [JUDD_PAGE_STOPPED] = "stopped before its end"};
    for (int s = JUDD_PAGE_RUNNING; s <= JUDD_PAGE_STOPPED; s++) {
        judd_page_input in = make_input(&m);
        in.state = (judd_page_state)s;
        in.n_unfinished = 7;
        in.missing = "2-of-3";
        char *page = page_of(&in);
        assert_has(page, names[s]);
        assert_has(page, "16 of 23 trials are finished; missing shards: 2-of-3");
        assert_has(page, "not yet judged");
        assert_has_not(page, "<strong class=\"number positive");
        assert_has_not(page, "title=\"positive\"");
        assert_has_not(page, "helped in");
        free(page);
        free_input(&in);
    }
}

static void test_missing_predictions(void **state) {
    (void)state;
    made_up m = {.experiment = "x",
                 .backbone = "net",
                 .target = "digits",
                 .n_backbones = 1,
                 .n_seeds = 2,
                 .no_predictions = true};
    judd_page_input in = make_input(&m);
    char *page = page_of(&in);
    assert_has(page, "Not here: calibration: needs predictions");
    assert_has(page, "transfer.h5: not there");
    assert_has_not(page, "id=\"samples\"");
    free(page);
    free_input(&in);
}

static void test_texts(void **state) {
    (void)state;
    made_up m = {.experiment = "x",
                 .backbone = "net",
                 .target = "reviews",
                 .n_backbones = 1,
                 .n_seeds = 1,
                 .text = true};
    judd_page_input in = make_input(&m);
    char *page = page_of(&in);
    assert_has(page, "<q>a &lt;b&gt;fine&lt;/b&gt; film</q>");
    free(page);
    free_input(&in);
}

static void test_scores(void **state) {
    (void)state;
    made_up m = {
        .experiment = "x", .backbone = "net", .target = "digits", .n_backbones = 1, .n_seeds = 1};
    judd_page_input in = make_input(&m);
    json_array_append_new(in.scores, json_pack("{s:s, s:s, s:n, s:s, s:f, s:n, s:i}", "target",
                                               "digits", "source", "net", "shots", "score", "logme",
                                               "value", 1.25, "reason", "rank", 1));
    json_array_append_new(in.scores, json_pack("{s:s, s:s, s:i, s:s, s:f, s:n, s:i}", "target",
                                               "digits", "source", "net", "shots", 5, "score",
                                               "logme", "value", 0.5, "reason", "rank", 1));
    json_array_append_new(in.scores,
                          json_pack("{s:s, s:s, s:n, s:s, s:n, s:s, s:i}", "target", "digits",
                                    "source", "other", "shots", "score", "leep", "value", "reason",
                                    "no probabilities", "rank", 2));
    json_array_append_new(
        in.scores, json_pack("{s:s, s:s, s:s, s:n, s:s, s:f, s:f, s:f, s:i}", "kind", "agreement",
                             "experiment", "x", "head", "softmax", "target", "score", "logme",
                             "kendall_tau", 0.5, "pearson", -0.25, "top1_regret", 0.125, "n", 4));
    char *page = page_of(&in);
    assert_has(page, "<td>logme</td><td>1.25</td><td>1</td><td>+0.100</td>"); /* measured gain */
    assert_has(page, "<td>leep</td><td>no probabilities</td>");
    if (strstr(page, "<figure")) { /* values of different numbers of samples do not mix */
        assert_has(page, "logme against measured gain, all samples");
        assert_has(page, "logme against measured gain, 5 shots");
    }
    assert_has(page,
               "<td>x</td><td>softmax</td><td>all</td><td>all</td><td>+0.500</td><td>\xE2\x88\x92"
               "0.250</td><td>0.125</td><td>4</td>");
    free(page);
    free_input(&in);
}

static void test_large(void **state) {
    (void)state;
    struct timespec start, end;
    made_up m = {
        .experiment = "x", .backbone = "net", .target = "digits", .n_backbones = 50, .n_seeds = 10};
    judd_page_input in = make_input(&m); /* 2,000 trials */
    clock_gettime(CLOCK_MONOTONIC, &start);
    char *page = page_of(&in);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_true(strlen(page) < 2 << 20);
    assert_true(end.tv_sec - start.tv_sec < 10);
    free(page);
    free_input(&in);
}

static void test_nothing(void **state) {
    (void)state;
    made_up m = {.experiment = "x", .backbone = "net", .target = "digits"};
    judd_page_input in = make_input(&m);
    in.state = JUDD_PAGE_RUNNING;
    in.n_unfinished = 3;
    char *page = page_of(&in);
    assert_has(page, "0 of 3 trials are finished");
    free(page);
    free_input(&in);
}

/* ---- parts --------------------------------------------------------------------------------------
 */

static void test_svg(void **state) {
    (void)state;
    judd_html h = {0};
    const char *rest = judd_svg_copy(
        &h,
        "<?xml?><svg width=\"1\"><title>x</title><g id=\"gnuplot_canvas\"><defs><circle id='a'/>"
        "</defs>\n<g id=\"p_1\" ><title>$S</title><path stroke='rgb(  0,   0,   3)' d='M0'/>"
        "<text fill=\"rgb(0,0,100)\">5</text><use xlink:href='#gpPt6' color='rgb(0, 0, 1)'/>"
        "<use color='#FFFFFF'/></g></g></svg> next");
    assert_non_null(rest);
    assert_string_equal(h.text, "<g ><path class=\"k3\" d='M0'/><text class=\"f100\">5</text><use "
                                "href='#gpPt6' class=\"c1\"/><use class=\"c0\"/></g>");
    assert_null(judd_svg_copy(&h, rest + 6));
    assert_null(judd_svg_copy(&h, "<svg><g></svg>"));
    judd_html_free(&h);
}

static void test_csv(void **state) {
    (void)state;
    char *text = NULL;
    int64_t bytes = 0;
    json_t *records =
        json_loads("[{\"a\":\"x,\\\"y\\\"\",\"m\":{\"acc\":0.5,\"ci95\":{\"acc\":[0.25,"
                   "null]}},\"list\":[1,2,3]},{\"b\":7,\"a\":null,\"ok\":true}]",
                   0, NULL);
    assert_int_equal(judd_csv_make(&text, &bytes, records), JUDD_OK);
    assert_string_equal(text, "a,m.acc,m.ci95.acc.low,m.ci95.acc.high,b,ok\n"
                              "\"x,\"\"y\"\"\",0.5,0.25,,,\n,,,,7,true\n");
    free(text);
    json_decref(records);
}

static void test_unknown_schema(void **state) {
    (void)state;
    json_t *records = NULL;
    static const char text[] = "{\"schema\":1}\n{\"schema\":2}\n";
    assert_int_equal(judd_atomic_file_write("new.jsonl", text, sizeof text - 1), JUDD_OK);
    for (int torn = 0; torn < 2; torn++) {
        assert_int_equal(judd_records_read(&records, ".", "new.jsonl", torn == 1), JUDD_E_DATA);
        assert_non_null(strstr(judd_status_message(), "new.jsonl:2: a record of schema 2"));
    }
    assert_int_equal(judd_records_read(&records, ".", "none.jsonl", true), JUDD_OK);
    assert_int_equal(json_array_size(records), 0);
    json_decref(records);
}

static int enter_folder(void **state) {
    char template[] = "judd-test-XXXXXX";
    if (!mkdtemp(template)) return -1;
    *state = realpath(template, NULL);
    return chdir(template);
}

static int leave_folder(void **state) {
    int failed = chdir("..") != 0 || judd_atomic_file_remove(*state) != JUDD_OK;
    free(*state);
    return failed;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_escapes_anything),
        cmocka_unit_test(test_numbers_and_base64),
        cmocka_unit_test(test_names_stay_text),
        cmocka_unit_test(test_gnuplot_gets_numbers),
        cmocka_unit_test(test_gnuplot_that_hangs),
        cmocka_unit_test(test_without_gnuplot),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_unfinished),
        cmocka_unit_test(test_missing_predictions),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_unknown_schema),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
