#include "transfer/spectrum.h"

#include "transfer/coding_rate.h"
#include "transfer/solver.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/learn/row_stream.h>
#include <judd/linalg/gram.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of messages sent at once; tests set it lower. */
#ifndef ROUND_BYTES
#define ROUND_BYTES ((int64_t)16 << 20)
#endif

enum { BLOCK_ROWS = 256 };

typedef struct fit {
    const judd_rows *rows;
    const judd_comm *comm;
    judd_moments m; /* borrowed arrays */
    judd_spectrum s;
    judd_solver solver;
    int64_t block;
    bool dual;     /* order is n */
    int64_t n_own; /* rows of this rank */
    double
        *unit;   /* power of two above lengths within a lane: [dim] of columns; dual: [n] of rows */
    double *dot; /* dual: [n], F m */
    float *across; /* dual: [n, columns of this rank] of f */
    judd_lanes columns;
    int32_t *labels; /* dual: [n] */
    int64_t *which;  /* [n_own] rows that a sum goes over */
    float *room;     /* [BLOCK_ROWS, dim] */
    judd_block_cyclic *gram, *vectors;
} fit;

/* ---- a look at every row ----------------------------------------------------------------------
 */

/* Squares of lengths within a lane bound the products that are summed over it. */
typedef struct look {
    double *lane; /* [dim]: columns' squares within this lane of rows */
    double *
        square; /* [dim]: the largest of any lane; dual: [n_own], of a row in any lane of columns */
    double *dot;   /* dual: [n_own] */
    double fourth; /* of this lane */
} look;

static void look_at_columns(const fit *f, look *l, const judd_row_block *b) {
    const int64_t dim = f->m.dim;
    for (int64_t i = 0; i < b->n; i++) {
        double square = 0.0;
        for (int64_t j = 0; j < dim; j++) {
            double x = (double)b->x[i * dim + j] - f->m.mean[j];
            l->lane[j] += x * x;
            square += x * x;
        }
        l->fourth += square * square;
    }
}

static void look_across(const fit *f, look *l, const judd_row_block *b) {
    for (int64_t i = 0; i < b->n; i++) {
        const float *row = b->x + i * f->m.dim;
        double all = 0.0, *largest = &l->square[b->first + i];
        for (int lane = 0; lane < f->columns.n_lanes; lane++) {
            double square = 0.0;
            int64_t end = judd_lanes_begin(&f->columns, lane + 1);
            for (int64_t j = judd_lanes_begin(&f->columns, lane); j < end; j++) {
                double x = (double)row[j] - f->m.mean[j];
                square += x * x;
                l->dot[b->first + i] += x * f->m.mean[j];
            }
            *largest = fmax(*largest, square);
            all += square;
        }
        l->fourth += all * all;
    }
}

static judd_status look_at_lane(const fit *f, look *l, int lane) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    l->fourth = 0.0;
    memset(l->lane, 0, (size_t)f->m.dim * sizeof *l->lane);
    JUDD_TRY(judd_row_stream_lane(&stream, f->rows, lane, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        if (f->dual)
            look_across(f, l, &b);
        else
            look_at_columns(f, l, &b);
    }
    for (int64_t j = 0; !f->dual && j < f->m.dim; j++)
        l->square[j] = fmax(l->square[j], l->lane[j]);
done:
    judd_row_stream_close(stream);
    return status;
}

/* The power of two above a length, and above what rounding makes of its products. */
static void set_units(double *unit, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        int exponent;
        (void)frexp(sqrt(unit[j]) * (1.0 + 1e-9), &exponent);
        unit[j] = ldexp(1.0, exponent); /* of zeros: 1 */
    }
}

/* What is known of single rows, on every rank. */
static judd_status gather_rows(fit *f, const look *l) {
    judd_status status = JUDD_OK;
    const int64_t n = f->n_own;
    JUDD_TRY(judd_comm_allgather(f->comm, (void **)&f->unit, l->square, n, sizeof *l->square));
    JUDD_TRY(judd_comm_allgather(f->comm, (void **)&f->dot, l->dot, n, sizeof *l->dot));
    JUDD_TRY(
        judd_comm_allgather(f->comm, (void **)&f->labels, f->rows->labels, n, sizeof *f->labels));
done:
    return status;
}

