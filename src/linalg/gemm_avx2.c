#include "linalg/gemm_kernel.h"

#include <stddef.h>

#if defined(__x86_64__)

#include <immintrin.h>

enum { ROWS = 6, VECTORS = 2, WIDTH = 8, LINE = 16 /* floats of the cache's */ };

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
/* s = fma(x, y, s); asm, because gcc 12 makes vfmadd132 and register moves of the intrinsic */
#define FMA(s, x, y) __asm__("vfmadd231ps %2, %1, %0" : "+x"(s) : "x"(x), "x"(y))

INLINE void store(const judd_gemm_tile *t, float *c, __m256 sum, __m256i mask, int part) {
    __m256 old = _mm256_setzero_ps(), nan = _mm256_set1_ps(__builtin_nanf(""));
    if (t->accumulate) old = part ? _mm256_maskload_ps(c, mask) : _mm256_loadu_ps(c);
    __m256 y = _mm256_add_ps(old, sum);
    y = _mm256_blendv_ps(y, nan, _mm256_cmp_ps(y, y, _CMP_UNORD_Q));
    if (part)
        _mm256_maskstore_ps(c, mask, y);
    else
        _mm256_storeu_ps(c, y);
}

/* One k. a: of row i at a[i], or at row[i][k]. */
INLINE void step(const int rows, const int vectors, const bool a_rows, __m256 sum[ROWS][VECTORS],
                 const float *a, const float *const row[ROWS], int64_t k, const float *b) {
    __m256 y[VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) y[v] = _mm256_loadu_ps(b + WIDTH * v);
    UNROLL for (int i = 0; i < rows; i++) {
        __m256 x = _mm256_broadcast_ss(a_rows ? row[i] + k : a + i);
        UNROLL for (int v = 0; v < vectors; v++) FMA(sum[i][v], x, y[v]);
    }
}

/* rows and vectors are constants in every use, so that the sums stay in registers; so are a_rows
 * and b_rows: whether these places are used */
INLINE void tile_of(const int rows, const int vectors, const bool a_rows, const bool b_rows,
                    const judd_gemm_tile *t) {
    __m256 sum[ROWS][VECTORS];
    const float *a = t->a, *b = t->b, *row[ROWS];
    const int64_t depth = t->k;
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = _mm256_setzero_ps();
        _mm_prefetch((const char *)(t->c + i * t->ldc), _MM_HINT_T0);
        _mm_prefetch((const char *)(t->c + i * t->ldc + t->columns - 1), _MM_HINT_T0);
        if (a_rows) row[i] = t->a_rows[i];
    }
    int64_t k = 0;
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
    __m256i mask =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(tail), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < vectors; v++) store(t, t->c + i * t->ldc + WIDTH * v, sum[i][v],
                                                       mask, v == vectors - 1 && tail < WIDTH);
    }
}

#define TILE(rows)                                                                                 \
    static void tile_##rows##_1(const judd_gemm_tile *t) {                                         \
        tile_of(rows, 1, false, false, t);                                                         \
    }                                                                                              \
    static void tile_##rows##_2(const judd_gemm_tile *t) {                                         \
        tile_of(rows, 2, false, false, t);                                                         \
    }                                                                                              \
    static void tile_a_##rows##_1(const judd_gemm_tile *t) {                                       \
        tile_of(rows, 1, true, false, t);                                                          \
    }                                                                                              \
    static void tile_a_##rows##_2(const judd_gemm_tile *t) {                                       \
        tile_of(rows, 2, true, false, t);                                                          \
    }                                                                                              \
    static void tile_b_##rows##_2(const judd_gemm_tile *t) {                                       \
        tile_of(rows, 2, false, true, t);                                                          \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
#define ALL(name, vectors)                                                                         \
    {                                                                                              \
        name##_1_##vectors, name##_2_##vectors, name##_3_##vectors, name##_4_##vectors,            \
            name##_5_##vectors, name##_6_##vectors                                                 \
    }

static void tile_run(const judd_gemm_tile *t) {
    static void (*const packed[VECTORS][ROWS])(const judd_gemm_tile *) = {ALL(tile, 1),
                                                                          ALL(tile, 2)};
    static void (*const a_rows[VECTORS][ROWS])(const judd_gemm_tile *) = {ALL(tile_a, 1),
                                                                          ALL(tile_a, 2)};
    static void (*const b_rows[ROWS])(const judd_gemm_tile *) = ALL(tile_b, 2); /* whole tiles */
    const int vector = t->columns > WIDTH;
    if (t->b_rows)
        b_rows[t->rows - 1](t);
    else
        (t->a_rows ? a_rows[vector][t->rows - 1] : packed[vector][t->rows - 1])(t);
}

