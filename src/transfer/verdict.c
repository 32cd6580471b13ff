#include <judd/transfer/verdict.h>

#include <judd/base/memory.h>
#include <judd/stats/intervals.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double ALPHA = 0.05;

enum { LEAST_TEST = 4, FIRST_LOOK = 5, MOST_FURTHER_SEEDS = 10000 };

/* What the tests rest on: the two variances of the mean gain, and how that over samples grows where
 * a null hypothesis asks for more differences than were seen. */
typedef struct precision {
    double gain, seeds, samples; /* samples: taken as known */
    int64_t freedom;             /* degrees of it, of `seeds`; 0: there is no such term */
    double second, size, n_test; /* of the sample means d: mean d^2, sum d^2 / sum |d|; m */
} precision;

/* Gains are whole samples over m: those of a few seeds are easily equal, and show no variance by
 * chance. What s^2 is expected to hold at least, e/m, stands for it then. */
static double variance_over_seeds(const judd_verdict *v) {
    const double least = v->variance_noise / (double)v->n_test;
    const bool none = v->variance_seeds <= 1e-12 * least; /* shares: but for rounding */
    return none ? least : v->variance_seeds;
}

/* Variance of a mean over two crossed factors: s^2/n holds the noise e/(nm), v/m holds it again, so
 * there it is taken off (Searle, Casella & McCulloch 1992, chapter 4). What is left of v lasts
 * however many seeds there are. */
static precision precision_of(const judd_verdict *v, int64_t n_seeds) {
    double n = (double)n_seeds, m = (double)v->n_test;
    double noise = v->n_seeds > 1 ? v->variance_noise / v->n_seeds : 0.0;
    double lasting = fmax(v->variance_samples - noise, 0.0);
    /* one seed shows no variance over seeds; its own sampling error stands in for it */
    double seeds = v->n_seeds > 1 ? variance_over_seeds(v) : v->variance_samples / m;
    precision e = {.gain = v->gain,
                   .seeds = n_seeds > 1 ? seeds / n : 0.0,
                   .samples = lasting / m * (m - 1.0) / (m - 3.0), /* variance of t, m - 1 */
                   .freedom = n_seeds - 1,
                   .second = v->second,
                   .size = v->difference,
                   .n_test = m};
    return e;
}

/* Variance over samples if the true gain were g. Few differences show little variance, but a g
 * further from 0 than the gain seen needs more of them: Tango 1998, whose restricted likelihood
 * estimate of the second moment this is, for differences of one size. */
static double null_variance(const precision *e, double g) {
    double beyond = fmax(g * (g - e->gain), 0.0) * e->size * e->size;
    double more = sqrt(0.25 * e->second * e->second + beyond) - 0.5 * e->second;
    return e->samples + more / e->n_test;
}

static double normal_tail(double distance, double variance) {
    return 0.5 * erfc(distance / sqrt(2.0 * variance));
}

/* P(sqrt(a) t + sqrt(b) z > distance), t of Student with `freedom`, z normal: the distribution of
 * Behrens (1929) and Fisher (1935) for one variance that is estimated and one that is known; as a
 * test it holds its level, also far in the tail, where Satterthwaite's approximation is 16 times
 * too bold at 3 seeds. Mean of the normal tail over the chi-square w = freedom / t-mixing variable:
 * trapezoids in ln w, whose error falls exponentially. */
static double mixed_tail(double distance, double a, double b, int64_t freedom) {
    double f = (double)freedom, scale = sqrt(2.0 / f), h = fmin(0.4, 0.45 * scale);
    double low = log(f) - 60.0 / f - 8.0 * scale, high = log(f + 12.0 * sqrt(2.0 * f) + 60.0);
    double sum = 0.0, weights = 0.0, peak = 0.5 * f * log(f) - 0.5 * f;
    for (double x = low; x <= high; x += h) {
        double w = exp(x), weight = exp(0.5 * f * x - 0.5 * w - peak);
        sum += weight * normal_tail(distance, a * f / w + b);
        weights += weight;
    }
    return sum / weights;
}

/* P(a gain so far from g or further, on that side) if g were true; `off` is the distance, below 0
 * if the gain lies on the other side. */
