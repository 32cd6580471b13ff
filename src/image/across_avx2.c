#include "image/across.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

void judd_across_avx2(uint8_t *to, const uint8_t *from, const int *first, const int *pairs,
                      const int32_t *weights, int most_pairs, int count) {
    const __m256i second = _mm256_setr_epi32(3, 4, 5, 6, 7, 0, 1, 2);
    const __m128i half = _mm_set1_epi32(1 << (JUDD_WEIGHT_BITS - 1));
    for (int i = 0; i < count; i++, weights += 8 * (int64_t)most_pairs) {
        const uint8_t *p = from + 3 * (int64_t)first[i];
        __m256i sum = _mm256_setzero_si256();
        for (int k = 0; k < pairs[i]; k++, p += 6) {
            __m256i pixels = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
            __m256i w = _mm256_load_si256((const __m256i *)(weights + 8 * k));
            sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(pixels, w));
        }
        sum = _mm256_add_epi32(sum, _mm256_permutevar8x32_epi32(sum, second));
        __m128i rgb =
            _mm_srai_epi32(_mm_add_epi32(_mm256_castsi256_si128(sum), half), JUDD_WEIGHT_BITS);
        rgb = _mm_packs_epi32(rgb, rgb);
        int four = _mm_cvtsi128_si32(_mm_packus_epi16(rgb, rgb)); /* both packs clip */
        memcpy(to + 3 * (int64_t)i, &four, sizeof four);
    }
}
#endif
