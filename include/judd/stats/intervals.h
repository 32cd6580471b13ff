/** Student's t and exact binomial tail probabilities, intervals of proportions,
 *  and Holm's adjustment. */
#ifndef JUDD_STATS_INTERVALS_H
#define JUDD_STATS_INTERVALS_H

#include <stdint.h>

/** P(T <= t) with df > 0 degrees of freedom (df may be fractional or infinite), relative error of
 *  the smaller tail < 1e-10. NaN for NaN. */
double judd_intervals_t_cdf(double t, double df);
/** The t with P(T <= t) = p, 0 < p < 1. */
double judd_intervals_t_quantile(double p, double df);
/** Two-sided exact McNemar test: b and c are the discordant counts; 1 when b + c = 0. */
double judd_intervals_mcnemar(int64_t b, int64_t c);
/** Wilson's 1927 score interval for k successes of n at confidence `level` (0.95): *low and *high
 * in [0, 1]; NaN for n = 0 or a level outside (0, 1). */
void judd_intervals_wilson(double *low, double *high, int64_t k, int64_t n, double level);
/** Holm 1979: adjusted[i] of n p-values (any order; NaN stays NaN and does not count). */
void judd_intervals_holm(double *adjusted, const double *p, int64_t n);

#endif
