#include <judd/learn/ridge.h>

#include "learn/ridge_object.h"

#include <judd/base/memory.h>
#include <judd/comm/free_memory.h>
#include <judd/linalg/gram.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tests say what there is. */
#ifndef ASK
#define ASK judd_free_memory_ask
#endif

double judd_ridge_target(const judd_ridge *r, int64_t i, int64_t t) {
    if (r->problem.targets) return (double)r->problem.targets[i * r->problem.n_targets + t];
    return r->problem.rows->labels[i] == t ? 1.0 : 0.0;
}

judd_status judd_ridge_fill_x(void *context, double *out, int64_t first, int64_t n) {
    const judd_ridge *r = context;
    return judd_rows_read_centred(out, r->problem.rows, first, n, r->mean.mean);
}

judd_status judd_ridge_fill_y(void *context, double *out, int64_t first, int64_t n) {
    const judd_ridge *r = context;
    for (int64_t i = 0; i < n; i++)
        for (int64_t t = 0; t < r->problem.n_targets; t++)
            out[i * r->problem.n_targets + t] =
                judd_ridge_target(r, first + i, t) - r->target_mean[t];
    return JUDD_OK;
}

/* Means, and everything that can be wrong with the rows. */
static judd_status look_at_rows(judd_ridge *r) {
    judd_status status = JUDD_OK;
    const judd_rows *rows = r->problem.rows;
    const int n_targets = r->problem.n_targets;
    judd_moments targets = {0};
    JUDD_TRY(judd_moments_fit(&r->mean, rows, r->problem.targets ? 0 : n_targets, NULL, "features",
                              r->comm));
    JUDD_TRY(judd_comm_agree(
        r->comm, judd_memory_alloc(&r->target_mean, n_targets, sizeof *r->target_mean)));
    if (r->problem.targets) {
        judd_rows as_rows = {.lanes = rows->lanes, .dim = n_targets};
        as_rows.x = (float *)r->problem.targets; /* only read */
        JUDD_TRY(judd_moments_fit(&targets, &as_rows, 0, NULL, "targets", r->comm));
        memcpy(r->target_mean, targets.mean, (size_t)n_targets * sizeof *r->target_mean);
    } else {
        JUDD_TRY(judd_moments_check_classes(&r->mean, "ridge"));
        for (int c = 0; c < n_targets; c++)
            r->target_mean[c] = (double)r->mean.count[c] / (double)r->n;
    }
done:
    judd_moments_free(&targets);
    return status;
}

/* Samples in the order of folds, within a fold in the order of the set: a fold is then a range. */
static judd_status order_by_fold(judd_ridge *r) {
    judd_status status = JUDD_OK;
    const judd_rows *rows = r->problem.rows;
    int64_t n = judd_lanes_count(&rows->lanes), *own = NULL, *all = NULL;
    void *gathered = NULL;
    double last = 0.0, lowest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        last = fmax(last, rows->folds[i]);
        lowest = fmax(lowest, -rows->folds[i]);
    }
    JUDD_TRY(judd_comm_max(r->comm, &last, 1));
    JUDD_TRY(judd_comm_max(r->comm, &lowest, 1));
    if (lowest > 0.0) JUDD_FAIL(JUDD_E_INTERNAL, "ridge: a fold below 0");
    r->n_folds = (int)last + 1;
    status = judd_memory_alloc(&own, r->n_folds, sizeof *own);
    if (status == JUDD_OK)
        status = judd_memory_alloc(&r->fold_start, r->n_folds + 1, sizeof *r->fold_start);
    if (status == JUDD_OK) status = judd_memory_alloc(&r->ids, n, sizeof *r->ids);
    JUDD_TRY(judd_comm_agree(r->comm, status));
    for (int64_t i = 0; i < n; i++) own[rows->folds[i]]++;
    JUDD_TRY(judd_comm_allgather(r->comm, &gathered, own, r->n_folds, sizeof *own));
    all = gathered;
    for (int f = 0; f < r->n_folds; f++) {
        int64_t at = r->fold_start[f];
        for (int rank = 0; rank < r->comm->size; rank++) {
            if (rank == r->comm->rank) own[f] = at;
            at += all[(int64_t)rank * r->n_folds + f];
        }
        r->fold_start[f + 1] = at;
    }
    for (int64_t i = 0; i < n; i++) r->ids[i] = own[rows->folds[i]]++;
