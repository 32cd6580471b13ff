#include "engine/winograd_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <immintrin.h>

/* 28 sums, 2 vectors of weights and 2 broadcasts make 32 registers. */
#define WIDTH 16
#define ROWS 14
#define VEC __m512
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, x) _mm512_storeu_ps(p, x)
#define STREAM(p, x) _mm512_stream_ps(p, x)
#define SET(x) _mm512_set1_ps(x)
#define FMA(x, y, z) _mm512_fmadd_ps(x, y, z)
#define FNMA(x, y, z) _mm512_fnmadd_ps(x, y, z)
/* The second operand comes out when one is not a number. */
#define CLAMP(x, least, most) _mm512_min_ps(most, _mm512_max_ps(least, x))
#define KEEP(x, mask) _mm512_and_ps(x, mask)
/* asm, because gcc 12 folds the broadcast into every multiply, and then the loads take longer than
 * the arithmetic */
#define ACCUMULATE(s, x, y) __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x), "v"(y))
#define FENCE() _mm_sfence()
#include "engine/winograd_stages.h"

const judd_winograd_kernel *judd_winograd_avx512(void) {
    static const judd_winograd_kernel kernel = {.isa = "avx512",
                                                .width = WIDTH,
                                                .rows = ROWS,
                                                .input = input_stage,
                                                .products = product_stage,
                                                .output = output_stage};
    return &kernel;
}

#else

const judd_winograd_kernel *judd_winograd_avx512(void) {
    return NULL;
}

#endif
