#include "job/benefits.h"

#include "report/records.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the shot curve ----------------------------------------------------------------------------
 */

typedef struct point {
    double shots, metric; /* per class; the baseline's mean over seeds */
    const json_t *verdict;
} point;

static int by_shots(const void *a, const void *b) {
    double x = ((const point *)a)->shots, y = ((const point *)b)->shots;
    return (x > y) - (x < y);
}

static bool same_curve(const json_t *a, const json_t *b) {
    static const char *const keys[] = {"kind", "experiment", "backbone", "target", "head"};
    for (int k = 0; k < 5; k++)
        if (strcmp(judd_records_text(a, keys[k]), judd_records_text(b, keys[k])) != 0) return false;
    return true;
}

/* Points of the verdict's curve, fewest shots first; a training on all samples has no count. */
static judd_status list_points(point **points, int *n, const json_t *verdict,
                               const json_t *verdicts) {
    size_t i = 0;
    json_t *v = NULL;
    *n = 0;
    judd_status status =
        judd_memory_alloc(points, (int64_t)json_array_size(verdicts) + 1, sizeof **points);
    if (status != JUDD_OK) return status;
    json_array_foreach(verdicts, i, v) {
        if (!same_curve(v, verdict) || isnan(judd_records_number(v, "shots"))) continue;
        if (isnan(judd_records_number(v, "baseline"))) continue;
        (*points)[(*n)++] =
            (point){judd_records_number(v, "shots"), judd_records_number(v, "baseline"), v};
    }
    qsort(*points, (size_t)*n, sizeof **points, by_shots);
    return JUDD_OK;
}

/* Where the curve first reaches the metric: between points `below` and below + 1, at `share` of the
 * way. */
typedef struct crossing {
    int below;
    double share, shots;
    char note[96]; /* why there is none; "": there is one */
} crossing;

static crossing find_crossing(const point *points, int n, double metric, bool all) {
    crossing c = {.shots = NAN, .share = NAN};
    if (all) {
        snprintf(c.note, sizeof c.note, "trained on all samples: not a point of the shot curve");
    } else if (n < 2) {
        snprintf(c.note, sizeof c.note, "one shot count only: no shot curve");
    } else if (!isfinite(metric)) {
        snprintf(c.note, sizeof c.note, "the transfer has no metric");
    } else if (points[0].metric > metric) {
        snprintf(c.note, sizeof c.note, "the baseline is better already with %.0f shots",
                 points[0].shots);
    } else {
        while (c.below + 1 < n && points[c.below + 1].metric < metric) c.below++;
        if (c.below + 1 == n) {
            snprintf(c.note, sizeof c.note, "the baseline does not reach it with %.0f shots",
                     points[n - 1].shots);
            return c;
        }
        const point *a = &points[c.below], *b = a + 1;
        c.share = b->metric > a->metric ? (metric - a->metric) / (b->metric - a->metric) : 0.0;
        c.shots = a->shots * pow(b->shots / a->shots, c.share);
    }
    return c;
}

static crossing cross(const point *points, int n, const json_t *verdict) {
    return find_crossing(points, n, judd_records_number(verdict, "transfer"),
                         isnan(judd_records_number(verdict, "shots")));
}

judd_status judd_benefits_add_labels(json_t *verdicts) {
    judd_status status = JUDD_OK;
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(verdicts, i, v) {
        point *points = NULL;
        int n = 0;
        if (strcmp(judd_records_text(v, "kind"), "gain") != 0) continue;
        JUDD_TRY(list_points(&points, &n, v, verdicts));
        const crossing c = cross(points, n, v);
        free(points);
        json_object_set_new(v, "equivalent_labels",
                            c.note[0] ? json_null()
                                      : json_real(c.shots - judd_records_number(v, "shots")));
        if (c.note[0]) json_object_set_new(v, "equivalent_labels_note", json_string(c.note));
    }
done:
    return status;
}

/* ---- seconds -----------------------------------------------------------------------------------
 */

json_t *judd_benefits_seconds(const json_t *timing) {
    json_t *seconds = json_object(), *r = NULL;
    size_t i = 0;
    json_array_foreach(timing, i, r) {
        if (strcmp(judd_records_text(r, "phase"), "train") == 0)
            json_object_set(seconds, judd_records_text(r, "bank"), json_object_get(r, "seconds"));
    }
    return seconds;
}

/* Of the bank of a result: by its name, which may end in its experiment's. */
static double seconds_of(const json_t *result, const json_t *seconds) {
    char name[512];
    int n =
        snprintf(name, sizeof name, "%s+%s+%s+k%lld+s%lld", judd_records_text(result, "backbone"),
                 judd_records_text(result, "target"), judd_records_text(result, "head"),
                 (long long)json_integer_value(json_object_get(result, "shots")),
                 (long long)json_integer_value(json_object_get(result, "seed")));
    if (n < 0 || n >= (int)sizeof name) return NAN;
    double plain = judd_records_number(seconds, name);
    snprintf(name + n, sizeof name - (size_t)n, "+%s", judd_records_text(result, "experiment"));
    double own = judd_records_number(seconds, name);
    return strcmp(judd_records_text(result, "arm"), "transfer") == 0 && !isnan(own) ? own : plain;
}

static double mean_seconds(const json_t *verdict, const char *arm, const json_t *results,
                           const json_t *seconds) {
    double sum = 0.0, n = 0.0;
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach(results, i, r) {
        if (strcmp(judd_records_text(r, "comparison"), judd_records_text(verdict, "comparison")) !=
                0 ||
            strcmp(judd_records_text(r, "arm"), arm) != 0)
            continue;
        sum += seconds_of(r, seconds);
        n += 1.0;
    }
    return n > 0.0 ? sum / n : NAN;
}

double judd_benefits_seconds_saved(const json_t *verdict, const json_t *verdicts,
                                   const json_t *results, const json_t *seconds) {
    point *points = NULL;
    int n = 0;
    double saved = NAN;
    if (!json_is_number(json_object_get(verdict, "equivalent_labels"))) return NAN;
    if (list_points(&points, &n, verdict, verdicts) != JUDD_OK) return NAN;
    const crossing c = cross(points, n, verdict);
    if (!c.note[0]) {
        double low = mean_seconds(points[c.below].verdict, "baseline", results, seconds);
        double high = mean_seconds(points[c.below + 1].verdict, "baseline", results, seconds);
        saved = low + c.share * (high - low) - mean_seconds(verdict, "transfer", results, seconds);
    }
    free(points);
    return saved;
}