done:
    free(own);
    free(gathered);
    return status;
}

judd_status judd_ridge_matrix(judd_block_cyclic **out, const judd_ridge *r, int64_t rows,
                              int64_t columns) {
    return judd_block_cyclic_create(out, &r->grid, rows, columns, r->block);
}

/* X^T X and X^T Y from rows where they are. */
static judd_status sum_primal(judd_ridge *r) {
    judd_status status = JUDD_OK;
    int64_t n = judd_lanes_count(&r->problem.rows->lanes);
    judd_gram_source x = {n, r->dim, judd_ridge_fill_x, r};
    judd_gram_source y = {n, r->problem.n_targets, judd_ridge_fill_y, r};
    JUDD_TRY(judd_ridge_matrix(&r->gram, r, r->dim, r->dim));
    JUDD_TRY(judd_ridge_matrix(&r->right, r, r->dim, r->problem.n_targets));
    JUDD_TRY(judd_gram_add(r->gram, &x));
    JUDD_TRY(judd_gram_add_cross(r->right, &x, &y));
done:
    return status;
}

/* X X^T + shift/n 1 1^T and Y. Centred rows have the constant vector in their null space; the shift
 * gives it an eigenvalue of the others' size and changes nothing else, as Y has none of it. */
static judd_status sum_dual(judd_ridge *r) {
    judd_status status = JUDD_OK;
    int64_t n = judd_lanes_count(&r->problem.rows->lanes);
    double *diagonal = NULL;
    JUDD_TRY(judd_comm_agree(r->comm, judd_memory_alloc(&diagonal, r->n, sizeof *diagonal)));
    JUDD_TRY(judd_ridge_matrix(&r->x, r, r->n, r->dim));
    JUDD_TRY(judd_ridge_matrix(&r->gram, r, r->n, r->n));
    JUDD_TRY(judd_ridge_matrix(&r->right, r, r->n, r->problem.n_targets));
    JUDD_TRY(judd_block_cyclic_set_rows(r->x, r->ids, n, judd_ridge_fill_x, r));
    JUDD_TRY(judd_block_cyclic_set_rows(r->right, r->ids, n, judd_ridge_fill_y, r));
    JUDD_TRY(judd_scalapack_rank_k(judd_scalapack_whole(r->gram), 1.0, judd_scalapack_whole(r->x),
                                   false, 0.0));
    JUDD_TRY(judd_block_cyclic_diagonal(diagonal, r->gram));
    for (int64_t i = 0; i < r->n; i++) r->shift += diagonal[i] / (double)r->n;
    if (!(r->shift > 0.0)) r->shift = 1.0; /* all rows are equal */
    for (int64_t k = 0; k < r->gram->local_columns * r->gram->ld; k++)
        r->gram->data[k] += r->shift / (double)r->n;
done:
    free(diagonal);
    return status;
}

static judd_status decompose(judd_ridge *r) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *projected = NULL;
    JUDD_TRY(judd_comm_agree(r->comm, judd_memory_alloc(&r->values, r->order, sizeof(double))));
    JUDD_TRY(judd_ridge_matrix(&r->vectors, r, r->order, r->order));
    JUDD_TRY(judd_scalapack_eigen(r->values, r->vectors, r->gram));
    judd_block_cyclic_destroy(r->gram);
    r->gram = NULL;
    JUDD_TRY(judd_ridge_matrix(&projected, r, r->order, r->problem.n_targets));
    JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(projected), 1.0,
                                     judd_scalapack_whole(r->vectors), true,
                                     judd_scalapack_whole(r->right), false, 0.0));
    judd_block_cyclic_destroy(r->right);
    r->right = projected;
    projected = NULL;
