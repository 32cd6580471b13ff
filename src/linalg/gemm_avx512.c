#include "linalg/gemm_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <immintrin.h>

enum { ROWS = 14, VECTORS = 2, WIDTH = 16 };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
/* s = fma(x, y, s); asm, because gcc 12 folds the broadcast into every multiply, and then the
 * loads take longer than the arithmetic */
#define FMA(s, x, y) __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x), "v"(y))

/* rows and vectors are constants in every use, so that the sums stay in registers:
 * 28 sums, 2 vectors of b and 2 broadcasts of a make 32; so is b_rows: whether it is used */
INLINE void tile_of(const int rows, const int vectors, const bool b_rows, const judd_gemm_tile *t) {
    __m512 sum[ROWS][VECTORS];
    const float *a = t->a, *b = t->b;
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = _mm512_setzero_ps();
        _mm_prefetch((const char *)(t->c + i * t->ldc), _MM_HINT_T0);
        _mm_prefetch((const char *)(t->c + i * t->ldc + t->columns - 1), _MM_HINT_T0);
    }
    for (int64_t k = 0; k < t->k; k++, a += t->a_stride) {
        __m512 y[VECTORS];
        const float *at = b_rows ? t->b_rows[k] + t->b_column : b;
        UNROLL for (int v = 0; v < vectors; v++) y[v] = _mm512_loadu_ps(at + WIDTH * v);
        UNROLL for (int i = 0; i < rows; i++) {
            __m512 x = _mm512_set1_ps(a[i]);
            UNROLL for (int v = 0; v < vectors; v++) FMA(sum[i][v], x, y[v]);
        }
        if (!b_rows) b += t->b_stride;
    }
    int tail = t->columns - WIDTH * (vectors - 1); /* floats of the last vector: 1 .. WIDTH */
    __mmask16 part = (__mmask16)((1u << tail) - 1), all = 0xFFFF;
    __m512 nan = _mm512_set1_ps(__builtin_nanf(""));
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            float *c = t->c + i * t->ldc + WIDTH * v;
            __mmask16 mask = v == vectors - 1 ? part : all;
            __m512 old = t->accumulate ? _mm512_maskz_loadu_ps(mask, c) : _mm512_setzero_ps();
            __m512 y = _mm512_add_ps(old, sum[i][v]);
            y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(y, y, _CMP_UNORD_Q), nan);
            _mm512_mask_storeu_ps(c, mask, y);
        }
    }
}

#define TILE(rows)                                                                                 \
    static void tile_##rows##_1(const judd_gemm_tile *t) {                                         \
        tile_of(rows, 1, false, t);                                                                \
    }                                                                                              \
    static void tile_##rows##_2(const judd_gemm_tile *t) {                                         \
        tile_of(rows, 2, false, t);                                                                \
    }                                                                                              \
    static void tile_b_##rows##_2(const judd_gemm_tile *t) {                                       \
        tile_of(rows, 2, true, t);                                                                 \
    }
/* The formatter takes these lines for one declaration. */
/* clang-format off */
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#define ALL(name, vectors)                                                                         \
    {name##_1_##vectors, name##_2_##vectors, name##_3_##vectors, name##_4_##vectors,               \
     name##_5_##vectors, name##_6_##vectors, name##_7_##vectors, name##_8_##vectors,               \
     name##_9_##vectors, name##_10_##vectors, name##_11_##vectors, name##_12_##vectors,            \
     name##_13_##vectors, name##_14_##vectors}
    /* clang-format on */

    static void tile_run(const judd_gemm_tile *t) {
    static void (*const packed[VECTORS][ROWS])(const judd_gemm_tile *) = {ALL(tile, 1),
                                                                          ALL(tile, 2)};
    static void (*const b_rows[ROWS])(const judd_gemm_tile *) = ALL(tile_b, 2); /* whole tiles */
    (t->b_rows ? b_rows : packed[t->columns > WIDTH])[t->rows - 1](t);
}

/* The transposing copy is AVX2's: a 16 x 16 one needs as many shuffles a float. */
static void transpose(float *out, int64_t out_stride, const float *const *in, int rows,
                      int64_t depth) {
    judd_gemm_avx2()->transpose(out, out_stride, in, rows, depth);
}

const judd_gemm_kernel *judd_gemm_avx512(void) {
    static const judd_gemm_kernel kernel = {.isa = "avx512",
                                            .rows = ROWS,
                                            .columns = VECTORS * WIDTH,
                                            .tile = tile_run,
                                            .transpose = transpose};
    return &kernel;
}

#else

const judd_gemm_kernel *judd_gemm_avx512(void) {
    return NULL;
}

#endif
