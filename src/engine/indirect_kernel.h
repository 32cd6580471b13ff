/** What indirect.c asks of an instruction set: the product of a few rows, given by pointers, with a
 *  panel of packed weights.
 *
 *    sum[r][c] = sum over i < k, ascending, of rows[r][offset[i]] * weights[i][c]
 *
 *  One chain of fused multiply-adds per output: groups, blocks and instruction sets change no bit.
 */
#ifndef JUDD_SRC_ENGINE_INDIRECT_KERNEL_H
#define JUDD_SRC_ENGINE_INDIRECT_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    JUDD_INDIRECT_ROWS = 6, /* 12 sums, 2 vectors of weights, 2 broadcasts: 16 registers */
    JUDD_INDIRECT_RUN = 8
};

typedef struct judd_indirect_tile {
    int64_t k;
    const int32_t *offset;    /* [k] floats from a row's pointer */
    bool runs;                /* offsets count up by one in every JUDD_INDIRECT_RUN */
    const float *weights;     /* [k][vectors][W] */
    const float *const *rows; /* [n_rows] */
    float *sums;              /* [n_rows][vectors][W]: of the k before, and after a tile to go on */
    bool begin, end;          /* of all k */
    bool direct; /* at the end: bias, residual and clamp into out; else bias only, into sums */
    float *const *out;    /* [n_rows] */
    int64_t panel_step;   /* floats in out from a row's pointer to this panel */
    int64_t vector_step;  /* floats in out from a vector of columns to the next */
    const float *bias;    /* [vectors][W] */
    const uint32_t *keep; /* [vectors][W] all ones; zeros behind the last column */
    float least, most;
    bool residual; /* add what out holds, before the clamp */
} judd_indirect_tile;

/* A product that several outputs share (strassen.h): first += z, second += sign z, where z is a few
 * rows times a panel of two vectors. */
typedef struct judd_indirect_share {
    int64_t k, row;        /* k: a multiple of JUDD_INDIRECT_RUN; row: floats to the next */
    const float *rows;     /* [n_rows], k numbers each */
    const float *weights;  /* [k][2][W] */
    float *first, *second; /* [n_rows][2][W]; second may be NULL */
    float sign;            /* 1 or -1 */
    const float *next[2];  /* a sixteenth of a panel from here on is fetched meanwhile */
} judd_indirect_share;

typedef struct judd_indirect_kernel {
    const char *isa;
    int width; /* W */
    /* [n_rows - 1][vectors - 1] */
    void (*const (*multiply)[2])(const judd_indirect_tile *tile);
    void (*const *share)(const judd_indirect_share *share); /* [n_rows - 1] */
} judd_indirect_kernel;

/** The tables; NULL where the compiler's target has no such instructions. */
const judd_indirect_kernel *judd_indirect_generic(void);
const judd_indirect_kernel *judd_indirect_avx2(void);
const judd_indirect_kernel *judd_indirect_avx512(void);

#endif
