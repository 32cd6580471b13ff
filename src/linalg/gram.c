#include <judd/linalg/gram.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/comm/watchdog.h>

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

/* Of the columns that a pass over the rows makes; tests set it lower. */
#ifndef PASS_BYTES
#define PASS_BYTES ((int64_t)64 << 20)
#endif
#ifndef PANEL_COLUMNS
#define PANEL_COLUMNS 256 /* of one product, whatever the grid: its shape decides its bits */
#endif

enum { ROWS = 512 /* converted at a time: one product's depth */ };

typedef struct product {
    judd_block_cyclic *out;
    const judd_gram_source *a, *b; /* b NULL: a again, and only the lower triangle counts */
    const judd_gram_lanes *lanes;  /* NULL: plain sums */
    judd_exact_scale scale;
    int64_t columns;         /* of a pass, whole panels */
    int64_t first, height;   /* rows of the matrix that the pass makes: first .. first + height */
    double *rows_a, *rows_b; /* [ROWS, dim]; rows_b may be rows_a */
    double *sum;             /* [columns][height] of this rank, or of its lane */
    int64_t *exact;          /* the same of all its lanes, in fixed point; NULL without lanes */
    double *packed, *own;    /* a panel's 8-byte elements, rank after rank; this rank's share */
    int *counts;             /* [size] */
    int64_t n_beyond;        /* sums that left their bound */
} product;

/* Columns of the panel that starts at j, of columns .. end; the first row that it makes. */
static int64_t panel_columns(int64_t j, int64_t end) {
    return judd_least(PANEL_COLUMNS, end - j);
}

static int64_t panel_row(const product *p, int64_t j) {
    return p->b ? 0 : j;
}

/* Where element (i, j) of the matrix is in a pass that starts at column j0. */
static int64_t place_in_pass(const product *p, int64_t i, int64_t j, int64_t j0) {
    return (j - j0) * p->height + i - p->first;
}

/* sum = the part of local rows begin .. end in columns j0 .. j1. */
static judd_status multiply_rows(product *p, int64_t begin, int64_t end, int64_t j0, int64_t j1) {
    judd_status status = JUDD_OK;
    for (int64_t at = begin; at < end; at += ROWS) {
        int64_t n = judd_least(ROWS, end - at);
        judd_watchdog_beat(p->out->grid->comm->watchdog);
        JUDD_TRY(p->a->fill(p->a->context, p->rows_a, at, n));
        if (p->b) JUDD_TRY(p->b->fill(p->b->context, p->rows_b, at, n));
        for (int64_t j = j0; j < j1; j += PANEL_COLUMNS) {
            int64_t i = panel_row(p, j);
            cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)panel_columns(j, j1),
                        (int)(p->out->rows - i), (int)n, 1.0, p->rows_b + j, (int)p->out->columns,
                        p->rows_a + i, (int)p->a->dim, at > begin ? 1.0 : 0.0,
                        p->sum + place_in_pass(p, i, j, j0), (int)p->height);
        }
    }
done:
    return status;
}

/* exact += the sums of a lane, rounded. */
static void add_lane(product *p, int64_t j0, int64_t j1) {
    for (int64_t j = j0; j < j1; j++) {
        int64_t at = place_in_pass(p, p->b ? 0 : j, j, j0), n = p->out->rows - (p->b ? 0 : j);
        p->n_beyond += judd_exact_sum_add_double(p->exact + at, p->sum + at, n, p->scale);
    }
}

static judd_status multiply_pass(product *p, int64_t j0, int64_t j1) {
    judd_status status = JUDD_OK;
    size_t bytes = (size_t)((j1 - j0) * p->height) * sizeof *p->sum;
    memset(p->exact ? (void *)p->exact : p->sum, 0, bytes);
    if (!p->lanes) return multiply_rows(p, 0, p->a->n_local, j0, j1);
    for (int l = 0; l < p->lanes->n_local; l++) {
        int64_t begin = p->lanes->begin[l], end = p->lanes->begin[l + 1];
        if (begin == end) continue;
        JUDD_TRY(multiply_rows(p, begin, end, j0, j1));
        add_lane(p, j0, j1);
    }
    if (p->n_beyond > 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "gram: %lld sums left their bound", (long long)p->n_beyond);
done:
    return status;
}

/* Panel j .. j + n of the pass from j0, rows i and on. */
static void pack_panel(product *p, int64_t i, int64_t j, int64_t n, int64_t j0) {
    const judd_block_cyclic *m = p->out;
    const judd_block_cyclic_grid *g = m->grid;
    const double *sum = p->exact ? (const double *)p->exact : p->sum; /* only copied */
    double *to = p->packed;
    for (int rank = 0; rank < g->comm->size; rank++) {
        const double *start = to;
        int row = rank / g->n_columns, column = rank % g->n_columns;
        int64_t rows = judd_block_cyclic_count(m->rows, m->block, row, g->n_rows);
        int64_t end = judd_block_cyclic_count(j + n, m->block, column, g->n_columns);
        for (int64_t l = judd_block_cyclic_count(j, m->block, column, g->n_columns); l < end; l++) {
            int64_t c = judd_block_cyclic_to_global(l, m->block, column, g->n_columns);
            int64_t k = judd_block_cyclic_count(i, m->block, row, g->n_rows);
            for (int64_t step; k < rows; k += step) {
                step = judd_least(m->block - k % m->block, rows - k);
                int64_t from = judd_block_cyclic_to_global(k, m->block, row, g->n_rows);
                memcpy(to, sum + place_in_pass(p, from, c, j0), (size_t)step * sizeof *to);
                to += step;
            }
        }
        p->counts[rank] = (int)(to - start);
    }
}

