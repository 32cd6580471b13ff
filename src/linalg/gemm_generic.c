#include "linalg/gemm_kernel.h"

#include <math.h>

enum { ROWS = 4, COLUMNS = 16 };

/* Fixed bounds, so that a compiler whose target has fused multiply-add makes vectors of it; on
 * others fmaf is a call, slow but with the same bits. */
static void tile_run(const judd_gemm_tile *t) {
    float sum[ROWS][COLUMNS] = {{0}};
    for (int64_t k = 0; k < t->k; k++) {
        const float *b = t->b_rows ? t->b_rows[k] + t->b_column : t->b + k * t->b_stride;
        for (int i = 0; i < t->rows; i++) {
            float a = t->a_rows ? t->a_rows[i][k] : t->a[k * t->a_stride + i];
            for (int j = 0; j < COLUMNS; j++) sum[i][j] = __builtin_fmaf(a, b[j], sum[i][j]);
        }
    }
    for (int i = 0; i < t->rows; i++)
        for (int j = 0; j < t->columns; j++) {
            float *c = t->c + i * t->ldc + j;
            float y = (t->accumulate ? *c : 0.0f) + sum[i][j];
            *c = isnan(y) ? __builtin_nanf("") : y;
        }
}

static void transpose(float *out, int64_t out_stride, const float *const *in, int rows,
                      int64_t depth) {
    for (int64_t k = 0; k < depth; k++)
        for (int i = 0; i < rows; i++) out[k * out_stride + i] = in[i][k];
}

const judd_gemm_kernel *judd_gemm_generic(void) {
    static const judd_gemm_kernel kernel = {.isa = "generic",
                                            .rows = ROWS,
                                            .columns = COLUMNS,
                                            .rows_in_place = ROWS,
                                            .tile = tile_run,
                                            .transpose = transpose};
    return &kernel;
}