static double tail(const precision *e, double g, double off) {
    double samples = null_variance(e, g);
    if (e->seeds + samples == 0.0) return off > 0.0 ? 0.0 : 1.0;
    if (e->seeds == 0.0) return normal_tail(off, samples);
    return mixed_tail(off, e->seeds, samples, e->freedom);
}

/* Two-sided p of gain = 0. Without any variance the gain is what it is. */
static double sign_test(const precision *e) {
    return fmin(1.0, 2.0 * tail(e, 0.0, fabs(e->gain)));
}

/* Schuirmann 1987: of the two one-sided tests the one against the nearer margin decides. */
static double neutral_test(const precision *e, double margin) {
    return tail(e, copysign(margin, e->gain), margin - fabs(e->gain));
}

/* One-sided p of |gain| <= margin. */
static double beyond_test(const precision *e, double margin) {
    return tail(e, copysign(margin, e->gain), fabs(e->gain) - margin);
}

/* ln of how much more than alpha / 2 the tail from g = gain + side * x is. */
static double excess(const precision *e, double side, double x, double alpha) {
    return log(fmax(tail(e, e->gain + side * x, x), 1e-300) / (0.5 * alpha));
}

/* The end of the interval on one side: the last g that a test at alpha would not reject. False
 * position with the Illinois rule (Dowell & Jarratt 1971). */
static double interval_end(const precision *e, double side, double alpha) {
    if (e->seeds + null_variance(e, e->gain + side) == 0.0) return e->gain;
    double low = 0.0, high = sqrt(e->seeds + e->samples) + e->size / e->n_test;
    double f_low = -log(alpha), f_high = excess(e, side, high, alpha);
    while (f_high > 0.0) {
        low = high;
        f_low = f_high;
        f_high = excess(e, side, high *= 2.0, alpha);
    }
    for (int i = 0, last = 0; i < 100 && high - low > 1e-13 * high; i++) {
        double x = high - f_high * (high - low) / (f_high - f_low), f = excess(e, side, x, alpha);
        if (fabs(f) < 1e-13 || x <= low || x >= high) return e->gain + side * x;
        bool above = f > 0.0;
        if (above)
            low = x, f_low = f;
        else
            high = x, f_high = f;
        if (i > 0 && above == last) above ? (f_high *= 0.5) : (f_low *= 0.5);
        last = above;
    }
    return e->gain + side * high;
}

static void set_interval(judd_verdict *v, double alpha) {
    const precision e = precision_of(v, v->n_seeds);
    v->ci95[0] = interval_end(&e, -1.0, alpha);
    v->ci95[1] = interval_end(&e, 1.0, alpha);
}

static judd_status check_input(int n_seeds, int64_t n_test, double margin) {
    if (n_seeds < 1 || n_test < 1)
        return judd_status_set(JUDD_E_INTERNAL,
                               "verdict: %d seeds and %lld test samples; both must "
                               "be at least 1",
                               n_seeds, (long long)n_test);
    if (!(margin >= 0.0 && margin <= 1.0))
        return judd_status_set(JUDD_E_CONFIG, "verdict.margin is %g; set a fraction in 0 .. 1",
                               margin);
    return JUDD_OK;
}

static judd_status check_flags(const uint8_t *transfer, const uint8_t *baseline, int n_seeds,
                               int64_t n_test) {
    for (int64_t i = 0; i < n_seeds * n_test; i++)
        if (transfer[i] > 1 || baseline[i] > 1)
            return judd_status_set(JUDD_E_INTERNAL,
                                   "verdict: seed %lld, test sample %lld holds neither 0 nor 1",
                                   (long long)(i / n_test), (long long)(i % n_test));
    return JUDD_OK;
}

static judd_status check_finite(const double *transfer, const double *baseline, int n_seeds,
                                int64_t n_test) {
    for (int64_t i = 0; i < n_seeds * n_test; i++)
        if (!isfinite(transfer[i]) || !isfinite(baseline[i]))
            return judd_status_set(JUDD_E_INTERNAL,
                                   "verdict: seed %lld, test sample %lld: its share is not finite",
                                   (long long)(i / n_test), (long long)(i % n_test));
    return JUDD_OK;
}

/* n (sum of squares) - (sum)^2, exact, divided by n (n - 1) scale^2: the unbiased variance of n
 * integers over scale. Integers, so that "no variance" is exactly 0. */
