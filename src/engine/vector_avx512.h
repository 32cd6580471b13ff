/* The vectors of the stages (indirect_stages.h, winograd_stages.h) with AVX-512. */
#include <immintrin.h>

#define WIDTH 16
#define VEC __m512
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, x) _mm512_storeu_ps(p, x)
#define STREAM(p, x) _mm512_stream_ps(p, x)
#define SET(x) _mm512_set1_ps(x)
#define FMA(x, y, z) _mm512_fmadd_ps(x, y, z)
#define FNMA(x, y, z) _mm512_fnmadd_ps(x, y, z)
/* The second operand comes out when one is not a number. */
#define CLAMP(x, least, most) _mm512_min_ps(most, _mm512_max_ps(least, x))
#define LARGER(x, y)                                                                               \
    _mm512_mask_mov_ps(_mm512_max_ps(y, x), _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q), y)
#define KEEP(x, mask) _mm512_and_ps(x, mask)
/* asm, because gcc 12 folds the broadcast into every multiply, and then the loads take longer than
 * the arithmetic */
#define ACCUMULATE(s, x, y) __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x), "v"(y))
#define FENCE() _mm_sfence()
