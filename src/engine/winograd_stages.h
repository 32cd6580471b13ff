/* The stages of winograd_kernel.h, written once for all instruction sets. The file that includes
 * this defines:
 *   WIDTH, ROWS               floats of a vector; tiles of a group
 *   VEC                       the vector, with + and -
 *   LOAD STORE STREAM SET     at any place; STREAM at multiples of a vector, past the caches
 *   FMA(x, y, z) FNMA(x, y, z)   x y + z and z - x y, rounded once
 *   CLAMP(x, least, most)     not-a-number stays
 *   LARGER(x, y)              not-a-number stays
 *   KEEP(x, mask)             bitwise and
 *   ACCUMULATE(s, x, y)       s = FMA(x, y, s) in place
 *   FENCE()                   after STREAM, before another thread reads
 */
#include "engine/winograd_kernel.h"

#include <stddef.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
enum { PATCH = JUDD_WINOGRAD_PATCH, POINTS = JUDD_WINOGRAD_POINTS, MOST = JUDD_WINOGRAD_MOST_TILE };

/* F(4x4, 3x3) and F(2x2, 5x5), which has the same input transform, of Lavin & Gray 2016, "Fast
 * algorithms for convolutional neural networks", at the points 0, +-a, +-b and infinity with a =
 * sqrt(1/2), b = sqrt(2): errors are a fifth of those of the usual 0, +-1, +-2 (Barabasz et al.
 * 2020, "Error analysis and improving the accuracy of Winograd convolution for deep neural
 * networks", on the choice of points). a b = 1. */
#define POINT_A 0.70710678118654752f
#define POINT_B 1.41421356237309505f

/* y = B^T x */
INLINE void transform_input(const VEC *x, VEC *y) {
    const VEC a = SET(POINT_A), b = SET(POINT_B), a2 = SET(0.5f), b2 = SET(2.0f), s = SET(2.5f);
    VEC even_a = FNMA(b2, x[2], x[4]), odd_a = FNMA(b2, x[1], x[3]);
    VEC even_b = FNMA(a2, x[2], x[4]), odd_b = FNMA(a2, x[1], x[3]);
    y[0] = x[0] + FNMA(s, x[2], x[4]);
    y[1] = FMA(a, odd_a, even_a);
    y[2] = FNMA(a, odd_a, even_a);
    y[3] = FMA(b, odd_b, even_b);
    y[4] = FNMA(b, odd_b, even_b);
    y[5] = x[1] + FNMA(s, x[3], x[5]);
}

/* y = A^T x; row i: the points' i-th powers, and infinity in the last row. */
INLINE void transform_output(const int tile, const VEC *x, VEC *y) {
    const VEC a = SET(POINT_A), b = SET(POINT_B), a2 = SET(0.5f), b2 = SET(2.0f);
    const VEC a3 = SET(0.5f * POINT_A), b3 = SET(2.0f * POINT_B);
    VEC sum_a = x[1] + x[2], odd_a = x[1] - x[2], sum_b = x[3] + x[4], odd_b = x[3] - x[4];
    y[0] = x[0] + sum_a + sum_b;
    if (tile == 2) {
        y[1] = FMA(a, odd_a, FMA(b, odd_b, x[5]));
        return;
    }
    y[1] = FMA(a, odd_a, b * odd_b);
    y[2] = FMA(a2, sum_a, b2 * sum_b);
    y[3] = FMA(a3, odd_a, FMA(b3, odd_b, x[5]));
}

/* Where a tile is. */
typedef struct place {
    int64_t image, y, x; /* of its first output */
} place;

INLINE place place_of_tile(const judd_winograd_layer *l, int64_t tile) {
    int64_t row = tile / l->tiles_x;
    return (place){.image = row / l->tiles_y,
                   .y = row % l->tiles_y * l->tile,
                   .x = (tile - row * l->tiles_x) * l->tile};
}

/* Groups as even as possible: full and half-empty groups would cost the same. */
INLINE int64_t group_count(int64_t n_tiles) {
    return (n_tiles + ROWS - 1) / ROWS;
}

INLINE int64_t group_size(int64_t n_tiles, int64_t groups, int64_t g) {
    return n_tiles / groups + (g < n_tiles % groups);
}

