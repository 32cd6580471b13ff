/* Held-out predictions of a decomposed ridge. Notation: X = centred rows, S = X^T X = Q L Q^T or X
 * X^T = V L V^T; A = X Q (primal) or V (dual); d = L + s; Z = the projected right-hand side. */
#include <judd/learn/ridge_held_out.h>

#include "learn/ridge_object.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a panel of vectors or coefficients; tests set both lower. */
#ifndef PANEL_BYTES
#define PANEL_BYTES ((int64_t)64 << 20)
#define BLOCK_BYTES ((int64_t)32 << 20) /* of a block of rows */
#endif

enum { MOST_ROWS = 2048 };

/* Who gets the predictions, strength by strength. */
typedef struct receiver {
    judd_ridge *r;
    const double *l2;
    int n_l2;
    judd_ridge_held_out_visit *visit;
    void *context;
    double *predicted; /* [n_targets] */
} receiver;

static judd_status start(receiver *t) {
    judd_status status = JUDD_OK;
    judd_ridge *r = t->r;
    if (r->problem.method != JUDD_RIDGE_EIGEN)
        JUDD_FAIL(JUDD_E_INTERNAL, "ridge: held-out predictions need the eigen-decomposition");
    for (int s = 0; s < t->n_l2; s++) JUDD_TRY(judd_ridge_check(r, t->l2[s]));
    JUDD_TRY(judd_comm_agree(
        r->comm, judd_memory_alloc(&t->predicted, r->problem.n_targets, sizeof *t->predicted)));
done:
    return status;
}

/* The held-out residuals of local sample i: residual[t * step]. */
static void hand_over(receiver *t, int s, int64_t i, const double *residual, int64_t step) {
    for (int c = 0; c < t->r->problem.n_targets; c++)
        t->predicted[c] = judd_ridge_target(t->r, i, c) - residual[c * step];
    t->visit(t->context, s, i, t->predicted);
}

/* ---- leave one out ------------------------------------------------------------------------------
 * Blocks of this rank's rows times panels of the vectors' columns, which all ranks hold in turn. */

typedef struct stream {
    judd_ridge *r;
    const double *l2;
    int n_l2;
    int64_t width, rows;  /* of a panel and of a block */
    double *z;            /* [n_targets][order]: right, on every rank */
    double *panel;        /* [width][order] */
    double *x;            /* [rows, dim] (primal) */
    double *a, *a_square; /* [rows, width] */
    double *inverse;      /* [width, n_l2]: 1 / d */
    double *coefficients; /* [width, chunk of strengths, n_targets]: Z / d */
    int64_t chunk;
    double *sum;   /* [rows, n_l2 n_targets]: A d^-1 Z */
    double *hat;   /* [rows, n_l2]: sum of a^2 / d */
    int64_t ready; /* first column of the panel held, or -1 */
} stream;

static judd_status allocate(stream *s) {
    judd_status status = JUDD_OK;
    const judd_ridge *r = s->r;
    int64_t size = sizeof(double), targets = r->problem.n_targets;
    s->ready = -1;
    s->width = judd_least(judd_most(PANEL_BYTES / (r->order * size), 1), r->order);
    int64_t row = (s->n_l2 * (targets + 1) + 2 * s->width + (r->dual ? 0 : r->dim)) * size;
    s->rows = judd_least(judd_most(BLOCK_BYTES / row, 16), MOST_ROWS);
    s->chunk = judd_least(judd_most(PANEL_BYTES / (s->width * targets * size), 1), s->n_l2);
    JUDD_TRY(judd_memory_alloc(&s->panel, s->width * r->order, sizeof(double)));
    if (!r->dual) JUDD_TRY(judd_memory_alloc(&s->x, s->rows * r->dim, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&s->a, s->rows * s->width, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&s->a_square, s->rows * s->width, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&s->inverse, s->width * s->n_l2, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&s->coefficients, s->width * s->chunk * targets, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&s->sum, s->rows * s->n_l2 * targets, sizeof(double)));
    JUDD_TRY(judd_memory_alloc(&s->hat, s->rows * s->n_l2, sizeof(double)));
done:
    return status;
}

static void free_stream(stream *s) {
    free(s->z);
    free(s->panel);
    free(s->x);
    free(s->a);
    free(s->a_square);
    free(s->inverse);
    free(s->coefficients);
    free(s->sum);
    free(s->hat);
}

