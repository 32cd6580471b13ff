/* The vectors of the stages (indirect_stages.h, winograd_stages.h) with AVX2 and FMA. */
#include <immintrin.h>

#define WIDTH 8
#define VEC __m256
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, x) _mm256_storeu_ps(p, x)
#define STREAM(p, x) _mm256_stream_ps(p, x)
#define SET(x) _mm256_set1_ps(x)
#define FMA(x, y, z) _mm256_fmadd_ps(x, y, z)
#define FNMA(x, y, z) _mm256_fnmadd_ps(x, y, z)
/* The second operand comes out when one is not a number. */
#define CLAMP(x, least, most) _mm256_min_ps(most, _mm256_max_ps(least, x))
#define LARGER(x, y) _mm256_blendv_ps(_mm256_max_ps(y, x), y, _mm256_cmp_ps(y, y, _CMP_UNORD_Q))
#define KEEP(x, mask) _mm256_and_ps(x, mask)
/* asm, because gcc 12 makes vfmadd132 and register moves of the intrinsic */
#define ACCUMULATE(s, x, y) __asm__("vfmadd231ps %2, %1, %0" : "+x"(s) : "x"(x), "x"(y))
#define FENCE() _mm_sfence()