/* ---- input ----------------------------------------------------------------------------------- */

/* first, step: the rows of the patch and the floats from one pixel to the next, for rows outside
 * the image a place of zeros and 0; columns [begin, end) are inside. */
typedef struct patch {
    const float *first[PATCH];
    int64_t step[PATCH], begin, end;
} patch;

INLINE void transform_patch(const patch *p, float *v, int64_t plane) {
    VEC x[PATCH], y[PATCH], half[POINTS];
    UNROLL for (int j = 0; j < PATCH; j++) {
        bool inside = j >= p->begin && j < p->end;
        UNROLL for (int i = 0; i < PATCH; i++) x[i] =
            inside ? LOAD(p->first[i] + j * p->step[i]) : SET(0.0f);
        transform_input(x, y);
        UNROLL for (int i = 0; i < PATCH; i++) half[i * PATCH + j] = y[i];
    }
    UNROLL for (int i = 0; i < PATCH; i++) {
        transform_input(half + i * PATCH, y);
        UNROLL for (int j = 0; j < PATCH; j++, v += plane) STORE(v, y[j]);
    }
}

/* The same, all of it inside the image. */
INLINE void transform_inner_patch(const float *d, int64_t row, float *v, int64_t plane) {
    VEC x[PATCH], y[PATCH], half[POINTS];
    UNROLL for (int j = 0; j < PATCH; j++) {
        UNROLL for (int i = 0; i < PATCH; i++) x[i] = LOAD(d + i * row + j * WIDTH);
        transform_input(x, y);
        UNROLL for (int i = 0; i < PATCH; i++) half[i * PATCH + j] = y[i];
    }
    UNROLL for (int i = 0; i < PATCH; i++) {
        transform_input(half + i * PATCH, y);
        UNROLL for (int j = 0; j < PATCH; j++, v += plane) STORE(v, y[j]);
    }
}

INLINE void input_tile(const judd_winograd_layer *l, const float *src, int64_t y0, int64_t x0,
                       float *v) {
    static const float zeros[WIDTH] = {0};
    const float *d = src + (y0 * l->in_w + x0) * WIDTH;
    int64_t row = l->in_w * WIDTH;
    if (y0 >= 0 && x0 >= 0 && y0 + PATCH <= l->in_h && x0 + PATCH <= l->in_w) {
        const char *next = (const char *)(d + l->in_h * row); /* the next block of channels */
        for (int i = 0; i < PATCH; i++, next += row * (int64_t)sizeof *d)
            for (int64_t k = 0; k < PATCH * WIDTH * (int64_t)sizeof *d; k += 64)
                __builtin_prefetch(next + k);
        transform_inner_patch(d, row, v, l->v_plane);
        return;
    }
    patch p = {.begin = x0 < 0 ? -x0 : 0, .end = l->in_w - x0};
    for (int i = 0; i < PATCH; i++) {
        bool inside = y0 + i >= 0 && y0 + i < l->in_h;
        p.first[i] = inside ? d + i * row : zeros;
        p.step[i] = inside ? WIDTH : 0;
    }
    transform_patch(&p, v, l->v_plane);
}

static void input_stage(const judd_winograd_work *w) {
    const judd_winograd_layer *l = w->layer;
    int64_t plane = l->in_h * l->in_w * WIDTH, groups = group_count(w->n_tiles);
    for (int64_t c = 0; c < l->in_blocks; c++) {
        int64_t tile = 0;
        for (int64_t g = 0; g < groups; g++) {
            int64_t rows = group_size(w->n_tiles, groups, g);
            float *v = w->v + tile * l->in_blocks * WIDTH + c * rows * WIDTH;
            for (int64_t r = 0; r < rows; r++, tile++, v += WIDTH) {
                place at = place_of_tile(l, w->first + tile);
                input_tile(l, w->src + (at.image * l->in_blocks + c) * plane, at.y - l->top,
                           at.x - l->left, v);
            }
        }
    }
}

/* ---- products -------------------------------------------------------------------------------- */

typedef void multiplication(int64_t blocks, const float *v, const float *u, float *m,
                            const float *next);

/* m[rows, vectors] = v[k, rows] u[k, vectors] with k = blocks * W; rows and vectors are constants
 * in every use, so that the sums stay in registers. An eighth of the next panel is fetched
 * meanwhile: about that many groups use a panel. */
