#include "linalg/panels_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <immintrin.h>

enum { ROWS = 5, VECTORS = 2, WIDTH = 4, W = JUDD_PANELS_WIDTH };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* 10 sums, 2 vectors of b and a broadcast: half a panel at a time fills the 16 registers */
INLINE void tile_of(const int rows, const judd_panels_tile *t, int first) {
    __m256d sum[ROWS][VECTORS];
    const double *a = t->a, *b = t->b + first;
    double *c = t->c + first;
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < VECTORS; v++) sum[i][v] =
            _mm256_loadu_pd(c + i * t->ldc + WIDTH * v);
    }
    for (int64_t o = 0; o < t->n_outer; o++, a += t->outer_step) {
        const double *x = a;
        for (int64_t k = 0; k < t->n_inner; k++, x += t->inner_step, b += W) {
            __m256d y[VECTORS];
            UNROLL for (int v = 0; v < VECTORS; v++) y[v] = _mm256_loadu_pd(b + WIDTH * v);
            UNROLL for (int i = 0; i < rows; i++) {
                __m256d s = _mm256_set1_pd(x[i * t->row]);
                UNROLL for (int v = 0; v < VECTORS; v++) sum[i][v] =
                    _mm256_fmadd_pd(s, y[v], sum[i][v]);
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < VECTORS; v++)
            _mm256_storeu_pd(c + i * t->ldc + WIDTH * v, sum[i][v]);
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

static void tile_run(const judd_panels_tile *t) {
    static void (*const tiles[ROWS])(const judd_panels_tile *) = {tile_1, tile_2, tile_3, tile_4,
                                                                  tile_5};
    tiles[t->rows - 1](t);
}

const judd_panels_kernel *judd_panels_avx2(void) {
    static const judd_panels_kernel kernel = {.rows = ROWS, .tile = tile_run};
    return &kernel;
}

#else

const judd_panels_kernel *judd_panels_avx2(void) {
    return NULL;
}

#endif
