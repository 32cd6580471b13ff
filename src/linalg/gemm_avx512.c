#include "linalg/gemm_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <immintrin.h>

enum { ROWS = 14, VECTORS = 2, WIDTH = 16, LINE = 16 /* floats of the cache's */ };
enum { ROWS_IN_PLACE = 8 }; /* chains of FMAs that keep both pipes busy; pointers in registers */

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
/* s = fma(x, y, s); asm, because gcc 12 folds the broadcast into every multiply, and then the
 * loads take longer than the arithmetic */
#define FMA(s, x, y) __asm__("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x), "v"(y))

/* One k. a: of row i at a[i], or at row[i][k]. */
INLINE void step(const int rows, const int vectors, const bool a_rows, __m512 sum[ROWS][VECTORS],
                 const float *a, const float *const row[ROWS], int64_t k, const float *b) {
    __m512 y[VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) y[v] = _mm512_loadu_ps(b + WIDTH * v);
    UNROLL for (int i = 0; i < rows; i++) {
        __m512 x = _mm512_set1_ps(a_rows ? row[i][k] : a[i]);
        UNROLL for (int v = 0; v < vectors; v++) FMA(sum[i][v], x, y[v]);
    }
}

/* rows and vectors are constants in every use, so that the sums stay in registers: 28 sums, 2
 * vectors of b and 2 broadcasts of a make 32; so are a_rows and b_rows: whether they are used */
INLINE void tile_of(const int rows, const int vectors, const bool a_rows, const bool b_rows,
                    const judd_gemm_tile *t) {
    __m512 sum[ROWS][VECTORS];
    const float *a = t->a, *b = t->b, *row[ROWS];
    const int64_t depth = t->k;
    int64_t k = 0;
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = _mm512_setzero_ps();
        _mm_prefetch((const char *)(t->c + i * t->ldc), _MM_HINT_T0);
        _mm_prefetch((const char *)(t->c + i * t->ldc + t->columns - 1), _MM_HINT_T0);
        if (a_rows) row[i] = t->a_rows[i];
    }
    for (; a_rows && k + LINE <= depth; k += LINE) { /* rows that may lie anywhere */
        UNROLL for (int i = 0; i < rows; i++)
            _mm_prefetch((const char *)(t->a_next[i] + k), _MM_HINT_T0);
        _Pragma("GCC unroll 4") for (int u = 0; u < LINE; u++, b += t->b_stride)
            step(rows, vectors, a_rows, sum, a, row, k + u, b);
    }
    for (; k < depth; k++) {
        step(rows, vectors, a_rows, sum, a, row, k, b_rows ? t->b_rows[k] + t->b_column : b);
        if (!a_rows) a += t->a_stride;
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
        tile_of(rows, 1, false, false, t);                                                         \
    }                                                                                              \
    static void tile_##rows##_2(const judd_gemm_tile *t) {                                         \
        tile_of(rows, 2, false, false, t);                                                         \
    }                                                                                              \
    static void tile_b_##rows##_2(const judd_gemm_tile *t) {                                       \
        tile_of(rows, 2, false, true, t);                                                          \
    }
#define TILE_A(rows)                                                                               \
    static void tile_a_##rows##_1(const judd_gemm_tile *t) {                                       \
        tile_of(rows, 1, true, false, t);                                                          \
    }                                                                                              \
    static void tile_a_##rows##_2(const judd_gemm_tile *t) {                                       \
        tile_of(rows, 2, true, false, t);                                                          \
    }
