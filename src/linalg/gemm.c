/* Blocking and packing after Goto & van de Geijn 2008, "Anatomy of high-performance matrix
 * multiplication"; the block of k is JUDD_GEMM_K_BLOCK because the order of summation says so.
 *
 *   for a block of columns of b, for 256 k     pack b
 *     for a block of rows of a                 pack a: it stays in the second-level cache
 *       for panels of columns                  one of b stays in the first-level cache
 *         for panels of rows                   a tile of c
 *
 * What is in the right order and used only a few times is read where it is.
 */
#include <judd/linalg/gemm.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include "linalg/gemm_kernel.h"

#include <stdlib.h>
#include <string.h>

/* Panels of a in a block; columns of b in a block: 1 MiB at most, so that a is rarely packed twice;
 * most k at which panels of a, used by many tiles, are read in place; most panels of a that make
 * reading b in place cheaper than packing it; most panels of b that make reading rows of a in place
 * cheaper. */
enum { BLOCK_PANELS = 16, BLOCK_COLUMNS = 1024, DIRECT_K = 64, DIRECT_PANELS = 8, ROWS_PANELS = 4 };

/* Floats in a line of the cache; rows between asking for one and copying it. */
enum { LINE = 16, AHEAD = 4 };

struct judd_gemm {
    const judd_gemm_kernel *kernel;
    int64_t n_block; /* columns of b packed at a time; a multiple of kernel->columns */
    float *a;        /* packed: panel after panel, [k][rows of the panel] */
    float *b;        /* packed: panel after panel, [k][columns of the panel] */
};

typedef struct operand {
    judd_gemm_matrix in;
    const int64_t *rows; /* which ones; NULL: 0, 1, 2, ... */
} operand;

