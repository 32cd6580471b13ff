#include <judd/linalg/gram.h>

#include <judd/base/memory.h>

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

/* Of a panel, unless a block for each grid column is more; tests set it lower. */
#ifndef PANEL_BYTES
#define PANEL_BYTES ((int64_t)32 << 20)
#endif

enum {
    ROWS = 256, /* converted at a time: one product's depth */
    WIDTH = 256 /* columns of a panel at least: the cost of converting is spread over them */
};

typedef struct product {
    judd_block_cyclic *out;
    const judd_gram_source *a, *b; /* b NULL: a again, and only the lower triangle counts */
    int64_t width;                 /* columns of a panel: whole blocks for every grid column */
    double *rows_a, *rows_b;       /* [ROWS, dim]; rows_b may be rows_a */
    double *panel;                 /* [width][rows from the panel's first one on] */
    double *packed, *own;          /* the same, rank after rank; this rank's share */
    int *counts;                   /* [size] */
} product;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* panel = this rank's rows' part of columns j .. j + n, rows i .. end. */
static void multiply_panel(product *p, int64_t i, int64_t j, int64_t n) {
    int64_t height = p->out->rows - i, dim_a = p->a->dim, dim_b = p->out->columns;
    memset(p->panel, 0, (size_t)(n * height) * sizeof *p->panel);
    for (int64_t first = 0; first < p->a->n_local; first += ROWS) {
        int64_t rows = smaller(ROWS, p->a->n_local - first);
        p->a->fill(p->a->context, p->rows_a, first, rows);
        if (p->b) p->b->fill(p->b->context, p->rows_b, first, rows);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)n, (int)height, (int)rows, 1.0,
                    p->rows_b + j, (int)dim_b, p->rows_a + i, (int)dim_a, 1.0, p->panel,
                    (int)height);
    }
}

static void pack_panel(product *p, int64_t i, int64_t j, int64_t n) {
    const judd_block_cyclic *m = p->out;
    const judd_block_cyclic_grid *g = m->grid;
    double *to = p->packed;
    for (int rank = 0; rank < g->comm->size; rank++) {
        const double *start = to;
        int row = rank / g->n_columns, column = rank % g->n_columns;
        int64_t rows = judd_block_cyclic_count(m->rows, m->block, row, g->n_rows);
        int64_t end = judd_block_cyclic_count(j + n, m->block, column, g->n_columns);
        for (int64_t l = judd_block_cyclic_count(j, m->block, column, g->n_columns); l < end; l++) {
            int64_t c = judd_block_cyclic_to_global(l, m->block, column, g->n_columns) - j;
            int64_t k = judd_block_cyclic_count(i, m->block, row, g->n_rows);
            for (int64_t step; k < rows; k += step) {
                step = smaller(m->block - k % m->block, rows - k);
                int64_t from = judd_block_cyclic_to_global(k, m->block, row, g->n_rows) - i;
                memcpy(to, p->panel + c * (m->rows - i) + from, (size_t)step * sizeof *to);
                to += step;
            }
        }
        p->counts[rank] = (int)(to - start);
    }
}

static void add_own(product *p, int64_t i, int64_t j, int64_t n) {
    judd_block_cyclic *m = p->out;
    const judd_block_cyclic_grid *g = m->grid;
    const double *from = p->own;
    int64_t end = judd_block_cyclic_count(j + n, m->block, g->column, g->n_columns);
    int64_t first = judd_block_cyclic_count(i, m->block, g->row, g->n_rows);
    for (int64_t l = judd_block_cyclic_count(j, m->block, g->column, g->n_columns); l < end; l++)
        for (int64_t k = first; k < m->local_rows; k++) m->data[l * m->ld + k] += *from++;
}

static judd_status allocate_panels(product *p) {
    judd_status status = JUDD_OK;
    const judd_block_cyclic *m = p->out;
    int64_t unit = m->block * m->grid->n_columns, size = sizeof(double);
    if (m->rows != p->a->dim || m->columns != (p->b ? p->b->dim : p->a->dim))
        JUDD_FAIL(JUDD_E_INTERNAL, "gram: %lld x %lld does not fit the rows", (long long)m->rows,
                  (long long)m->columns);
    int64_t width = smaller(WIDTH, PANEL_BYTES / (m->rows * size));
    p->width = width < unit ? unit : width / unit * unit;
    JUDD_TRY(judd_memory_alloc(&p->rows_a, ROWS * p->a->dim, sizeof(double)));
    p->rows_b = p->rows_a;
    if (p->b) p->rows_b = NULL;
    if (p->b) JUDD_TRY(judd_memory_alloc(&p->rows_b, ROWS * p->b->dim, sizeof(double)));
    int64_t most = smaller(p->width, m->columns);
    JUDD_TRY(judd_memory_alloc(&p->panel, most * m->rows, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->packed, most * m->rows, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->own, most * (m->local_rows + 1), sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->counts, m->grid->comm->size, sizeof(int)));
done:
    return status;
}

static judd_status accumulate(judd_block_cyclic *out, const judd_gram_source *a,
                              const judd_gram_source *b) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = out->grid->comm;
    product p = {.out = out, .a = a, .b = b};
    JUDD_TRY(judd_comm_agree(comm, allocate_panels(&p)));
    for (int64_t j = 0; j < out->columns; j += p.width) {
        int64_t n = smaller(p.width, out->columns - j), i = b ? 0 : j;
        multiply_panel(&p, i, j, n);
        pack_panel(&p, i, j, n);
        JUDD_TRY(judd_comm_check(
            MPI_Reduce_scatter(p.packed, p.own, p.counts, MPI_DOUBLE, MPI_SUM, comm->mpi),
            "MPI_Reduce_scatter"));
        add_own(&p, i, j, n);
    }
done:
    if (p.rows_b != p.rows_a) free(p.rows_b);
    free(p.rows_a);
    free(p.panel);
    free(p.packed);
    free(p.own);
    free(p.counts);
    return status;
}

judd_status judd_gram_add(judd_block_cyclic *out, const judd_gram_source *a) {
    return accumulate(out, a, NULL);
}

judd_status judd_gram_add_cross(judd_block_cyclic *out, const judd_gram_source *a,
                                const judd_gram_source *b) {
    return accumulate(out, a, b);
}