static double integer_variance(__int128 squares, __int128 sum, int64_t n, int64_t scale) {
    if (n < 2) return NAN;
    __int128 spread = squares * n - sum * sum;
    double s = (double)scale;
    return (double)spread / ((double)n * ((double)n - 1.0)) / (s * s);
}

/* Exact sums of the differences d = transfer - baseline, each -1, 0 or 1. */
typedef struct sums {
    int64_t total, absolute;        /* of d; of |sums over seeds| */
    __int128 all, by_seed, by_test; /* of d^2; of squared sums over samples, over seeds */
    int64_t wins, losses;           /* discordant pairs of the first seed */
} sums;

static sums add_up(const uint8_t *transfer, const uint8_t *baseline, int64_t n, int64_t m) {
    sums s = {0};
    for (int64_t i = 0; i < n; i++) {
        int64_t sum = 0;
        for (int64_t j = 0; j < m; j++) {
            sum += transfer[i * m + j] - baseline[i * m + j];
            s.all += transfer[i * m + j] != baseline[i * m + j];
        }
        s.by_seed += (__int128)sum * sum;
        s.total += sum;
    }
    for (int64_t j = 0; j < m; j++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < n; i++) sum += transfer[i * m + j] - baseline[i * m + j];
        s.by_test += (__int128)sum * sum;
        s.absolute += llabs(sum);
        s.wins += transfer[j] > baseline[j];
        s.losses += transfer[j] < baseline[j];
    }
    return s;
}

/* Residual of the two-way layout, n m times its sum of squares being an integer. */
static double integer_noise(const sums *s, int64_t n, int64_t m) {
    if (n < 2 || m < 2) return NAN;
    __int128 rest =
        s->all * n * m - s->by_seed * n - s->by_test * m + (__int128)s->total * s->total;
    return (double)rest / ((double)n * (double)m) / ((double)(n - 1) * (double)(m - 1));
}

/* From gain and variances to interval and p-values. p_one: of a single seed; NaN: by its samples'
 * variance. */
static void conclude(judd_verdict *v, double p_one, double margin) {
    v->n_looks = 1;
    v->kind = JUDD_VERDICT_INCONCLUSIVE;
    v->se = v->p_holm = v->p_neutral_holm = NAN;
    v->ci95[0] = -1.0;
    v->ci95[1] = 1.0;
    v->p = v->p_neutral = v->p_beyond = 1.0;
    if (v->n_test < LEAST_TEST) return; /* a few test samples tell nothing about others */
    const precision e = precision_of(v, v->n_seeds);
    set_interval(v, ALPHA);
    v->p = v->n_seeds == 1 && !isnan(p_one) ? p_one : sign_test(&e);
    v->p_neutral = neutral_test(&e, margin);
    v->p_beyond = beyond_test(&e, margin);
    if (v->n_seeds > 1) v->se = sqrt(e.seeds + e.samples);
}

judd_status judd_verdict_measure(judd_verdict *out, const uint8_t *transfer,
                                 const uint8_t *baseline, int n_seeds, int64_t n_test,
                                 double margin) {
    judd_status status = check_input(n_seeds, n_test, margin);
    if (status == JUDD_OK) status = check_flags(transfer, baseline, n_seeds, n_test);
    if (status != JUDD_OK) return status;
    judd_verdict v = {.n_seeds = n_seeds, .n_test = n_test};
    const sums s = add_up(transfer, baseline, n_seeds, n_test);
    double n = (double)n_seeds, m = (double)n_test;
    v.variance_samples = integer_variance(s.by_test, s.total, n_test, n_seeds);
    v.variance_seeds = integer_variance(s.by_seed, s.total, n_seeds, n_test);
    v.variance_noise = integer_noise(&s, n_seeds, n_test);
    v.second = (double)s.by_test / (n * n * m);
    v.difference = s.absolute > 0 ? (double)s.by_test / (n * (double)s.absolute) : 1.0;
    v.gain = (double)s.total / (n * m);
    conclude(&v, n_seeds == 1 ? judd_intervals_mcnemar(s.wins, s.losses) : NAN, margin);
    *out = v;
    return JUDD_OK;
}