/* One block of c, k <= JUDD_GEMM_K_BLOCK. */
typedef struct block {
    int64_t m, n, k;
    operand a, b;
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

judd_status judd_gemm_create(judd_gemm **out) {
    judd_status status = JUDD_OK;
    judd_gemm *gemm = NULL;
    const char *isa = getenv("JUDD_GEMM_ISA");
    if (isa && strcmp(isa, "generic") != 0 && strcmp(isa, "avx2") != 0 &&
        strcmp(isa, "avx512") != 0)
        JUDD_FAIL(JUDD_E_USAGE, "JUDD_GEMM_ISA=%s: unknown; use generic, avx2 or avx512", isa);
    JUDD_TRY(judd_memory_alloc(&gemm, 1, sizeof *gemm));
    gemm->kernel = pick_kernel();
    gemm->n_block = BLOCK_COLUMNS / gemm->kernel->columns * gemm->kernel->columns;
    JUDD_TRY(judd_memory_alloc(&gemm->a, BLOCK_PANELS * gemm->kernel->rows,
                               JUDD_GEMM_K_BLOCK * sizeof(float)));
    JUDD_TRY(
        judd_memory_alloc(&gemm->b, gemm->n_block, (JUDD_GEMM_K_BLOCK + LINE) * sizeof(float)));
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

const judd_gemm_kernel *judd_gemm_kernel_of(const judd_gemm *gemm) {
    return gemm->kernel;
}

static const float *row_of(const operand *x, int64_t i) {
    return x->in.data + (x->rows ? x->rows[i] : i) * x->in.row_stride;
}

/* The operand without its first rows and columns. */
static operand part_of(operand x, int64_t row, int64_t column) {
    x.in.data += column * x.in.column_stride;
    if (x.rows)
        x.rows += row;
    else
        x.in.data += row * x.in.row_stride;
    return x;
}

/* Whether a column lies in one piece. */
static bool columns_lie(const operand *x) {
    return x->in.row_stride == 1 && !x->rows;
}

/* Rows i .. i + count of a: out[k * count + r] = a(i + r, k). */
static void pack_a(const judd_gemm *gemm, float *out, const block *x, int64_t i, int count) {
    const float *row[JUDD_GEMM_MOST_ROWS];
    int64_t step = x->a.in.column_stride;
    for (int r = 0; r < count; r++) row[r] = row_of(&x->a, i + r);
    if (step == 1) {
        for (int r = 0; r < count && i + count + r < x->m; r++) /* the next panel's */
            for (int64_t k = 0; k < x->k; k += LINE)
                __builtin_prefetch(row_of(&x->a, i + count + r) + k);
        gemm->kernel->transpose(out, count, row, count, x->k);
    } else if (columns_lie(&x->a)) {
        for (int64_t k = 0; k < x->k; k++, out += count)
            memcpy(out, row[0] + k * step, (size_t)count * sizeof *out);
    } else {
        for (int64_t k = 0; k < x->k; k++, out += count)
            for (int r = 0; r < count; r++) out[r] = row[r][k * step];
    }
}

/* Where the panel of b that begins at column j is packed. A line of space between panels, or the
 * same row of all of them would compete for the same place in the first-level cache. */
static float *b_panel(const judd_gemm *gemm, const block *x, int64_t j) {
    int64_t columns = gemm->kernel->columns;
    return gemm->b + (j - x->direct) / columns * (columns * x->k + LINE);
}

/* Columns that lie in one piece: out[k * count + c] = b(k, j + c). */
static void pack_b_columns(const judd_gemm *gemm, const block *x) {
    const float *column[JUDD_GEMM_MOST_COLUMNS];
    for (int64_t j = x->direct; j < x->n; j += gemm->kernel->columns) {
        int count = (int)judd_least(gemm->kernel->columns, x->n - j);
        for (int c = 0; c < count; c++) column[c] = x->b.in.data + (j + c) * x->b.in.column_stride;
        gemm->kernel->transpose(b_panel(gemm, x, j), count, column, count, x->k);
    }
}

/* Row by row, into all panels: rows may lie anywhere, so the next ones are asked for early. */
static void pack_b_rows(const judd_gemm *gemm, const block *x) {
    int64_t step = x->b.in.column_stride, columns = gemm->kernel->columns;
    for (int64_t k = 0; k < x->k; k++) {
        const float *row = row_of(&x->b, k),
                    *ahead = row_of(&x->b, judd_least(k + AHEAD, x->k - 1));
        for (int64_t j = x->direct; j < x->n; j += columns) {
            int count = (int)judd_least(columns, x->n - j);
            float *out = b_panel(gemm, x, j) + k * count;
            for (int c = 0; c < count; c += LINE) __builtin_prefetch(ahead + (j + c) * step);
            if (step == 1 && count % 8 == 0)
                for (int c = 0; c < count; c += 8) memcpy(out + c, row + j + c, 8 * sizeof *out);
            else
                for (int c = 0; c < count; c++) out[c] = row[(j + c) * step];
        }
    }
}

/* A panel of fewer columns than a tile's lies closer together; tiles read past its rows' ends. */
static void pack_b(const judd_gemm *gemm, const block *x) {
    if (x->direct == x->n) return;
    if (columns_lie(&x->b))
        pack_b_columns(gemm, x);
    else
        pack_b_rows(gemm, x);
}

/* A panel of a for the tiles: in place when that is cheaper than a copy. */
typedef struct panel {
    int64_t i;
    int n;
    const float *a, *rows[JUDD_GEMM_MOST_ROWS], *next[JUDD_GEMM_MOST_ROWS];
    int64_t stride;
    bool in_rows;
} panel;

/* Whether rows of a are used by few tiles, and are read where they are. */
static bool reads_rows(const judd_gemm *gemm, const block *x) {
    bool narrow = x->n <= ROWS_PANELS * gemm->kernel->columns && x->direct == 0;
    return narrow && x->a.in.column_stride == 1 && gemm->kernel->rows_in_place > 0;
}

static void place_a(const judd_gemm *gemm, const block *x, float *buffer, panel *p) {
    p->in_rows = reads_rows(gemm, x);
    if (p->in_rows) {
        for (int r = 0; r < p->n; r++) {
            p->rows[r] = row_of(&x->a, p->i + r);
            p->next[r] = row_of(&x->a, judd_least(p->i + p->n + r, x->m - 1));
        }
    } else if (columns_lie(&x->a) && x->k <= DIRECT_K) {
        p->a = x->a.in.data + p->i;
        p->stride = x->a.in.column_stride;
    } else {
        pack_a(gemm, buffer, x, p->i, p->n);
        p->a = buffer;
        p->stride = p->n;
    }
}

/* All tiles of some panels of a. b_rows: where the rows of b are, for columns read in place. */
static void multiply_panels(const judd_gemm *gemm, const block *x, const panel *panels, int n,
                            const float *const *b_rows) {
    judd_gemm_tile t = {.ldc = x->ldc, .k = x->k, .accumulate = x->accumulate};
    for (int64_t j = 0; j < x->n; j += gemm->kernel->columns) {
        t.columns = (int)judd_least(gemm->kernel->columns, x->n - j);
        t.b_rows = j < x->direct ? b_rows : NULL;
        t.b = j < x->direct ? NULL : b_panel(gemm, x, j);
        t.b_stride = t.columns;
        t.b_column = j;
        for (const panel *p = panels; p < panels + n; p++) {
            t.rows = p->n;
            t.a = p->a;
            t.a_stride = p->stride;
            t.a_rows = p->in_rows ? p->rows : NULL;
            t.a_next = p->in_rows ? p->next : NULL;
            t.c = x->c + p->i * x->ldc + j;
            gemm->kernel->tile(&t);
        }
    }
}

static void multiply_block(const judd_gemm *gemm, const block *x) {
    const int64_t most = reads_rows(gemm, x) ? gemm->kernel->rows_in_place : gemm->kernel->rows;
    const int64_t n_panels = judd_pieces(x->m, most);
    const float *b_rows[JUDD_GEMM_K_BLOCK];
    panel panels[BLOCK_PANELS];
    pack_b(gemm, x);
    for (int64_t k = 0; x->direct > 0 && k < x->k; k++) b_rows[k] = row_of(&x->b, k);
    int64_t step = x->k > DIRECT_K ? BLOCK_PANELS : 1; /* short sums: c row by row is what counts */
    for (int64_t first = 0; first < n_panels; first += step) {
        int n = (int)judd_least(step, n_panels - first);
        for (int p = 0; p < n; p++) {
            int64_t i = judd_part_begin(x->m, n_panels, first + p);
            panels[p].i = i;
            panels[p].n = (int)(judd_part_begin(x->m, n_panels, first + p + 1) - i);
            place_a(gemm, x, gemm->a + p * most * x->k, &panels[p]);
        }
        multiply_panels(gemm, x, panels, n, b_rows);
    }
}

judd_status judd_gemm_multiply(judd_gemm *gemm, int64_t m, int64_t n, int64_t k, judd_gemm_matrix a,
                               judd_gemm_matrix b, float *c, int64_t ldc, bool accumulate) {
    return judd_gemm_multiply_rows(gemm, m, n, k, a, NULL, b, NULL, c, ldc, accumulate);
}

judd_status judd_gemm_multiply_rows(judd_gemm *gemm, int64_t m, int64_t n, int64_t k,
                                    judd_gemm_matrix a, const int64_t *a_rows, judd_gemm_matrix b,
                                    const int64_t *b_rows, float *c, int64_t ldc, bool accumulate) {
    if (m < 0 || n < 0 || k < 0 || ldc < n)
        return judd_status_set(JUDD_E_INTERNAL,
                               "gemm: m %lld, n %lld, k %lld, ldc %lld; need >= 0 and ldc >= n",
                               (long long)m, (long long)n, (long long)k, (long long)ldc);
    if (m == 0) return JUDD_OK; /* a rank without samples: nothing to pack b for either */
    if (k == 0 && !accumulate)
        for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof *c);
    int64_t columns = gemm->kernel->columns;
    bool direct = b.column_stride == 1 && m <= DIRECT_PANELS * gemm->kernel->rows;
    for (int64_t j = 0; j < n; j += gemm->n_block)
        for (int64_t l = 0; l < k; l += JUDD_GEMM_K_BLOCK) {
            block x = {.m = m,
                       .n = judd_least(gemm->n_block, n - j),
                       .k = judd_least(JUDD_GEMM_K_BLOCK, k - l),
                       .a = part_of((operand){a, a_rows}, 0, l),
                       .b = part_of((operand){b, b_rows}, l, j),
                       .c = c + j,
                       .ldc = ldc,
                       .accumulate = accumulate || l > 0};
            x.direct = direct ? x.n / columns * columns : 0; /* a part vector could read past b */
            multiply_block(gemm, &x);
        }
    return JUDD_OK;
}
