/** How alike two rows of numbers order and place the same things. */
#ifndef JUDD_STATS_CORRELATION_H
#define JUDD_STATS_CORRELATION_H

#include <stdint.h>

/** Kendall's tau-b (Kendall 1945): 1 the same order, -1 the opposite one; ties count in neither
 *  direction. NaN if x or y are all equal, or n < 2. Values must be finite. O(n^2). Local. */
double judd_correlation_kendall(const double *x, const double *y, int64_t n);

/** Pearson's coefficient; NaN as above. Local. */
double judd_correlation_pearson(const double *x, const double *y, int64_t n);

#endif
