/** Dot products with one order of summation: the same bits on every rank and CPU. */
#ifndef JUDD_LINALG_DOT_H
#define JUDD_LINALG_DOT_H

#include <stdint.h>

/** sum of x[i] y[i], i < n: sixteen sums of every sixteenth, behind them what is left over. Local.
 */
double judd_dot(const double *x, const double *y, int64_t n);

#endif
