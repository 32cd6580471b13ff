/* Heads in closed form, judged on the samples they learned from without those samples' help. */
#include "transfer/families.h"

#include <judd/base/memory.h>
#include <judd/learn/row_stream.h>
#include <judd/linalg/panels.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256, N_STRENGTHS = 45 };

/* ---- ridge -------------------------------------------------------------------------------------
 */

/* The indicators' squares: all, and (within) what lies in the span of the features, by eigenvector;
 * returns what lies outside. */
static double split_indicators(double *total, double *within, const judd_spectrum *s) {
    double inside = 0.0, n = (double)s->n;
    *total = 0.0;
    for (int c = 0; c < s->n_classes; c++) {
        double n_c = (double)s->count[c];
        *total += n_c - n_c * n_c / n;
    }
    for (int64_t k = s->order - s->rank; k < s->order; k++) {
        double own = 0.0;
        for (int c = 0; c < s->n_classes; c++) {
            double y = s->sum[c * s->order + k];
            own += y * y / s->value[k];
        }
        within[k] = own;
        inside += own;
    }
    /* centred features of this rank span everything: the difference would be rounding */
    return s->rank == s->n - 1 ? 0.0 : fmax(*total - inside, 0.0);
}

/* 1 - the generalised cross-validation error of a strength as a share of that without features. */
static double predicted_share(const judd_spectrum *s, const double *within, double outside,
                              double total, double strength) {
    double residual = outside, free_rows = (double)(s->n - 1 - s->rank);
    for (int64_t k = s->order - s->rank; k < s->order; k++) {
        double left = strength / (s->value[k] + strength);
        residual += within[k] * left * left;
        free_rows += left;
    }
    double ratio = (double)(s->n - 1) / free_rows;
    return 1.0 - residual / total * ratio * ratio;
}

double judd_probes_ridge(const judd_spectrum *s) {
    double *within = NULL, total, mean = 0.0, best = -INFINITY;
    if (judd_memory_alloc(&within, s->order, sizeof *within) != JUDD_OK) return NAN;
    double outside = split_indicators(&total, within, s);
    for (int64_t k = 0; k < s->order; k++) mean += s->value[k] / (double)s->rank;
    for (int i = 0; i < N_STRENGTHS; i++) { /* 1e-8 to 1e3 of the mean eigenvalue */
        double strength = mean * pow(10.0, 0.25 * (double)i - 8.0);
        best = fmax(best, predicted_share(s, within, outside, total, strength));
    }
    free(within);
    return best;
}

/* ---- centroid ----------------------------------------------------------------------------------
 */

typedef struct nearest {
    const judd_moments *m;
    const int32_t *labels;
    const judd_panels_kernel *kernel;
    int64_t n_panels, n_outputs; /* panels of features and of classes */
    double *weight;              /* [n_outputs][16 n_panels][16] class means */
    double *square;              /* [n_classes] of their lengths */
    double *x, *score;           /* a block's rows in panels; [BLOCK_ROWS, 16 n_outputs] */
    int64_t n_right;
} nearest;

/* Whether the sample's own class is nearest when its mean does without it: |x - m'|^2 is then
 * (n_c / (n_c - 1))^2 |x - m|^2. The first class of several as near. */
static bool is_right(const nearest *a, const float *x, const double *score, int32_t label) {
    double length = 0.0, least = INFINITY, n = (double)a->m->count[label];
    int32_t best = -1;
    for (int64_t j = 0; j < a->m->dim; j++) length += (double)x[j] * (double)x[j];
    for (int32_t c = 0; c < a->m->n_classes; c++) {
        double distance = fmax(length - 2.0 * score[c] + a->square[c], 0.0);
        if (c == label)
            distance = n > 1.0 ? distance * (n / (n - 1.0)) * (n / (n - 1.0)) : INFINITY;
        if (distance < least) best = c;
        least = fmin(least, distance);
    }
    return best == label;
}

static void judge_block(nearest *a, const judd_row_block *b) {
    const int64_t dim = a->m->dim, width = JUDD_PANELS_WIDTH * a->n_outputs;
    judd_panels_pack(a->x, b->x, b->n, dim);
    memset(a->score, 0, (size_t)(b->n * width) * sizeof *a->score);
    judd_panels_forward(a->kernel, a->score, width, a->x, b->n, a->n_panels, a->weight,
                        a->n_outputs);
    for (int64_t i = 0; i < b->n; i++)
        a->n_right += is_right(a, b->x + i * dim, a->score + i * width, a->labels[b->first + i]);
}

static judd_status prepare(nearest *a) {
    judd_status status = JUDD_OK;
    const judd_moments *m = a->m;
    const int64_t W = JUDD_PANELS_WIDTH;
    a->kernel = judd_panels_pick();
    a->n_panels = judd_panels_round(m->dim) / W;
    a->n_outputs = judd_panels_round(m->n_classes) / W;
    const int64_t depth = W * a->n_panels;
    JUDD_TRY(judd_memory_alloc(&a->weight, a->n_outputs * depth * W, sizeof *a->weight));
    JUDD_TRY(judd_memory_alloc(&a->square, m->n_classes, sizeof *a->square));
    JUDD_TRY(judd_memory_alloc(&a->x, BLOCK_ROWS * depth, sizeof *a->x));
    JUDD_TRY(judd_memory_alloc(&a->score, BLOCK_ROWS * W * a->n_outputs, sizeof *a->score));
    for (int64_t c = 0; c < m->n_classes; c++)
        for (int64_t j = 0; j < m->dim; j++) {
            double mean = m->class_mean[c * m->dim + j];
            a->weight[(c / W * depth + j) * W + c % W] = mean;
            a->square[c] += mean * mean;
        }
done:
    return status;
}

static judd_status judge_rows(nearest *a, const judd_rows *rows) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    JUDD_TRY(prepare(a));
    JUDD_TRY(judd_row_stream_all(&stream, rows, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        judge_block(a, &b);
    }
done:
    judd_row_stream_close(stream);
    return status;
}

judd_status judd_probes_centroid(double *accuracy, const judd_rows *features,
                                 const judd_moments *moments, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    nearest a = {.m = moments, .labels = features->labels};
    JUDD_TRY(judd_comm_agree(comm, judge_rows(&a, features)));
    JUDD_TRY(judd_comm_sum(comm, &a.n_right, 1));
    *accuracy = (double)a.n_right / (double)moments->n;
done:
    free(a.weight);
    free(a.square);
    free(a.x);
    free(a.score);
    return status;
}
