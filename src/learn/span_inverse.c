#include "learn/span_inverse.h"

#include <judd/base/clones.h>
#include <judd/base/memory.h>
#include <judd/linalg/cholesky.h>
#include <judd/linalg/dot.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the longest row, squared: what is left of a row that the ones before it span. */
#define LEAST_SQUARE 1e-10
/* Of the mean diagonal: the same added to all outputs changes no softmax. */
#define LEAST_CURVATURE 1e-8

int64_t judd_span_inverse_size(int n_outputs, int64_t dim) {
    int64_t n = n_outputs + 1, order = n_outputs * n;
    return n * (dim + n_outputs) + n * (dim + 1) + order * order + n * n + n * n + 2 * order;
}

judd_status judd_span_inverse_create(judd_span_inverse *out, int n_outputs, int64_t dim,
                                     bool invariant) {
    judd_status status = JUDD_OK;
    judd_span_inverse s = {.n_outputs = n_outputs, .dim = dim, .invariant = invariant};
    int64_t n = n_outputs + 1, order = n_outputs * n;
    JUDD_TRY(judd_memory_alloc(&s.basis, n_outputs * dim, sizeof *s.basis));
    JUDD_TRY(judd_memory_alloc(&s.bent, n * (dim + 1), sizeof *s.bent));
    JUDD_TRY(judd_memory_alloc(&s.inner, order * order, sizeof *s.inner));
    JUDD_TRY(judd_memory_alloc(&s.plain, n * n, sizeof *s.plain));
    JUDD_TRY(judd_memory_alloc(&s.to_base, n * n, sizeof *s.to_base));
    JUDD_TRY(judd_memory_alloc(&s.part, order, sizeof *s.part));
    JUDD_TRY(judd_memory_alloc(&s.rest, order, sizeof *s.rest));
done:
    *out = s;
    return status;
}

void judd_span_inverse_free(judd_span_inverse *s) {
    free(s->basis);
    free(s->bent);
    free(s->inner);
    free(s->plain);
    free(s->to_base);
    free(s->part);
    free(s->rest);
    *s = (judd_span_inverse){0};
}

/* y += a x */
JUDD_CLONES static void add(double *restrict y, double a, const double *restrict x, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void multiply(double *y, double a, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] *= a;
}

/* Gram-Schmidt; what it does to the rows it does to the coordinates. */
void judd_span_inverse_begin(judd_span_inverse *s, const double *weights) {
    const int64_t dim = s->dim, width = s->n_outputs + 1;
    double longest = 0.0;
    int n = 0;
    for (int c = 0; c < s->n_outputs; c++)
        longest = fmax(longest, judd_dot(weights + c * dim, weights + c * dim, dim));
    memset(s->to_base, 0, (size_t)(width * width) * sizeof *s->to_base);
    for (int c = 0; c < s->n_outputs; c++) {
        double *row = s->basis + n * dim, *to = s->to_base + n * width;
        memcpy(row, weights + c * dim, (size_t)dim * sizeof *row);
        memset(to, 0, (size_t)width * sizeof *to);
        to[c] = 1.0;
        for (int i = 0; i < n; i++) {
            double share = judd_dot(row, s->basis + i * dim, dim);
            add(row, -share, s->basis + i * dim, dim);
            add(to, -share, s->to_base + i * width, width);
        }
        double square = judd_dot(row, row, dim);
        if (!(square > LEAST_SQUARE * longest)) continue;
        multiply(row, 1.0 / sqrt(square), dim);
        multiply(to, 1.0 / sqrt(square), width);
        n++;
    }
    memset(s->to_base + n * width, 0, (size_t)width * sizeof *s->to_base);
    s->to_base[n * width + s->n_outputs] = 1.0;
    s->n = n + 1;
}

