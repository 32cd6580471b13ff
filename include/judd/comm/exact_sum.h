/** Sums over lanes and ranks whose bits do not depend on order or on the number of ranks.
 *
 * Every lane's partial result is rounded once to a fixed-point int64; int64 addition is
 * associative, so the total is the same however the lanes are dealt to ranks. With addends |p| <=
 * 2^E of L lanes and F fraction bits, q = round(p * 2^(F-E)) and |sum q| <= L 2^F < 2^63; the error
 * of the total is at most L 2^(E-F-1), far below that of a float32 sum.
 */
#ifndef JUDD_COMM_EXACT_SUM_H
#define JUDD_COMM_EXACT_SUM_H

#include <judd/comm/comm.h>

typedef struct judd_exact_scale {
    int exponent; /* E: addends are at most 2^E in magnitude */
    int fraction; /* F: fraction bits below 2^E */
} judd_exact_scale;

/** The scale for addends of magnitude <= bound from n_lanes lanes. bound must be finite; 0 is
 *  taken as the smallest normal float. */
judd_exact_scale judd_exact_sum_scale(double bound, int n_lanes);

/** sum[i] += fixed(x[i]); values that are not finite or exceed 2^E are left out and counted.
 *  Returns that count. largest, unless NULL, is raised to judd_exact_sum_magnitude of x. Local. */
int64_t judd_exact_sum_add(int64_t *sum, const float *x, int64_t n, judd_exact_scale scale,
                           uint32_t *largest);
/** The same for doubles. */
int64_t judd_exact_sum_add_double(int64_t *sum, const double *x, int64_t n, judd_exact_scale scale);

/** What turns an addend within 2^E into fixed point: the bits of x + magic, less the bits of magic,
 *  are fixed(x). For |E - F| < 900. Local. */
double judd_exact_sum_magic(judd_exact_scale scale);

/** sum[i] += other[i]: the sums of other lanes or ranks. Local. */
void judd_exact_sum_join(int64_t *sum, const int64_t *other, int64_t n);

/** Bits of the largest |x| as float32: as integers, magnitudes are in the same order, NaN above
 *  all. 0 for n = 0. Local. */
uint32_t judd_exact_sum_magnitude(const float *x, int64_t n);

/** The value of a total, rounded once. Local. */
double judd_exact_sum_value(int64_t sum, judd_exact_scale scale);

#endif
