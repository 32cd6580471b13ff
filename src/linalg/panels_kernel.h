/** What panels.c asks of an instruction set: one tile of outputs, 16 columns wide. */
#ifndef JUDD_SRC_LINALG_PANELS_KERNEL_H
#define JUDD_SRC_LINALG_PANELS_KERNEL_H

#include <judd/linalg/panels.h>

/** c[i, 0..16) = fma chain over outer, then inner k of a(i, k) b[k, 0..16), for i < rows:
 *  a(i, k) is a[i * row + outer * outer_step + inner * inner_step], b is contiguous. */
typedef struct judd_panels_tile {
    double *c;
    const double *a, *b;
    int64_t ldc, row, inner_step, outer_step;
    int64_t n_inner, n_outer;
    int rows; /* 1 .. kernel->rows */
} judd_panels_tile;

struct judd_panels_kernel {
    int rows; /* the most a tile has */
    void (*tile)(const judd_panels_tile *tile);
};

/** NULL where the compiler's target has no such instructions. */
const judd_panels_kernel *judd_panels_avx2(void);
const judd_panels_kernel *judd_panels_avx512(void);

#endif