/* A for local rows first .. first + n and the panel's columns. */
static void make_a(stream *s, int64_t first, int64_t n, int64_t width) {
    const judd_ridge *r = s->r;
    if (r->dual)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < width; j++)
                s->a[i * width + j] = s->panel[j * r->order + r->ids[first + i]];
    else
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)width, (int)r->dim, 1.0,
                    s->x, (int)r->dim, s->panel, (int)r->order, 0.0, s->a, (int)width);
    for (int64_t k = 0; k < n * width; k++) s->a_square[k] = s->a[k] * s->a[k];
}

static void set_inverse(stream *s, int64_t j, int64_t width) {
    for (int64_t l = 0; l < width; l++)
        for (int k = 0; k < s->n_l2; k++)
            s->inverse[l * s->n_l2 + k] = 1.0 / (s->r->values[j + l] + s->l2[k]);
}

static void set_coefficients(stream *s, int64_t j, int64_t width, int64_t first, int64_t n) {
    const int64_t targets = s->r->problem.n_targets;
    for (int64_t l = 0; l < width; l++)
        for (int64_t k = 0; k < n; k++)
            for (int64_t t = 0; t < targets; t++)
                s->coefficients[(l * n + k) * targets + t] =
                    s->z[t * s->r->order + j + l] * s->inverse[l * s->n_l2 + first + k];
}

/* Adds the panel at column j to sum and hat of a block of n rows. */
static void add_panel(stream *s, int64_t j, int64_t width, int64_t first, int64_t n) {
    const int64_t targets = s->r->problem.n_targets, all = s->n_l2 * targets;
    make_a(s, first, n, width);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, s->n_l2, (int)width, 1.0,
                s->a_square, (int)width, s->inverse, s->n_l2, 1.0, s->hat, s->n_l2);
    for (int64_t k = 0; k < s->n_l2; k += s->chunk) {
        int64_t count = judd_least(s->chunk, s->n_l2 - k), columns = count * targets;
        set_coefficients(s, j, width, k, count);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)columns, (int)width,
                    1.0, s->a, (int)width, s->coefficients, (int)columns, 1.0, s->sum + k * targets,
                    (int)all);
    }
}

/* Primal: e = (y - Xw) / (1 - h), h = 1/n + sum a^2/d. Dual: with a the dual coefficients and c =
 * sum v^2/d less the constant vector's share, y - Hy = s a and 1 - h = s c, so e = a / c, also for
 * s = 0. */
static void count_block(receiver *t, stream *s, int64_t first, int64_t n) {
    const judd_ridge *r = s->r;
    const int64_t targets = r->problem.n_targets;
    const double share = 1.0 / (double)r->n;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < s->n_l2; k++) {
            double *e = s->sum + (i * s->n_l2 + k) * targets, hat = s->hat[i * s->n_l2 + k];
            double rest = r->dual ? hat - share / (r->shift + s->l2[k]) : 1.0 - share - hat;
            for (int64_t c = 0; c < targets; c++) {
                double y = judd_ridge_target(r, first + i, c) - r->target_mean[c];
                e[c] = (r->dual ? e[c] : y - e[c]) / rest;
            }
            hand_over(t, k, first + i, e, 1);
        }
}

static judd_status stream_block(receiver *t, stream *s, int64_t first, int64_t n) {
    judd_status status = JUDD_OK;
    judd_ridge *r = s->r;
    int64_t all = s->n_l2 * (int64_t)r->problem.n_targets;
    memset(s->sum, 0, (size_t)(n * all) * sizeof *s->sum);
    memset(s->hat, 0, (size_t)(n * s->n_l2) * sizeof *s->hat);
    JUDD_TRY(judd_comm_agree(r->comm,
                             !r->dual && n > 0 ? judd_ridge_fill_x(r, s->x, first, n) : JUDD_OK));
    for (int64_t j = 0; j < r->order; j += s->width) {
        int64_t width = judd_least(s->width, r->order - j);
        if (s->ready != j) {
            JUDD_TRY(judd_block_cyclic_panel(s->panel, r->vectors, j, width));
            set_inverse(s, j, width);
            s->ready = j;
        }
        if (n > 0) add_panel(s, j, width, first, n);
    }
    count_block(t, s, first, n);
done:
    return status;
}

