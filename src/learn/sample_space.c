#include "learn/sample_space.h"

#include <judd/base/clones.h>
#include <judd/base/memory.h>
#include <judd/linalg/cholesky.h>
#include <judd/linalg/dot.h>
#include <judd/linalg/panels.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SAMPLES = 1024, MOST_NUMBERS = 1 << 22, W = JUDD_PANELS_WIDTH };

/* Of a sample's own square: what tells samples apart that are equal, or nearly so. */
#define OWN 1e-12
/* Of the largest square: that of a sample that is zero. */
#define NOTHING 1e-30

bool judd_sample_space_fits(int64_t n_samples, int64_t dim) {
    return n_samples > 0 && n_samples < dim && n_samples <= MOST_SAMPLES &&
           n_samples <= MOST_NUMBERS / dim;
}

/* ---- X X' ---------------------------------------------------------------------------------------
 */

/* Panels of 16 samples, the features of each below each other: as the weights of 16 outputs. */
static void pack_samples(double *out, const double *x, int64_t n, int64_t dim, int64_t deep) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < dim; k++) out[i / W * deep * W + k * W + i % W] = x[i * dim + k];
}

/* products [m, n up to panels]: of own rows [m, dim] with all of them. */
static judd_status multiply(double **products, const judd_sample_space *s, const double *own,
                            int64_t m) {
    judd_status status = JUDD_OK;
    int64_t wide = judd_panels_round(s->n), deep = judd_panels_round(s->dim);
    double *left = NULL, *right = NULL;
    JUDD_TRY(judd_memory_alloc(products, m * wide, sizeof **products));
    JUDD_TRY(judd_memory_alloc(&left, m * deep, sizeof *left));
    JUDD_TRY(judd_memory_alloc(&right, wide * deep, sizeof *right));
    judd_panels_pack_wide(left, own, m, s->dim);
    pack_samples(right, s->x, s->n, s->dim, deep);
    judd_panels_forward(judd_panels_pick(), *products, wide, left, m, deep / W, right, wide / W);
done:
    free(left);
    free(right);
    return status;
}

static bool factor(judd_sample_space *s, const double *products) {
    const int64_t n = s->n, wide = judd_panels_round(n);
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, products[i * wide + i]);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j <= i; j++) s->factor[j * n + i] = products[i * wide + j];
        double *square = &s->factor[i * n + i];
        *square = *square > 0.0 ? *square * (1.0 + OWN) : NOTHING * largest;
    }
    return judd_cholesky_factor(s->factor, n);
}

/* ---- the rows there -----------------------------------------------------------------------------
 */

static void set_rows(judd_sample_space *s, const judd_rows *rows) {
    const int64_t n = s->n, first = judd_lanes_first(&rows->lanes);
    s->rows = (judd_rows){.lanes = rows->lanes,
                          .dim = n,
                          .wide = s->own,
                          .labels = rows->labels,
                          .folds = rows->folds,
                          .n_targets = rows->n_targets,
                          .targets = rows->targets};
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = j; i < n; i++)
            s->rows.largest = fmax(s->rows.largest, fabs(s->factor[j * n + i]));
    for (int64_t k = 0; k < judd_lanes_count(&rows->lanes); k++)
        for (int64_t j = 0; j < n; j++)
            s->own[k * n + j] = j <= first + k ? s->factor[j * n + first + k] : 0.0;
}

judd_status judd_sample_space_create(judd_sample_space **out, const judd_rows *rows,
                                     const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_sample_space *s = NULL;
    const int64_t n = rows->lanes.n_samples, m = judd_lanes_count(&rows->lanes);
    const int64_t wide = judd_panels_round(n);
    double *own = NULL, *part = NULL;
    void *x = NULL, *products = NULL;
    status = judd_memory_alloc(&s, 1, sizeof *s);
    if (status == JUDD_OK) {
        *s = (judd_sample_space){.n = n, .dim = rows->dim};
        status = judd_memory_alloc(&own, m * s->dim, sizeof *own);
    }
    if (status == JUDD_OK) status = judd_memory_alloc(&s->factor, n * n, sizeof *s->factor);
    if (status == JUDD_OK) status = judd_memory_alloc(&s->own, m * n, sizeof *s->own);
    if (status == JUDD_OK) status = judd_rows_read_centred(own, rows, 0, m, NULL);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_allgather(comm, &x, own, m * s->dim, sizeof *own));
    s->x = x;
    JUDD_TRY(judd_comm_agree(comm, multiply(&part, s, own, m)));
    JUDD_TRY(judd_comm_allgather(comm, &products, part, m * wide, sizeof *part));
    if (!factor(s, products)) goto done; /* the same numbers on every rank: so is this */
    set_rows(s, rows);
    *out = s;
    s = NULL;
done:
    free(own);
    free(part);
    free(products);
    judd_sample_space_destroy(s);
    return status;
}

void judd_sample_space_destroy(judd_sample_space *s) {
    if (!s) return;
    free(s->x);
    free(s->factor);
    free(s->own);
    free(s);
}

/* ---- weights ------------------------------------------------------------------------------------
 */

/* y += a x */
JUDD_CLONES static void add(double *restrict y, double a, const double *restrict x, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
}

/* L w = X W' */
void judd_sample_space_enter(const judd_sample_space *s, double *to, const double *from,
                             int64_t m) {
    const int64_t n = s->n, dim = s->dim;
    for (int64_t r = 0; r < m; r++)
        for (int64_t i = 0; i < n; i++)
            to[r * n + i] = judd_dot(s->x + i * dim, from + r * dim, dim);
    judd_cholesky_solve_lower(to, m, s->factor, n);
}

/* W = X' L^-T w */
void judd_sample_space_leave(const judd_sample_space *s, double *to, double *from, int64_t m) {
    const int64_t n = s->n, dim = s->dim;
    judd_cholesky_solve_upper(from, m, s->factor, n);
    memset(to, 0, (size_t)(m * dim) * sizeof *to);
    for (int64_t r = 0; r < m; r++)
        for (int64_t i = 0; i < n; i++) add(to + r * dim, from[r * n + i], s->x + i * dim, dim);
}
