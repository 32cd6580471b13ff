/* How often the 95 % intervals of metrics hold the truth, in simulation: bench_coverage [repeats].
 * Each line: metric, samples, coverage in per cent. Truths are means over 4,000,000 samples. */
#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/stats/influence.h>
#include <judd/stats/intervals.h>
#include <judd/stats/ranking.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CLASSES = 4, BIG = 4000000 };

typedef struct set {
    int64_t n;
    int32_t *truth, *predicted;
    float *score, *target, *guess;
    uint8_t *positive;
    double *slope;
} set;

static double normal(uint64_t seed, uint32_t a, int64_t i) {
    return judd_rng_normal(seed, JUDD_RNG_WEIGHTS, a, (uint64_t)i);
}

static void draw(set *s, uint64_t seed) {
    for (int64_t i = 0; i < s->n; i++) {
        double u = (double)(judd_rng_bits(seed, JUDD_RNG_WEIGHTS, 9, (uint64_t)i) >> 11) * 0x1p-53;
        int best = 0;
        double most = -INFINITY;
        s->truth[i] = u < 0.55 ? 0 : u < 0.8 ? 1 : u < 0.95 ? 2 : 3; /* uneven classes */
        if (i < CLASSES) s->truth[i] = (int32_t)i;                   /* all there */
        for (int c = 0; c < CLASSES; c++) {
            double z = normal(seed, (uint32_t)c, i) + (c == s->truth[i] ? 1.8 : 0.0);
            if (z > most) best = c;
            most = fmax(z, most);
        }
        s->predicted[i] = best;
        s->positive[i] = s->truth[i] == 2;
        s->score[i] = (float)(normal(seed, 5, i) + 1.5 * s->positive[i]);
        s->target[i] = (float)normal(seed, 6, i);
        s->guess[i] = (float)(0.8 * (double)s->target[i] + 0.5 * normal(seed, 7, i));
    }
}

static void make(set *s, int64_t n) {
    s->n = n;
    if (judd_memory_alloc(&s->truth, n, 4) || judd_memory_alloc(&s->predicted, n, 4) ||
        judd_memory_alloc(&s->score, n, 4) || judd_memory_alloc(&s->target, n, 4) ||
        judd_memory_alloc(&s->guess, n, 4) || judd_memory_alloc(&s->positive, n, 1) ||
        judd_memory_alloc(&s->slope, n, 8))
        exit(1);
}

enum { MEAN_PER_CLASS, MACRO_F1, AUROC, PRECISION, R2, MAE, METRICS };
static const char *const names[METRICS] = {"mean_per_class",    "macro_f1", "auroc",
                                           "average_precision", "r2",       "mae"};

/* Value and interval of one metric. */
static double measure(set *s, int metric, double *low, double *high) {
    int64_t confusion[CLASSES * CLASSES] = {0}, least = s->n;
    double value = NAN, area, precision;
    int64_t n_positive = 0;
    for (int64_t i = 0; i < s->n; i++) {
        confusion[s->truth[i] * CLASSES + s->predicted[i]]++;
        n_positive += s->positive[i];
        s->slope[i] = 0.0;
    }
    for (int c = 0; c < CLASSES; c++) {
        int64_t n = 0;
        for (int j = 0; j < CLASSES; j++) n += confusion[c * CLASSES + j];
        least = n < least ? n : least;
    }
    if (metric == MEAN_PER_CLASS) {
        int64_t right[CLASSES], samples[CLASSES] = {0};
        for (int c = 0; c < CLASSES; c++) {
            right[c] = confusion[c * CLASSES + c];
            for (int j = 0; j < CLASSES; j++) samples[c] += confusion[c * CLASSES + j];
        }
        judd_intervals_mean_of_shares(low, high, right, samples, CLASSES);
        return judd_metrics_mean_per_class(confusion, CLASSES);
    } else if (metric == MACRO_F1) {
        value = judd_metrics_macro_f1(confusion, CLASSES);
        judd_influence_macro_f1(s->slope, confusion, CLASSES, s->truth, s->predicted, s->n);
    } else if (metric == AUROC || metric == PRECISION) {
        judd_ranking_measure(&area, &precision, metric == AUROC ? s->slope : NULL,
                             metric == PRECISION ? s->slope : NULL, s->score, s->positive, s->n);
        value = metric == AUROC ? area : precision;
        least = n_positive;
    } else if (metric == R2) {
        value = judd_metrics_r2(s->target, s->guess, s->n);
        judd_influence_add_r2(s->slope, 1.0, s->target, s->guess, s->n);
    } else {
        value = 0.0;
        for (int64_t i = 0; i < s->n; i++) {
            s->slope[i] = fabs((double)s->target[i] - (double)s->guess[i]);
            value += s->slope[i] / (double)s->n;
        }
        judd_influence_mean(s->slope, s->slope, value, s->n);
    }
    double variance = judd_influence_variance(s->slope, s->n);
    if (metric < R2)
        judd_intervals_fraction(low, high, value, variance, (double)least);
    else
        judd_intervals_normal(low, high, value, variance, -INFINITY, INFINITY);
    return value;
}

int main(int argc, char **argv) {
    static const int64_t sizes[] = {50, 200, 1000};
    int repeats = argc > 1 ? atoi(argv[1]) : 2000;
    double truth[METRICS], low, high;
    set all, part;
    make(&all, BIG);
    draw(&all, 1);
    for (int m = 0; m < METRICS; m++) truth[m] = measure(&all, m, &low, &high);
    for (int k = 0; k < 3; k++) {
        int held[METRICS] = {0};
        make(&part, sizes[k]);
        for (int r = 0; r < repeats; r++) {
            draw(&part, (uint64_t)(1000 + r));
            for (int m = 0; m < METRICS; m++) {
                measure(&part, m, &low, &high);
                held[m] += low <= truth[m] && truth[m] <= high;
            }
        }
        for (int m = 0; m < METRICS; m++)
            printf("%-18s %5lld  %5.1f\n", names[m], (long long)sizes[k],
                   100.0 * held[m] / repeats);
    }
    return 0;
}