/* The formatter takes these lines for one declaration. */
/* clang-format off */
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
TILE_A(1) TILE_A(2) TILE_A(3) TILE_A(4) TILE_A(5) TILE_A(6) TILE_A(7) TILE_A(8)
#define ALL(name, vectors)                                                                         \
    {name##_1_##vectors, name##_2_##vectors, name##_3_##vectors, name##_4_##vectors,               \
     name##_5_##vectors, name##_6_##vectors, name##_7_##vectors, name##_8_##vectors,               \
     name##_9_##vectors, name##_10_##vectors, name##_11_##vectors, name##_12_##vectors,            \
     name##_13_##vectors, name##_14_##vectors}
#define ALL_IN_PLACE(name, vectors)                                                                \
    {name##_1_##vectors, name##_2_##vectors, name##_3_##vectors, name##_4_##vectors,               \
     name##_5_##vectors, name##_6_##vectors, name##_7_##vectors, name##_8_##vectors}
    /* clang-format on */

    static void tile_run(const judd_gemm_tile *t) {
    static void (*const packed[VECTORS][ROWS])(const judd_gemm_tile *) = {ALL(tile, 1),
                                                                          ALL(tile, 2)};
    static void (*const a_rows[VECTORS][ROWS_IN_PLACE])(const judd_gemm_tile *) = {
        ALL_IN_PLACE(tile_a, 1), ALL_IN_PLACE(tile_a, 2)};
    static void (*const b_rows[ROWS])(const judd_gemm_tile *) = ALL(tile_b, 2); /* whole tiles */
    const int vector = t->columns > WIDTH;
    if (t->b_rows)
        b_rows[t->rows - 1](t);
    else
        (t->a_rows ? a_rows[vector][t->rows - 1] : packed[vector][t->rows - 1])(t);
}

/* ---- lanes, rounded to fixed point --------------------------------------------------------------
 */

/* volatile: gcc 12 makes all magnitudes of a tile before it uses one, and keeps them on the stack.
 */
INLINE __m512i magnitude(__m512 x) {
    __m512i y;
    __asm__ volatile("vpandd %2, %1, %0" : "=v"(y) : "v"(x), "v"(_mm512_set1_epi32(0x7FFFFFFF)));
    return y;
}

INLINE __m512i most_of(__m512 sum[VECTORS]) {
    return _mm512_max_epi32(magnitude(sum[0]), magnitude(sum[1]));
}

INLINE void add_bits(int64_t *sum, __m256 s, __m512d magic) {
    __m512i bits = _mm512_castpd_si512(_mm512_add_pd(_mm512_cvtps_pd(s), magic));
    _mm512_storeu_si512(sum, _mm512_add_epi64(_mm512_loadu_si512(sum), bits));
}

/* Whether all sums of a lane are within their limits. */
INLINE bool are_within(const int rows, const judd_gemm_lane_tile *t, uint32_t *largest,
                       __m512 sum[ROWS][VECTORS]) {
    __mmask16 beyond = 0;
    UNROLL for (int i = 0; i < rows; i++) {
        __m512i most = most_of(sum[i]);
        beyond |= _mm512_cmpgt_epi32_mask(most, _mm512_set1_epi32((int)t->limit[i]));
        if (largest) {
            uint32_t bits = (uint32_t)_mm512_reduce_max_epi32(most);
            largest[i] = bits > largest[i] ? bits : largest[i];
        }
    }
    return !beyond;
}

/* Vector c of the sums of a lane. */
INLINE void add_vector(const judd_gemm_lane_rest *rest, int c) {
    __m512d magic = _mm512_set1_pd(rest->magic[c / VECTORS]);
    const float *s = rest->lane + WIDTH * c;
    int64_t *to = rest->sum + WIDTH * c;
    add_bits(to, _mm256_load_ps(s), magic);
    add_bits(to + WIDTH / 2, _mm256_load_ps(s + WIDTH / 2), magic);
}

/* One k of a lane. */
INLINE void lane_step(const int rows, const bool b_rows, const judd_gemm_lane_tile *t,
                      __m512 sum[ROWS][VECTORS], const float *a, const float *b, int64_t k) {
    __m512 y[VECTORS];
    const float *at = b_rows ? t->b_rows[k] + t->b_column : b + k * VECTORS * WIDTH;
    if (b_rows) {
        const float *ahead = t->b_rows[k + JUDD_GEMM_ROWS_AHEAD] + t->b_column;
        UNROLL for (int v = 0; v < VECTORS; v++)
            _mm_prefetch((const char *)(ahead + WIDTH * v), _MM_HINT_T0);
    }
    UNROLL for (int v = 0; v < VECTORS; v++) y[v] = _mm512_loadu_ps(at + WIDTH * v);
    UNROLL for (int i = 0; i < rows; i++) {
        __m512 x = _mm512_set1_ps(a[k * rows + i]);
        UNROLL for (int v = 0; v < VECTORS; v++) FMA(sum[i][v], x, y[v]);
    }
}

static void add_rest(judd_gemm_lane_rest *rest) {
    for (int c = 0; c < rest->n; c++) add_vector(rest, c);
    rest->n = 0;
}

/* The sums of a lane are added while the next one is multiplied, a vector for each of its first k:
 * the processor does both at once, but does not look far enough ahead to do so by itself. */
INLINE int lane_tile_of(const int rows, const bool b_rows, const judd_gemm_lane_tile *t,
                        judd_gemm_lane_rest *rest, int lane) {
    for (; lane < t->n_lanes; lane++) {
        __m512 sum[ROWS][VECTORS];
        int64_t k = t->begin[lane] - t->begin[0], end = t->begin[lane + 1] - t->begin[0];
        uint32_t *largest = t->largest ? t->largest + lane * t->largest_stride : NULL;
        int c = 0;
        if (end - k > JUDD_GEMM_K_BLOCK) return lane;
        UNROLL for (int i = 0; i < rows; i++) {
            UNROLL for (int v = 0; v < VECTORS; v++) sum[i][v] = _mm512_setzero_ps();
        }
        for (; k < end && c < rest->n; k++, c++) {
            lane_step(rows, b_rows, t, sum, t->a, t->b, k);
            add_vector(rest, c);
        }
        for (; c < rest->n; c++) add_vector(rest, c);
        rest->n = 0;
        for (; k < end; k++) lane_step(rows, b_rows, t, sum, t->a, t->b, k);
        if (!are_within(rows, t, largest, sum)) return lane;
        UNROLL for (int i = 0; i < rows; i++) {
            UNROLL for (int v = 0; v < VECTORS; v++)
                _mm512_store_ps(rest->lane + (i * VECTORS + v) * WIDTH, sum[i][v]);
        }
        rest->n = rows * VECTORS;
        rest->sum = t->sum;
        rest->magic = t->magic;
    }
    return lane;
}

#define LANE_TILE(rows)                                                                            \
    static int lane_tile_##rows(const judd_gemm_lane_tile *t, judd_gemm_lane_rest *rest,           \
                                int lane) {                                                        \
        return lane_tile_of(rows, false, t, rest, lane);                                           \
    }                                                                                              \
    static int lane_tile_b_##rows(const judd_gemm_lane_tile *t, judd_gemm_lane_rest *rest,         \
                                  int lane) {                                                      \
        return lane_tile_of(rows, true, t, rest, lane);                                            \
    }
