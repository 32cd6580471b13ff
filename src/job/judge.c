#include "job/judge.h"

#include "job/predictions.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/transfer/verdict.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a gain is in. */
static const char *metric_of(const judd_plan_comparison *c) {
    const char *task = c->dataset->task;
    return strcmp(task, "multilabel") == 0   ? "map"
           : strcmp(task, "regression") == 0 ? "r2"
                                             : "accuracy";
}

/* Shares of the test samples in the metric, [n, n_test], of the trials `names`. */
static judd_status read_arm(double **out, int64_t *n_test, const char *folder,
                            const char *const *names, int n) {
    judd_status status = JUDD_OK;
    double *all = NULL, *one = NULL;
    for (int s = 0; s < n; s++) {
        int64_t count = 0;
        JUDD_TRY(judd_predictions_read_shares(&one, &count, folder, names[s]));
        if (!all) {
            *n_test = count;
            JUDD_TRY(judd_memory_alloc(&all, n * count, sizeof *all));
        }
        if (count != *n_test)
            JUDD_FAIL(JUDD_E_DATA, "predictions of %s: %lld samples, others have %lld", names[s],
                      (long long)count, (long long)*n_test);
        memcpy(all + s * count, one, (size_t)count * sizeof *all);
        free(one);
        one = NULL;
    }
    *out = all;
    all = NULL;
done:
    free(all);
    free(one);
    return status;
}

/* Right or wrong from shares of an accuracy. */
static judd_status flags_of(uint8_t **out, const double *share, int64_t n) {
    judd_status status = judd_memory_alloc(out, n, 1);
    for (int64_t i = 0; status == JUDD_OK && i < n; i++) (*out)[i] = share[i] > 0.5;
    return status;
}

/* Accuracies are counts: their verdict is exact, and of one seed McNemar's. */
static judd_status measure_arms(judd_verdict *verdict, const char *metric, const double *transfer,
                                const double *baseline, int n, int64_t n_test, double margin) {
    judd_status status = JUDD_OK;
    uint8_t *right = NULL, *right_baseline = NULL;
    if (strcmp(metric, "accuracy") != 0)
        return judd_verdict_measure_shares(verdict, transfer, baseline, n, n_test, margin);
    JUDD_TRY(flags_of(&right, transfer, n * n_test));
    JUDD_TRY(flags_of(&right_baseline, baseline, n * n_test));
    JUDD_TRY(judd_verdict_measure(verdict, right, right_baseline, n, n_test, margin));
done:
    free(right);
    free(right_baseline);
    return status;
}

/* The pairs of trials in which both arms are sound; a head that did not train, or whose metric is
 * not defined, says nothing about transfer. Returns their number. */
static int sound_pairs(const char **transfer, const char **baseline, const judd_output *output,
                       const judd_plan *plan, const judd_plan_comparison *c) {
    int n = 0;
    for (int64_t s = 0; s < plan->n_seeds; s++) {
        transfer[n] = plan->trials[c->transfer[s]].name;
        baseline[n] = plan->trials[c->baseline[s]].name;
        n += judd_output_is_sound(output, transfer[n]) && judd_output_is_sound(output, baseline[n]);
    }
    return n;
}

/* Without a sound pair there is nothing to judge: no effect, no p-value, inconclusive. */
static judd_verdict nothing_to_judge(void) {
    return (judd_verdict){.gain = NAN,
                          .se = NAN,
                          .ci95 = {NAN, NAN},
                          .p = NAN,
                          .p_neutral = NAN,
                          .kind = JUDD_VERDICT_INCONCLUSIVE,
                          .further_seeds = -1};
}