/* ---- lanes, rounded to fixed point --------------------------------------------------------------
 */

INLINE __m256i magnitude(__m256 x) {
    return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7FFFFFFF));
}

INLINE uint32_t largest_of(__m256i x) {
    __m128i y = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_max_epi32(y, _mm_shuffle_epi32(y, 0x4E));
    y = _mm_max_epi32(y, _mm_shuffle_epi32(y, 0xB1));
    return (uint32_t)_mm_cvtsi128_si32(y);
}

INLINE void add_bits(int64_t *sum, __m128 s, __m256d magic) {
    __m256i bits = _mm256_castpd_si256(_mm256_add_pd(_mm256_cvtps_pd(s), magic));
    __m256i old = _mm256_loadu_si256((const __m256i *)sum);
    _mm256_storeu_si256((__m256i *)sum, _mm256_add_epi64(old, bits));
}

INLINE __m256i most_of(__m256 sum[VECTORS]) {
    return _mm256_max_epi32(magnitude(sum[0]), magnitude(sum[1]));
}

/* Whether all sums of a lane are within their limits; if so, they are told and added. */
INLINE bool finish_lane(const int rows, const judd_gemm_lane_tile *t, int lane,
                        __m256 sum[ROWS][VECTORS]) {
    __m256i beyond = _mm256_setzero_si256();
    UNROLL for (int i = 0; i < rows; i++) beyond = _mm256_or_si256(
        beyond, _mm256_cmpgt_epi32(most_of(sum[i]), _mm256_set1_epi32((int)t->limit[i])));
    if (!_mm256_testz_si256(beyond, beyond)) return false;
    if (t->largest) {
        uint32_t *largest = t->largest + lane * t->largest_stride;
        UNROLL for (int i = 0; i < rows; i++) {
            uint32_t bits = largest_of(most_of(sum[i]));
            largest[i] = bits > largest[i] ? bits : largest[i];
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        __m256d magic = _mm256_broadcast_sd(&t->magic[i]);
        int64_t *to = t->sum + i * VECTORS * WIDTH;
        UNROLL for (int v = 0; v < VECTORS; v++) {
            add_bits(to + WIDTH * v, _mm256_castps256_ps128(sum[i][v]), magic);
            add_bits(to + WIDTH * v + 4, _mm256_extractf128_ps(sum[i][v], 1), magic);
        }
    }
    return true;
}

INLINE int lane_tile_of(const int rows, const bool b_rows, const judd_gemm_lane_tile *t, int lane) {
    for (; lane < t->n_lanes; lane++) {
        __m256 sum[ROWS][VECTORS];
        int64_t first = t->begin[lane] - t->begin[0], depth = t->begin[lane + 1] - t->begin[lane];
        const float *a = t->a + first * rows, *b = b_rows ? NULL : t->b + first * VECTORS * WIDTH;
        if (depth > JUDD_GEMM_K_BLOCK) return lane;
        UNROLL for (int i = 0; i < rows; i++) {
            UNROLL for (int v = 0; v < VECTORS; v++) sum[i][v] = _mm256_setzero_ps();
        }
        for (int64_t k = 0; k < depth; k++, a += rows) {
            __m256 y[VECTORS];
            const float *at = b_rows ? t->b_rows[first + k] + t->b_column : b;
            if (b_rows) {
                const float *ahead = t->b_rows[first + k + JUDD_GEMM_ROWS_AHEAD] + t->b_column;
                UNROLL for (int v = 0; v < VECTORS; v++)
                    _mm_prefetch((const char *)(ahead + WIDTH * v), _MM_HINT_T0);
            }
            UNROLL for (int v = 0; v < VECTORS; v++) y[v] = _mm256_loadu_ps(at + WIDTH * v);
            UNROLL for (int i = 0; i < rows; i++) {
                __m256 x = _mm256_broadcast_ss(a + i);
                UNROLL for (int v = 0; v < VECTORS; v++) FMA(sum[i][v], x, y[v]);
            }
            if (!b_rows) b += VECTORS * WIDTH;
        }
        if (!finish_lane(rows, t, lane, sum)) return lane;
    }
    return lane;
}

#define LANE_TILE(rows)                                                                            \
    static int lane_tile_##rows(const judd_gemm_lane_tile *t, int lane) {                          \
        return lane_tile_of(rows, false, t, lane);                                                 \
    }                                                                                              \
    static int lane_tile_b_##rows(const judd_gemm_lane_tile *t, int lane) {                        \
        return lane_tile_of(rows, true, t, lane);                                                  \
    }
