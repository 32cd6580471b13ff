#include <judd/learn/lda.h>

#include <judd/base/memory.h>
#include <judd/comm/free_memory.h>
#include <judd/learn/moments.h>
#include <judd/linalg/gram.h>
#include <judd/linalg/scalapack.h>

#include "learn/ledoit_wolf.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct fit {
    const judd_lda_options *options;
    judd_rows rows; /* borrowed, but for the labels: held-out rows are of class n_classes */
    int32_t *labels;
    const judd_comm *comm;
    judd_moments m;
    double *prior, *root; /* [n_classes]: prior_k; sqrt(prior_k / n_k) */
    judd_block_cyclic_grid grid;
    int64_t block;
    judd_block_cyclic *covariance;
    double mean_variance; /* trace / dim */
    bool flat;            /* S vanished, and I took its place */
} fit;

static judd_status check_options(const judd_lda_options *o) {
    double sum = 0.0;
    for (int s = 0; !o->ledoit_wolf && s < o->n_shrinkage; s++)
        if (!(o->shrinkage[s] >= 0.0 && o->shrinkage[s] <= 1.0))
            return judd_status_set(JUDD_E_CONFIG, "lda: shrinkage = %g; need 0 to 1",
                                   o->shrinkage[s]);
    for (int c = 0; o->priors && c < o->n_classes; c++) {
        if (!(o->priors[c] > 0.0))
            return judd_status_set(JUDD_E_CONFIG, "lda: prior %g of class %d; need more than 0",
                                   o->priors[c], c);
        sum += o->priors[c];
    }
    if (o->priors && !(fabs(sum - 1.0) < 1e-6))
        return judd_status_set(JUDD_E_CONFIG, "lda: the priors' sum is %g; need 1", sum);
    return JUDD_OK;
}

/* (x - m_k) sqrt(prior_k / n_k): their outer products add up to S. Held-out rows add nothing. */
static judd_status fill(void *context, double *out, int64_t first, int64_t n) {
    const fit *f = context;
    const int64_t dim = f->m.dim;
    judd_status status = judd_rows_read_centred(out, &f->rows, first, n, NULL);
    for (int64_t i = 0; i < n && status == JUDD_OK; i++) {
        int64_t label = f->rows.labels[first + i];
        if (label >= f->m.n_classes) {
            memset(out + i * dim, 0, (size_t)dim * sizeof *out);
            continue;
        }
        const double *mean = f->m.class_mean + label * dim;
        for (int64_t j = 0; j < dim; j++)
            out[i * dim + j] = (out[i * dim + j] - mean[j]) * f->root[label];
    }
    return status;
}

/* Less of every class's own covariance, and what replaces it: diagonal [dim]. */
static judd_status shrink_classes(double *diagonal, fit *f) {
    judd_status status = JUDD_OK;
    const int64_t dim = f->m.dim, n_classes = f->m.n_classes;
    double *keep = NULL, *each = NULL;
    status = judd_memory_alloc(&keep, n_classes, sizeof *keep);
    if (status == JUDD_OK) status = judd_memory_alloc(&each, n_classes * dim, sizeof *each);
    JUDD_TRY(judd_comm_agree(f->comm, status));
    JUDD_TRY(judd_ledoit_wolf(keep, each, &f->rows, &f->m, &f->grid));
    for (int64_t c = 0; c < n_classes; c++) {
        f->root[c] *= sqrt(keep[c]);
        for (int64_t j = 0; j < dim; j++) diagonal[j] += f->prior[c] * each[c * dim + j];
    }
done:
    free(keep);
    free(each);
    return status;
}

/* Whether S is nothing but the rounding of the means. */
static bool vanishes(const fit *f) {
    const int64_t dim = f->m.dim;
    double most = 0.0, share = (double)f->m.n * DBL_EPSILON;
    for (int64_t k = 0; k < f->m.n_classes * dim; k++)
        most += f->m.class_mean[k] * f->m.class_mean[k];
    return f->mean_variance <= share * share * most / (double)dim;
}