static void add_own(product *p, int64_t i, int64_t j, int64_t n) {
    judd_block_cyclic *m = p->out;
    const judd_block_cyclic_grid *g = m->grid;
    const double *from = p->own, *unit = p->lanes ? p->lanes->unit : NULL;
    int64_t end = judd_block_cyclic_count(j + n, m->block, g->column, g->n_columns);
    int64_t first = judd_block_cyclic_count(i, m->block, g->row, g->n_rows);
    for (int64_t l = judd_block_cyclic_count(j, m->block, g->column, g->n_columns); l < end; l++) {
        int64_t c = judd_block_cyclic_to_global(l, m->block, g->column, g->n_columns), units;
        for (int64_t k = first; k < m->local_rows; k++, from++) {
            if (!unit) {
                m->data[l * m->ld + k] += *from;
                continue;
            }
            int64_t r = judd_block_cyclic_to_global(k, m->block, g->row, g->n_rows);
            memcpy(&units, from, sizeof units);
            m->data[l * m->ld + k] += judd_exact_sum_value(units, p->scale) * unit[r] * unit[c];
        }
    }
}

static judd_status allocate_pass(product *p) {
    judd_status status = JUDD_OK;
    const judd_block_cyclic *m = p->out;
    int64_t size = sizeof(double), panel = judd_least(PANEL_COLUMNS, m->columns);
    if (m->rows != p->a->dim || m->columns != (p->b ? p->b->dim : p->a->dim))
        JUDD_FAIL(JUDD_E_INTERNAL, "gram: %lld x %lld does not fit the rows", (long long)m->rows,
                  (long long)m->columns);
    int64_t panels = PASS_BYTES / (m->rows * size) / PANEL_COLUMNS;
    p->columns = (panels < 1 ? 1 : panels) * PANEL_COLUMNS;
    int64_t most = judd_least(p->columns, m->columns) * m->rows;
    JUDD_TRY(judd_memory_alloc(&p->rows_a, ROWS * p->a->dim, sizeof(double)));
    p->rows_b = p->rows_a;
    if (p->b) p->rows_b = NULL;
    if (p->b) JUDD_TRY(judd_memory_alloc(&p->rows_b, ROWS * p->b->dim, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->sum, most, sizeof(double)));
    if (p->lanes) JUDD_TRY(judd_memory_alloc(&p->exact, most, sizeof *p->exact));
    JUDD_TRY(judd_memory_alloc(&p->packed, panel * m->rows, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->own, panel * (m->local_rows + 1), sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&p->counts, m->grid->comm->size, sizeof(int)));
done:
    return status;
}

/* Panel by panel over ranks, each to whom it belongs. */
static judd_status share_pass(product *p, int64_t j0, int64_t j1) {
    judd_status status = JUDD_OK;
    MPI_Datatype type = p->lanes ? MPI_INT64_T : MPI_DOUBLE;
    for (int64_t j = j0; j < j1; j += PANEL_COLUMNS) {
        int64_t n = panel_columns(j, j1), i = panel_row(p, j);
        pack_panel(p, i, j, n, j0);
        JUDD_TRY(judd_comm_check(MPI_Reduce_scatter(p->packed, p->own, p->counts, type, MPI_SUM,
                                                    p->out->grid->comm->mpi),
                                 "MPI_Reduce_scatter"));
        add_own(p, i, j, n);
    }
done:
    return status;
}

static judd_status accumulate(judd_block_cyclic *out, const judd_gram_source *a,
                              const judd_gram_source *b, const judd_gram_lanes *lanes) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = out->grid->comm;
    product p = {.out = out, .a = a, .b = b, .lanes = lanes};
    if (lanes) p.scale = judd_exact_sum_scale(1.0, lanes->n_lanes);
    JUDD_TRY(judd_comm_agree(comm, allocate_pass(&p)));
    for (int64_t j = 0; j < out->columns; j += p.columns) {
        int64_t end = judd_least(j + p.columns, out->columns);
        p.first = panel_row(&p, j);
        p.height = out->rows - p.first;
        JUDD_TRY(judd_comm_agree(comm, multiply_pass(&p, j, end)));
        JUDD_TRY(share_pass(&p, j, end));
    }
done:
    if (p.rows_b != p.rows_a) free(p.rows_b);
    free(p.rows_a);
    free(p.sum);
    free(p.exact);
    free(p.packed);
    free(p.own);
    free(p.counts);
    return status;
}

judd_status judd_gram_add(judd_block_cyclic *out, const judd_gram_source *a) {
    return accumulate(out, a, NULL, NULL);
}

judd_status judd_gram_add_cross(judd_block_cyclic *out, const judd_gram_source *a,
                                const judd_gram_source *b) {
    return accumulate(out, a, b, NULL);
}

judd_status judd_gram_add_exact(judd_block_cyclic *out, const judd_gram_source *a,
                                const judd_gram_lanes *lanes) {
    return accumulate(out, a, NULL, lanes);
}