/* Lane by lane, so that the sum of fourth powers has one order. */
static judd_status look_at_rows(fit *f) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &f->rows->lanes;
    const int n_lanes = lanes->end_lane - lanes->first_lane;
    double *fourth = NULL;
    void *all = NULL;
    look l = {0};
    status = judd_memory_alloc(&l.lane, f->m.dim, sizeof *l.lane);
    if (status == JUDD_OK)
        status = judd_memory_alloc(&l.square, f->dual ? f->n_own : f->m.dim, sizeof *l.square);
    if (status == JUDD_OK) status = judd_memory_alloc(&l.dot, f->n_own, sizeof *l.dot);
    if (status == JUDD_OK) status = judd_memory_alloc(&fourth, n_lanes, sizeof *fourth);
    for (int k = 0; status == JUDD_OK && k < n_lanes; k++) {
        status = look_at_lane(f, &l, lanes->first_lane + k);
        fourth[k] = l.fourth;
    }
    JUDD_TRY(judd_comm_agree(f->comm, status));
    JUDD_TRY(judd_comm_allgather(f->comm, &all, fourth, n_lanes, sizeof *fourth));
    for (int k = 0; k < lanes->n_lanes; k++) f->s.fourth += ((double *)all)[k];
    if (f->dual) {
        JUDD_TRY(gather_rows(f, &l));
    } else {
        f->unit = l.square;
        l.square = NULL;
        JUDD_TRY(judd_comm_max(f->comm, f->unit, f->m.dim));
    }
    set_units(f->unit, f->s.order);
done:
    free(l.lane);
    free(l.square);
    free(l.dot);
    free(fourth);
    free(all);
    return status;
}

/* ---- products ----------------------------------------------------------------------------------
 */

/* Rows f->which[first ..] of F, in units. */
static judd_status fill_rows(void *context, double *out, int64_t first, int64_t n) {
    judd_status status = JUDD_OK;
    fit *f = context;
    const int64_t dim = f->m.dim;
    for (int64_t at = 0; at < n; at += BLOCK_ROWS) {
        int64_t rows = judd_least(BLOCK_ROWS, n - at);
        JUDD_TRY(judd_rows_read(f->room, f->rows, f->which + first + at, rows));
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < dim; j++)
                out[(at + i) * dim + j] =
                    ((double)f->room[i * dim + j] - f->m.mean[j]) / f->unit[j];
    }
done:
    return status;
}

/* Columns of F as rows: dual. */
static judd_status fill_columns(void *context, double *out, int64_t first, int64_t n) {
    const fit *f = context;
    const int64_t width = judd_lanes_count(&f->columns), begin = judd_lanes_first(&f->columns);
    for (int64_t i = 0; i < f->m.n; i++)
        for (int64_t j = 0; j < n; j++) {
            double x = (double)f->across[i * width + first + j];
            out[j * f->m.n + i] = (x - f->m.mean[begin + first + j]) / f->unit[i];
        }
    return JUDD_OK;
}

/* Of the chosen rows, how many lie before each lane. */
static int64_t choose_rows(fit *f, int64_t *begin, int32_t label) {
    const judd_lanes *lanes = &f->rows->lanes;
    int64_t picked = 0, base = judd_lanes_first(lanes);
    for (int l = lanes->first_lane; l < lanes->end_lane; l++) {
        begin[l - lanes->first_lane] = picked;
        for (int64_t i = judd_lanes_begin(lanes, l); i < judd_lanes_begin(lanes, l + 1); i++) {
            int32_t own = f->rows->labels[i - base];
            bool small = f->m.count[own] < f->m.dim;
            if (label < 0 ? small : own == label) f->which[picked++] = i - base;
        }
    }
    begin[lanes->end_lane - lanes->first_lane] = picked;
    return picked;
}

