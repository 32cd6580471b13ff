#include <judd/learn/pca.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/free_memory.h>
#include <judd/learn/moments.h>
#include <judd/linalg/gram.h>
#include <judd/linalg/scalapack.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct fit {
    const judd_rows *rows;
    const judd_comm *comm;
    judd_moments m;
    bool dual; /* order is n, not dim */
    int64_t order, block;
    judd_block_cyclic_grid grid;
    judd_block_cyclic *x;                /* [n, dim] (dual) */
    judd_block_cyclic *matrix, *vectors; /* [order, order] */
    double *values;                      /* [order], ascending */
} fit;

static judd_status fill(void *context, double *out, int64_t first, int64_t n) {
    const fit *f = context;
    return judd_rows_read_centred(out, f->rows, first, n, f->m.mean);
}

static judd_status place_rows(fit *f) {
    judd_status status = JUDD_OK;
    int64_t n = judd_lanes_count(&f->rows->lanes), *ids = NULL;
    JUDD_TRY(judd_comm_agree(f->comm, judd_memory_alloc(&ids, n, sizeof *ids)));
    for (int64_t i = 0; i < n; i++) ids[i] = judd_lanes_first(&f->rows->lanes) + i;
    JUDD_TRY(judd_block_cyclic_create(&f->x, &f->grid, f->m.n, f->m.dim, f->block));
    JUDD_TRY(judd_block_cyclic_set_rows(f->x, ids, n, fill, f));
done:
    free(ids);
    return status;
}

static judd_status decompose(fit *f) {
    judd_status status = JUDD_OK;
    double order = (double)f->order, x = f->dual ? (double)f->m.n * (double)f->m.dim : 0.0;
    JUDD_TRY(judd_free_memory_ask(f->comm, 8.0 * (4.0 * order * order + x),
                                  "pca: the covariance's decomposition", ""));
    JUDD_TRY(judd_scalapack_open(&f->grid, f->comm));
    f->block = judd_block_cyclic_block(&f->grid, f->order);
    JUDD_TRY(judd_comm_agree(f->comm, judd_memory_alloc(&f->values, f->order, sizeof(double))));
    JUDD_TRY(judd_block_cyclic_create(&f->matrix, &f->grid, f->order, f->order, f->block));
    JUDD_TRY(judd_block_cyclic_create(&f->vectors, &f->grid, f->order, f->order, f->block));
    if (f->dual) {
        JUDD_TRY(place_rows(f));
        JUDD_TRY(judd_scalapack_rank_k(judd_scalapack_whole(f->matrix), 1.0,
                                       judd_scalapack_whole(f->x), false, 0.0));
    } else {
        judd_gram_source source = {judd_lanes_count(&f->rows->lanes), f->m.dim, fill, f};
        JUDD_TRY(judd_gram_add(f->matrix, &source));
    }
    JUDD_TRY(judd_scalapack_eigen(f->values, f->vectors, f->matrix));
done:
    return status;
}

/* Variances that rounding alone could have made count as none, as do those of columns that differ
 * by less than a normal float32: whitening would multiply by infinity. */
static int64_t rank_of(const fit *f) {
    double largest = f->values[f->order - 1];
    double rounding = DBL_EPSILON * (double)judd_most(f->m.n, f->m.dim) * largest;
    double least = fmax(rounding, (double)f->m.n * FLT_MIN * FLT_MIN); /* values are sums */
    int64_t rank = 0;
    while (rank < f->order && f->values[f->order - 1 - rank] > least) rank++;
    return largest > 0.0 ? rank : 0;
}