judd_status judd_ridge_held_out_leave_one_out(judd_ridge *ridge, const double *l2, int n_l2,
                                              judd_ridge_held_out_visit *visit, void *context) {
    judd_status status = JUDD_OK;
    receiver t = {ridge, l2, n_l2, visit, context, NULL};
    stream s = {.r = ridge, .l2 = l2, .n_l2 = n_l2};
    int64_t n = judd_lanes_count(&ridge->problem.rows->lanes);
    double longest = (double)n;
    JUDD_TRY(start(&t));
    if (ridge->n < 2) JUDD_FAIL(JUDD_E_DEGENERATE, "ridge: leave-one-out needs two samples");
    JUDD_TRY(judd_comm_agree(ridge->comm, allocate(&s)));
    JUDD_TRY(judd_block_cyclic_gather(&s.z, ridge->right));
    JUDD_TRY(judd_comm_max(ridge->comm, &longest, 1));
    for (int64_t first = 0; first < (int64_t)longest; first += s.rows)
        JUDD_TRY(stream_block(&t, &s, first, judd_most(0, judd_least(s.rows, n - first))));
done:
    free_stream(&s);
    free(t.predicted);
    return status;
}

/* ---- folds --------------------------------------------------------------------------------------
 */

/* One fold: rows fold_start[f] .. fold_start[f + 1] in the order of folds. */
typedef struct fold {
    judd_ridge *r;
    int64_t first, n;
    int64_t n_own, *own, *ids;   /* this rank's rows of it, and their places in it */
    judd_block_cyclic *y;        /* [n, n_targets], centred (primal) */
    judd_block_cyclic *a;        /* [n, order + 1]: A and, last, ones for the intercept (primal) */
    judd_block_cyclic *square;   /* [order + 1, order + 1]: a^T a, if the fold is longer (primal) */
    judd_block_cyclic *residual; /* [n, n_targets] */
} fold;

static void free_fold(fold *f) {
    free(f->own);
    free(f->ids);
    judd_block_cyclic_destroy(f->y);
    judd_block_cyclic_destroy(f->a);
    judd_block_cyclic_destroy(f->square);
    judd_block_cyclic_destroy(f->residual);
}

static judd_status find_own(fold *f) {
    judd_status status = JUDD_OK;
    const judd_ridge *r = f->r;
    int64_t n = judd_lanes_count(&r->problem.rows->lanes);
    status = judd_memory_alloc(&f->own, n, sizeof *f->own);
    if (status == JUDD_OK) status = judd_memory_alloc(&f->ids, n, sizeof *f->ids);
    JUDD_TRY(judd_comm_agree(r->comm, status));
    for (int64_t i = 0; i < n; i++) {
        int64_t place = r->ids[i] - f->first;
        if (place < 0 || place >= f->n) continue;
        f->own[f->n_own] = i;
        f->ids[f->n_own++] = place;
    }
done:
    return status;
}

static judd_status fill_fold_x(void *context, double *out, int64_t first, int64_t n) {
    const fold *f = context;
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < n && status == JUDD_OK; i++)
        status = judd_ridge_fill_x(f->r, out + i * f->r->dim, f->own[first + i], 1);
    return status;
}

static judd_status fill_fold_y(void *context, double *out, int64_t first, int64_t n) {
    const fold *f = context;
    for (int64_t i = 0; i < n; i++)
        (void)judd_ridge_fill_y(f->r, out + i * f->r->problem.n_targets, f->own[first + i], 1);
    return JUDD_OK;
}

/* out = columns of m times factor(column). */
typedef double column_factor(const judd_ridge *r, int64_t column, double l2);

static void scale_columns(judd_block_cyclic *m, const judd_ridge *r, column_factor *factor,
                          double l2) {
    for (int64_t l = 0; l < m->local_columns; l++) {
        int64_t j = judd_block_cyclic_to_global(l, m->block, r->grid.column, r->grid.n_columns);
        double scale = factor(r, j, l2);
        for (int64_t k = 0; k < m->local_rows; k++) m->data[l * m->ld + k] *= scale;
    }
}

/* The last column stands for the intercept, an unpenalised direction with d = n. */
static double d_of(const judd_ridge *r, int64_t column, double l2) {
    return column < r->order ? r->values[column] + l2 : (double)r->n;
}

static double root_of_inverse(const judd_ridge *r, int64_t column, double l2) {
    return sqrt(1.0 / d_of(r, column, l2));
}

