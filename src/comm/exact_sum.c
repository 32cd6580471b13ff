#include <judd/comm/exact_sum.h>

#include <judd/base/clones.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* SHIFT_MAX: magic numbers of it are far from both ends of float64 */
enum { FRACTION_MAX = 50, SUM_BITS = 62, SHIFT_MAX = 900 };

judd_exact_scale judd_exact_sum_scale(double bound, int n_lanes) {
    double b = fabs(bound) >= (double)FLT_MIN ? fmin(fabs(bound), DBL_MAX) : (double)FLT_MIN;
    int exponent, spare = 0;
    if (frexp(b, &exponent) == 0.5) exponent--; /* a power of two is its own bound */
    while (spare < 31 && (INT64_C(1) << spare) < n_lanes) spare++; /* ceil(log2(n_lanes)) */
    int fraction = SUM_BITS - spare < FRACTION_MAX ? SUM_BITS - spare : FRACTION_MAX;
    return (judd_exact_scale){.exponent = exponent, .fraction = fraction};
}

/* Adding 1.5 * 2^52 to |v| <= 2^51 rounds v to an integer, halves to even, that stands in the low
 * bits of the sum: a conversion every instruction set can do on whole vectors. The product with a
 * power of two is exact, or so small that it rounds to 0 in any case. */
static inline int64_t fixed(double x, double factor) {
    const double magic = 0x1.8p52;
    double shifted = x * factor + magic;
    int64_t bits, base;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&base, &magic, sizeof base);
    return bits - base;
}

JUDD_CLONES static int64_t add_float(int64_t *restrict sum, const float *restrict x, int64_t n,
                                     double limit, double factor) {
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = (double)x[i];
        int64_t out = !(fabs(v) <= limit); /* also NaN */
        sum[i] += fixed(out ? 0.0 : v, factor);
        bad += out;
    }
    return bad;
}

/* The same for numbers within the limit: x + magic / factor rounds as x * factor + magic does, all
 * being scaled by one power of two. */
JUDD_CLONES static void add_float_within(int64_t *restrict sum, const float *restrict x, int64_t n,
                                         double magic) {
    int64_t base;
    memcpy(&base, &magic, sizeof base);
    for (int64_t i = 0; i < n; i++) {
        double shifted = (double)x[i] + magic;
        int64_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        sum[i] += bits - base;
    }
}

JUDD_CLONES uint32_t judd_exact_sum_magnitude(const float *x, int64_t n) {
    uint32_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7FFFFFFFu;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

JUDD_CLONES static int64_t add_double(int64_t *restrict sum, const double *restrict x, int64_t n,
                                      double limit, double factor) {
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t out = !(fabs(x[i]) <= limit);
        sum[i] += fixed(out ? 0.0 : x[i], factor);
        bad += out;
    }
    return bad;
}

/* 2^E, but never infinity: infinity itself has to be left out */
static double limit_of(judd_exact_scale scale) {
    return fmin(ldexp(1.0, scale.exponent), DBL_MAX);
}

double judd_exact_sum_magic(judd_exact_scale scale) {
    return ldexp(0x1.8p52, scale.exponent - scale.fraction);
}

int64_t judd_exact_sum_add(int64_t *sum, const float *x, int64_t n, judd_exact_scale scale,
                           uint32_t *largest) {
    uint32_t bits = judd_exact_sum_magnitude(x, n);
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    if (largest && bits > *largest) *largest = bits;
    int shift = scale.exponent - scale.fraction;
    if (abs(shift) < SHIFT_MAX && (double)magnitude <= limit_of(scale)) {
        add_float_within(sum, x, n, judd_exact_sum_magic(scale));
        return 0;
    }
    return add_float(sum, x, n, limit_of(scale), ldexp(1.0, -shift));
}

int64_t judd_exact_sum_add_double(int64_t *sum, const double *x, int64_t n,
                                  judd_exact_scale scale) {
    return add_double(sum, x, n, limit_of(scale), ldexp(1.0, scale.fraction - scale.exponent));
}

JUDD_CLONES void judd_exact_sum_join(int64_t *restrict sum, const int64_t *restrict other,
                                     int64_t n) {
    for (int64_t i = 0; i < n; i++) sum[i] += other[i];
}

double judd_exact_sum_value(int64_t sum, judd_exact_scale scale) {
    return ldexp((double)sum, scale.exponent - scale.fraction); /* the conversion rounds */
}