/* gram += F_c^T F_c of one class, or (label -1) of all that have less than dim samples. */
static judd_status add_class(judd_block_cyclic *gram, fit *f, int32_t label, int64_t *begin) {
    const judd_lanes *lanes = &f->rows->lanes;
    judd_gram_source source = {choose_rows(f, begin, label), f->m.dim, fill_rows, f};
    judd_gram_lanes cut = {.n_local = lanes->end_lane - lanes->first_lane,
                           .begin = begin,
                           .n_lanes = lanes->n_lanes,
                           .unit = f->unit};
    return judd_gram_add_exact(gram, &source, &cut);
}

/* A class that has a matrix of its own: its coding rate, and its share of the sum. */
static judd_status add_large_class(fit *f, int32_t label, int64_t *begin) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *own = NULL;
    const int64_t dim = f->m.dim;
    JUDD_TRY(judd_block_cyclic_create(&own, &f->solver.shared, dim, dim, f->block));
    JUDD_TRY(add_class(own, f, label, begin));
    for (int64_t k = 0; k < own->local_columns * own->ld; k++) f->gram->data[k] += own->data[k];
    JUDD_TRY(judd_solver_bring(&own, &f->solver));
    JUDD_TRY(judd_coding_rate_of_gram(&f->s.class_rate[label], own, f->m.count[label], &f->solver));
done:
    judd_block_cyclic_destroy(own);
    return status;
}

static judd_status sum_primal(fit *f) {
    judd_status status = JUDD_OK;
    const int64_t n_lanes = f->rows->lanes.end_lane - f->rows->lanes.first_lane;
    int64_t *begin = NULL, n_small = 0;
    status = judd_memory_alloc(&begin, n_lanes + 1, sizeof *begin);
    if (status == JUDD_OK) status = judd_memory_alloc(&f->which, f->n_own, sizeof *f->which);
    if (status == JUDD_OK)
        status = judd_memory_alloc(&f->room, BLOCK_ROWS * f->m.dim, sizeof *f->room);
    JUDD_TRY(judd_comm_agree(f->comm, status));
    for (int c = 0; c < f->m.n_classes; c++) {
        if (f->m.count[c] >= f->m.dim)
            JUDD_TRY(add_large_class(f, c, begin));
        else
            n_small++;
    }
    if (n_small > 0) JUDD_TRY(add_class(f->gram, f, -1, begin));
done:
    free(begin);
    return status;
}

/* Some rows of every rank at a time: their columns go to whom they belong. */
typedef struct exchange {
    int64_t most; /* rows of a rank in a round */
    int64_t *which;
    float *rows, *send, *receive;
    int *n_send, *at_send, *n_receive, *at_receive; /* [size] values */
} exchange;

static judd_lanes lanes_of(const fit *f, int64_t n, int rank) {
    judd_lanes lanes = {0}; /* as many ranks as the rows themselves are dealt to: cannot fail */
    (void)judd_lanes_deal(&lanes, n, f->rows->lanes.n_lanes, rank, f->comm->size);
    return lanes;
}

/* Rows of a rank in the round that starts at its row `at`. */
static int64_t rows_in_round(const fit *f, const exchange *x, int rank, int64_t at) {
    judd_lanes lanes = lanes_of(f, f->m.n, rank);
    int64_t left = judd_lanes_count(&lanes) - at;
    return left < 0 ? 0 : judd_least(left, x->most);
}

