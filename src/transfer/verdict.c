#include <judd/transfer/verdict.h>

#include <judd/base/memory.h>
#include <judd/stats/intervals.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double ALPHA = 0.05;

enum { MOST_FURTHER_SEEDS = 10000 };

/* A standard error and its degrees of freedom. */
typedef struct precision {
    double se, df;
} precision;

/* se^2 = s^2/n + v/m. Two or more seeds: Satterthwaite 1946; a term without variance drops out of
 * df by itself. One seed: s^2 is unknown, so only v/m, and the normal distribution. */
static precision precision_of(double variance_seeds, double variance_samples, int64_t n_seeds,
                              int64_t n_test) {
    double n = (double)n_seeds, m = (double)n_test, b = variance_samples / m;
    if (n_seeds == 1) return (precision){sqrt(b), INFINITY};
    double a = variance_seeds / n, se2 = a + b;
    double df = se2 > 0.0 ? se2 * se2 / (a * a / (n - 1.0) + b * b / (m - 1.0)) : INFINITY;
    return (precision){sqrt(se2), df};
}

/* Two-sided p of gain = 0. Without any variance the gain is what it is. */
static double sign_test(double gain, precision e) {
    if (e.se == 0.0) return gain == 0.0 ? 1.0 : 0.0;
    return fmin(1.0, 2.0 * judd_intervals_t_cdf(-fabs(gain) / e.se, e.df));
}

/* Schuirmann 1987: of the two one-sided tests the one against the nearer margin decides. */
static double neutral_test(double gain, precision e, double margin) {
    double room = margin - fabs(gain);
    if (e.se == 0.0) return room > 0.0 ? 0.0 : 1.0;
    return judd_intervals_t_cdf(-room / e.se, e.df);
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

/* Variance over seeds of the gain, [n_seeds] sums over samples. */
static double seed_variance(const uint8_t *transfer, const uint8_t *baseline, int n_seeds,
                            int64_t n_test) {
    __int128 squares = 0, total = 0;
    for (int64_t i = 0; i < n_seeds; i++) {
        int64_t sum = 0;
        for (int64_t j = 0; j < n_test; j++)
            sum += transfer[i * n_test + j] - baseline[i * n_test + j];
        squares += (__int128)sum * sum;
        total += sum;
    }
    return integer_variance(squares, total, n_seeds, n_test);
}

/* Variance over test samples of the seed-mean difference, [n_test] sums over seeds; *total is the
 * sum of all differences, *wins and *losses count the discordant pairs of the first seed. */
static double sample_variance(const uint8_t *transfer, const uint8_t *baseline, int n_seeds,
                              int64_t n_test, int64_t *total, int64_t *wins, int64_t *losses) {
    __int128 squares = 0;
    *total = *wins = *losses = 0;
    for (int64_t j = 0; j < n_test; j++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < n_seeds; i++)
            sum += transfer[i * n_test + j] - baseline[i * n_test + j];
        squares += (__int128)sum * sum;
        *total += sum;
        *wins += transfer[j] > baseline[j];
        *losses += transfer[j] < baseline[j];
    }
    return integer_variance(squares, *total, n_test, n_seeds);
}

/* From gain and variances to interval and p-values. p_one: of a single seed; NaN: by its samples'
 * variance. */
static void conclude(judd_verdict *v, double p_one, double margin) {
    v->kind = JUDD_VERDICT_INCONCLUSIVE;
    v->se = v->df = v->p_holm = v->p_neutral_holm = NAN;
    v->ci95[0] = -1.0;
    v->ci95[1] = 1.0;
    v->p = v->p_neutral = 1.0;
    if (v->n_test < 2) return; /* one test sample tells nothing about others */
    precision e = precision_of(v->variance_seeds, v->variance_samples, v->n_seeds, v->n_test);
    double reach = e.se > 0.0 ? judd_intervals_t_quantile(1.0 - ALPHA / 2.0, e.df) * e.se : 0.0;
    v->ci95[0] = v->gain - reach;
    v->ci95[1] = v->gain + reach;
    v->p = v->n_seeds == 1 && !isnan(p_one) ? p_one : sign_test(v->gain, e);
    v->p_neutral = neutral_test(v->gain, e, margin);
    if (v->n_seeds == 1) return;
    v->se = e.se;
    v->df = e.df;
}

judd_status judd_verdict_measure(judd_verdict *out, const uint8_t *transfer,
                                 const uint8_t *baseline, int n_seeds, int64_t n_test,
                                 double margin) {
    judd_status status = check_input(n_seeds, n_test, margin);
    if (status == JUDD_OK) status = check_flags(transfer, baseline, n_seeds, n_test);
    if (status != JUDD_OK) return status;
    judd_verdict v = {.n_seeds = n_seeds, .n_test = n_test};
    int64_t total, wins, losses;
    v.variance_samples =
        sample_variance(transfer, baseline, n_seeds, n_test, &total, &wins, &losses);
    v.variance_seeds = seed_variance(transfer, baseline, n_seeds, n_test);
    v.gain = (double)total / ((double)n_seeds * (double)n_test);
    conclude(&v, n_seeds == 1 ? judd_intervals_mcnemar(wins, losses) : NAN, margin);
    *out = v;
    return JUDD_OK;
}

/* Mean and unbiased variance (NaN for one) of `count` means of `length` differences: mean c over
 * x[c * step + k * stride], k < length. */