static judd_status sum_covariance(fit *f) {
    judd_status status = JUDD_OK;
    judd_gram_source source = {judd_lanes_count(&f->rows.lanes), f->m.dim, fill, f};
    double *diagonal = NULL, bytes = 8.0 * (double)f->m.dim * (double)f->m.dim;
    bool copied = !f->options->ledoit_wolf && f->options->n_shrinkage > 1;
    JUDD_TRY(judd_free_memory_ask(f->comm, copied ? 2.0 * bytes : bytes, "lda: the covariance",
                                  copied ? ", or give one shrinkage, which takes half of it" : ""));
    JUDD_TRY(judd_comm_agree(f->comm, judd_memory_alloc(&diagonal, f->m.dim, sizeof *diagonal)));
    JUDD_TRY(judd_scalapack_open(&f->grid, f->comm));
    if (f->options->ledoit_wolf) JUDD_TRY(shrink_classes(diagonal, f));
    f->block = judd_block_cyclic_block(&f->grid, f->m.dim);
    JUDD_TRY(judd_block_cyclic_create(&f->covariance, &f->grid, f->m.dim, f->m.dim, f->block));
    JUDD_TRY(judd_gram_add(f->covariance, &source));
    judd_block_cyclic_add_diagonal(f->covariance, 1.0, diagonal);
    JUDD_TRY(judd_block_cyclic_diagonal(diagonal, f->covariance));
    for (int64_t j = 0; j < f->m.dim; j++) f->mean_variance += diagonal[j] / (double)f->m.dim;
    f->flat = vanishes(f);
    if (!f->flat) goto done;
    for (int64_t k = 0; k < f->covariance->local_columns * f->covariance->ld; k++)
        f->covariance->data[k] = 0.0;
    f->mean_variance = 1.0;
    judd_block_cyclic_add_diagonal(f->covariance, f->mean_variance, NULL);
done:
    free(diagonal);
    return status;
}

/* The classes' means as columns. */
static judd_status place_means(judd_block_cyclic **out, const fit *f) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_block_cyclic_create(out, &f->grid, f->m.dim, f->m.n_classes, f->block));
    judd_block_cyclic *b = *out;
    for (int64_t l = 0; l < b->local_columns; l++) {
        int64_t c = judd_block_cyclic_to_global(l, b->block, f->grid.column, f->grid.n_columns);
        for (int64_t k = 0; k < b->local_rows; k++) {
            int64_t j = judd_block_cyclic_to_global(k, b->block, f->grid.row, f->grid.n_rows);
            b->data[l * b->ld + k] = f->m.class_mean[c * f->m.dim + j];
        }
    }
done:
    return status;
}

/* Shrinks and factors `a` in place. */
static judd_status factor(judd_block_cyclic *a, const fit *f, double shrinkage) {
    int64_t column = -1;
    for (int64_t k = 0; k < a->local_columns * a->ld; k++) a->data[k] *= 1.0 - shrinkage;
    judd_block_cyclic_add_diagonal(a, shrinkage * f->mean_variance, NULL);
    judd_status status = judd_scalapack_cholesky(a, &column);
    if (column < 0) return status;
    status = judd_status_set(
        JUDD_E_DEGENERATE,
        "column %lld of the features is constant within the classes or depends "
        "on the columns before it; %s",
        (long long)column,
        f->options->ledoit_wolf ? "set covariance = \"shrunk\"" : "raise shrinkage");
    if (f->options->ledoit_wolf)
        return judd_status_context(
            status, "lda: the covariance is singular as Ledoit and Wolf's formula shrinks it");
    return judd_status_context(status, "lda: the covariance is singular at shrinkage = %g",
                               shrinkage);
}

static judd_status solve(double *weight, double *bias, fit *f, double shrinkage, bool last) {
    judd_status status = JUDD_OK;
    const int64_t dim = f->m.dim;
    judd_block_cyclic *copy = NULL, *b = NULL;
    double *dense = NULL;
    if (!last) {
        JUDD_TRY(judd_block_cyclic_create(&copy, &f->grid, dim, dim, f->block));
        memcpy(copy->data, f->covariance->data, (size_t)judd_block_cyclic_bytes(copy));
    }
    judd_block_cyclic *a = copy ? copy : f->covariance;
    JUDD_TRY(factor(a, f, shrinkage));
    JUDD_TRY(place_means(&b, f));
    JUDD_TRY(judd_scalapack_solve(b, a));
    JUDD_TRY(judd_block_cyclic_gather(&dense, b));
    memcpy(weight, dense, (size_t)(f->m.n_classes * dim) * sizeof *weight);
    for (int64_t c = 0; c < f->m.n_classes; c++) {
        double dot = 0.0;
        for (int64_t j = 0; j < dim; j++) dot += f->m.class_mean[c * dim + j] * weight[c * dim + j];
        bias[c] = log(f->prior[c]) - 0.5 * dot;
    }
done:
    judd_block_cyclic_destroy(copy);
    judd_block_cyclic_destroy(b);
    free(dense);
    return status;
}