static judd_status measure(judd_verdict *verdict, const judd_output *output, const judd_plan *plan,
                           const judd_plan_comparison *c, double margin) {
    judd_status status = JUDD_OK;
    const char *folder = judd_output_folder(output), **transfer = NULL, **baseline = NULL;
    double *share = NULL, *share_baseline = NULL;
    int64_t n_test = 0, n_baseline = 0;
    JUDD_TRY(judd_memory_alloc(&transfer, plan->n_seeds + 1, sizeof *transfer));
    JUDD_TRY(judd_memory_alloc(&baseline, plan->n_seeds + 1, sizeof *baseline));
    int n = sound_pairs(transfer, baseline, output, plan, c);
    *verdict = nothing_to_judge();
    if (n == 0) goto done;
    JUDD_TRY(read_arm(&share, &n_test, folder, transfer, n));
    JUDD_TRY(read_arm(&share_baseline, &n_baseline, folder, baseline, n));
    if (n_test != n_baseline)
        JUDD_FAIL(JUDD_E_DATA, "experiment %s: arms have %lld and %lld test samples",
                  c->experiment->name, (long long)n_test, (long long)n_baseline);
    JUDD_TRY(measure_arms(verdict, metric_of(c), share, share_baseline, n, n_test, margin));
done:
    free(transfer);
    free(baseline);
    free(share);
    free(share_baseline);
    return status;
}

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *record_of(const judd_plan_comparison *c, const judd_verdict *v) {
    json_t *r = json_object();
    json_object_set_new(r, "schema", json_integer(1));
    json_object_set_new(r, "comparison", json_string(c->name));
    json_object_set_new(r, "experiment", json_string(c->experiment->name));
    json_object_set_new(r, "backbone", json_string(c->backbone->name));
    json_object_set_new(r, "target", json_string(c->dataset->name));
    json_object_set_new(r, "head", json_string(c->head->name));
    json_object_set_new(r, "shots", c->shots ? json_integer(c->shots) : json_null());
    json_object_set_new(r, "kind", json_string("gain"));
    json_object_set_new(r, "metric", json_string(metric_of(c)));
    json_object_set_new(r, "n_seeds", json_integer(v->n_seeds));
    json_object_set_new(r, "gain", number(v->gain));
    json_object_set_new(r, "ci95", json_pack("[o, o]", number(v->ci95[0]), number(v->ci95[1])));
    json_object_set_new(r, "p_holm", number(v->p_holm));
    json_object_set_new(r, "verdict", json_string(judd_verdict_name(v->kind)));
    json_object_set_new(r, "further_seeds",
                        v->further_seeds >= 0 ? json_integer(v->further_seeds) : json_null());
    return r;
}

judd_status judd_judge_write(judd_output *output, const judd_plan *plan, double margin) {
    judd_status status = JUDD_OK;
    judd_verdict *verdicts = NULL;
    char *text = NULL, *line = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory) JUDD_FAIL(JUDD_E_INTERNAL, "verdicts: no memory");
    JUDD_TRY(judd_memory_alloc(&verdicts, plan->n_comparisons, sizeof *verdicts));
    for (int64_t c = 0; c < plan->n_comparisons; c++)
        JUDD_TRY(measure(&verdicts[c], output, plan, &plan->comparisons[c], margin));
    JUDD_TRY(judd_verdict_decide(verdicts, plan->n_comparisons, margin));
    for (int64_t c = 0; c < plan->n_comparisons; c++) {
        json_t *record = record_of(&plan->comparisons[c], &verdicts[c]);
        status = judd_output_line(&line, record);
        json_decref(record);
        JUDD_TRY(status);
        fprintf(memory, "%s\n", line);
        free(line);
        line = NULL;
    }
    if (fflush(memory) != 0) JUDD_FAIL(JUDD_E_INTERNAL, "verdicts: no memory");
    JUDD_TRY(judd_output_write(output, "verdicts.jsonl", text));
done:
    if (memory) fclose(memory);
    free(text);
    free(line);
    free(verdicts);
    return status;
}

/* ---- the table ---------------------------------------------------------------------------------
 */

/* All records of a JSON lines file, as one array. */
static judd_status read_lines(json_t **records, const char *folder, const char *name) {
    judd_status status = JUDD_OK;
    char *path = NULL, *text = NULL;
    int64_t bytes = 0, number_of_line = 1;
    json_t *all = json_array();
    JUDD_TRY(judd_memory_format(&path, "%s/%s", folder, name));
    JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, 1 << 30));
    for (char *line = text; *line; number_of_line++) {
        size_t n = strcspn(line, "\n");
        json_t *record = json_loadb(line, n, 0, NULL);
        if (!record)
            JUDD_FAIL(JUDD_E_DATA, "%s:%lld: not a record; run with --fresh to make it anew", path,
                      (long long)number_of_line);
        json_array_append_new(all, record);
        line += n + (line[n] == '\n');
    }
    *records = all;
    all = NULL;
done:
    json_decref(all);
    free(path);
    free(text);
    return status;
}

static const char *text_of(const json_t *record, const char *key) {
    const char *text = json_string_value(json_object_get(record, key));
    return text ? text : "";
}

