/** exp and log from +, -, *, / and bit operations only, so that every IEEE machine gives the same
 *  bits (the C library picks variants by instruction set). Compiled with -ffp-contract=off.
 */
#ifndef JUDD_BASE_EXACT_MATH_H
#define JUDD_BASE_EXACT_MATH_H

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

/** log(x) for x > 0, relative error < 4e-16 away from 1, absolute < 4e-16 near 1. */
double judd_exact_log(double x);

/** cos(pi x) for any finite x, absolute error < 1e-15: for schedules. */
double judd_exact_cospi(double x);

#endif
