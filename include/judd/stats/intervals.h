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
/** 95 % interval of the mean of `count` independent shares k[i] / n[i], n[i] > 0, from Wilson's
 *  interval of each (Zou, Huang & Zhang 2009): holds for classes of a few samples too. */
void judd_intervals_mean_of_shares(double *low, double *high, const int64_t *k, const int64_t *n,
                                   int64_t count);
/** 95 % interval of a figure in [0, 1] with this variance over test sets: Wilson's at the effective
 *  size value (1 - value) / variance, which for a share of right answers is Wilson's own (Dean &
 *  Pagano 2015). Where the variance says nothing (0, as for perfect heads, or NaN) the size is
 *  `least`, the number of samples that the figure's smallest part rests on. */
void judd_intervals_fraction(double *low, double *high, double value, double variance,
                             double least);
/** 95 % interval value -+ 1.96 sqrt(variance), cut to [floor, ceiling]; NaN if the variance is. */
void judd_intervals_normal(double *low, double *high, double value, double variance, double floor,
                           double ceiling);
/** Holm 1979: adjusted[i] of n p-values (any order; NaN stays NaN and does not count). */
void judd_intervals_holm(double *adjusted, const double *p, int64_t n);

#endif
