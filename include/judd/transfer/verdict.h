/** Positive, negative, neutral or inconclusive: the verdict on paired gains, with its uncertainty.
 *
 *  Differences d of n seeds and m test samples, two crossed random factors. Variance of their mean:
 *      se^2 = s^2/n + max(v - e/n, 0)/m,
 *  s^2 the variance of the gain over seeds (e/m where all gains are equal, by chance), v that over
 *  test samples of the seed-mean difference, e the residual of the two-way layout, which both hold
 *  and which counts once. The gain's deviation
 * is the sum of a Student t with n - 1 degrees of freedom times the first root and a normal times
 * the second (Behrens-Fisher). Under a null hypothesis that asks for more differing predictions
 * than were seen, the variance is that of Tango's score test (1998): arms that agree on every
 * sample by chance are not equal yet. positive: adjusted two-sided p < 0.05 and mean >= margin;
 * negative likewise with mean <= -margin; neutral: two one-sided tests (Schuirmann 1987) put the
 * gain inside
 *  (-margin, margin), adjusted p < 0.05; else inconclusive. The interval is what is not rejected.
 *
 *  Several comparisons (judd_verdict_decide): a comparison can be judged falsely in one way only,
 *  by a sign where there is none or by "neutral" where the gain is at least the margin. So each has
 *  one share alpha/n for both tests, and Holm's (1979) steps, with Shaffer's (1986) logic, share
 * out what those comparisons leave whose gain is shown to lie beyond the margin, or clearly inside
 * it. (Holm in each family of tests by itself would give two shares: up to 10 % in mixed jobs.)
 *
 *  Seeds until decided: looks after 5, 10, 20, 40 .. seeds at alpha/looks each, that is p counts as
 *  often as there are looks. Whether a comparison stops depends on itself and the number of
 *  comparisons alone; what alpha/n settles stays so in judd_verdict_decide.
 *
 *  How calibrated this is: tests/transfer/bench_calibration.c, table in tests/README.md.
 *
 *  One seed: p is McNemar's exact test; interval and neutrality use the normal distribution on v/m
 *  alone: they speak of this seed's two heads, not of other seeds. Fewer than 4 test samples: all
 *  p are 1, the interval is [-1, 1], se is NaN.
 *
 *  Sums are of integers and variances exact before rounding; p-values use the C library's exp and
 *  log: compute verdicts on one rank.
 */
#ifndef JUDD_TRANSFER_VERDICT_H
#define JUDD_TRANSFER_VERDICT_H

#include <judd/base/status.h>

#include <stdbool.h>
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
    int n_looks;                   /* that p-values count for; 1: the seeds were fixed */
    double gain;                   /* mean over seeds, a fraction */
    double se;                     /* NaN for one seed */
    double ci95[2];                /* of this comparison alone */
    double p;                      /* two-sided, gain = 0 */
    double p_neutral;              /* larger of the two one-sided tests against the margin */
    double p_beyond;               /* one-sided, |gain| <= margin */
    double p_holm, p_neutral_holm; /* after judd_verdict_decide */
    judd_verdict_kind kind;        /* after judd_verdict_decide */
    int64_t further_seeds; /* likely to decide; 0 decided, -1 none would (v/m alone is too large) */
    double variance_seeds; /* s^2; NaN for one seed */
    double variance_samples;   /* v; NaN for one test sample */
    double variance_noise;     /* e; NaN for one of either */
    double second, difference; /* mean d^2 and sum d^2 / sum |d| of the seed-mean differences */
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

/** Seeds at look 0, 1, ..: 5, 10, 20, 40, .., the last look at max_seeds; how many looks that is.
 */
int64_t judd_verdict_look(int look, int64_t max_seeds);
int judd_verdict_n_looks(int64_t max_seeds);
/** Make v the verdict of a comparison that stops at one of n_looks planned looks: its p-values are
 *  multiplied (Bonferroni over looks: valid wherever it stops). Where it stops goes with what is
 *  seen, so of several looks a plain interval covers 88 to 90 % at worst; the one at half the level
 *  stands for it and covers 94 to 99 % (bench_calibration). Once, before the next two. */
void judd_verdict_at_look(judd_verdict *v, int n_looks);
/** Whether the comparison is decided at alpha / n_comparisons. */
bool judd_verdict_is_settled(const judd_verdict *v, int64_t n_comparisons, double margin);

/** Adjust the p-values of all n verdicts of a job and set kind and further_seeds. further_seeds is
 *  the smallest number up to 10,000 that would decide if the gain, s^2, e, the lasting differences
 *  of samples and the number of open comparisons stayed as they are; after one seed s^2 is taken as
 *  v/m. A comparison with n_seeds = 0 and p = NaN does not count and stays inconclusive. Local. */
judd_status judd_verdict_decide(judd_verdict *verdicts, int64_t n, double margin);

/** "positive", ... */
const char *judd_verdict_name(judd_verdict_kind kind);

#endif
