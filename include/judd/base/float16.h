/** IEEE 754 binary16 in memory: half the bytes of float32 for features on disk. */
#ifndef JUDD_BASE_FLOAT16_H
#define JUDD_BASE_FLOAT16_H

#include <stdint.h>

/** Magnitudes below this round to a finite number (65504 at most); others have no place. */
#define JUDD_FLOAT16_LIMIT 65520.0f

/** Round n numbers to nearest, ties to even; below 2^-24 / 2 they become zero. Returns the index of
 *  the first that is not finite or not below JUDD_FLOAT16_LIMIT, else -1. Local. */
int64_t judd_float16_narrow(uint16_t *out, const float *x, int64_t n);

/** Exact. Local. */
void judd_float16_widen(float *out, const uint16_t *x, int64_t n);

#endif