/* mean [count]: mean c over d[c * step + k * stride], k < length. */
static void average(double *mean, const double *d, int64_t count, int64_t step, int64_t length,
                    int64_t stride) {
    for (int64_t c = 0; c < count; c++) {
        mean[c] = 0.0;
        for (int64_t k = 0; k < length; k++) mean[c] += d[c * step + k * stride];
        mean[c] /= (double)length;
    }
}

/* Unbiased variance of x [n] around its mean; NaN for one. */
static double variance_of(const double *x, double mean, int64_t n) {
    double squares = 0.0;
    for (int64_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? squares / (double)(n - 1) : NAN;
}

/* All moments of the differences d [n_seeds, n_test]; seeds, tests: room for their means. */
static void take_moments(judd_verdict *v, const double *d, double *seeds, double *tests) {
    int64_t n = v->n_seeds, m = v->n_test;
    double rest = 0.0, absolute = 0.0;
    average(seeds, d, n, m, m, 1);
    average(tests, d, m, 1, n, m);
    average(&v->gain, seeds, 1, n, n, 1);
    v->variance_seeds = variance_of(seeds, v->gain, n);
    v->variance_samples = variance_of(tests, v->gain, m);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            double r = d[i * m + j] - seeds[i] - tests[j] + v->gain;
            rest += r * r;
        }
    v->variance_noise = n > 1 && m > 1 ? rest / ((double)(n - 1) * (double)(m - 1)) : NAN;
    for (int64_t j = 0; j < m; j++) {
        v->second += tests[j] * tests[j] / (double)m;
        absolute += fabs(tests[j]) / (double)m;
    }
    v->difference = absolute > 0.0 ? v->second / absolute : 1.0;
}

judd_status judd_verdict_measure_shares(judd_verdict *out, const double *transfer,
                                        const double *baseline, int n_seeds, int64_t n_test,
                                        double margin) {
    double *d = NULL; /* [n_seeds, n_test], then the means of both */
    int64_t n_all = n_seeds * n_test;
    judd_status status = check_input(n_seeds, n_test, margin);
    if (status == JUDD_OK) status = check_finite(transfer, baseline, n_seeds, n_test);
    if (status != JUDD_OK) return status;
    JUDD_TRY(judd_memory_alloc(&d, n_all + n_seeds + n_test, sizeof *d));
    for (int64_t i = 0; i < n_all; i++) d[i] = transfer[i] - baseline[i];
    *out = (judd_verdict){.n_seeds = n_seeds, .n_test = n_test};
    take_moments(out, d, d + n_all, d + n_all + n_seeds);
    conclude(out, NAN, margin);
done:
    free(d);
    return status;
}

/* ---- looks -------------------------------------------------------------------------------------
 */

int64_t judd_verdict_look(int look, int64_t max_seeds) {
    int64_t seeds = FIRST_LOOK;
    for (int i = 0; i < look && seeds < max_seeds; i++) seeds *= 2;
    return seeds < max_seeds ? seeds : max_seeds;
}

int judd_verdict_n_looks(int64_t max_seeds) {
    int n = 1;
    while (judd_verdict_look(n - 1, max_seeds) < max_seeds) n++;
    return n;
}

void judd_verdict_at_look(judd_verdict *v, int n_looks) {
    v->n_looks = n_looks;
    v->p = fmin(1.0, n_looks * v->p);
    v->p_neutral = fmin(1.0, n_looks * v->p_neutral);
    v->p_beyond = fmin(1.0, n_looks * v->p_beyond);
    if (n_looks > 1 && v->n_test >= LEAST_TEST) set_interval(v, 0.5 * ALPHA);
}

/* ---- several comparisons -----------------------------------------------------------------------
 */

static judd_verdict_kind kind_of(double gain, double p, double p_neutral, double margin) {
    if (p < ALPHA && gain != 0.0 && fabs(gain) >= margin)
        return gain > 0.0 ? JUDD_VERDICT_POSITIVE : JUDD_VERDICT_NEGATIVE;
    if (p_neutral < ALPHA && fabs(gain) < margin) return JUDD_VERDICT_NEUTRAL;
    return JUDD_VERDICT_INCONCLUSIVE;
}

bool judd_verdict_is_settled(const judd_verdict *v, int64_t n, double margin) {
    return kind_of(v->gain, (double)n * v->p, (double)n * v->p_neutral, margin) !=
           JUDD_VERDICT_INCONCLUSIVE;
}