done:
    judd_block_cyclic_destroy(projected);
    return status;
}

/* Of the matrices at the height of the work, as the header has it. */
static judd_status need_memory(const judd_ridge *r) {
    static const struct {
        double matrices;
        const char *remedy;
    } methods[] = {
        [JUDD_RIDGE_EIGEN] = {4.0, ", or pick l2 on validation samples: one value takes a quarter "
                                   "of it, up to 20 take half"},
        [JUDD_RIDGE_CHOLESKY] = {2.0, ", or give one l2, which takes half of it"},
        [JUDD_RIDGE_CHOLESKY_ONCE] = {1.0, ""},
    };
    char what[64];
    double order = (double)r->order, x = r->dual ? (double)r->n * (double)r->dim : 0.0;
    double bytes = 8.0 * (methods[r->problem.method].matrices * order * order + x);
    snprintf(what, sizeof what, "ridge: a matrix of order %lld", (long long)r->order);
    return ASK(r->comm, bytes, what, methods[r->problem.method].remedy);
}

judd_status judd_ridge_create(judd_ridge **out, const judd_ridge_problem *problem,
                              const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_ridge *r = NULL;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&r, 1, sizeof *r)));
    r->comm = comm;
    r->problem = *problem;
    r->n = problem->rows->lanes.n_samples;
    r->dim = problem->rows->dim;
    r->dual = r->n < r->dim;
    r->order = r->dual ? r->n : r->dim;
    JUDD_TRY(look_at_rows(r));
    JUDD_TRY(need_memory(r));
    JUDD_TRY(order_by_fold(r));
    JUDD_TRY(judd_scalapack_open(&r->grid, comm));
    r->block = judd_block_cyclic_block(&r->grid, r->order);
    JUDD_TRY(r->dual ? sum_dual(r) : sum_primal(r));
    if (problem->method == JUDD_RIDGE_EIGEN) JUDD_TRY(decompose(r));
    *out = r;
    r = NULL;
done:
    judd_ridge_destroy(r);
    return status;
}

void judd_ridge_destroy(judd_ridge *ridge) {
    if (!ridge) return;
    judd_block_cyclic_destroy(ridge->gram);
    judd_block_cyclic_destroy(ridge->right);
    judd_block_cyclic_destroy(ridge->vectors);
    judd_block_cyclic_destroy(ridge->x);
    judd_scalapack_close(&ridge->grid);
    judd_moments_free(&ridge->mean);
    free(ridge->target_mean);
    free(ridge->ids);
    free(ridge->fold_start);
    free(ridge->values);
    free(ridge);
}

int64_t judd_ridge_bytes(const judd_ridge *ridge) {
    const judd_block_cyclic *all[] = {ridge->gram, ridge->right, ridge->vectors, ridge->x};
    int64_t bytes = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i]) bytes += judd_block_cyclic_bytes(all[i]);
    return bytes;
}

/* The cause of a singular matrix, as far as it can be named. */
static judd_status singular(const judd_ridge *r, double l2) {
    judd_status status = JUDD_OK;
    int64_t column = -1;
    JUDD_TRY(judd_moments_constant_column(&column, r->problem.rows, r->comm));
    if (column >= 0)
        JUDD_FAIL(JUDD_E_DEGENERATE,
                  "ridge: the Gram matrix is singular at l2 = %g: column %lld of the features is "
                  "constant; raise l2",
                  l2, (long long)column);
    JUDD_FAIL(JUDD_E_DEGENERATE,
              "ridge: the Gram matrix is singular at l2 = %g: %s of the features depend on each "
              "other; raise l2",
              l2, r->dual ? "rows" : "columns");
done:
    return status;
}

judd_status judd_ridge_check(const judd_ridge *r, double l2) {
    if (!(l2 >= 0.0) || !isfinite(l2))
        return judd_status_set(JUDD_E_CONFIG, "ridge: l2 = %g; need a finite value >= 0", l2);
    double largest = fmax(r->values[r->order - 1], 0.0);
    if (r->values[0] + l2 > DBL_EPSILON * (double)r->order * (largest + l2)) return JUDD_OK;
    return singular(r, l2);
}

