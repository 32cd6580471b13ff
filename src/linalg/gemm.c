/* Blocking and packing after Goto & van de Geijn 2008, "Anatomy of high-performance matrix
 * multiplication"; the block of k is JUDD_GEMM_K_BLOCK because the order of summation says so.
 *
 *   for a block of columns of b, for 256 k     pack b: it stays in the second-level cache
 *     for a panel of rows of a                 pack a: it stays in the first-level cache
 *       for panels of columns                  a tile of c
 *
 * What is in the right order and used only a few times is read where it is.
 */
#include <judd/linalg/gemm.h>

#include <judd/base/memory.h>

#include "linalg/gemm_kernel.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Most k at which a panel of a, used by many tiles, is read in place; most panels of a that make
 * reading b in place cheaper than packing it. */
enum { DIRECT_K = 64, DIRECT_PANELS = 8 };

struct judd_gemm {
    const judd_gemm_kernel *kernel;
    int64_t n_block; /* columns of b packed at a time; a multiple of kernel->columns */
    float *a;        /* packed: one panel, [k][rows] */
    float *b;        /* packed: panel after panel, [k][kernel->columns] */
};

/* One block of c, k <= JUDD_GEMM_K_BLOCK. */
typedef struct block {
    int64_t m, n, k;
    judd_gemm_matrix a, b;
    float *c;
    int64_t ldc;
    bool accumulate;
    int64_t direct; /* columns of b before this one are read in place, the others from the buffer */
} block;

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

/* Half the second-level cache for b. */
static int64_t pick_n_block(const judd_gemm_kernel *kernel) {
    long cache = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
    cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    int64_t n = cache > 0 ? cache / 2 / (JUDD_GEMM_K_BLOCK * (int64_t)sizeof(float)) : 256;
    n = n < 192 ? 192 : n > 1024 ? 1024 : n;
    return n / kernel->columns * kernel->columns;
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
    gemm->n_block = pick_n_block(gemm->kernel);
    JUDD_TRY(judd_memory_alloc(&gemm->a, gemm->kernel->rows, JUDD_GEMM_K_BLOCK * sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&gemm->b, gemm->n_block, JUDD_GEMM_K_BLOCK * sizeof(float)));
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

static void pack_b(const judd_gemm *gemm, const block *x) {
    int width = gemm->kernel->columns;
    for (int64_t j = x->direct; j < x->n; j += width)
        pack_panel(gemm->kernel, gemm->b + (j - x->direct) * x->k, width,
                   x->b.data + j * x->b.column_stride, x->b.column_stride, x->b.row_stride,
                   (int)least(width, x->n - j), x->k);
}

/* Rows i .. i + t->rows of a for the tiles. */
static void place_a(const judd_gemm *gemm, const block *x, int64_t i, judd_gemm_tile *t) {
    const float *a = x->a.data + i * x->a.row_stride;
    bool direct = x->a.row_stride == 1 && x->k <= DIRECT_K;
    t->a = direct ? a : gemm->a;
    t->a_stride = direct ? x->a.column_stride : t->rows;
    if (!direct)
        pack_panel(gemm->kernel, gemm->a, t->rows, a, x->a.row_stride, x->a.column_stride, t->rows,
                   x->k);
}

static void multiply_block(const judd_gemm *gemm, const block *x) {
    const judd_gemm_kernel *kernel = gemm->kernel;
    judd_gemm_tile t = {.ldc = x->ldc, .k = x->k, .accumulate = x->accumulate};
    int64_t panels = (x->m + kernel->rows - 1) / kernel->rows;
    pack_b(gemm, x);
    for (int64_t p = 0; p < panels; p++) {
        int64_t i = panel_start(x->m, panels, p);
        t.rows = (int)(panel_start(x->m, panels, p + 1) - i);
        place_a(gemm, x, i, &t);
        for (int64_t j = 0; j < x->n; j += kernel->columns) {
            bool direct = j < x->direct;
            t.columns = (int)least(kernel->columns, x->n - j);
            t.b = direct ? x->b.data + j : gemm->b + (j - x->direct) * x->k;
            t.b_stride = direct ? x->b.row_stride : kernel->columns;
            t.c = x->c + i * x->ldc + j;
            kernel->tile(&t);
        }
    }
}

judd_status judd_gemm_multiply(judd_gemm *gemm, int64_t m, int64_t n, int64_t k, judd_gemm_matrix a,
                               judd_gemm_matrix b, float *c, int64_t ldc, bool accumulate) {
    if (m < 0 || n < 0 || k < 0 || ldc < n)
        return judd_status_set(JUDD_E_INTERNAL,
                               "gemm: m %lld, n %lld, k %lld, ldc %lld; need >= 0 and ldc >= n",
                               (long long)m, (long long)n, (long long)k, (long long)ldc);
    if (k == 0 && !accumulate)
        for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    int64_t columns = gemm->kernel->columns;
    bool direct = b.column_stride == 1 && m <= DIRECT_PANELS * gemm->kernel->rows;
    for (int64_t j = 0; j < n; j += gemm->n_block)
        for (int64_t l = 0; l < k; l += JUDD_GEMM_K_BLOCK) {
            block x = {.m = m,
                       .n = least(gemm->n_block, n - j),
                       .k = least(JUDD_GEMM_K_BLOCK, k - l),
                       .a = a,
                       .b = b,
                       .c = c + j,
                       .ldc = ldc,
                       .accumulate = accumulate || l > 0};
            x.direct = direct ? x.n / columns * columns : 0; /* a part vector could read past b */
            x.a.data += l * a.column_stride;
            x.b.data += l * b.row_stride + j * b.column_stride;
            multiply_block(gemm, &x);
        }
    return JUDD_OK;
}