static judd_status start_exchange(exchange *x, fit *f) {
    judd_status status = JUDD_OK;
    const int64_t dim = f->m.dim, size = f->comm->size, width = judd_lanes_count(&f->columns);
    x->most = ROUND_BYTES / (dim * size * (int64_t)sizeof(float));
    if (x->most < 1) x->most = 1;
    JUDD_TRY(judd_memory_alloc(&f->across, f->m.n * width, sizeof *f->across));
    JUDD_TRY(judd_memory_alloc(&x->which, x->most, sizeof *x->which));
    JUDD_TRY(judd_memory_alloc(&x->rows, x->most * dim, sizeof *x->rows));
    JUDD_TRY(judd_memory_alloc(&x->send, x->most * dim, sizeof *x->send));
    JUDD_TRY(judd_memory_alloc(&x->receive, x->most * size * width, sizeof *x->receive));
    JUDD_TRY(judd_memory_alloc(&x->n_send, 4 * size, sizeof *x->n_send));
    x->at_send = x->n_send + size;
    x->n_receive = x->n_send + 2 * size;
    x->at_receive = x->n_send + 3 * size;
done:
    return status;
}

static judd_status pack_round(exchange *x, const fit *f, int64_t at) {
    const int64_t n = rows_in_round(f, x, f->comm->rank, at), width = judd_lanes_count(&f->columns);
    int64_t sent = 0, received = 0;
    for (int64_t i = 0; i < n; i++) x->which[i] = at + i;
    judd_status status = judd_rows_read(x->rows, f->rows, x->which, n);
    for (int r = 0; r < f->comm->size; r++) {
        judd_lanes to = lanes_of(f, f->m.dim, r);
        int64_t first = judd_lanes_first(&to), w = judd_lanes_count(&to);
        for (int64_t i = 0; i < n; i++)
            memcpy(x->send + sent + i * w, x->rows + i * f->m.dim + first,
                   (size_t)w * sizeof *x->send);
        x->at_send[r] = (int)sent;
        x->n_send[r] = (int)(n * w);
        x->at_receive[r] = (int)received;
        x->n_receive[r] = (int)(rows_in_round(f, x, r, at) * width);
        sent += x->n_send[r];
        received += x->n_receive[r];
    }
    return status;
}

/* across: all rows of this rank's columns, from whoever has the rows. */
static judd_status exchange_columns(fit *f) {
    judd_status status = JUDD_OK;
    const int64_t width = judd_lanes_count(&f->columns);
    exchange x = {0};
    JUDD_TRY(judd_comm_agree(f->comm, start_exchange(&x, f)));
    for (int64_t at = 0;; at += x.most) {
        int64_t most = 0;
        for (int r = 0; r < f->comm->size; r++) most += rows_in_round(f, &x, r, at);
        if (most == 0) break;
        JUDD_TRY(judd_comm_agree(f->comm, pack_round(&x, f, at)));
        JUDD_TRY(judd_comm_check(MPI_Alltoallv(x.send, x.n_send, x.at_send, MPI_FLOAT, x.receive,
                                               x.n_receive, x.at_receive, MPI_FLOAT, f->comm->mpi),
                                 "MPI_Alltoallv"));
        for (int r = 0; r < f->comm->size; r++) {
            judd_lanes from = lanes_of(f, f->m.n, r);
            if (x.n_receive[r] == 0) continue;
            memcpy(f->across + (judd_lanes_first(&from) + at) * width, x.receive + x.at_receive[r],
                   (size_t)x.n_receive[r] * sizeof *f->across);
        }
    }
done:
    free(x.which);
    free(x.rows);
    free(x.send);
    free(x.receive);
    free(x.n_send);
    return status;
}

static judd_status sum_dual(fit *f) {
    judd_status status = JUDD_OK;
    int64_t *begin = NULL;
    JUDD_TRY(exchange_columns(f));
    const judd_lanes *lanes = &f->columns;
    const int n_lanes = lanes->end_lane - lanes->first_lane;
    JUDD_TRY(judd_comm_agree(f->comm, judd_memory_alloc(&begin, n_lanes + 1, sizeof *begin)));
    for (int l = 0; l <= n_lanes; l++)
        begin[l] = judd_lanes_begin(lanes, lanes->first_lane + l) - judd_lanes_first(lanes);
    judd_gram_source source = {judd_lanes_count(lanes), f->m.n, fill_columns, f};
    judd_gram_lanes cut = {
        .n_local = n_lanes, .begin = begin, .n_lanes = lanes->n_lanes, .unit = f->unit};
    JUDD_TRY(judd_gram_add_exact(f->gram, &source, &cut));
done:
    free(begin);
    free(f->across);
    f->across = NULL;
    return status;
}