judd_status judd_ridge_scaled(judd_block_cyclic **out, const judd_ridge *r, double l2) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_ridge_matrix(out, r, r->order, r->problem.n_targets));
    judd_block_cyclic *m = *out;
    for (int64_t k = 0; k < m->local_rows; k++) {
        int64_t i = judd_block_cyclic_to_global(k, m->block, r->grid.row, r->grid.n_rows);
        for (int64_t t = 0; t < m->local_columns; t++)
            m->data[t * m->ld + k] = r->right->data[t * m->ld + k] / (r->values[i] + l2);
    }
done:
    return status;
}

/* vectors (values + l2)^-1 projected: W^T, or the dual coefficients. */
static judd_status solve_eigen(judd_block_cyclic *solution, judd_ridge *r, double l2) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *scaled = NULL;
    JUDD_TRY(judd_ridge_check(r, l2));
    JUDD_TRY(judd_ridge_scaled(&scaled, r, l2));
    JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(solution), 1.0,
                                     judd_scalapack_whole(r->vectors), false,
                                     judd_scalapack_whole(scaled), false, 0.0));
done:
    judd_block_cyclic_destroy(scaled);
    return status;
}

static judd_status solve_cholesky(judd_block_cyclic *solution, judd_ridge *r, double l2) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *copy = NULL, *factor = r->gram;
    int64_t dependent = -1;
    if (!(l2 >= 0.0) || !isfinite(l2))
        JUDD_FAIL(JUDD_E_CONFIG, "ridge: l2 = %g; need a finite value >= 0", l2);
    if (!r->gram) JUDD_FAIL(JUDD_E_INTERNAL, "ridge: solved once already");
    if (r->problem.method == JUDD_RIDGE_CHOLESKY) {
        JUDD_TRY(judd_ridge_matrix(&copy, r, r->order, r->order));
        memcpy(copy->data, r->gram->data, (size_t)judd_block_cyclic_bytes(copy));
        factor = copy;
    } else {
        copy = r->gram; /* goes with this solution */
        r->gram = NULL;
    }
    judd_block_cyclic_add_diagonal(factor, l2, NULL);
    status = judd_scalapack_cholesky(factor, &dependent);
    if (dependent >= 0) status = singular(r, l2);
    JUDD_TRY(status);
    memcpy(solution->data, r->right->data, (size_t)judd_block_cyclic_bytes(solution));
    JUDD_TRY(judd_scalapack_solve(solution, factor));
done:
    judd_block_cyclic_destroy(copy);
    return status;
}

judd_status judd_ridge_weights(double *weight, double *bias, judd_ridge *r, double l2) {
    judd_status status = JUDD_OK;
    const int n_targets = r->problem.n_targets;
    judd_block_cyclic *solution = NULL, *primal = NULL;
    double *dense = NULL;
    JUDD_TRY(judd_ridge_matrix(&solution, r, r->order, n_targets));
    JUDD_TRY(r->problem.method == JUDD_RIDGE_EIGEN ? solve_eigen(solution, r, l2)
                                                   : solve_cholesky(solution, r, l2));
    if (r->dual) {
        JUDD_TRY(judd_ridge_matrix(&primal, r, r->dim, n_targets));
        JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(primal), 1.0,
                                         judd_scalapack_whole(r->x), true,
                                         judd_scalapack_whole(solution), false, 0.0));
    }
    JUDD_TRY(judd_block_cyclic_gather(&dense, primal ? primal : solution));
    memcpy(weight, dense, (size_t)(n_targets * r->dim) * sizeof *weight);
    for (int64_t t = 0; t < n_targets; t++) {
        bias[t] = r->target_mean[t];
        for (int64_t j = 0; j < r->dim; j++) bias[t] -= weight[t * r->dim + j] * r->mean.mean[j];
    }
done:
    judd_block_cyclic_destroy(solution);
    judd_block_cyclic_destroy(primal);
    free(dense);
    return status;
}