LANE_TILE(1)
LANE_TILE(2)
LANE_TILE(3)
LANE_TILE(4)
LANE_TILE(5)
LANE_TILE(6)

static int lane_tile_run(const judd_gemm_lane_tile *t, judd_gemm_lane_rest *rest, int lane) {
    (void)rest; /* each lane is added at once */
    static int (*const packed[ROWS])(const judd_gemm_lane_tile *, int) = {
        lane_tile_1, lane_tile_2, lane_tile_3, lane_tile_4, lane_tile_5, lane_tile_6};
    static int (*const b_rows[ROWS])(const judd_gemm_lane_tile *, int) = {
        lane_tile_b_1, lane_tile_b_2, lane_tile_b_3, lane_tile_b_4, lane_tile_b_5, lane_tile_b_6};
    return t->b_rows ? b_rows[t->rows - 1](t, lane) : packed[t->rows - 1](t, lane);
}

/* ---- transposing copy ---------------------------------------------------------------------------
 */

/* One 4 x 8 half of an 8 x 8 transpose: rows i and i + 4 share a register from the load on, so
 * that no shuffle crosses lanes. */
INLINE void half(const float *const row[8], int64_t k, __m256 *out) {
    __m256 r[4];
    UNROLL for (int i = 0; i < 4; i++) r[i] = _mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm_loadu_ps(row[i] + k)), _mm_loadu_ps(row[i + 4] + k), 1);
    __m256 t0 = _mm256_unpacklo_ps(r[0], r[1]), t1 = _mm256_unpackhi_ps(r[0], r[1]);
    __m256 t2 = _mm256_unpacklo_ps(r[2], r[3]), t3 = _mm256_unpackhi_ps(r[2], r[3]);
    out[0] = _mm256_shuffle_ps(t0, t2, 0x44);
    out[1] = _mm256_shuffle_ps(t0, t2, 0xEE);
    out[2] = _mm256_shuffle_ps(t1, t3, 0x44);
    out[3] = _mm256_shuffle_ps(t1, t3, 0xEE);
}

/* Up to 8 rows, 8 k at a time; fewer rows read the last one again and mask the store. */
static void transpose_8(float *out, int64_t out_stride, const float *const *in, int rows,
                        int64_t depth) {
    const float *row[8];
    int64_t k = 0;
    for (int i = 0; i < 8; i++) row[i] = in[i < rows ? i : rows - 1];
    __m256i mask =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(rows), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (; k + 8 <= depth; k += 8) {
        __m256 y[8];
        half(row, k, y);
        half(row, k + 4, y + 4);
        if (rows == 8) {
            UNROLL for (int i = 0; i < 8; i++) _mm256_storeu_ps(out + (k + i) * out_stride, y[i]);
        } else {
            UNROLL for (int i = 0; i < 8; i++)
                _mm256_maskstore_ps(out + (k + i) * out_stride, mask, y[i]);
        }
    }
    for (; k < depth; k++)
        for (int i = 0; i < rows; i++) out[k * out_stride + i] = in[i][k];
}

static void transpose(float *out, int64_t out_stride, const float *const *in, int rows,
                      int64_t depth) {
    if (rows < 8) {
        transpose_8(out, out_stride, in, rows, depth);
        return;
    }
    for (int i = 0; i < rows; i += 8) {
        int first = i + 8 <= rows ? i : rows - 8; /* overlap beats a mask */
        transpose_8(out + first, out_stride, in + first, 8, depth);
    }
}

const judd_gemm_kernel *judd_gemm_avx2(void) {
    static const judd_gemm_kernel kernel = {.isa = "avx2",
                                            .rows = ROWS,
                                            .columns = VECTORS * WIDTH,
                                            .rows_in_place = ROWS,
                                            .tile = tile_run,
                                            .lane_tile = lane_tile_run,
                                            .transpose = transpose};
    return &kernel;
}

#else

const judd_gemm_kernel *judd_gemm_avx2(void) {
    return NULL;
}

#endif
