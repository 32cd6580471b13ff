#include "job/judge_modes.h"

#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/stats/intervals.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

/* Mean of x [n] and, from two on, its 95 % interval by Student's t. */
static void set_mean(json_t *to, const char *name, const double *x, int n) {
    double mean = 0.0, square = 0.0;
    json_t *all = json_object();
    for (int i = 0; i < n; i++) mean += x[i] / n;
    for (int i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
    json_object_set_new(all, "mean", number(n > 0 ? mean : NAN));
    if (n > 1) {
        double half = judd_intervals_t_quantile(0.975, n - 1) * sqrt(square / (n - 1) / (double)n);
        json_object_set_new(all, "ci95",
                            json_pack("[o, o]", number(mean - half), number(mean + half)));
    }
    json_object_set_new(to, name, all);
}

/* ---- learning curves ----------------------------------------------------------------------------
 */

typedef struct curve {
    const json_t *steps, *accuracy;
    size_t n;
} curve;

static curve curve_of(const json_t *record) {
    const json_t *c = json_object_get(record, "curve");
    curve all = {json_object_get(c, "steps"), json_object_get(c, "accuracy"), 0};
    all.n = json_array_size(all.steps) == json_array_size(all.accuracy) ? json_array_size(all.steps)
                                                                        : 0;
    return all;
}

static double accuracy_at(const curve *c, size_t k) {
    return judd_records_value(json_array_get(c->accuracy, k));
}

static double step_at(const curve *c, size_t k) {
    return judd_records_value(json_array_get(c->steps, k));
}

/* Mean accuracy along the steps. */
static double area(const curve *c) {
    double sum = 0.0;
    for (size_t k = 1; k < c->n; k++)
        sum +=
            0.5 * (accuracy_at(c, k) + accuracy_at(c, k - 1)) * (step_at(c, k) - step_at(c, k - 1));
    return sum / (step_at(c, c->n - 1) - step_at(c, 0));
}

/* The first step with at least this accuracy; INFINITY: none. */
static double reaches(const curve *c, double accuracy) {
    for (size_t k = 0; k < c->n; k++)
        if (accuracy_at(c, k) >= accuracy) return step_at(c, k);
    return INFINITY;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void set_steps(json_t *record, double *steps, int n, double own) {
    int reached = 0;
    for (int i = 0; i < n; i++) reached += isfinite(steps[i]);
    qsort(steps, (size_t)n, sizeof *steps, compare_doubles);
    double median = 0.5 * (steps[(n - 1) / 2] + steps[n / 2]);
    json_object_set_new(record, "steps_to_baseline",
                        json_pack("{s:o, s:i, s:o}", "median", number(median), "reached", reached,
                                  "baseline", number(own)));
}

judd_status judd_judge_curves(json_t *record, const judd_output *output, const judd_plan *plan,
                              const judd_plan_comparison *c) {
    judd_status status = JUDD_OK;
    double *gain = NULL, *steps = NULL, own = NAN;
    int n = 0;
    JUDD_TRY(judd_memory_alloc(&gain, plan->n_seeds, sizeof *gain));
    JUDD_TRY(judd_memory_alloc(&steps, plan->n_seeds, sizeof *steps));
    for (int64_t s = 0; s < plan->n_seeds && !c->retention; s++) {
        curve a = curve_of(judd_output_record(output, plan->trials[c->transfer[s]].name));
        curve b = curve_of(judd_output_record(output, plan->trials[c->baseline[s]].name));
        if (a.n < 2 || b.n < 2) continue;
        own = step_at(&b, b.n - 1);
        gain[n] = area(&a) - area(&b);
        steps[n++] = reaches(&a, accuracy_at(&b, b.n - 1));
    }
    if (n == 0) goto done;
    set_mean(record, "curve_area", gain, n);
    set_steps(record, steps, n, own);
done:
    free(gain);
    free(steps);
    return status;
}

/* ---- sequences ----------------------------------------------------------------------------------
 */

/* One sequence: its tasks, and for each seed the accuracies. */
typedef struct sequence {
    const judd_plan_comparison *of; /* any comparison of it */
    int64_t n;                      /* tasks */
    int64_t **stage;                /* [n]: trials [n_seeds] that learned task i; borrowed */
    int n_seeds;                    /* with all figures */
    double *r, *b;                  /* [n_seeds][n][n], [n_seeds][n] */
} sequence;

static bool same_sequence(const judd_plan_comparison *a, const judd_plan_comparison *b) {
    return a->experiment == b->experiment && a->backbone == b->backbone && a->head == b->head &&
           a->shots == b->shots;
}

static const char *task_name(const sequence *q, int64_t j) {
    return q->of->experiment->target.values[j];
}

/* A gain's transfer arm, or a retention's baseline, is the trial that had just learned its task. */
static void find_stages(sequence *q, const judd_plan *plan) {
    for (int64_t k = 0; k < plan->n_comparisons; k++) {
        const judd_plan_comparison *c = &plan->comparisons[k];
        if (!same_sequence(c, q->of)) continue;
        for (int64_t j = 0; j < q->n; j++)
            if (strcmp(task_name(q, j), c->dataset->name) == 0)
                q->stage[j] = c->retention ? c->baseline : c->transfer;
    }
}

static double accuracy_on(const json_t *record, const char *task) {
    const char *own = json_string_value(json_object_get(record, "target"));
    const json_t *metrics = own && strcmp(own, task) == 0
                                ? json_object_get(record, "metrics")
                                : json_object_get(json_object_get(record, "tasks"), task);
    return judd_records_value(json_object_get(metrics, "accuracy"));
}

/* Those of one seed; false if any is missing. */
static bool read_seed(sequence *q, const judd_output *output, const judd_plan *plan, int64_t s) {
    double *r = q->r + q->n_seeds * q->n * q->n, *b = q->b + q->n_seeds * q->n;
    bool whole = true;
    for (int64_t i = 0; i < q->n; i++) {
        const char *trial = plan->trials[q->stage[i][s]].name;
        const json_t *record = judd_output_record(output, trial);
        whole = whole && judd_output_is_sound(output, trial);
        for (int64_t j = 0; j < q->n; j++) {
            r[i * q->n + j] = accuracy_on(record, task_name(q, j));
            whole = whole && isfinite(r[i * q->n + j]);
        }
        if (i == 0)
            for (int64_t j = 0; j < q->n; j++)
                b[j] = judd_records_value(
                    json_object_get(json_object_get(record, "initial"), task_name(q, j)));
    }
    return whole;
}

/* Of one seed: acc, bwt, fwt, forgetting. */
enum { N_SUMMARIES = 4 };
static const char *const summaries[N_SUMMARIES] = {"acc", "bwt", "fwt", "forgetting"};

static void summarise(double out[N_SUMMARIES], const double *r, const double *b, int64_t n) {
    double earlier = (double)(n - 1);
    memset(out, 0, N_SUMMARIES * sizeof *out);
    for (int64_t j = 0; j < n; j++) {
        double last = r[(n - 1) * n + j], best = -INFINITY;
        out[0] += last / (double)n;
        if (j > 0) out[2] += (r[(j - 1) * n + j] - b[j]) / earlier;
        if (j == n - 1) continue;
        for (int64_t l = 0; l < n - 1; l++) best = fmax(best, r[l * n + j]);
        out[1] += (last - r[j * n + j]) / earlier;
        out[3] += (best - last) / earlier;
    }
}

static json_t *mean_row(const double *x, int64_t n, int64_t stride, int n_seeds) {
    json_t *row = json_array();
    for (int64_t j = 0; j < n; j++) {
        double sum = 0.0;
        for (int s = 0; s < n_seeds; s++) sum += x[s * stride + j];
        json_array_append_new(row, number(n_seeds > 0 ? sum / n_seeds : NAN));
    }
    return row;
}

static json_t *sequence_record(const sequence *q, double *each) {
    const judd_plan_comparison *c = q->of;
    json_t *r = json_object(), *tasks = json_array(), *matrix = json_array();
    for (int64_t j = 0; j < q->n; j++) {
        json_array_append_new(tasks, json_string(task_name(q, j)));
        json_array_append_new(matrix, mean_row(q->r + j * q->n, q->n, q->n * q->n, q->n_seeds));
    }
    json_object_set_new(r, "schema", json_integer(1));
    json_object_set_new(r, "kind", json_string("sequence"));
    json_object_set_new(r, "experiment", json_string(c->experiment->name));
    json_object_set_new(r, "backbone", json_string(c->backbone->name));
    json_object_set_new(r, "head", json_string(c->head->name));
    json_object_set_new(r, "shots", c->shots ? json_integer(c->shots) : json_null());
    json_object_set_new(r, "n_seeds", json_integer(q->n_seeds));
    json_object_set_new(r, "tasks", tasks);
    json_object_set_new(r, "accuracy", matrix);
    json_object_set_new(r, "initial", mean_row(q->b, q->n, q->n, q->n_seeds));
    for (int k = 0; k < N_SUMMARIES; k++) {
        for (int s = 0; s < q->n_seeds; s++) {
            double out[N_SUMMARIES];
            summarise(out, q->r + s * q->n * q->n, q->b + s * q->n, q->n);
            each[s] = out[k];
        }
        set_mean(r, summaries[k], each, q->n_seeds);
    }
    return r;
}

static judd_status add_sequence(json_t *lines, const judd_output *output, const judd_plan *plan,
                                const judd_plan_comparison *of) {
    judd_status status = JUDD_OK;
    sequence q = {.of = of, .n = of->experiment->target.n};
    double *each = NULL;
    JUDD_TRY(judd_memory_alloc(&q.stage, q.n, sizeof *q.stage));
    JUDD_TRY(judd_memory_alloc(&q.r, plan->n_seeds * q.n * q.n, sizeof *q.r));
    JUDD_TRY(judd_memory_alloc(&q.b, plan->n_seeds * q.n, sizeof *q.b));
    JUDD_TRY(judd_memory_alloc(&each, plan->n_seeds, sizeof *each));
    find_stages(&q, plan);
    for (int64_t s = 0; s < plan->n_seeds; s++) q.n_seeds += read_seed(&q, output, plan, s);
    if (json_array_append_new(lines, sequence_record(&q, each)) != 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "verdicts: no memory for a sequence");
done:
    free(q.stage);
    free(q.r);
    free(q.b);
    free(each);
    return status;
}

judd_status judd_judge_sequences(json_t *lines, const judd_output *output, const judd_plan *plan) {
    judd_status status = JUDD_OK;
    for (int64_t k = 0; k < plan->n_comparisons; k++) {
        const judd_plan_comparison *c = &plan->comparisons[k];
        bool first = strcmp(c->experiment->mode, "sequence") == 0;
        for (int64_t j = 0; j < k; j++) first = first && !same_sequence(&plan->comparisons[j], c);
        if (first) JUDD_TRY(add_sequence(lines, output, plan, c));
    }
done:
    return status;
}
