/* Blocking and packing after Goto & van de Geijn 2008, "Anatomy of high-performance matrix
 * multiplication"; the block of k is JUDD_GEMM_K_BLOCK because the order of summation says so.
 *
 *   for n_block columns of b            (packed b: n_block x 256 floats)
 *     for 256 k                         pack b
 *       for m_block rows of a           pack a (m_block x 256 floats)
 *         for columns, for rows         tile of c
 */
#include <judd/linalg/gemm.h>

#include <judd/base/memory.h>

#include "linalg/gemm_kernel.h"

#include <stdlib.h>
#include <string.h>

struct judd_gemm {
    const judd_gemm_kernel *kernel;
    float *a, *b; /* packing buffers for one block each */
};

/* One block of an operand, as the tiles read it: panel p's element (i, k) is
 * data[offset of the panel + k * stride + i]. */
typedef struct operand {
    const float *data;
    int64_t stride; /* 0: packed, panels one after the other */
} operand;

static const judd_gemm_kernel *pick_kernel(void) {
    const char *wanted = getenv("JUDD_GEMM_ISA");
    int limit = !wanted || strcmp(wanted, "avx512") == 0 ? 2 : strcmp(wanted, "avx2") == 0;
#if defined(__x86_64__)
    if (limit >= 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("fma"))
        return judd_gemm_avx512();
    if (limit >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return judd_gemm_avx2();
#endif
    (void)limit;
    return judd_gemm_generic();
}

judd_status judd_gemm_create(judd_gemm **out) {
    judd_status status = JUDD_OK;
    judd_gemm *gemm = NULL;
    const char *isa = getenv("JUDD_GEMM_ISA");
    if (isa && strcmp(isa, "generic") != 0 && strcmp(isa, "avx2") != 0 &&
        strcmp(isa, "avx512") != 0)
        JUDD_FAIL(JUDD_E_USAGE, "JUDD_GEMM_ISA=%s: unknown; use generic, avx2 or avx512", isa);
    JUDD_TRY(judd_memory_alloc(&gemm, 1, sizeof *gemm));
    gemm->kernel = pick_kernel();
    JUDD_TRY(judd_memory_alloc(&gemm->a, gemm->kernel->m_block, JUDD_GEMM_K_BLOCK * sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&gemm->b, gemm->kernel->n_block, JUDD_GEMM_K_BLOCK * sizeof(float)));
    *out = gemm;
    gemm = NULL;
done:
    judd_gemm_destroy(gemm);
    return status;
}

void judd_gemm_destroy(judd_gemm *gemm) {
    if (!gemm) return;
    free(gemm->a);
    free(gemm->b);
    free(gemm);
}

const char *judd_gemm_isa(const judd_gemm *gemm) {
    return gemm->kernel->isa;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* First row of panel p when m rows make n panels as even as possible: full and half-empty
 * panels would cost the same. */
static int64_t panel_start(int64_t m, int64_t n, int64_t p) {
    return m / n * p + least(p, m % n);
}

/* out[k * width + i] = x(i, k) for i < count, k < depth; zeros up to width. x(i, k) is
 * x[i * step + k * k_step]. */
static void pack_panel(const judd_gemm_kernel *kernel, float *out, int width, const float *x,
                       int64_t step, int64_t k_step, int count, int64_t depth) {
    if (count < width) memset(out, 0, (size_t)(depth * width) * sizeof *out);
    if (k_step == 1) {
        kernel->transpose(out, width, x, step, count, depth);
    } else if (step == 1) {
        for (int64_t k = 0; k < depth; k++, out += width, x += k_step)
            memcpy(out, x, (size_t)count * sizeof *out);
    } else {
        for (int64_t k = 0; k < depth; k++, out += width, x += k_step)
            for (int i = 0; i < count; i++) out[i] = x[i * step];
    }
}

static operand pack_a(const judd_gemm *gemm, judd_gemm_matrix a, int64_t m, int64_t depth) {
    if (a.row_stride == 1 && depth <= 64) return (operand){a.data, a.column_stride};
    int64_t panels = (m + gemm->kernel->rows - 1) / gemm->kernel->rows;
    for (int64_t p = 0; p < panels; p++) {
        int64_t i = panel_start(m, panels, p), rows = panel_start(m, panels, p + 1) - i;
        pack_panel(gemm->kernel, gemm->a + i * depth, (int)rows, a.data + i * a.row_stride,
                   a.row_stride, a.column_stride, (int)rows, depth);
    }
    return (operand){gemm->a, 0};
}

static void pack_b(const judd_gemm *gemm, judd_gemm_matrix b, int64_t n, int64_t depth) {
    int width = gemm->kernel->columns;
    for (int64_t j = 0; j < n; j += width)
        pack_panel(gemm->kernel, gemm->b + j * depth, width, b.data + j * b.column_stride,
                   b.column_stride, b.row_stride, (int)least(width, n - j), depth);
}

/* c block [m, n] from packed a and b */
static void block(const judd_gemm *gemm, int64_t m, int64_t n, int64_t depth, operand a, operand b,
                  float *c, int64_t ldc, bool accumulate) {
    const judd_gemm_kernel *kernel = gemm->kernel;
    int64_t panels = (m + kernel->rows - 1) / kernel->rows;
    judd_gemm_tile t = {.ldc = ldc, .k = depth, .accumulate = accumulate};
    for (int64_t j = 0; j < n; j += kernel->columns) {
        t.columns = (int)least(kernel->columns, n - j);
        t.b = b.data + (b.stride ? j : j * depth);
        t.b_stride = b.stride ? b.stride : kernel->columns;
        for (int64_t p = 0; p < panels; p++) {
            int64_t i = panel_start(m, panels, p);
            t.rows = (int)(panel_start(m, panels, p + 1) - i);
            t.a = a.data + (a.stride ? i : i * depth);
            t.a_stride = a.stride ? a.stride : t.rows;
            t.c = c + i * ldc + j;
            kernel->tile(&t);
        }
    }
}

judd_status judd_gemm_multiply(judd_gemm *gemm, int64_t m, int64_t n, int64_t k, judd_gemm_matrix a,
                               judd_gemm_matrix b, float *c, int64_t ldc, bool accumulate) {
    if (m < 0 || n < 0 || k < 0 || ldc < n)
        return judd_status_set(JUDD_E_INTERNAL,
                               "gemm: m %lld, n %lld, k %lld, ldc %lld; need >= 0, ldc >= n",
                               (long long)m, (long long)n, (long long)k, (long long)ldc);
    if (k == 0 && !accumulate)
        for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    const judd_gemm_kernel *kernel = gemm->kernel;
    for (int64_t j = 0; j < n; j += kernel->n_block)
        for (int64_t l = 0; l < k; l += JUDD_GEMM_K_BLOCK) {
            int64_t columns = least(kernel->n_block, n - j);
            int64_t depth = least(JUDD_GEMM_K_BLOCK, k - l);
            judd_gemm_matrix bb = b;
            bb.data += l * b.row_stride + j * b.column_stride;
            pack_b(gemm, bb, columns, depth);
            for (int64_t i = 0; i < m; i += kernel->m_block) {
                int64_t rows = least(kernel->m_block, m - i);
                judd_gemm_matrix aa = a;
                aa.data += i * a.row_stride + l * a.column_stride;
                operand pa = pack_a(gemm, aa, rows, depth);
                block(gemm, rows, columns, depth, pa, (operand){gemm->b, 0}, c + i * ldc + j, ldc,
                      accumulate || l > 0);
            }
        }
    return JUDD_OK;
}