/* Mean metric over the seeds of one arm of a comparison, of the sound trials. */
static double mean_metric(const json_t *results, const json_t *verdict, const char *arm) {
    size_t i = 0;
    json_t *r = NULL;
    double sum = 0.0, n = 0.0;
    json_array_foreach(results, i, r) {
        if (strcmp(text_of(r, "comparison"), text_of(verdict, "comparison")) != 0 ||
            strcmp(text_of(r, "arm"), arm) != 0 || strcmp(text_of(r, "status"), "ok") != 0)
            continue;
        sum += json_number_value(
            json_object_get(json_object_get(r, "metrics"), text_of(verdict, "metric")));
        n += 1.0;
    }
    return n > 0.0 ? sum / n : NAN;
}

static int widest(const json_t *verdicts, const char *key) {
    size_t i = 0;
    json_t *v = NULL;
    int width = (int)strlen(key);
    json_array_foreach(verdicts, i, v) {
        int n = (int)strlen(text_of(v, key));
        width = n > width ? n : width;
    }
    return width;
}

/* A number of a record; null is NaN. */
static double value_of(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Widths of the columns that tell comparisons apart; 0: not shown. */
enum { N_AXES = 4 };
static const char *const axes[N_AXES] = {"experiment", "backbone", "target", "head"};

/* Whether the verdicts of some experiment differ in it. */
static bool varies(const json_t *verdicts, const char *key) {
    size_t i = 0, j = 0;
    json_t *a = NULL, *b = NULL;
    json_array_foreach(verdicts, i, a) json_array_foreach(verdicts, j, b) {
        if (strcmp(text_of(a, "experiment"), text_of(b, "experiment")) == 0 &&
            strcmp(text_of(a, key), text_of(b, key)) != 0)
            return true;
    }
    return false;
}

static void print_axis(FILE *to, int width, const char *text) {
    if (width > 0) fprintf(to, "%-*s  ", width, text);
}

static void print_row(FILE *to, const json_t *results, const json_t *v, const int *widths) {
    const json_t *ci = json_object_get(v, "ci95");
    const json_t *shots = json_object_get(v, "shots"), *more = json_object_get(v, "further_seeds");
    char shots_text[32] = "all";
    if (json_is_integer(shots))
        snprintf(shots_text, sizeof shots_text, "%lld", (long long)json_integer_value(shots));
    for (int k = 0; k < N_AXES; k++) print_axis(to, widths[k], text_of(v, axes[k]));
    fprintf(to, "%5s  %-8s %9.3f %9.3f  %+7.3f [%+.3f, %+.3f] %5lld  %s", shots_text,
            text_of(v, "metric"), mean_metric(results, v, "baseline"),
            mean_metric(results, v, "transfer"), value_of(json_object_get(v, "gain")),
            value_of(json_array_get(ci, 0)), value_of(json_array_get(ci, 1)),
            (long long)json_integer_value(json_object_get(v, "n_seeds")), text_of(v, "verdict"));
    if (strcmp(text_of(v, "verdict"), "inconclusive") == 0 && json_integer_value(more) > 0)
        fprintf(to, " (%lld more seed%s may decide)", (long long)json_integer_value(more),
                json_integer_value(more) == 1 ? "" : "s");
    fprintf(to, "\n");
}

judd_status judd_judge_print(FILE *to, const char *folder) {
    judd_status status = JUDD_OK;
    json_t *results = NULL, *verdicts = NULL, *v = NULL;
    size_t i = 0;
    int widths[N_AXES];
    JUDD_TRY(read_lines(&results, folder, "results.jsonl"));
    JUDD_TRY(read_lines(&verdicts, folder, "verdicts.jsonl"));
    for (int k = 0; k < N_AXES; k++) {
        bool shown = k % 2 == 0 || varies(verdicts, axes[k]); /* experiment and target always */
        widths[k] = shown ? widest(verdicts, axes[k]) : 0;
        print_axis(to, widths[k], axes[k]);
    }
    fprintf(to, "%5s  %-8s %9s %9s  %7s %-16s %5s  %s\n", "shots", "metric", "baseline", "transfer",
            "gain", "95 % interval", "seeds", "verdict");
    json_array_foreach(verdicts, i, v) print_row(to, results, v, widths);
    fprintf(to, "Metrics are of the test set, fractions not per cent; a gain is transfer minus "
                "baseline, paired by seed.\n");
done:
    json_decref(results);
    json_decref(verdicts);
    return status;
}
