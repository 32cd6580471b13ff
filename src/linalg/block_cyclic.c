#include <judd/linalg/block_cyclic.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* Of messages sent at once; tests set it lower. */
#ifndef ROUND_BYTES
#define ROUND_BYTES ((int64_t)16 << 20)
#endif

void judd_block_cyclic_deal(judd_block_cyclic_grid *out, const judd_comm *comm) {
    int n_rows = 1;
    for (int r = 2; r * r <= comm->size; r++)
        if (comm->size % r == 0) n_rows = r;
    int n_columns = comm->size / n_rows;
    *out = (judd_block_cyclic_grid){.comm = comm,
                                    .n_rows = n_rows,
                                    .n_columns = n_columns,
                                    .row = comm->rank / n_columns,
                                    .column = comm->rank % n_columns,
                                    .context = -1,
                                    .handle = -1};
}

int64_t judd_block_cyclic_block(const judd_block_cyclic_grid *grid, int64_t n) {
    int64_t even = (n + grid->n_columns - 1) / grid->n_columns; /* n_columns >= n_rows */
    return even < 1 ? 1 : judd_least(even, JUDD_BLOCK_CYCLIC_BLOCK);
}

int64_t judd_block_cyclic_count(int64_t n, int64_t block, int place, int n_places) {
    int64_t blocks = n / block, own = blocks / n_places * block, rest = blocks % n_places;
    return own + (place < rest ? block : place == rest ? n % block : 0);
}

int judd_block_cyclic_place(int64_t i, int64_t block, int n_places) {
    return (int)(i / block % n_places);
}

int64_t judd_block_cyclic_to_local(int64_t i, int64_t block, int n_places) {
    return i / (block * n_places) * block + i % block;
}

int64_t judd_block_cyclic_to_global(int64_t local, int64_t block, int place, int n_places) {
    return (local / block * n_places + place) * block + local % block;
}

static judd_status allocate(judd_block_cyclic *m) {
    if (m->rows < 1 || m->columns < 1 || m->block < 1)
        return judd_status_set(JUDD_E_INTERNAL, "block_cyclic: %lld x %lld in blocks of %lld",
                               (long long)m->rows, (long long)m->columns, (long long)m->block);
    if (m->ld > INT32_MAX / (m->local_columns > 0 ? m->local_columns : 1))
        return judd_status_set(
            JUDD_E_USAGE,
            "a matrix of %lld x %lld has 2^31 elements or more on a rank of %d; use "
            "more ranks",
            (long long)m->rows, (long long)m->columns, m->grid->comm->size);
    return judd_memory_alloc(&m->data, m->ld * m->local_columns, sizeof *m->data);
}

judd_status judd_block_cyclic_create(judd_block_cyclic **out, const judd_block_cyclic_grid *grid,
                                     int64_t rows, int64_t columns, int64_t block) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *m = NULL;
    status = judd_memory_alloc(&m, 1, sizeof *m);
    if (status == JUDD_OK) {
        *m = (judd_block_cyclic){.grid = grid, .rows = rows, .columns = columns, .block = block};
        m->local_rows = judd_block_cyclic_count(rows, block, grid->row, grid->n_rows);
        m->local_columns = judd_block_cyclic_count(columns, block, grid->column, grid->n_columns);
        m->ld = m->local_rows > 0 ? m->local_rows : 1;
        status = allocate(m);
    }
    JUDD_TRY(judd_comm_agree(grid->comm, status));
    *out = m;
    m = NULL;
done:
    judd_block_cyclic_destroy(m);
    return status;
}

void judd_block_cyclic_destroy(judd_block_cyclic *matrix) {
    if (!matrix) return;
    free(matrix->data);
    free(matrix);
}

int64_t judd_block_cyclic_bytes(const judd_block_cyclic *matrix) {
    return matrix->ld * matrix->local_columns * (int64_t)sizeof *matrix->data;
}

/* ---- rows from where they are to where their blocks are -----------------------------------------
 */

typedef struct deal {
    judd_block_cyclic *m;
    int64_t round;             /* rows a rank sends in one round */
    int64_t *counts;           /* [size]: rows each rank gives */
    int64_t *ids;              /* all ranks' ids, rank after rank */
    double *rows;              /* [round, columns] */
    double *send, *receive;    /* [round * columns]; receive grows with what comes */
    int *n_send, *n_receive;   /* [size]: doubles */
    int *at_send, *at_receive; /* [size] */
} deal;

static void free_deal(deal *d) {
    free(d->counts);
    free(d->ids);
    free(d->rows);
    free(d->send);
    free(d->receive);
    free(d->n_send);
}

static int64_t columns_at(const judd_block_cyclic *m, int column) {
    return judd_block_cyclic_count(m->columns, m->block, column, m->grid->n_columns);
}

/* Rows i of rank `from` in the round that starts at `first`: their number, and where its ids are.
 */
static int64_t round_rows(const deal *d, int from, int64_t first, const int64_t **ids) {
    int64_t before = 0;
    for (int r = 0; r < from; r++) before += d->counts[r];
    *ids = d->ids + before + first;
    int64_t left = d->counts[from] - first;
    return left < 0 ? 0 : judd_least(left, d->round);
}

