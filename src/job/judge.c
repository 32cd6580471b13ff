#include "job/judge.h"

#include "job/benefits.h"
#include "job/judge_modes.h"
#include "job/predictions.h"
#include "report/records.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *judd_judge_metric(const judd_plan_comparison *c) {
    const char *task = c->dataset->task;
    return strcmp(task, "multilabel") == 0   ? "map"
           : strcmp(task, "regression") == 0 ? "r2"
                                             : "accuracy";
}

/* Shares of the test samples in the metric, [n, n_test], of the trials `names`. */
static judd_status read_arm(double **out, int64_t *n_test, const char *folder, char *const *names,
                            int n) {
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

/* The predictions of a trial on the comparison's test set: *name is NULL if it was not tried there,
 * or is not sound. Owner: caller, free(). */
static judd_status judged(char **name, const judd_output *output, const judd_plan_trial *t,
                          const judd_plan_comparison *c) {
    *name = NULL;
    if (!judd_output_is_sound(output, t->name)) return JUDD_OK;
    if (t->dataset == c->dataset) return judd_memory_string(name, t->name);
    const json_t *tasks = json_object_get(judd_output_record(output, t->name), "tasks");
    if (!json_object_get(tasks, c->dataset->name)) return JUDD_OK;
    return judd_predictions_name(name, t->name, c->dataset->name);
}

/* The pairs of trials in which both arms are sound; a head that did not train, or whose metric is
 * not defined, says nothing about transfer. *n: their number. Owner of the names: caller. */
static judd_status sound_pairs(char **transfer, char **baseline, int *n, const judd_output *output,
                               const judd_plan *plan, const judd_plan_comparison *c) {
    judd_status status = JUDD_OK;
    char *a = NULL, *b = NULL;
    for (int64_t s = 0; s < c->n_seeds; s++) {
        JUDD_TRY(judged(&a, output, &plan->trials[c->transfer[s]], c));
        JUDD_TRY(judged(&b, output, &plan->trials[c->baseline[s]], c));
        if (a && b) {
            transfer[*n] = a;
            baseline[(*n)++] = b;
        } else {
            free(a);
            free(b);
        }
        a = b = NULL;
    }
done:
    free(a);
    free(b);
    return status;
}

/* Without a sound pair there is nothing to judge: no effect, no p-value, inconclusive. */
static judd_judged nothing_to_judge(void) {
    judd_verdict none = {.n_looks = 1,
                         .gain = NAN,
                         .se = NAN,
                         .ci95 = {NAN, NAN},
                         .p = NAN,
                         .p_neutral = NAN,
                         .p_beyond = NAN,
                         .kind = JUDD_VERDICT_INCONCLUSIVE,
                         .further_seeds = -1};
    return (judd_judged){.verdict = none, .transfer = NAN, .baseline = NAN, .against_always = NAN};
}

/* Score of a trial's pick on samples of the target's training data that its model did not see; NaN:
 * none could be held out. */
static double held_out_score(const judd_output *output, const char *trial) {
    const json_t *selection = json_object_get(judd_output_record(output, trial), "selection");
    const json_t *score = json_object_get(json_object_get(selection, "pick"), "score");
    bool held_out = json_is_string(json_object_get(selection, "on"));
    return held_out && json_is_number(score) ? json_number_value(score) : NAN;
}

static double mean_of(const double *x, int64_t n) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += x[i];
    return sum / (double)n;
}

/* Both arms of a comparison: of n pairs of trials their shares [n, n_test]. */
typedef struct arms {
    char **transfer, **baseline; /* [n] names of their predictions */
    double *share, *share_baseline;
    int n;
    int64_t n_test;
} arms;

static judd_status judge_arms(judd_judged *j, const arms *a, const judd_plan *plan,
                              const char *metric, double margin) {
    judd_status status =
        measure_arms(&j->verdict, metric, a->share, a->share_baseline, a->n, a->n_test, margin);
    if (status != JUDD_OK) return status;
    judd_verdict_at_look(&j->verdict, plan->n_looks);
    j->transfer = mean_of(a->share, a->n * a->n_test);
    j->baseline = mean_of(a->share_baseline, a->n * a->n_test);
    return JUDD_OK;
}