/* ---- decomposition -----------------------------------------------------------------------------
 */

/* Element (i, j) of what is turned into the eigenvectors' coordinates: the mean, then the classes'
 * sums; dual: their products with F, or what F^T makes them of. */
static double element(const fit *f, int64_t i, int64_t j) {
    if (f->dual) return j == 0 ? f->dot[i] : f->labels[i] == j - 1 ? 1.0 : 0.0;
    if (j == 0) return f->m.mean[i];
    double mean = f->m.class_mean[(j - 1) * f->m.dim + i];
    return (double)f->m.count[j - 1] * (mean - f->m.mean[i]);
}

static judd_status place(judd_block_cyclic **out, const fit *f) {
    const judd_block_cyclic *as = f->vectors;
    judd_status status =
        judd_block_cyclic_create(out, as->grid, as->rows, 1 + f->m.n_classes, as->block);
    if (status != JUDD_OK) return status;
    judd_block_cyclic *m = *out;
    for (int64_t l = 0; l < m->local_columns; l++) {
        int64_t j = judd_block_cyclic_to_global(l, m->block, m->grid->column, m->grid->n_columns);
        for (int64_t k = 0; k < m->local_rows; k++)
            m->data[l * m->ld + k] = element(
                f, judd_block_cyclic_to_global(k, m->block, m->grid->row, m->grid->n_rows), j);
    }
    return JUDD_OK;
}

/* Eigenvalues, and coordinates [1 + n_classes][order], by the ranks that have part in it. */
static judd_status decompose(double *value, double *coordinates, fit *f) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *given = NULL, *turned = NULL;
    double *dense = NULL;
    const judd_block_cyclic *g = f->gram;
    JUDD_TRY(judd_block_cyclic_create(&f->vectors, g->grid, g->rows, g->columns, g->block));
    JUDD_TRY(judd_scalapack_eigen(value, f->vectors, f->gram));
    JUDD_TRY(place(&given, f));
    JUDD_TRY(judd_block_cyclic_create(&turned, g->grid, given->rows, given->columns, g->block));
    JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(turned), 1.0,
                                     judd_scalapack_whole(f->vectors), true,
                                     judd_scalapack_whole(given), false, 0.0));
    JUDD_TRY(judd_block_cyclic_gather(&dense, turned));
    memcpy(coordinates, dense, (size_t)(given->rows * given->columns) * sizeof *dense);
done:
    judd_block_cyclic_destroy(given);
    judd_block_cyclic_destroy(turned);
    free(dense);
    return status;
}

static void count_rank(judd_spectrum *s) {
    double largest = s->value[s->order - 1];
    double lowest = DBL_EPSILON * (double)(s->n > s->dim ? s->n : s->dim) * largest;
    for (int64_t k = 0; k < s->order; k++) {
        s->value[k] = fmax(s->value[k], 0.0);
        s->rank += s->value[k] > lowest;
    }
}

/* Dual: from samples to features, by V = F^T U / sqrt(value). */
static void turn_dual(fit *f) {
    judd_spectrum *s = &f->s;
    double outside = 0.0;
    for (int64_t j = 0; j < s->dim; j++) outside += f->m.mean[j] * f->m.mean[j];
    for (int64_t k = 0; k < s->order; k++) {
        bool counts = k >= s->order - s->rank;
        double root = sqrt(s->value[k]);
        s->mean[k] = counts ? s->mean[k] / root : 0.0;
        outside -= s->mean[k] * s->mean[k];
        for (int c = 0; c < s->n_classes; c++) s->sum[c * s->order + k] *= root;
    }
    s->mean_beyond = sqrt(fmax(outside, 0.0));
}