static void pack_round(deal *d, const int64_t *ids, int64_t n) {
    const judd_block_cyclic *m = d->m;
    const judd_block_cyclic_grid *g = m->grid;
    double *to = d->send;
    for (int rank = 0; rank < g->comm->size; rank++) {
        const double *start = to;
        int row = rank / g->n_columns, column = rank % g->n_columns;
        int64_t width = columns_at(m, column);
        for (int64_t i = 0; i < n; i++) {
            if (judd_block_cyclic_place(ids[i], m->block, g->n_rows) != row) continue;
            for (int64_t l = 0; l < width; l++)
                *to++ = d->rows[i * m->columns +
                                judd_block_cyclic_to_global(l, m->block, column, g->n_columns)];
        }
        d->n_send[rank] = (int)(to - start);
        d->at_send[rank] = (int)(start - d->send);
    }
}

static int64_t count_round(deal *d, int64_t first) {
    const judd_block_cyclic_grid *g = d->m->grid;
    int64_t total = 0;
    for (int from = 0; from < g->comm->size; from++) {
        const int64_t *ids;
        int64_t n = round_rows(d, from, first, &ids), mine = 0;
        for (int64_t i = 0; i < n; i++)
            mine += judd_block_cyclic_place(ids[i], d->m->block, g->n_rows) == g->row;
        d->n_receive[from] = (int)(mine * d->m->local_columns);
        d->at_receive[from] = (int)total;
        total += d->n_receive[from];
    }
    return total;
}

static void unpack_round(deal *d, int64_t first) {
    judd_block_cyclic *m = d->m;
    const judd_block_cyclic_grid *g = m->grid;
    const double *from = d->receive;
    for (int rank = 0; rank < g->comm->size; rank++) {
        const int64_t *ids;
        int64_t n = round_rows(d, rank, first, &ids);
        for (int64_t i = 0; i < n; i++) {
            if (judd_block_cyclic_place(ids[i], m->block, g->n_rows) != g->row) continue;
            int64_t local = judd_block_cyclic_to_local(ids[i], m->block, g->n_rows);
            for (int64_t l = 0; l < m->local_columns; l++) m->data[l * m->ld + local] = *from++;
        }
    }
}

static judd_status start_deal(deal *d, const int64_t *ids, int64_t n) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = d->m->grid->comm;
    int64_t budget = ROUND_BYTES / (int64_t)sizeof(double);
    void *counts = NULL, *all = NULL;
    /* what all ranks send at once must fit a rank that receives all of it */
    d->round = budget / (d->m->columns * comm->size);
    if (d->round < 1) d->round = 1;
    status = judd_memory_alloc(&d->rows, d->round * d->m->columns, sizeof(double));
    if (status == JUDD_OK)
        status = judd_memory_alloc(&d->send, d->round * d->m->columns, sizeof(double));
    if (status == JUDD_OK)
        status = judd_memory_alloc(
            &d->receive, comm->size * judd_least(d->round, d->m->rows) * (d->m->local_columns + 1),
            sizeof(double));
    if (status == JUDD_OK) status = judd_memory_alloc(&d->n_send, 4 * comm->size, sizeof(int));
    JUDD_TRY(judd_comm_agree(comm, status));
    d->n_receive = d->n_send + comm->size;
    d->at_send = d->n_send + 2 * comm->size;
    d->at_receive = d->n_send + 3 * comm->size;
    JUDD_TRY(judd_comm_allgather(comm, &counts, &n, 1, sizeof n));
    d->counts = counts;
    JUDD_TRY(judd_comm_allgather(comm, &all, ids, n, sizeof *ids));
    d->ids = all;
done:
    return status;
}

judd_status judd_block_cyclic_set_rows(judd_block_cyclic *matrix, const int64_t *ids, int64_t n,
                                       judd_block_cyclic_fill *fill, void *context) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = matrix->grid->comm;
    int64_t most = 0;
    deal d = {.m = matrix};
    JUDD_TRY(start_deal(&d, ids, n));
    for (int r = 0; r < comm->size; r++) most = d.counts[r] > most ? d.counts[r] : most;
    for (int64_t first = 0; first < most; first += d.round) {
        const int64_t *own;
        int64_t rows = round_rows(&d, comm->rank, first, &own);
        JUDD_TRY(judd_comm_agree(comm, rows > 0 ? fill(context, d.rows, first, rows) : JUDD_OK));
        pack_round(&d, own, rows);
        count_round(&d, first);
        JUDD_TRY(judd_comm_check(MPI_Alltoallv(d.send, d.n_send, d.at_send, MPI_DOUBLE, d.receive,
                                               d.n_receive, d.at_receive, MPI_DOUBLE, comm->mpi),
                                 "MPI_Alltoallv"));
        unpack_round(&d, first);
    }
done:
    free_deal(&d);
    return status;
}

/* ---- columns on every rank ----------------------------------------------------------------------
 */