static judd_status prepare_primal(fold *f) {
    judd_status status = JUDD_OK;
    judd_ridge *r = f->r;
    judd_block_cyclic *x = NULL;
    JUDD_TRY(judd_ridge_matrix(&f->y, r, f->n, r->problem.n_targets));
    JUDD_TRY(judd_block_cyclic_set_rows(f->y, f->ids, f->n_own, fill_fold_y, f));
    JUDD_TRY(judd_ridge_matrix(&x, r, f->n, r->dim));
    JUDD_TRY(judd_block_cyclic_set_rows(x, f->ids, f->n_own, fill_fold_x, f));
    JUDD_TRY(judd_ridge_matrix(&f->a, r, f->n, r->order + 1));
    for (int64_t k = 0; k < f->a->local_columns * f->a->ld; k++) f->a->data[k] = 1.0;
    judd_scalapack_part a = {f->a, 0, 0, f->n, r->order};
    JUDD_TRY(judd_scalapack_multiply(a, 1.0, judd_scalapack_whole(x), false,
                                     judd_scalapack_whole(r->vectors), false, 0.0));
    if (f->n <= r->order) goto done;
    JUDD_TRY(judd_ridge_matrix(&f->square, r, r->order + 1, r->order + 1));
    JUDD_TRY(judd_scalapack_rank_k(judd_scalapack_whole(f->square), 1.0, judd_scalapack_whole(f->a),
                                   true, 0.0));
done:
    judd_block_cyclic_destroy(x);
    return status;
}

/* residual = (1 - A d^-1 A^T)^-1 residual, a matrix of order n. */
static judd_status hold_out_short(fold *f, double l2) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *scaled = NULL, *hat = NULL;
    JUDD_TRY(judd_ridge_matrix(&scaled, f->r, f->n, f->a->columns));
    memcpy(scaled->data, f->a->data, (size_t)judd_block_cyclic_bytes(scaled));
    scale_columns(scaled, f->r, root_of_inverse, l2);
    JUDD_TRY(judd_ridge_matrix(&hat, f->r, f->n, f->n));
    JUDD_TRY(judd_scalapack_rank_k(judd_scalapack_whole(hat), -1.0, judd_scalapack_whole(scaled),
                                   false, 0.0));
    judd_block_cyclic_add_diagonal(hat, 1.0, NULL);
    JUDD_TRY(judd_scalapack_cholesky(hat, NULL));
    JUDD_TRY(judd_scalapack_solve(f->residual, hat));
done:
    judd_block_cyclic_destroy(scaled);
    judd_block_cyclic_destroy(hat);
    return status;
}

/* The same by a matrix of order `order + 1` (Woodbury 1950): residual += A (d - A^T A)^-1 A^T
 * residual. */
static judd_status hold_out_long(fold *f, double l2) {
    judd_status status = JUDD_OK;
    judd_ridge *r = f->r;
    judd_block_cyclic *rest = NULL, *inner = NULL;
    judd_scalapack_part a = judd_scalapack_whole(f->a), e = judd_scalapack_whole(f->residual);
    JUDD_TRY(judd_ridge_matrix(&rest, r, r->order + 1, r->order + 1));
    for (int64_t l = 0; l < rest->local_columns; l++)
        for (int64_t k = 0; k < rest->local_rows; k++) {
            int64_t i = judd_block_cyclic_to_global(k, r->block, r->grid.row, r->grid.n_rows);
            int64_t j = judd_block_cyclic_to_global(l, r->block, r->grid.column, r->grid.n_columns);
            rest->data[l * rest->ld + k] =
                (i == j ? d_of(r, i, l2) : 0.0) - f->square->data[l * rest->ld + k];
        }
    JUDD_TRY(judd_scalapack_cholesky(rest, NULL));
    JUDD_TRY(judd_ridge_matrix(&inner, r, r->order + 1, r->problem.n_targets));
    JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(inner), 1.0, a, true, e, false, 0.0));
    JUDD_TRY(judd_scalapack_solve(inner, rest));
    JUDD_TRY(judd_scalapack_multiply(e, 1.0, a, false, judd_scalapack_whole(inner), false, 1.0));
done:
    judd_block_cyclic_destroy(rest);
    judd_block_cyclic_destroy(inner);
    return status;
}