/* Block (a, b) of A = to_base m to_base', m [n_outputs + 1]^2: its triangle, row by row. */
static void set_block(judd_span_inverse *s, int a, int b, const double *m) {
    const int64_t order = (int64_t)s->n_outputs * s->n;
    const int width = s->n_outputs + 1;
    double *half = s->bent; /* [n, width]: of no more use */
    for (int i = 0; i < s->n; i++)
        for (int v = 0; v < width; v++) {
            double sum = 0.0;
            for (int u = 0; u < width; u++) {
                int low = u < v ? u : v, high = u < v ? v : u;
                sum +=
                    s->to_base[i * width + u] * m[low * width - low * (low - 1) / 2 + high - low];
            }
            half[i * width + v] = sum;
        }
    for (int i = 0; i < s->n; i++)
        for (int j = 0; j < s->n; j++) {
            double x = judd_dot(half + i * width, s->to_base + j * width, width);
            s->inner[(a * s->n + i) * order + b * s->n + j] = x;
            s->inner[(b * s->n + j) * order + a * s->n + i] = x;
        }
}

/* B' M B */
static void set_plain(judd_span_inverse *s) {
    const int64_t dim = s->dim;
    for (int j = 0; j < s->n; j++)
        for (int i = j; i < s->n; i++) {
            const double *bent = s->bent + j * (dim + 1);
            s->plain[j * s->n + i] =
                i < s->n - 1 ? judd_dot(s->basis + i * dim, bent, dim) : bent[dim];
        }
}

void judd_span_inverse_end(judd_span_inverse *s, const double *span, double l2) {
    const int64_t order = (int64_t)s->n_outputs * s->n, width = s->n_outputs + 1;
    double trace = 0.0;
    set_plain(s);
    for (int a = 0; a < s->n_outputs; a++)
        for (int b = a; b < s->n_outputs; b++, span += width * (width + 1) / 2)
            set_block(s, a, b, span);
    for (int64_t j = 0; j < order; j++) {
        s->inner[j * order + j] += j % s->n < s->n - 1 ? l2 : 0.0;
        trace += s->inner[j * order + j];
    }
    for (int64_t j = 0; j < order; j++)
        s->inner[j * order + j] += LEAST_CURVATURE * trace / (double)order;
    if (!judd_cholesky_factor(s->plain, s->n) || !judd_cholesky_factor(s->inner, order)) s->n = 0;
}

/* Rounding leaves a little of what all outputs have in common, and the inverse divides it by next
 * to nothing. */
static void centre(const judd_span_inverse *s, double *x) {
    for (int i = 0; s->invariant && i < s->n; i++) {
        double mean = 0.0;
        for (int c = 0; c < s->n_outputs; c++) mean += x[c * s->n + i] / s->n_outputs;
        for (int c = 0; c < s->n_outputs; c++) x[c * s->n + i] -= mean;
    }
}

void judd_span_inverse_add(judd_span_inverse *s, double *y, const double *x) {
    const int64_t dim = s->dim, biases = s->n_outputs * dim;
    const int n = s->n, last = n - 1;
    const int64_t order = (int64_t)s->n_outputs * n;
    if (n == 0) return;
    for (int c = 0; c < s->n_outputs; c++) {
        for (int i = 0; i < last; i++)
            s->part[c * n + i] = judd_dot(s->basis + i * dim, x + c * dim, dim);
        s->part[c * n + last] = x[biases + c];
    }
    centre(s, s->part);
    memcpy(s->rest, s->part, (size_t)order * sizeof *s->rest);
    judd_cholesky_solve(s->part, 1, s->inner, order);
    centre(s, s->part);
    judd_cholesky_solve(s->rest, s->n_outputs, s->plain, n);
    for (int c = 0; c < s->n_outputs; c++) {
        for (int i = 0; i < last; i++)
            add(y + c * dim, s->part[c * n + i] - s->rest[c * n + i], s->basis + i * dim, dim);
        y[biases + c] += s->part[c * n + last] - s->rest[c * n + last];
    }
}