/* First local column at or after global column j, for grid column `column`. */
static int64_t local_start(const judd_block_cyclic *m, int64_t j, int column) {
    return judd_block_cyclic_count(j, m->block, column, m->grid->n_columns);
}

static void unpack_panel(double *dense, const double *from, const judd_block_cyclic *m,
                         int64_t first, int64_t count) {
    const judd_block_cyclic_grid *g = m->grid;
    for (int rank = 0; rank < g->comm->size; rank++) {
        int row = rank / g->n_columns, column = rank % g->n_columns;
        int64_t rows = judd_block_cyclic_count(m->rows, m->block, row, g->n_rows);
        int64_t end = local_start(m, first + count, column);
        for (int64_t l = local_start(m, first, column); l < end; l++) {
            int64_t j = judd_block_cyclic_to_global(l, m->block, column, g->n_columns) - first;
            for (int64_t i = 0; i < rows; i += m->block) {
                int64_t n = judd_least(m->block, rows - i);
                int64_t to = judd_block_cyclic_to_global(i, m->block, row, g->n_rows);
                memcpy(dense + j * m->rows + to, from, (size_t)n * sizeof *from);
                from += n;
            }
        }
    }
}

judd_status judd_block_cyclic_panel(double *dense, const judd_block_cyclic *m, int64_t first,
                                    int64_t count) {
    judd_status status = JUDD_OK;
    const judd_block_cyclic_grid *g = m->grid;
    const judd_comm *comm = g->comm;
    int *counts = NULL, total = 0;
    double *all = NULL;
    status = judd_memory_alloc(&counts, 2 * (int64_t)comm->size, sizeof *counts);
    if (status == JUDD_OK) status = judd_memory_alloc(&all, m->rows * count, sizeof *all);
    JUDD_TRY(judd_comm_agree(comm, status));
    int *starts = counts + comm->size;
    for (int rank = 0; rank < comm->size; rank++) {
        int column = rank % g->n_columns;
        int64_t width = local_start(m, first + count, column) - local_start(m, first, column);
        starts[rank] = total;
        counts[rank] = (int)(width * judd_block_cyclic_count(m->rows, m->block, rank / g->n_columns,
                                                             g->n_rows));
        total += counts[rank];
    }
    /* a part without rows has ld 1, but then its count is 0 */
    const double *own = m->data + local_start(m, first, g->column) * m->ld;
    JUDD_TRY(judd_comm_check(MPI_Allgatherv(own, counts[comm->rank], MPI_DOUBLE, all, counts,
                                            starts, MPI_DOUBLE, comm->mpi),
                             "MPI_Allgatherv"));
    unpack_panel(dense, all, m, first, count);
done:
    free(counts);
    free(all);
    return status;
}

judd_status judd_block_cyclic_gather(double **out, const judd_block_cyclic *matrix) {
    judd_status status = JUDD_OK;
    double *dense = NULL;
    int64_t width = ROUND_BYTES / (matrix->rows * (int64_t)sizeof *dense);
    width = width < 1 ? 1 : width;
    *out = NULL;
    JUDD_TRY(
        judd_comm_agree(matrix->grid->comm,
                        judd_memory_alloc(&dense, matrix->rows * matrix->columns, sizeof *dense)));
    for (int64_t j = 0; j < matrix->columns; j += width)
        JUDD_TRY(judd_block_cyclic_panel(dense + j * matrix->rows, matrix, j,
                                         judd_least(width, matrix->columns - j)));
    *out = dense;
    dense = NULL;
done:
    free(dense);
    return status;
}

/* ---- diagonal -----------------------------------------------------------------------------------
 */

/* The local element (i, i), or NULL if another rank has it. */
static double *diagonal_at(const judd_block_cyclic *m, int64_t i) {
    const judd_block_cyclic_grid *g = m->grid;
    if (judd_block_cyclic_place(i, m->block, g->n_rows) != g->row ||
        judd_block_cyclic_place(i, m->block, g->n_columns) != g->column)
        return NULL;
    return m->data + judd_block_cyclic_to_local(i, m->block, g->n_columns) * m->ld +
           judd_block_cyclic_to_local(i, m->block, g->n_rows);
}

void judd_block_cyclic_add_diagonal(judd_block_cyclic *matrix, double value, const double *each) {
    for (int64_t i = 0; i < judd_least(matrix->rows, matrix->columns); i++) {
        double *x = diagonal_at(matrix, i);
        if (x) *x += each ? value * each[i] : value;
    }
}

judd_status judd_block_cyclic_diagonal(double *out, const judd_block_cyclic *matrix) {
    int64_t n = judd_least(matrix->rows, matrix->columns);
    for (int64_t i = 0; i < n; i++) {
        const double *x = diagonal_at(matrix, i);
        out[i] = x ? *x : 0.0;
    }
    return judd_comm_check(
        MPI_Allreduce(MPI_IN_PLACE, out, (int)n, MPI_DOUBLE, MPI_SUM, matrix->grid->comm->mpi),
        "MPI_Allreduce");
}