static judd_status hold_out_primal(fold *f, double l2) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *scaled = NULL;
    judd_scalapack_part a = {f->a, 0, 0, f->n, f->r->order};
    JUDD_TRY(judd_ridge_scaled(&scaled, f->r, l2));
    memcpy(f->residual->data, f->y->data, (size_t)judd_block_cyclic_bytes(f->residual));
    JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(f->residual), -1.0, a, false,
                                     judd_scalapack_whole(scaled), false, 1.0));
    JUDD_TRY(f->square ? hold_out_long(f, l2) : hold_out_short(f, l2));
done:
    judd_block_cyclic_destroy(scaled);
    return status;
}

/* C_II e = a_I with C = V d^-1 V^T less the constant vector's share, a the dual coefficients. */
static judd_status hold_out_dual(fold *f, double l2) {
    judd_status status = JUDD_OK;
    judd_ridge *r = f->r;
    judd_block_cyclic *scaled = NULL, *solution = NULL, *c = NULL;
    judd_scalapack_part rows = {r->vectors, f->first, 0, f->n, r->order};
    JUDD_TRY(judd_ridge_scaled(&solution, r, l2));
    JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(f->residual), 1.0, rows, false,
                                     judd_scalapack_whole(solution), false, 0.0));
    JUDD_TRY(judd_ridge_matrix(&scaled, r, f->n, r->order));
    JUDD_TRY(judd_scalapack_copy(judd_scalapack_whole(scaled), rows));
    scale_columns(scaled, r, root_of_inverse, l2);
    JUDD_TRY(judd_ridge_matrix(&c, r, f->n, f->n));
    JUDD_TRY(judd_scalapack_rank_k(judd_scalapack_whole(c), 1.0, judd_scalapack_whole(scaled),
                                   false, 0.0));
    for (int64_t k = 0; k < c->local_columns * c->ld; k++)
        c->data[k] -= 1.0 / ((double)r->n * (r->shift + l2));
    JUDD_TRY(judd_scalapack_cholesky(c, NULL));
    JUDD_TRY(judd_scalapack_solve(f->residual, c));
done:
    judd_block_cyclic_destroy(scaled);
    judd_block_cyclic_destroy(solution);
    judd_block_cyclic_destroy(c);
    return status;
}

static void set_nan(judd_block_cyclic *m) {
    for (int64_t k = 0; k < m->local_columns * m->ld; k++) m->data[k] = NAN;
}

static judd_status count_fold(receiver *t, fold *f, int s) {
    judd_status status = JUDD_OK;
    double *residual = NULL;
    JUDD_TRY(judd_block_cyclic_gather(&residual, f->residual));
    for (int64_t i = 0; i < f->n_own; i++) hand_over(t, s, f->own[i], residual + f->ids[i], f->n);
done:
    free(residual);
    return status;
}

static judd_status hold_out(receiver *t, int number) {
    judd_status status = JUDD_OK;
    judd_ridge *r = t->r;
    fold f = {.r = r, .first = r->fold_start[number]};
    f.n = r->fold_start[number + 1] - f.first;
    if (f.n == 0) return JUDD_OK;
    if (f.n == r->n)
        JUDD_FAIL(JUDD_E_USAGE, "ridge: all samples are in fold %d; need two folds", number);
    JUDD_TRY(find_own(&f));
    JUDD_TRY(judd_ridge_matrix(&f.residual, r, f.n, r->problem.n_targets));
    if (!r->dual) JUDD_TRY(prepare_primal(&f));
    for (int s = 0; s < t->n_l2; s++) {
        status = r->dual ? hold_out_dual(&f, t->l2[s]) : hold_out_primal(&f, t->l2[s]);
        if (status == JUDD_E_DEGENERATE)
            set_nan(f.residual);
        else
            JUDD_TRY(status);
        JUDD_TRY(count_fold(t, &f, s));
    }
done:
    free_fold(&f);
    return status;
}

judd_status judd_ridge_held_out_folds(judd_ridge *ridge, const double *l2, int n_l2,
                                      judd_ridge_held_out_visit *visit, void *context) {
    judd_status status = JUDD_OK;
    receiver t = {ridge, l2, n_l2, visit, context, NULL};
    JUDD_TRY(start(&t));
    for (int f = 0; f < ridge->n_folds; f++) JUDD_TRY(hold_out(&t, f));
done:
    free(t.predicted);
    return status;
}
