/** The inner loop of the resize in width for RGB, for instruction sets that have more than plain C.
 */
#ifndef JUDD_SRC_IMAGE_ACROSS_H
#define JUDD_SRC_IMAGE_ACROSS_H

#include <stdint.h>

enum { JUDD_WEIGHT_BITS = 22 }; /* 32 - 8 bits of pixel - 2 of sign and overshoot */

/** One row: output i is the sum of 2 pairs[i] inputs from first[i] on, weighed by weights
 *  [count, most_pairs, 8]: w0 w0 w0 w1 w1 w1 0 0. Reads up to 5 bytes behind a pixel, writes 1.
 * AVX2. */
void judd_across_avx2(uint8_t *to, const uint8_t *from, const int *first, const int *pairs,
                      const int32_t *weights, int most_pairs, int count);

#endif
