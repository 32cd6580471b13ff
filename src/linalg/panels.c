#include <judd/linalg/panels.h>

#include <judd/base/clones.h>
#include <judd/base/integers.h>

#include "linalg/panels_kernel.h"

#include <stdlib.h>
#include <string.h>

enum { W = JUDD_PANELS_WIDTH, GENERIC_ROWS = 4 };

static void generic_tile(const judd_panels_tile *t) {
    for (int i = 0; i < t->rows; i++) {
        double *c = t->c + i * t->ldc;
        const double *a = t->a + i * t->row, *b = t->b;
        for (int64_t o = 0; o < t->n_outer; o++, a += t->outer_step)
            for (int64_t k = 0; k < t->n_inner; k++, b += W)
                for (int j = 0; j < W; j++) c[j] = __builtin_fma(a[k * t->inner_step], b[j], c[j]);
    }
}

const judd_panels_kernel *judd_panels_pick(void) {
    static const judd_panels_kernel generic = {.rows = GENERIC_ROWS, .tile = generic_tile};
    const char *wanted = getenv("JUDD_GEMM_ISA");
    int limit = !wanted || strcmp(wanted, "avx512") == 0 ? 2 : strcmp(wanted, "avx2") == 0;
#if defined(__x86_64__)
    if (limit >= 2 && __builtin_cpu_supports("avx512f")) return judd_panels_avx512();
    if (limit >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return judd_panels_avx2();
#endif
    (void)limit;
    return &generic;
}

int64_t judd_panels_round(int64_t n) {
    return (n + W - 1) / W * W;
}

JUDD_CLONES static void widen(double *restrict panels, const float *restrict x, int64_t rows,
                              int64_t columns) {
    int64_t n_full = columns / W;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t p = 0; p < n_full; p++)
            for (int j = 0; j < W; j++)
                panels[(p * rows + i) * W + j] = (double)x[i * columns + p * W + j];
}

void judd_panels_pack(double *panels, const float *x, int64_t rows, int64_t columns) {
    int64_t first = columns / W * W;
    widen(panels, x, rows, columns);
    for (int64_t i = 0; first < columns && i < rows; i++)
        for (int64_t j = 0; j < W; j++)
            panels[first * rows + i * W + j] =
                first + j < columns ? (double)x[i * columns + first + j] : 0.0;
}

void judd_panels_pack_wide(double *panels, const double *x, int64_t rows, int64_t columns) {
    for (int64_t p = 0; p * W < columns; p++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < W; j++)
                panels[(p * rows + i) * W + j] =
                    p * W + j < columns ? x[i * columns + p * W + j] : 0.0;
}

/* Panels of features at a time: their weights for 16 outputs stay in the first-level cache. */
enum { CHUNK = 8 };

static void forward_chunk(const judd_panels_kernel *kernel, double *c, int64_t ldc, const double *x,
                          int64_t m, int64_t n_panels, const double *w) {
    for (int64_t i = 0; i < m; i += kernel->rows)
        kernel->tile(&(judd_panels_tile){.c = c + i * ldc,
                                         .a = x + i * W,
                                         .b = w,
                                         .ldc = ldc,
                                         .row = W,
                                         .inner_step = 1,
                                         .outer_step = m * W,
                                         .n_inner = W,
                                         .n_outer = n_panels,
                                         .rows = (int)judd_least(m - i, kernel->rows)});
}

void judd_panels_forward(const judd_panels_kernel *kernel, double *c, int64_t ldc, const double *x,
                         int64_t m, int64_t n_panels, const double *w, int64_t n_outputs) {
    for (int64_t q = 0; q < n_panels; q += CHUNK)
        for (int64_t o = 0; o < n_outputs; o++)
            forward_chunk(kernel, c + o * W, ldc, x + q * m * W, m,
                          (int)judd_least(n_panels - q, CHUNK), w + (o * n_panels + q) * W * W);
}

/* Columns of p for one tile lie together: room [m][rows] from column c on. */
static void pack_columns(double *room, const double *p, int64_t ldp, int64_t m, int rows) {
    for (int64_t k = 0; k < m; k++)
        for (int i = 0; i < rows; i++) room[k * rows + i] = p[k * ldp + i];
}

void judd_panels_gradient(const judd_panels_kernel *kernel, double *g, int64_t ldg, const double *p,
                          int64_t ldp, int64_t m, int64_t n, const double *x, int64_t n_panels,
                          double *room) {
    for (int64_t c = 0; c < n; c += kernel->rows)
        pack_columns(room + c * m, p + c, ldp, m, (int)judd_least(n - c, kernel->rows));
    for (int64_t q = 0; q < n_panels; q++)
        for (int64_t c = 0; c < n; c += kernel->rows)
            kernel->tile(&(judd_panels_tile){.c = g + c * ldg + q * W,
                                             .a = room + c * m,
                                             .b = x + q * m * W,
                                             .ldc = ldg,
                                             .row = 1,
                                             .inner_step = (int)judd_least(n - c, kernel->rows),
                                             .outer_step = 0,
                                             .n_inner = m,
                                             .n_outer = 1,
                                             .rows = (int)judd_least(n - c, kernel->rows)});
}
