/** exp, log, erfc and cos from +, -, *, / and bit operations only, so that every IEEE machine gives
 * the same bits (the C library picks variants by instruction set). Compiled with -ffp-contract=off.
 */
#ifndef JUDD_BASE_EXACT_MATH_H
#define JUDD_BASE_EXACT_MATH_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/** exp(x) for x <= 88, relative error < 2e-7; 0 below -87, NaN for NaN. Inline: loops vectorise.
 *  Cody & Waite reduction, then the Taylor polynomial of degree 7 on |r| <= ln 2 / 2. */
static inline float judd_exact_expf(float x) {
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float clamped = x < -87.0f ? -87.0f : x;
    float t = clamped * 1.44269504f + shift;
    float n = t - shift;
    float r = clamped - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.98412698e-4f;
    p = p * r + 1.38888889e-3f;
    p = p * r + 8.33333333e-3f;
    p = p * r + 4.16666667e-2f;
    p = p * r + 1.66666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (int32_t)(((uint32_t)bits - 0x4B400000u + 127u) << 23); /* 2^n */
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    float y = p * scale;
    return x < -87.0f ? 0.0f : y; /* NaN fails every comparison and stays NaN */
}

/** exp(x) for x <= 709, relative error < 4e-16; 0 below -708, NaN for NaN. Inline: loops vectorise.
 *  As above, with ln 2 in two parts (fdlibm's) and the polynomial of degree 13. */
static inline double judd_exact_exp(double x) {
    static const double factor[14] = {1.0,
                                      1.0,
                                      1.0 / 2,
                                      1.0 / 6,
                                      1.0 / 24,
                                      1.0 / 120,
                                      1.0 / 720,
                                      1.0 / 5040,
                                      1.0 / 40320,
                                      1.0 / 362880,
                                      1.0 / 3628800,
                                      1.0 / 39916800,
                                      1.0 / 479001600,
                                      1.0 / 6227020800};
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to an integer */
    double clamped = x < -708.0 ? -708.0 : x;
    double t = clamped * 1.44269504088896338700 + shift;
    double n = t - shift;
    double r = clamped - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
    double p = factor[13];
    for (int k = 12; k >= 0; k--) p = p * r + factor[k];
    int64_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (int64_t)(((uint64_t)bits - 0x4338000000000000u + 1023u) << 52); /* 2^n */
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    double y = p * scale;
    return x < -708.0 ? 0.0 : y; /* NaN fails every comparison and stays NaN */
}

/** erfc(x) for x >= 0, relative error < 1e-6 while erfc(x) is a normal float; NaN for NaN. Inline:
 *  loops vectorise. exp(-x^2) times a polynomial in t = 1 / (1 + 0.4 x), the interpolant of
 *  exp(x^2) erfc(x) / t at the Chebyshev points of [0, 1] (relative error 1e-8 before rounding). */
static inline float judd_exact_erfcf(float x) {
    float t = 1.0f / (1.0f + 0.4f * x), p = -0.0298686285f;
    p = p * t + 0.143841069f;
    p = p * t - 0.243041732f;
    p = p * t + 0.146803246f;
    p = p * t - 0.0537931663f;
    p = p * t + 0.0871206416f;
    p = p * t + 0.118095123f;
    p = p * t + 0.171890572f;
    p = p * t + 0.20760072f;
    p = p * t + 0.225676317f;
    p = p * t + 0.225675831f;
    /* x^2 in two parts: what the square's rounding takes would cost the exponential digits. */
    float high = (float)(int32_t)((x < 16.0f ? x : 16.0f) * 256.0f) * 0.00390625f, low = x - high;
    return judd_exact_expf(-high * high) * judd_exact_expf(-low * (x + high)) * (p * t);
}

/** log(x) for x > 0, relative error < 4e-16 away from 1, absolute < 4e-16 near 1;
 *  -infinity for 0, NaN below and for NaN. Inline: loops vectorise. x = 2^e m with m in [sqrt(1/2),
 *  sqrt 2), and log m = 2 artanh((m - 1) / (m + 1)) by its series. */
static inline double judd_exact_log(double x) {
    double normal = x < 0x1p-1022 ? x * 0x1p54 : x; /* of a subnormal number the same digits */
    int64_t bits, exponent;
    memcpy(&bits, &normal, sizeof bits);
    /* The exponent as a float64 without a conversion, which vectors lack: the low bits of 2^52. */
    exponent = (int64_t)(((uint64_t)bits >> 52) & 0x7FFu) | 0x4330000000000000;
    bits = (bits & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000;
    double m, e;
    memcpy(&m, &bits, sizeof m);
    memcpy(&e, &exponent, sizeof e);
    e -= 4503599627370496.0 + 1022.0;
    e = x < 0x1p-1022 ? e - 54.0 : e;
    e = m < 0.70710678118654752440 ? e - 1.0 : e;
    m = m < 0.70710678118654752440 ? m * 2.0 : m;
    double s = (m - 1.0) / (m + 1.0), z = s * s, p = 0.0;
    for (int k = 23; k >= 3; k -= 2) p = (p + 1.0 / (double)k) * z;
    double high = 0.693147180369123816490, low = 1.90821492927058770002e-10; /* fdlibm's ln 2 */
    double y = e * high + (2.0 * s + (2.0 * s * p + e * low));
    y = x <= DBL_MAX ? y : x; /* infinity and NaN */
    y = x < 0.0 ? (double)NAN : y;
    return x == 0.0 ? -(double)INFINITY : y;
}

/** cos(pi x) for any finite x, absolute error < 1e-15: for schedules. */
double judd_exact_cospi(double x);

#endif