/* Seeds for which the guard does not transfer become the baseline's. */
static void fall_back(judd_judged *guard, const arms *a, const judd_output *output) {
    for (int s = 0; s < a->n; s++) {
        double transfer = held_out_score(output, a->transfer[s]);
        double baseline = held_out_score(output, a->baseline[s]);
        guard->n_not_held_out += isnan(transfer) || isnan(baseline);
        if (transfer > baseline)
            guard->n_transferred++;
        else
            memcpy(a->share + s * a->n_test, a->share_baseline + s * a->n_test,
                   (size_t)a->n_test * sizeof *a->share);
    }
}

static judd_status read_arms(arms *a, const judd_output *output, const judd_plan *plan,
                             const judd_plan_comparison *c) {
    judd_status status = JUDD_OK;
    const char *folder = judd_output_folder(output);
    int64_t n_baseline = 0;
    JUDD_TRY(judd_memory_alloc(&a->transfer, plan->n_seeds + 1, sizeof *a->transfer));
    JUDD_TRY(judd_memory_alloc(&a->baseline, plan->n_seeds + 1, sizeof *a->baseline));
    JUDD_TRY(sound_pairs(a->transfer, a->baseline, &a->n, output, plan, c));
    if (a->n == 0) return JUDD_OK;
    JUDD_TRY(read_arm(&a->share, &a->n_test, folder, a->transfer, a->n));
    JUDD_TRY(read_arm(&a->share_baseline, &n_baseline, folder, a->baseline, a->n));
    if (a->n_test != n_baseline)
        JUDD_FAIL(JUDD_E_DATA, "experiment %s: arms have %lld and %lld test samples",
                  c->experiment->name, (long long)a->n_test, (long long)n_baseline);
done:
    return status;
}

judd_status judd_judge_measure(judd_judged *judged, judd_judged *guard, const judd_output *output,
                               const judd_plan *plan, int64_t index, double margin) {
    judd_status status = JUDD_OK;
    const judd_plan_comparison *c = &plan->comparisons[index];
    arms a = {0};
    *judged = nothing_to_judge();
    if (guard) *guard = nothing_to_judge();
    JUDD_TRY(read_arms(&a, output, plan, c));
    if (a.n == 0) goto done;
    JUDD_TRY(judge_arms(judged, &a, plan, judd_judge_metric(c), margin));
    if (!guard) goto done;
    fall_back(guard, &a, output);
    JUDD_TRY(judge_arms(guard, &a, plan, judd_judge_metric(c), margin));
    guard->against_always = guard->transfer - judged->transfer;
done:
    for (int k = 0; k < a.n; k++) {
        free(a.transfer[k]);
        free(a.baseline[k]);
    }
    free(a.transfer);
    free(a.baseline);
    free(a.share);
    free(a.share_baseline);
    return status;
}

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *record_of(const judd_plan *plan, const judd_plan_comparison *c, const judd_judged *j,
                         const judd_verdict *v, bool guard) {
    json_t *r = json_object();
    json_object_set_new(r, "schema", json_integer(1));
    json_object_set_new(r, "comparison", json_string(c->name));
    json_object_set_new(r, "experiment", json_string(c->experiment->name));
    json_object_set_new(r, "backbone", json_string(c->backbone->name));
    json_object_set_new(r, "target", json_string(c->dataset->name));
    json_object_set_new(r, "head", json_string(c->head->name));
    json_object_set_new(r, "shots", c->shots ? json_integer(c->shots) : json_null());
    json_object_set_new(r, "kind",
                        json_string(guard          ? "guard"
                                    : c->retention ? "retention"
                                                   : "gain"));
    json_object_set_new(r, "metric", json_string(judd_judge_metric(c)));
    json_object_set_new(r, "n_seeds", json_integer(v->n_seeds));
    if (plan->n_looks > 1) json_object_set_new(r, "looks", json_integer(plan->n_looks));
    json_object_set_new(r, "transfer", number(j->transfer));
    json_object_set_new(r, "baseline", number(j->baseline));
    json_object_set_new(r, "gain", number(v->gain));
    json_object_set_new(r, "ci95", json_pack("[o, o]", number(v->ci95[0]), number(v->ci95[1])));
    json_object_set_new(r, "p_holm", number(v->p_holm));
    json_object_set_new(r, "verdict", json_string(judd_verdict_name(v->kind)));
    json_object_set_new(r, "further_seeds",
                        v->further_seeds >= 0 ? json_integer(v->further_seeds) : json_null());
    if (!guard) return r;
    json_object_set_new(r, "n_transferred", json_integer(j->n_transferred));
    json_object_set_new(r, "n_not_held_out", json_integer(j->n_not_held_out));
    json_object_set_new(r, "against_always", number(j->against_always));
    return r;
}