/* The p-value at which a comparison asks for no share of alpha any more, whatever is true of it:
 * its gain is shown to differ from 0 and to lie beyond the margin, or clearly inside the margin
 * (at half the level, so that a false sign is out of reach as well). */
static double closing_p(const judd_verdict *v) {
    return fmin(fmax(v->p, v->p_beyond), 2.0 * v->p_neutral);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* steps [n], sorted closing p-values -> steps[k]: the alpha at which k + 1 comparisons are closed,
 * Holm's running maximum. */
static void climb(double *steps, int64_t n) {
    qsort(steps, (size_t)n, sizeof *steps, ascending);
    for (int64_t k = 0; k < n; k++) {
        steps[k] *= (double)(n - k);
        if (k > 0) steps[k] = fmax(steps[k], steps[k - 1]);
    }
}

/* The smallest alpha that rejects: with k comparisons closed, p counts n - k times. */
static double adjust(double p, const double *steps, int64_t n) {
    if (isnan(p)) return NAN;
    double best = (double)n * p;
    for (int64_t k = 1; k < n; k++) best = fmin(best, fmax(steps[k - 1], (double)(n - k) * p));
    return fmin(1.0, best);
}

/* Comparisons that are still open at ALPHA. */
static double open_comparisons(const double *steps, int64_t n) {
    int64_t open = n;
    while (open > 1 && steps[n - open] < ALPHA) open--;
    return (double)open;
}

/* Would `further` more seeds decide, if gain, variances and the factor of p stayed? */
static bool decides(const judd_verdict *v, int64_t further, double margin, double factor) {
    const precision e = precision_of(v, v->n_seeds + further);
    return kind_of(v->gain, factor * sign_test(&e), factor * neutral_test(&e, margin), margin) !=
           JUDD_VERDICT_INCONCLUSIVE;
}

/* Smallest number that decides: p falls as seeds are added, so double, then halve the interval. */
static int64_t further_seeds(const judd_verdict *v, double margin, double factor) {
    if (v->n_test < LEAST_TEST) return -1;
    int64_t low = 0, high = 1;
    while (!decides(v, high, margin, factor)) {
        if (high == MOST_FURTHER_SEEDS) return -1;
        low = high;
        high = 2 * high < MOST_FURTHER_SEEDS ? 2 * high : MOST_FURTHER_SEEDS;
    }
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        if (decides(v, middle, margin, factor))
            high = middle;
        else
            low = middle;
    }
    return high;
}

judd_status judd_verdict_decide(judd_verdict *verdicts, int64_t n, double margin) {
    judd_status status = JUDD_OK;
    double *steps = NULL; /* [n_judged] */
    int64_t n_judged = 0;
    JUDD_TRY(judd_memory_alloc(&steps, n, sizeof *steps));
    for (int64_t i = 0; i < n; i++)
        if (!isnan(verdicts[i].p)) steps[n_judged++] = closing_p(&verdicts[i]);
    climb(steps, n_judged);
    for (int64_t i = 0; i < n; i++) {
        judd_verdict *v = &verdicts[i];
        v->p_holm = adjust(v->p, steps, n_judged);
        v->p_neutral_holm = adjust(v->p_neutral, steps, n_judged);
        v->kind = kind_of(v->gain, v->p_holm, v->p_neutral_holm, margin);
        v->further_seeds = 0;
        if (v->n_seeds == 0) v->further_seeds = -1; /* nothing measured, nothing to extrapolate */
        if (v->n_seeds > 0 && v->kind == JUDD_VERDICT_INCONCLUSIVE)
            v->further_seeds =
                further_seeds(v, margin, v->n_looks * open_comparisons(steps, n_judged));
    }
done:
    free(steps);
    return status;
}

const char *judd_verdict_name(judd_verdict_kind kind) {
    switch (kind) {
    case JUDD_VERDICT_POSITIVE:
        return "positive";
    case JUDD_VERDICT_NEGATIVE:
        return "negative";
    case JUDD_VERDICT_NEUTRAL:
        return "neutral";
    case JUDD_VERDICT_INCONCLUSIVE:
        return "inconclusive";
    }
    return "unknown";
}