INLINE void multiply(const int rows, const int vectors, int64_t blocks, const float *v,
                     const float *u, float *m, const float *next) {
    const int eighth = vectors * WIDTH * WIDTH / 8;
    VEC sum[ROWS][2];
    UNROLL for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = SET(0.0f);
    for (; blocks > 0; blocks--, v += rows * WIDTH, u += vectors * WIDTH * WIDTH, next += eighth) {
        for (int i = 0; i < eighth; i += 16) __builtin_prefetch(next + i);
        UNROLL for (int k = 0; k < WIDTH; k++) {
            VEC y[2];
            UNROLL for (int h = 0; h < vectors; h++) y[h] = LOAD(u + (k * vectors + h) * WIDTH);
            UNROLL for (int r = 0; r < rows; r++) {
                VEC x = SET(v[r * WIDTH + k]);
                UNROLL for (int h = 0; h < vectors; h++) ACCUMULATE(sum[r][h], x, y[h]);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int h = 0; h < vectors; h++)
        STORE(m + (r * vectors + h) * WIDTH, sum[r][h]);
}

#define MULTIPLY(rows, vectors)                                                                    \
    static __attribute__((noinline)) void multiply_##rows##_##vectors(                             \
        int64_t blocks, const float *v, const float *u, float *m, const float *next) {             \
        multiply(rows, vectors, blocks, v, u, m, next);                                            \
    }
#define MULTIPLY_ROWS(rows) MULTIPLY(rows, 1) MULTIPLY(rows, 2)
#define PAIR(rows)                                                                                 \
    { multiply_##rows##_1, multiply_##rows##_2 }

MULTIPLY_ROWS(1)
MULTIPLY_ROWS(2)
MULTIPLY_ROWS(3)
MULTIPLY_ROWS(4)
MULTIPLY_ROWS(5)
MULTIPLY_ROWS(6)
#if ROWS > 6
MULTIPLY_ROWS(7)
MULTIPLY_ROWS(8)
MULTIPLY_ROWS(9)
MULTIPLY_ROWS(10)
MULTIPLY_ROWS(11)
MULTIPLY_ROWS(12)
MULTIPLY_ROWS(13)
MULTIPLY_ROWS(14)
#endif

static multiplication *const multiplications[ROWS][2] = {
    PAIR(1),  PAIR(2), PAIR(3), PAIR(4),  PAIR(5),  PAIR(6),
#if ROWS > 6
    PAIR(7),  PAIR(8), PAIR(9), PAIR(10), PAIR(11), PAIR(12),
    PAIR(13), PAIR(14)
#endif
};

/* Vectors of a panel: 2, or 1 in the last of an odd number. */
INLINE int panel_vectors(const judd_winograd_layer *l, int64_t panel) {
    return 2 * panel + 1 < l->out_blocks ? 2 : 1;
}

INLINE const float *panel_weights(const judd_winograd_layer *l, int64_t panel, int64_t point) {
    int64_t channels = l->in_blocks * WIDTH;
    return l->weights + (panel * POINTS * 2 + point * panel_vectors(l, panel)) * channels * WIDTH;
}

/* One panel at one point: the panel stays near while all groups use it. */
INLINE void multiply_panel(const judd_winograd_work *w, int64_t point, int64_t panel,
                           const float *next) {
    const judd_winograd_layer *l = w->layer;
    int64_t channels = l->in_blocks * WIDTH, groups = group_count(w->n_tiles), tile = 0;
    int vectors = panel_vectors(l, panel);
    int64_t eighth = channels * vectors * WIDTH / 8;
    const float *u = panel_weights(l, panel, point), *v = w->v + point * l->v_plane;
    float *m = w->m + point * l->m_plane + (panel - w->first_panel) * l->block_tiles * 2 * WIDTH;
    for (int64_t g = 0; g < groups; g++) {
        int64_t rows = group_size(w->n_tiles, groups, g);
        multiplications[rows - 1][vectors - 1](l->in_blocks, v + tile * channels, u,
                                               m + tile * vectors * WIDTH,
                                               next + (g < 7 ? g : 7) * eighth);
        tile += rows;
    }
}

static void product_stage(const judd_winograd_work *w) {
    for (int64_t point = 0; point < POINTS; point++)
        for (int64_t panel = w->first_panel; panel < w->end_panel; panel++) {
            bool last = panel + 1 == w->end_panel;
            int64_t next_point = point + last < POINTS ? point + last : point;
            multiply_panel(w, point, panel,
                           panel_weights(w->layer, last ? w->first_panel : panel + 1, next_point));
        }
}

/* ---- output ---------------------------------------------------------------------------------- */

INLINE void put(const judd_winograd_layer *l, float *at, VEC z) {
    if (l->stream)
        STREAM(at, z);
    else
        STORE(at, z);
}

/* The largest of every 2 x 2 of 4 x 4; outputs come in pairs. */
INLINE void put_pooled(const judd_winograd_layer *l, const VEC *z, float *d, int64_t rows,
                       int64_t columns) {
    int64_t row = l->out_w / 2 * WIDTH;
    UNROLL for (int j = 0; j < 2; j++) UNROLL for (int i = 0; i < 2; i++) {
        const VEC *first = z + 2 * j * MOST + 2 * i;
        VEC y = LARGER(LARGER(first[0], first[1]), LARGER(first[MOST], first[MOST + 1]));
        if (2 * i < rows && 2 * j < columns) put(l, d + i * row + j * WIDTH, y);
    }
}

/* One vector of channels of one tile; m: its first point, d: its first pixel in dst. The size of
 * the tile and whether it is pooled are constants in every use. */
INLINE void output_tile(const int tile, const bool pool, const judd_winograd_layer *l,
                        const float *m, int64_t channel, float *d, int64_t rows, int64_t columns) {
    const VEC least = SET(l->least), most = SET(l->most), bias = LOAD(l->bias + channel);
    const VEC keep = LOAD((const float *)(const void *)(l->keep + channel));
    int64_t row = l->out_w * WIDTH;
    VEC x[PATCH], y[MOST], half[MOST * PATCH], out[MOST * MOST];
    bool whole = pool || (rows >= tile && columns >= tile);
    UNROLL for (int i = 0; i < PATCH; i++) {
        UNROLL for (int j = 0; j < PATCH; j++, m += l->m_plane) x[j] = LOAD(m);
        transform_output(tile, x, y);
        UNROLL for (int j = 0; j < tile; j++) half[j * PATCH + i] = y[j];
    }
    UNROLL for (int j = 0; j < tile; j++) {
        transform_output(tile, half + j * PATCH, y);
        UNROLL for (int i = 0; i < tile; i++) {
            float *at = d + i * row + j * WIDTH;
            if (!whole && (i >= rows || j >= columns)) continue;
            VEC z = y[i] + bias;
            if (l->residual) z = z + LOAD(at);
            z = KEEP(CLAMP(z, least, most), keep);
            if (pool)
                out[j * MOST + i] = z;
            else
                put(l, at, z);
        }
    }
    if (pool) put_pooled(l, out, d, rows, columns);
}

static void output_stage(const judd_winograd_work *w) {
    const judd_winograd_layer *l = w->layer;
    int64_t step = l->pool ? 2 : 1, height = l->out_h / step, width = l->out_w / step;
    for (int64_t panel = w->first_panel; panel < w->end_panel; panel++) {
        int vectors = panel_vectors(l, panel);
        const float *m = w->m + (panel - w->first_panel) * l->block_tiles * 2 * WIDTH;
        for (int64_t tile = 0; tile < w->n_tiles; tile++) {
            place at = place_of_tile(l, w->first + tile);
            int64_t rows = l->out_h - at.y, columns = l->out_w - at.x;
            for (int h = 0; h < vectors; h++, m += WIDTH) {
                int64_t block = 2 * panel + h, image = at.image * l->out_blocks + block;
                float *d =
                    w->dst + (image * height * width + at.y / step * width + at.x / step) * WIDTH;
                if (l->pool)
                    output_tile(MOST, true, l, m, block * WIDTH, d, rows, columns);
                else if (l->tile == 2)
                    output_tile(2, false, l, m, block * WIDTH, d, rows, columns);
                else
                    output_tile(MOST, false, l, m, block * WIDTH, d, rows, columns);
            }
        }
    }
    if (l->stream) FENCE();
}
