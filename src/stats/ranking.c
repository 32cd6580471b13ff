#include <judd/stats/ranking.h>

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>

typedef struct scored {
    int64_t index;
    float score;
    int32_t positive;
} scored;

static int by_falling_score(const void *a, const void *b) {
    float x = ((const scored *)a)->score, y = ((const scored *)b)->score;
    return (x < y) - (x > y);
}

/* n samples, n_positive of them positive, in falling order of scores. */
typedef struct ranking {
    const scored *s;
    int64_t n, n_positive;
} ranking;

/* Where the run of equal scores that begins at `first` ends; *positives is added up. */
static int64_t end_of_ties(const ranking *r, int64_t first, int64_t *positives) {
    int64_t end = first;
    for (; end < r->n && r->s[end].score == r->s[first].score; end++)
        *positives += r->s[end].positive;
    return end;
}

/* Down the distinct scores. twice_area: twice the number of (positive, negative) pairs in the right
 * order, an exact integer below 2^63 for n < 2^31. */
static void walk(double *auroc, double *average_precision, const ranking *r) {
    int64_t positives = 0, twice_area = 0, n_negative = r->n - r->n_positive;
    double precision = 0.0;
    for (int64_t i = 0, end; i < r->n; i = end) {
        int64_t before = positives;
        end = end_of_ties(r, i, &positives);
        int64_t here = positives - before;
        twice_area += (end - i - here) * (before + positives);
        precision += (double)here * (double)positives / (double)end;
    }
    *auroc = r->n_positive > 0 && n_negative > 0
                 ? (double)twice_area / (2.0 * (double)r->n_positive * (double)n_negative)
                 : NAN;
    *average_precision = r->n_positive > 0 ? precision / (double)r->n_positive : NAN;
}

/* The share of the other kind's samples that a sample beats (a negative: is beaten by), ties half,
 * less the area, per sample of its own kind. */
static void area_influence(double *influence, const ranking *r, double auroc) {
    double n = (double)r->n, n_positive = (double)r->n_positive, n_negative = n - n_positive;
    int64_t positives = 0;
    for (int64_t i = 0, end; i < r->n; i = end) {
        int64_t before = positives;
        end = end_of_ties(r, i, &positives);
        double above = 0.5 * (double)(before + positives);
        double below = n_negative - 0.5 * (double)(i - before + end - positives);
        double of_positive = n / n_positive * (below / n_negative - auroc);
        double of_negative = n / n_negative * (above / n_positive - auroc);
        for (int64_t k = i; k < end; k++)
            influence[r->s[k].index] = r->s[k].positive ? of_positive : of_negative;
    }
}

/* AP = sum over positives i of T_i / A_i, by n_positive: T_i the positives, A_i the samples scored
 * at least as high. A sample's weight counts in A_i of all positives at or below its own score, a
 * positive's also in T_i, in the sum and in n_positive. So from the lowest score up. */
static void precision_influence_of(double *influence, const ranking *r, double average_precision) {
    int64_t positives = r->n_positive;
    double per_positive = (double)r->n / (double)r->n_positive, in_t = 0.0, in_a = 0.0;
    for (int64_t end = r->n, i; end > 0; end = i) {
        int64_t here = 0;
        for (i = end; i > 0 && r->s[i - 1].score == r->s[end - 1].score; i--)
            here += r->s[i - 1].positive;
        double all = (double)end, precision = (double)positives / all;
        in_t += (double)here / all;
        in_a += (double)here * precision / all;
        for (int64_t k = i; k < end; k++)
            influence[r->s[k].index] =
                per_positive *
                (r->s[k].positive ? precision - average_precision + in_t - in_a : -in_a);
        positives -= here;
    }
}

judd_status judd_ranking_measure(double *auroc, double *average_precision, double *auroc_influence,
                                 double *precision_influence, const float *score,
                                 const uint8_t *positive, int64_t n) {
    judd_status status = JUDD_OK;
    scored *s = NULL;
    ranking r = {.n = n};
    double area, precision;
    JUDD_TRY(judd_memory_alloc(&s, n, sizeof *s));
    for (int64_t i = 0; i < n; i++) {
        if (isnan(score[i]))
            JUDD_FAIL(JUDD_E_DATA, "scores: sample %lld of the set is not a number", (long long)i);
        s[i] = (scored){i, score[i], positive[i] != 0};
        r.n_positive += s[i].positive;
        if (auroc_influence) auroc_influence[i] = 0.0;
        if (precision_influence) precision_influence[i] = 0.0;
    }
    qsort(s, (size_t)n, sizeof *s, by_falling_score);
    r.s = s;
    walk(&area, &precision, &r);
    if (auroc_influence && !isnan(area)) area_influence(auroc_influence, &r, area);
    if (precision_influence && !isnan(precision))
        precision_influence_of(precision_influence, &r, precision);
    if (auroc) *auroc = area;
    if (average_precision) *average_precision = precision;
done:
    free(s);
    return status;
}
