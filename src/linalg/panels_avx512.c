#include "linalg/panels_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <immintrin.h>

enum { ROWS = 10, VECTORS = 2, WIDTH = 8, W = JUDD_PANELS_WIDTH };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* 20 sums, 2 vectors of b and a broadcast: rows are constants, so all stays in registers */
INLINE void tile_of(const int rows, const judd_panels_tile *t, int first) {
    __m512d sum[ROWS][VECTORS];
    const double *a = t->a, *b = t->b + first;
    double *c = t->c + first;
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < VECTORS; v++) sum[i][v] =
            _mm512_loadu_pd(c + i * t->ldc + WIDTH * v);
    }
    for (int64_t o = 0; o < t->n_outer; o++, a += t->outer_step) {
        const double *x = a;
        for (int64_t k = 0; k < t->n_inner; k++, x += t->inner_step, b += W) {
            __m512d y[VECTORS];
            UNROLL for (int v = 0; v < VECTORS; v++) y[v] = _mm512_loadu_pd(b + WIDTH * v);
            UNROLL for (int i = 0; i < rows; i++) {
                __m512d s = _mm512_set1_pd(x[i * t->row]);
                UNROLL for (int v = 0; v < VECTORS; v++) sum[i][v] =
                    _mm512_fmadd_pd(s, y[v], sum[i][v]);
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < VECTORS; v++)
            _mm512_storeu_pd(c + i * t->ldc + WIDTH * v, sum[i][v]);
    }
}

#define TILE(rows)                                                                                 \
    static void tile_##rows(const judd_panels_tile *t) {                                           \
        for (int first = 0; first < W; first += VECTORS * WIDTH) tile_of(rows, t, first);          \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
TILE(8)
TILE(9)
TILE(10)

static void tile_run(const judd_panels_tile *t) {
    static void (*const tiles[ROWS])(const judd_panels_tile *) = {
        tile_1, tile_2, tile_3, tile_4, tile_5, tile_6, tile_7, tile_8, tile_9, tile_10};
    tiles[t->rows - 1](t);
}

const judd_panels_kernel *judd_panels_avx512(void) {
    static const judd_panels_kernel kernel = {.rows = ROWS, .tile = tile_run};
    return &kernel;
}

#else

const judd_panels_kernel *judd_panels_avx512(void) {
    return NULL;
}

#endif