static void spread(double *mean, double *variance, const double *transfer, const double *baseline,
                   int64_t count, int64_t step, int64_t length, int64_t stride) {
    double sum = 0.0, squares = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t c = 0; c < count; c++) {
            double own = 0.0;
            for (int64_t k = 0; k < length; k++) {
                int64_t at = c * step + k * stride;
                own += (transfer[at] - baseline[at]) / (double)length;
            }
            double d = own - sum / (double)count;
            if (pass == 0)
                sum += own;
            else
                squares += d * d;
        }
    *mean = sum / (double)count;
    *variance = count > 1 ? squares / (double)(count - 1) : NAN;
}

judd_status judd_verdict_measure_shares(judd_verdict *out, const double *transfer,
                                        const double *baseline, int n_seeds, int64_t n_test,
                                        double margin) {
    judd_status status = check_input(n_seeds, n_test, margin);
    if (status == JUDD_OK) status = check_finite(transfer, baseline, n_seeds, n_test);
    if (status != JUDD_OK) return status;
    judd_verdict v = {.n_seeds = n_seeds, .n_test = n_test};
    spread(&v.gain, &v.variance_samples, transfer, baseline, n_test, 1, n_seeds, n_test);
    spread(&v.gain, &v.variance_seeds, transfer, baseline, n_seeds, n_test, n_test, 1);
    conclude(&v, NAN, margin);
    *out = v;
    return JUDD_OK;
}

static judd_verdict_kind kind_of(double gain, double p, double p_neutral, double margin) {
    if (p < ALPHA && gain != 0.0 && fabs(gain) >= margin)
        return gain > 0.0 ? JUDD_VERDICT_POSITIVE : JUDD_VERDICT_NEGATIVE;
    if (p_neutral < ALPHA && fabs(gain) < margin) return JUDD_VERDICT_NEUTRAL;
    return JUDD_VERDICT_INCONCLUSIVE;
}

/* What Holm multiplies p[i] by: its step, or more where a smaller p's adjusted value carries over;
 * without the cap at 1, which would hide the factor of the large p-values that ask for it. */
static double holm_factor(const double *p, const double *steps, int64_t n, int64_t i) {
    double factor = steps[i];
    for (int64_t j = 0; j < n; j++)
        if (p[j] < p[i]) factor = fmax(factor, steps[j] * p[j] / p[i]);
    return factor;
}

/* steps[i]: how many p-values are not below p[i]; of tied ones the first step counts for all. */
static void holm_steps(double *steps, const double *p, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        steps[i] = 0.0;
        for (int64_t j = 0; j < n; j++) steps[i] += p[j] >= p[i];
    }
}

/* Would `further` more seeds decide, if gain, variances and Holm factors stayed? */
static bool decides(const judd_verdict *v, int64_t further, double margin, double factor,
                    double factor_neutral) {
    /* One seed shows no variance over seeds; its own sampling error stands in for it. */
    double variance_seeds =
        v->n_seeds > 1 ? v->variance_seeds : v->variance_samples / (double)v->n_test;
    precision e =
        precision_of(variance_seeds, v->variance_samples, v->n_seeds + further, v->n_test);
    return kind_of(v->gain, factor * sign_test(v->gain, e),
                   factor_neutral * neutral_test(v->gain, e, margin),
                   margin) != JUDD_VERDICT_INCONCLUSIVE;
}

/* Smallest number that decides: p falls as seeds are added, so double, then halve the interval. */
static int64_t further_seeds(const judd_verdict *v, double margin, double factor,
                             double factor_neutral) {
    if (v->n_test < 2) return -1;
    int64_t low = 0, high = 1;
    while (!decides(v, high, margin, factor, factor_neutral)) {
        if (high == MOST_FURTHER_SEEDS) return -1;
        low = high;
        high = 2 * high < MOST_FURTHER_SEEDS ? 2 * high : MOST_FURTHER_SEEDS;
    }
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        if (decides(v, middle, margin, factor, factor_neutral))
            high = middle;
        else
            low = middle;
    }
    return high;
}

judd_status judd_verdict_decide(judd_verdict *verdicts, int64_t n, double margin) {
    judd_status status = JUDD_OK;
    double *p = NULL; /* [6, n]: sign, neutral, both after Holm, both families' steps */
    JUDD_TRY(judd_memory_alloc(&p, 6 * n, sizeof *p));
    double *neutral = p + n, *p_holm = p + 2 * n, *neutral_holm = p + 3 * n;
    double *steps = p + 4 * n, *neutral_steps = p + 5 * n;
    for (int64_t i = 0; i < n; i++) {
        p[i] = verdicts[i].p;
        neutral[i] = verdicts[i].p_neutral;
    }
    judd_intervals_holm(p_holm, p, n);
    judd_intervals_holm(neutral_holm, neutral, n);
    holm_steps(steps, p, n);
    holm_steps(neutral_steps, neutral, n);
    for (int64_t i = 0; i < n; i++) {
        judd_verdict *v = &verdicts[i];
        v->p_holm = p_holm[i];
        v->p_neutral_holm = neutral_holm[i];
        v->kind = kind_of(v->gain, v->p_holm, v->p_neutral_holm, margin);
        v->further_seeds = 0;
        if (v->n_seeds == 0) v->further_seeds = -1; /* nothing measured, nothing to extrapolate */
        if (v->n_seeds > 0 && v->kind == JUDD_VERDICT_INCONCLUSIVE)
            v->further_seeds = further_seeds(v, margin, holm_factor(p, steps, n, i),
                                             holm_factor(neutral, neutral_steps, n, i));
    }
done:
    free(p);
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