/* Labels with the held-out fold as a class of its own, and the classes' means. */
static judd_status look_at_rows(fit *f, const judd_rows *rows, const judd_lda_options *o) {
    judd_status status = JUDD_OK;
    const int64_t n = judd_lanes_count(&rows->lanes);
    const bool all = o->held_out < 0;
    JUDD_TRY(judd_comm_agree(f->comm, judd_memory_alloc(&f->labels, n, sizeof *f->labels)));
    for (int64_t i = 0; i < n; i++)
        f->labels[i] = !all && rows->folds[i] == o->held_out ? o->n_classes : rows->labels[i];
    f->rows = *rows;
    f->rows.labels = f->labels;
    JUDD_TRY(judd_moments_fit(&f->m, &f->rows, all ? o->n_classes : o->n_classes + 1, NULL,
                              "features", f->comm));
    f->m.n_classes = o->n_classes;
    JUDD_TRY(judd_moments_check_classes(&f->m, "lda"));
done:
    return status;
}

static judd_status weigh_classes(fit *f, const double *priors) {
    judd_status status = JUDD_OK;
    const int n_classes = f->m.n_classes;
    int64_t n = 0;
    status = judd_memory_alloc(&f->prior, n_classes, sizeof *f->prior);
    if (status == JUDD_OK) status = judd_memory_alloc(&f->root, n_classes, sizeof *f->root);
    JUDD_TRY(judd_comm_agree(f->comm, status));
    for (int c = 0; c < n_classes; c++) n += f->m.count[c];
    for (int c = 0; c < n_classes; c++) {
        f->prior[c] = priors ? priors[c] : (double)f->m.count[c] / (double)n;
        f->root[c] = sqrt(f->prior[c] / (double)f->m.count[c]);
    }
done:
    return status;
}

static void set_nan(double *x, int64_t n) {
    for (int64_t k = 0; k < n; k++) x[k] = NAN;
}

/* Every solution, or NaN; that of the last is why none exists. */
static judd_status solve_all(double *weight, double *bias, fit *f) {
    judd_status status = JUDD_OK;
    const judd_lda_options *o = f->options;
    const int64_t n_classes = f->m.n_classes, size = n_classes * f->m.dim;
    const int n_solutions = o->ledoit_wolf ? 1 : o->n_shrinkage;
    int n_singular = 0;
    for (int s = 0; s < n_solutions; s++) {
        double *w = weight + s * size, *b = bias + s * n_classes;
        status = solve(w, b, f, o->ledoit_wolf ? 0.0 : o->shrinkage[s], s + 1 == n_solutions);
        if (status == JUDD_OK) continue;
        if (status != JUDD_E_DEGENERATE) return status;
        set_nan(w, size);
        set_nan(b, n_classes);
        n_singular++;
    }
    return n_singular < n_solutions ? JUDD_OK : status;
}

judd_status judd_lda_fit(double *weight, double *bias, bool *flat, const judd_rows *rows,
                         const judd_lda_options *options, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    fit f = {.comm = comm, .options = options};
    JUDD_TRY(check_options(options));
    JUDD_TRY(look_at_rows(&f, rows, options));
    JUDD_TRY(weigh_classes(&f, options->priors));
    JUDD_TRY(sum_covariance(&f));
    *flat = f.flat;
    JUDD_TRY(solve_all(weight, bias, &f));
done:
    judd_block_cyclic_destroy(f.covariance);
    judd_scalapack_close(&f.grid);
    judd_moments_free(&f.m);
    free(f.labels);
    free(f.prior);
    free(f.root);
    return status;
}