static judd_status take_spectrum(fit *f) {
    judd_status status = JUDD_OK;
    judd_spectrum *s = &f->s;
    double *coordinates = NULL;
    const int64_t order = s->order, n = order * (1 + s->n_classes);
    JUDD_TRY(judd_comm_agree(f->comm, judd_memory_alloc(&coordinates, n, sizeof *coordinates)));
    JUDD_TRY(judd_solver_bring(&f->gram, &f->solver));
    JUDD_TRY(judd_solver_agree(
        &f->solver, judd_solver_works(&f->solver) ? decompose(s->value, coordinates, f) : JUDD_OK));
    JUDD_TRY(judd_comm_broadcast(f->comm, s->value, order * (int64_t)sizeof *s->value));
    JUDD_TRY(judd_comm_broadcast(f->comm, coordinates, n * (int64_t)sizeof *coordinates));
    memcpy(s->mean, coordinates, (size_t)order * sizeof *s->mean);
    memcpy(s->sum, coordinates + order, (size_t)(n - order) * sizeof *s->sum);
    count_rank(s);
    if (s->rank == 0)
        JUDD_FAIL(JUDD_E_DATA, "features: all %lld samples are equal; nothing tells them apart",
                  (long long)s->n);
    if (f->dual) turn_dual(f);
done:
    free(coordinates);
    return status;
}

static judd_status allocate(fit *f) {
    judd_status status = JUDD_OK;
    const int n_classes = f->m.n_classes;
    judd_spectrum *s = &f->s;
    *s = (judd_spectrum){.n = f->m.n, .dim = f->m.dim, .n_classes = n_classes};
    f->n_own = judd_lanes_count(&f->rows->lanes);
    f->dual = s->n < s->dim;
    s->order = f->dual ? s->n : s->dim;
    JUDD_TRY(judd_memory_alloc(&s->count, n_classes, sizeof *s->count));
    JUDD_TRY(judd_memory_alloc(&s->value, s->order, sizeof *s->value));
    JUDD_TRY(judd_memory_alloc(&s->mean, s->order, sizeof *s->mean));
    JUDD_TRY(judd_memory_alloc(&s->sum, s->order * n_classes, sizeof *s->sum));
    JUDD_TRY(judd_memory_alloc(&s->class_rate, n_classes, sizeof *s->class_rate));
    memcpy(s->count, f->m.count, (size_t)n_classes * sizeof *s->count);
    JUDD_TRY(
        judd_lanes_deal(&f->columns, s->dim, f->rows->lanes.n_lanes, f->comm->rank, f->comm->size));
done:
    return status;
}

judd_status judd_spectrum_fit(judd_spectrum *out, const judd_rows *rows,
                              const judd_moments *moments, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    fit f = {.rows = rows, .comm = comm, .m = *moments};
    JUDD_TRY(judd_comm_agree(comm, allocate(&f)));
    JUDD_TRY(look_at_rows(&f));
    JUDD_TRY(judd_solver_open(&f.solver, f.s.order, comm));
    f.block = judd_block_cyclic_block(&f.solver.shared, f.s.order);
    JUDD_TRY(judd_block_cyclic_create(&f.gram, &f.solver.shared, f.s.order, f.s.order, f.block));
    JUDD_TRY(f.dual ? sum_dual(&f) : sum_primal(&f));
    JUDD_TRY(judd_coding_rate_of_small_classes(f.s.class_rate, rows, &f.m, &f.solver));
    JUDD_TRY(take_spectrum(&f));
    *out = f.s;
    f.s = (judd_spectrum){0};
done:
    judd_block_cyclic_destroy(f.gram);
    judd_block_cyclic_destroy(f.vectors);
    judd_solver_close(&f.solver);
    judd_spectrum_free(&f.s);
    free(f.unit);
    free(f.dot);
    free(f.across);
    free(f.labels);
    free(f.which);
    free(f.room);
    return status;
}

void judd_spectrum_free(judd_spectrum *s) {
    free(s->count);
    free(s->value);
    free(s->mean);
    free(s->sum);
    free(s->class_rate);
    *s = (judd_spectrum){0};
}