/* Retention of a task whose classes the later head does not have: nothing to say. */
static bool is_void(const judd_output *output, const judd_plan *plan,
                    const judd_plan_comparison *c) {
    const judd_plan_trial *t = &plan->trials[c->transfer[0]];
    const json_t *record = judd_output_record(output, t->name);
    return c->retention && t->dataset != c->dataset && record &&
           !json_object_get(json_object_get(record, "tasks"), c->dataset->name);
}

static bool has_guard(const judd_plan_comparison *c) {
    return c->experiment->guard && !c->retention;
}

/* The records of a comparison: judged, and its guard behind it. */
static judd_status add_records(json_t *lines, const judd_output *output, const judd_plan *plan,
                               const judd_plan_comparison *c, const judd_judged *judged,
                               const judd_verdict *verdicts) {
    judd_status status = JUDD_OK;
    for (int guard = 0; guard <= has_guard(c); guard++) {
        json_t *record = record_of(plan, c, &judged[guard], &verdicts[guard], guard == 1);
        if (json_array_append_new(lines, record) != 0)
            JUDD_FAIL(JUDD_E_INTERNAL, "verdicts: no memory for a record");
        if (guard == 0) JUDD_TRY(judd_judge_curves(record, output, plan, c));
    }
done:
    return status;
}

/* The records of every comparison, and of every sequence. */
static judd_status judge_all(json_t *lines, const judd_output *output, const judd_plan *plan,
                             double margin) {
    judd_status status = JUDD_OK;
    int64_t n = 0;
    judd_judged *judged = NULL; /* [n], at most two a comparison */
    judd_verdict *verdicts = NULL;
    JUDD_TRY(judd_memory_alloc(&judged, 2 * plan->n_comparisons, sizeof *judged));
    JUDD_TRY(judd_memory_alloc(&verdicts, 2 * plan->n_comparisons, sizeof *verdicts));
    for (int64_t c = 0; c < plan->n_comparisons; c++) {
        bool guarded = has_guard(&plan->comparisons[c]);
        JUDD_TRY(judd_judge_measure(&judged[n], guarded ? &judged[n + 1] : NULL, output, plan, c,
                                    margin));
        n += guarded ? 2 : 1;
    }
    for (int64_t i = 0; i < n; i++) verdicts[i] = judged[i].verdict;
    JUDD_TRY(judd_verdict_decide(verdicts, n, margin));
    for (int64_t c = 0, i = 0; c < plan->n_comparisons; c++) {
        const judd_plan_comparison *k = &plan->comparisons[c];
        if (!is_void(output, plan, k))
            JUDD_TRY(add_records(lines, output, plan, k, &judged[i], &verdicts[i]));
        i += has_guard(k) ? 2 : 1;
    }
    JUDD_TRY(judd_benefits_add_labels(lines));
    JUDD_TRY(judd_judge_sequences(lines, output, plan));
done:
    free(judged);
    free(verdicts);
    return status;
}