/* clang-format off */
LANE_TILE(1) LANE_TILE(2) LANE_TILE(3) LANE_TILE(4) LANE_TILE(5) LANE_TILE(6) LANE_TILE(7)
LANE_TILE(8) LANE_TILE(9) LANE_TILE(10) LANE_TILE(11) LANE_TILE(12) LANE_TILE(13) LANE_TILE(14)
    /* clang-format on */

    static int lane_tile_run(const judd_gemm_lane_tile *t, judd_gemm_lane_rest *rest, int lane) {
    static int (*const packed[ROWS])(const judd_gemm_lane_tile *, judd_gemm_lane_rest *, int) = {
        lane_tile_1,  lane_tile_2,  lane_tile_3,  lane_tile_4, lane_tile_5,
        lane_tile_6,  lane_tile_7,  lane_tile_8,  lane_tile_9, lane_tile_10,
        lane_tile_11, lane_tile_12, lane_tile_13, lane_tile_14};
    static int (*const b_rows[ROWS])(const judd_gemm_lane_tile *, judd_gemm_lane_rest *, int) = {
        lane_tile_b_1,  lane_tile_b_2,  lane_tile_b_3,  lane_tile_b_4, lane_tile_b_5,
        lane_tile_b_6,  lane_tile_b_7,  lane_tile_b_8,  lane_tile_b_9, lane_tile_b_10,
        lane_tile_b_11, lane_tile_b_12, lane_tile_b_13, lane_tile_b_14};
    return (t->b_rows ? b_rows[t->rows - 1] : packed[t->rows - 1])(t, rest, lane);
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
                                            .rows_in_place = ROWS_IN_PLACE,
                                            .tile = tile_run,
                                            .lane_tile = lane_tile_run,
                                            .add_rest = add_rest,
                                            .transpose = transpose};
    return &kernel;
}

#else

const judd_gemm_kernel *judd_gemm_avx512(void) {
    return NULL;
}

#endif
