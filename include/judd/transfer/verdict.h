/** Positive, negative, neutral or inconclusive: the verdict on paired gains, with its uncertainty.
 *
 *  Standard error of the mean gain over n seeds and m test samples:
 *      se^2 = s^2/n + v/m,
 *  s^2 the variance of the gain over seeds, v the variance over test samples of the seed-mean
 * paired difference; Student t with Satterthwaite's degrees of freedom df = se^4 / ((s^2/n)^2/(n-1)
 * + (v/m)^2/(m-1)). positive: Holm-adjusted two-sided p < 0.05 and mean >= margin; negative
 * likewise with mean <= -margin; neutral: two one-sided tests (Schuirmann 1987) put the gain inside
 *  (-margin, margin), Holm-adjusted p < 0.05; otherwise inconclusive.
 *
 *  One seed: p is McNemar's exact test; interval and neutrality use the normal distribution on v/m
 *  alone (the paired Wald interval): they speak of this seed's two heads, not of other seeds.
 *  No variance at all (the arms agree on every sample, or differ alike on all): gain 0 has p = 1
 *  and p_neutral = 0, another gain p = 0. Arms may agree by chance on a few test samples: use
 *  hundreds. One test sample: p = p_neutral = 1, the interval is [-1, 1], se and df are NaN.
 *
 *  Sums are of integers and variances exact before rounding; p-values use the C library's exp and
 *  log: compute verdicts on one rank.
 */
#ifndef JUDD_TRANSFER_VERDICT_H
#define JUDD_TRANSFER_VERDICT_H

#include <judd/base/status.h>

#include <stdint.h>

typedef enum judd_verdict_kind {
    JUDD_VERDICT_POSITIVE,
    JUDD_VERDICT_NEGATIVE,
    JUDD_VERDICT_NEUTRAL,
    JUDD_VERDICT_INCONCLUSIVE
} judd_verdict_kind;

typedef struct judd_verdict {
    int n_seeds;
    int64_t n_test;
    double gain;                   /* mean over seeds, a fraction */
    double se, df;                 /* NaN for one seed */
    double ci95[2];                /* unadjusted */
    double p;                      /* two-sided, gain = 0 */
    double p_neutral;              /* larger of the two one-sided tests against the margin */
    double p_holm, p_neutral_holm; /* after judd_verdict_decide */
    judd_verdict_kind kind;        /* after judd_verdict_decide */
    int64_t further_seeds; /* likely to decide; 0 decided, -1 none would (v/m alone is too large) */
    double variance_seeds; /* s^2; NaN for one seed */
    double variance_samples; /* v; NaN for one test sample */
} judd_verdict;

/** Effect, interval and p-values of one comparison.
 *  transfer, baseline: [n_seeds, n_test] row-major, 1 where the prediction was right, else 0;
 *  the same test samples in the same order in every row. Local. */
judd_status judd_verdict_measure(judd_verdict *out, const uint8_t *transfer,
                                 const uint8_t *baseline, int n_seeds, int64_t n_test,
                                 double margin);

/** The same for a metric that is no share of right answers (map, r2): shares of the samples, whose
 *  mean is the metric (stats/influence.h), so that their differences are paired and their variance
 *  is that of the difference, as in DeLong's test. One seed: the normal distribution on v/m. */
judd_status judd_verdict_measure_shares(judd_verdict *out, const double *transfer,
                                        const double *baseline, int n_seeds, int64_t n_test,
                                        double margin);

/** Adjust the p-values of all n verdicts of a job (Holm, each family of tests by itself) and set
 *  kind and further_seeds. further_seeds is the smallest number up to 10,000 that would decide if
 *  the gain, s^2, v and this comparison's Holm factors stayed as they are (in truth v falls a
 *  little with more seeds, and other p-values move); after one seed s^2 is taken as v/m. A
 *  comparison with n_seeds = 0 and p = NaN does not count and stays inconclusive. Local. */
judd_status judd_verdict_decide(judd_verdict *verdicts, int64_t n, double margin);

/** "positive", ... */
const char *judd_verdict_name(judd_verdict_kind kind);

#endif