judd_status judd_judge_write(judd_output *output, const judd_plan *plan, double margin) {
    judd_status status = JUDD_OK;
    char *text = NULL, *line = NULL;
    size_t length = 0, i = 0;
    json_t *lines = json_array(), *record = NULL;
    FILE *memory = open_memstream(&text, &length);
    if (!memory) JUDD_FAIL(JUDD_E_INTERNAL, "verdicts: no memory");
    JUDD_TRY(judge_all(lines, output, plan, margin));
    json_array_foreach(lines, i, record) {
        JUDD_TRY(judd_output_add_check(record));
        JUDD_TRY(judd_output_line(&line, record));
        fprintf(memory, "%s\n", line);
        free(line);
        line = NULL;
    }
    if (fflush(memory) != 0) JUDD_FAIL(JUDD_E_INTERNAL, "verdicts: no memory");
    JUDD_TRY(judd_output_write(output, "verdicts.jsonl", text));
done:
    if (memory) fclose(memory);
    json_decref(lines);
    free(text);
    free(line);
    return status;
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static int widest(const json_t *verdicts, const char *key) {
    size_t i = 0;
    json_t *v = NULL;
    int width = (int)strlen(key);
    json_array_foreach(verdicts, i, v) {
        int n = (int)strlen(judd_records_text(v, key));
        width = n > width ? n : width;
    }
    return width;
}

/* Widths of the columns that tell comparisons apart; 0: not shown. */
enum { N_AXES = 5 };
static const char *const axes[N_AXES] = {"experiment", "backbone", "target", "head", "kind"};

/* Whether the verdicts of some experiment differ in it. */
static bool varies(const json_t *verdicts, const char *key) {
    size_t i = 0, j = 0;
    json_t *a = NULL, *b = NULL;
    json_array_foreach(verdicts, i, a) json_array_foreach(verdicts, j, b) {
        if (strcmp(judd_records_text(a, "experiment"), judd_records_text(b, "experiment")) == 0 &&
            strcmp(judd_records_text(a, key), judd_records_text(b, key)) != 0)
            return true;
    }
    return false;
}

static void print_axis(FILE *to, int width, const char *text) {
    if (width > 0) fprintf(to, "%-*s  ", width, text);
}

/* Right in `width` columns; what nobody knows yet is "-". */
static void print_number(FILE *to, int width, int digits, bool sign, double x) {
    if (!isfinite(x))
        fprintf(to, " %*s", width, "-");
    else if (sign)
        fprintf(to, " %+*.*f", width, digits, x);
    else
        fprintf(to, " %*.*f", width, digits, x);
}

static void print_interval(FILE *to, const json_t *ci) {
    double low = judd_records_value(json_array_get(ci, 0));
    double high = judd_records_value(json_array_get(ci, 1));
    if (isfinite(low) && isfinite(high))
        fprintf(to, " [%+.3f, %+.3f]", low, high);
    else
        fprintf(to, " %-16s", "-");
}

/* What a guard did, behind its verdict. */
static void print_guard(FILE *to, const json_t *v) {
    fprintf(to, " (guard: %lld of %lld transferred, %+.3f against always)",
            (long long)json_integer_value(json_object_get(v, "n_transferred")),
            (long long)json_integer_value(json_object_get(v, "n_seeds")),
            judd_records_value(json_object_get(v, "against_always")));
}

static void print_row(FILE *to, const json_t *v, const int *widths, double seconds) {
    const long long n_seeds = (long long)json_integer_value(json_object_get(v, "n_seeds"));
    const json_t *shots = json_object_get(v, "shots"), *more = json_object_get(v, "further_seeds");
    char shots_text[32] = "all";
    if (json_is_integer(shots))
        snprintf(shots_text, sizeof shots_text, "%lld", (long long)json_integer_value(shots));
    for (int k = 0; k < N_AXES; k++) print_axis(to, widths[k], judd_records_text(v, axes[k]));
    fprintf(to, "%5s  %-8s", shots_text, judd_records_text(v, "metric"));
    print_number(to, 9, 3, false, judd_records_value(json_object_get(v, "baseline")));
    print_number(to, 9, 3, false, judd_records_value(json_object_get(v, "transfer")));
    fprintf(to, " ");
    print_number(to, 7, 3, true, judd_records_value(json_object_get(v, "gain")));
    print_interval(to, json_object_get(v, "ci95"));
    fprintf(to, " %5lld", n_seeds);
    print_number(to, 8, 1, true, judd_records_value(json_object_get(v, "equivalent_labels")));
    print_number(to, 8, 2, true, seconds);
    fprintf(to, "  %s", n_seeds > 0 ? judd_records_text(v, "verdict") : "no pair to compare");
    if (strcmp(judd_records_text(v, "verdict"), "inconclusive") == 0 &&
        json_integer_value(more) > 0)
        fprintf(to, " (%lld more seed%s may decide)", (long long)json_integer_value(more),
                json_integer_value(more) == 1 ? "" : "s");
    if (strcmp(judd_records_text(v, "kind"), "guard") == 0) print_guard(to, v);
    fprintf(to, "\n");
}

static bool is_sequence(const json_t *v) {
    return strcmp(judd_records_text(v, "kind"), "sequence") == 0;
}

/* The accuracy on each task (columns) after each task (rows), and what that sums up to. */
static void print_sequence(FILE *to, const json_t *v) {
    const json_t *tasks = json_object_get(v, "tasks"), *matrix = json_object_get(v, "accuracy");
    static const char *const names[] = {"acc", "bwt", "fwt", "forgetting"};
    fprintf(to, "\n%s: accuracy on", judd_records_text(v, "experiment"));
    for (size_t j = 0; j < json_array_size(tasks); j++)
        fprintf(to, " %s", json_string_value(json_array_get(tasks, j)));
    fprintf(to, "\n");
    for (size_t i = 0; i < json_array_size(matrix); i++) {
        fprintf(to, "  after %-24s", json_string_value(json_array_get(tasks, i)));
        for (size_t j = 0; j < json_array_size(tasks); j++)
            fprintf(to, " %6.3f", judd_records_value(json_array_get(json_array_get(matrix, i), j)));
        fprintf(to, "\n");
    }
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        fprintf(to, "%s%s %+.3f", k ? ", " : "  ", names[k],
                judd_records_value(json_object_get(json_object_get(v, names[k]), "mean")));
    fprintf(to, "\n");
}

static void print_rows(FILE *to, const json_t *verdicts, const json_t *results,
                       const json_t *timing, const int *widths) {
    json_t *seconds = judd_benefits_seconds(timing), *v = NULL;
    size_t i = 0;
    json_array_foreach(verdicts, i, v) if (!is_sequence(v))
        print_row(to, v, widths, judd_benefits_seconds_saved(v, verdicts, results, seconds));
    json_array_foreach(verdicts, i, v) if (is_sequence(v)) print_sequence(to, v);
    json_decref(seconds);
}

/* An interval that excludes zero beside a verdict that does not follow it. */
static bool is_clear_alone(const json_t *v) {
    const json_t *ci = json_object_get(v, "ci95");
    double low = judd_records_value(json_array_get(ci, 0));
    double high = judd_records_value(json_array_get(ci, 1));
    return (low > 0.0 || high < 0.0) && judd_records_value(json_object_get(v, "p_holm")) >= 0.05;
}

static void print_notes(FILE *to, const json_t *verdicts) {
    size_t i = 0;
    const json_t *v = NULL;
    fprintf(to, "Metrics are of the test set, fractions not per cent; a gain is transfer minus "
                "baseline, paired by seed.\n"
                "labels: how many more a class the baseline needs to be as good as the transfer; "
                "seconds: how much longer its training then took here.\n");
    json_array_foreach((json_t *)verdicts, i, v) if (is_clear_alone(v)) {
        fprintf(to, "An interval speaks of its line alone, a verdict allows for all lines of the "
                    "job (Holm): it may be inconclusive beside an interval without 0.\n");
        return;
    }
}

/* The records of a file whose lines carry checks. */
static judd_status read_whole(json_t **records, const char *folder, const char *name) {
    size_t i = 0;
    json_t *record = NULL;
    judd_status status = judd_records_read(records, folder, name, false);
    if (status != JUDD_OK) return status;
    json_array_foreach(*records, i, record) {
        if (!judd_output_is_whole(record))
            return judd_status_set(JUDD_E_DATA, "%s/%s:%zu: damaged; run the job again to mend it",
                                   folder, name, i + 1);
    }
    return JUDD_OK;
}

judd_status judd_judge_print(FILE *to, const char *folder) {
    judd_status status = JUDD_OK;
    json_t *results = NULL, *verdicts = NULL, *timing = NULL;
    int widths[N_AXES];
    JUDD_TRY(read_whole(&results, folder, "results.jsonl"));
    JUDD_TRY(read_whole(&verdicts, folder, "verdicts.jsonl"));
    JUDD_TRY(judd_records_read(&timing, folder, "timing.jsonl", true));
    for (int k = 0; k < N_AXES; k++) {
        bool always = k == 0 || k == 2; /* experiment and target */
        bool shown = always || varies(verdicts, axes[k]);
        widths[k] = shown ? widest(verdicts, axes[k]) : 0;
        print_axis(to, widths[k], axes[k]);
    }
    fprintf(to, "%5s  %-8s %9s %9s  %7s %-16s %5s %8s %8s  %s\n", "shots", "metric", "baseline",
            "transfer", "gain", "95 % interval", "seeds", "labels", "seconds", "verdict");
    print_rows(to, verdicts, results, timing, widths);
    print_notes(to, verdicts);
done:
    json_decref(results);
    json_decref(verdicts);
    json_decref(timing);
    return status;
}
