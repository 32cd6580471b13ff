/** Positive, negative, neutral or inconclusive: the verdict on paired gains, with its uncertainty.
 *
 *  Standard error of the mean gain over n seeds and m test samples:
 *      se^2 = s^2/n + v/m,
 *  s^2 the variance of the gain over seeds, v the variance over test samples of the seed-mean paired
 *  difference; Student t with Satterthwaite's degrees of freedom
 *      df = se^4 / ((s^2/n)^2/(n-1) + (v/m)^2/(m-1)).
 *  positive: Holm-adjusted two-sided p < 0.05 and mean >= margin; negative likewise with
 *  mean <= -margin; neutral: two one-sided tests (Schuirmann 1987) put the gain inside
 *  (-margin, margin), Holm-adjusted p < 0.05; otherwise inconclusive. One seed: McNemar's exact test.
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
    double gain;            /* mean over seeds, a fraction */
    double se, df;          /* NaN for one seed */
    double ci95[2];         /* unadjusted */
    double p;               /* two-sided, gain = 0 */
    double p_neutral;       /* larger of the two one-sided tests against the margin */
    double p_holm, p_neutral_holm; /* after judd_verdict_decide */
    judd_verdict_kind kind; /* after judd_verdict_decide */
    int64_t further_seeds;  /* likely to decide; 0 decided, -1 none would (v/m alone is too large) */
} judd_verdict;

/** Effect, interval and p-values of one comparison.
 *  transfer, baseline: [n_seeds, n_test] row-major, 1 where the prediction was right, else 0;
 *  the same test samples in the same order in every row. Local. */
judd_status judd_verdict_measure(judd_verdict *out, const uint8_t *transfer,
                                 const uint8_t *baseline, int n_seeds, int64_t n_test,
                                 double margin);

/** Adjust the p-values of all n verdicts of a job (Holm, each family of tests by itself) and set
 *  kind and further_seeds. Local. */
judd_status judd_verdict_decide(judd_verdict *verdicts, int64_t n, double margin);

/** "positive", ... */
const char *judd_verdict_name(judd_verdict_kind kind);

#endif