static judd_status allocate(judd_pca *p, const judd_pca_options *o, const fit *f) {
    judd_status status = JUDD_OK;
    int64_t rank = rank_of(f);
    *p = (judd_pca){.dim = f->m.dim,
                    .n_components = o->n_components > 0 ? o->n_components : rank,
                    .whiten = o->whiten};
    if (o->n_components < 0)
        JUDD_FAIL(JUDD_E_CONFIG, "pca: components = %lld; need 0 or more",
                  (long long)o->n_components);
    if (rank == 0)
        JUDD_FAIL(
            JUDD_E_DEGENERATE,
            "pca: all %lld samples are equal: there is no variance to explain; check the features "
            "of the data set, or leave the transform out",
            (long long)f->m.n);
    if (rank < p->n_components)
        JUDD_FAIL(JUDD_E_DEGENERATE,
                  "pca: components = %lld, but %lld samples of %lld columns have variance in %lld "
                  "directions only; lower components",
                  (long long)p->n_components, (long long)f->m.n, (long long)f->m.dim,
                  (long long)rank);
    JUDD_TRY(judd_memory_alloc(&p->mean, p->dim, sizeof *p->mean));
    JUDD_TRY(judd_memory_alloc(&p->component, p->n_components * p->dim, sizeof *p->component));
    JUDD_TRY(judd_memory_alloc(&p->variance, p->n_components, sizeof *p->variance));
    JUDD_TRY(judd_memory_alloc(&p->ratio, p->n_components, sizeof *p->ratio));
done:
    return status;
}

/* Unit length (the dual's vectors are scaled here) and the sign that the header states. */
static void normalise(double *component, int64_t dim) {
    double norm = 0.0;
    int64_t top = 0;
    for (int64_t j = 0; j < dim; j++) {
        norm += component[j] * component[j];
        if (fabs(component[j]) > fabs(component[top])) top = j;
    }
    double scale = (component[top] < 0.0 ? -1.0 : 1.0) / sqrt(norm);
    for (int64_t j = 0; j < dim; j++) component[j] *= scale;
}

static judd_status take_components(judd_pca *p, const fit *f) {
    judd_status status = JUDD_OK;
    judd_block_cyclic *product = NULL;
    const judd_block_cyclic *from = f->vectors;
    const int64_t k = p->n_components, first = f->order - k;
    if (f->dual) {
        judd_scalapack_part v = {f->vectors, 0, first, f->order, k};
        JUDD_TRY(judd_block_cyclic_create(&product, &f->grid, f->m.dim, k, f->block));
        JUDD_TRY(judd_scalapack_multiply(judd_scalapack_whole(product), 1.0,
                                         judd_scalapack_whole(f->x), true, v, false, 0.0));
        from = product;
    }
    double trace = 0.0;
    for (int64_t i = 0; i < f->order; i++) trace += fmax(f->values[i], 0.0);
    for (int64_t c = 0; c < k; c++) {
        int64_t column = (f->dual ? k : f->order) - 1 - c;
        JUDD_TRY(judd_block_cyclic_panel(p->component + c * p->dim, from, column, 1));
        normalise(p->component + c * p->dim, p->dim);
        p->variance[c] = f->values[f->order - 1 - c] / (double)(f->m.n - 1);
        p->ratio[c] = f->values[f->order - 1 - c] / trace;
    }
    memcpy(p->mean, f->m.mean, (size_t)p->dim * sizeof *p->mean);
done:
    judd_block_cyclic_destroy(product);
    return status;
}

judd_status judd_pca_fit(judd_pca *out, const judd_rows *rows, const judd_pca_options *options,
                         const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_pca p = {0};
    fit f = {.rows = rows, .comm = comm};
    JUDD_TRY(judd_moments_fit(&f.m, rows, 0, NULL, "features", comm));
    f.dual = f.m.n < f.m.dim;
    f.order = f.dual ? f.m.n : f.m.dim;
    JUDD_TRY(decompose(&f));
    JUDD_TRY(judd_comm_agree(comm, allocate(&p, options, &f)));
    JUDD_TRY(take_components(&p, &f));
    *out = p;
    p = (judd_pca){0};
done:
    judd_block_cyclic_destroy(f.x);
    judd_block_cyclic_destroy(f.matrix);
    judd_block_cyclic_destroy(f.vectors);
    judd_scalapack_close(&f.grid);
    judd_moments_free(&f.m);
    free(f.values);
    judd_pca_free(&p);
    return status;
}

void judd_pca_free(judd_pca *pca) {
    free(pca->mean);
    free(pca->component);
    free(pca->variance);
    free(pca->ratio);
    *pca = (judd_pca){0};
}
