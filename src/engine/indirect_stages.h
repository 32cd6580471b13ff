/* The products of indirect_kernel.h, written once for all instruction sets; the file that includes
 * this has included a vector_*.h. */
#include "engine/indirect_kernel.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

INLINE void finish(const judd_indirect_tile *t, const int rows, const int vectors,
                   VEC sum[JUDD_INDIRECT_ROWS][2]) {
    const VEC least = SET(t->least), most = SET(t->most);
    UNROLL for (int h = 0; h < vectors; h++) {
        const VEC bias = LOAD(t->bias + h * WIDTH);
        const VEC keep = LOAD((const float *)(const void *)(t->keep + h * WIDTH));
        UNROLL for (int r = 0; r < rows; r++) {
            VEC z = sum[r][h] + bias;
            float *at = t->direct ? t->out[r] + t->panel_step + h * t->vector_step
                                  : t->sums + (r * vectors + h) * WIDTH;
            if (t->direct) {
                if (t->residual) z = z + LOAD(at);
                z = KEEP(CLAMP(z, least, most), keep);
            }
            STORE(at, z);
        }
    }
}

/* sum += rows[at] weights for one term */
INLINE void add_term(const int rows, const int vectors, VEC sum[JUDD_INDIRECT_ROWS][2],
                     const float *const *row, int64_t at, const float *weights) {
    VEC y[2];
    UNROLL for (int h = 0; h < vectors; h++) y[h] = LOAD(weights + h * WIDTH);
    UNROLL for (int r = 0; r < rows; r++) {
        VEC x = SET(row[r][at]);
        UNROLL for (int h = 0; h < vectors; h++) ACCUMULATE(sum[r][h], x, y[h]);
    }
}

/* rows and vectors are constants in every use, so that the sums stay in registers. */
INLINE void multiply(const judd_indirect_tile *t, const int rows, const int vectors) {
    VEC sum[JUDD_INDIRECT_ROWS][2];
    const float *row[JUDD_INDIRECT_ROWS];
    const float *weights = t->weights;
    const int32_t *offset = t->offset, *stop = offset + t->k;
    UNROLL for (int r = 0; r < rows; r++) {
        row[r] = t->rows[r];
        UNROLL for (int h = 0; h < vectors; h++) sum[r][h] =
            t->begin ? SET(0.0f) : LOAD(t->sums + (r * vectors + h) * WIDTH);
    }
    if (t->runs)
        for (; offset + JUDD_INDIRECT_RUN <= stop; offset += JUDD_INDIRECT_RUN) {
            int64_t at = *offset;
            UNROLL for (int i = 0; i < JUDD_INDIRECT_RUN; i++)
                add_term(rows, vectors, sum, row, at + i, weights + i * vectors * WIDTH);
            weights += JUDD_INDIRECT_RUN * vectors * WIDTH;
        }
    for (; offset < stop; offset++, weights += vectors * WIDTH)
        add_term(rows, vectors, sum, row, *offset, weights);
    if (t->end) {
        finish(t, rows, vectors, sum);
        return;
    }
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int h = 0; h < vectors; h++)
        STORE(t->sums + (r * vectors + h) * WIDTH, sum[r][h]);
}

#define MULTIPLY(rows, vectors)                                                                    \
    static void multiply_##rows##_##vectors(const judd_indirect_tile *t) {                         \
        multiply(t, rows, vectors);                                                                \
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

static void (*const multiplications[JUDD_INDIRECT_ROWS][2])(const judd_indirect_tile *) = {
    PAIR(1), PAIR(2), PAIR(3), PAIR(4), PAIR(5), PAIR(6)};

/* ---- shared products ------------------------------------------------------------------------- */

INLINE void share(const judd_indirect_share *t, const int rows) {
    VEC sum[JUDD_INDIRECT_ROWS][2];
    const float *row[JUDD_INDIRECT_ROWS];
    const float *weights = t->weights;
    UNROLL for (int r = 0; r < rows; r++) {
        row[r] = t->rows + r * t->row;
        sum[r][0] = sum[r][1] = SET(0.0f);
    }
    for (int64_t k = 0; k < t->k; k += JUDD_INDIRECT_RUN) {
        UNROLL for (int i = 0; i < 2; i++)
            __builtin_prefetch(t->next[i] + k * 2 * WIDTH / 16, 0, 2);
        UNROLL for (int i = 0; i < JUDD_INDIRECT_RUN; i++)
            add_term(rows, 2, sum, row, k + i, weights + i * 2 * WIDTH);
        weights += JUDD_INDIRECT_RUN * 2 * WIDTH;
    }
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int h = 0; h < 2; h++) {
        float *to = t->first + (r * 2 + h) * WIDTH;
        STORE(to, LOAD(to) + sum[r][h]);
    }
    if (!t->second) return;
    const VEC sign = SET(t->sign);
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int h = 0; h < 2; h++) {
        float *to = t->second + (r * 2 + h) * WIDTH;
        STORE(to, LOAD(to) + sign * sum[r][h]);
    }
}

#define SHARE(rows)                                                                                \
    static void share_##rows(const judd_indirect_share *t) {                                       \
        share(t, rows);                                                                            \
    }

SHARE(1)
SHARE(2)
SHARE(3)
SHARE(4)
SHARE(5)
SHARE(6)

static void (*const shares[JUDD_INDIRECT_ROWS])(const judd_indirect_share *) = {
    share_1, share_2, share_3, share_4, share_5, share_6};
