#include "learn/feature_moments.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/row_stream.h>
#include <judd/linalg/panels.h>

#include <stdlib.h>
#include <string.h>

enum {
    W = JUDD_PANELS_WIDTH,
    ROWS = 128,  /* of samples at a time */
    HEIGHT = 64, /* rows of the matrix at a time: what is above the diagonal is hardly made */
    MOST = 1024  /* features */
};

/* A rank's buffers. */
typedef struct sums {
    const judd_rows *rows;
    const judd_panels_kernel *kernel;
    int64_t dim, ld;  /* features, up to whole panels */
    double *lane;     /* [dim + 1, ld]: of one lane; the last row: of the features themselves */
    double *x, *wide; /* [panels][ROWS][16]; [ROWS, dim] */
    double *room;     /* [HEIGHT, ROWS] */
    int64_t *total;   /* [dim + 1, dim] */
} sums;

bool judd_feature_moments_fit(int64_t n_samples, int64_t dim) {
    return dim <= MOST && n_samples >= dim;
}

static judd_status allocate(sums *s) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&s->lane, (s->dim + 1) * s->ld, sizeof *s->lane));
    JUDD_TRY(judd_memory_alloc(&s->x, ROWS * s->ld, sizeof *s->x));
    JUDD_TRY(judd_memory_alloc(&s->wide, ROWS * s->dim, sizeof *s->wide));
    JUDD_TRY(judd_memory_alloc(&s->room, HEIGHT * ROWS, sizeof *s->room));
    JUDD_TRY(judd_memory_alloc(&s->total, (s->dim + 1) * s->dim, sizeof *s->total));
done:
    return status;
}

static void add_block(sums *s, const judd_row_block *b) {
    double *ones = s->lane + s->dim * s->ld;
    judd_row_block_pack(s->x, b, s->dim);
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t j = 0; j < s->dim; j++) {
            double x = judd_row_block_at(b, i * s->dim + j);
            s->wide[i * s->dim + j] = x;
            ones[j] += x;
        }
    for (int64_t i = 0; i < s->dim; i += HEIGHT) {
        int64_t n = judd_least(HEIGHT, s->dim - i);
        judd_panels_gradient(s->kernel, s->lane + i * s->ld, s->ld, s->wide + i, s->dim, b->n, n,
                             s->x, judd_panels_round(i + n) / W, s->room);
    }
}

/* Chains within the lane; then rounded once. */
static judd_status add_lane(sums *s, int lane, judd_exact_scale scale) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    memset(s->lane, 0, (size_t)((s->dim + 1) * s->ld) * sizeof *s->lane);
    JUDD_TRY(judd_row_stream_lane(&stream, s->rows, lane, ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        add_block(s, &b);
    }
    for (int64_t i = 0; i <= s->dim; i++)
        judd_exact_sum_add_double(s->total + i * s->dim, s->lane + i * s->ld,
                                  judd_least(i + 1, s->dim), scale);
done:
    judd_row_stream_close(stream);
    return status;
}

judd_status judd_feature_moments_make(double *moments, const judd_rows *rows, double max_x,
                                      const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &rows->lanes;
    const int64_t dim = rows->dim, order = dim + 1;
    sums s = {.rows = rows, .kernel = judd_panels_pick(), .dim = dim, .ld = judd_panels_round(dim)};
    double bound = (double)judd_lanes_largest(lanes) * (max_x > 1.0 ? max_x * max_x : 1.0);
    judd_exact_scale scale = judd_exact_sum_scale(bound, lanes->n_lanes);
    status = allocate(&s);
    for (int l = lanes->first_lane; status == JUDD_OK && l < lanes->end_lane; l++)
        status = add_lane(&s, l, scale);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_sum(comm, s.total, order * dim));
    memset(moments, 0, (size_t)(order * order) * sizeof *moments);
    for (int64_t i = 0; i < order; i++)
        for (int64_t j = 0; j <= i && j < dim; j++)
            moments[j * order + i] =
                judd_exact_sum_value(s.total[i * dim + j], scale) / (double)lanes->n_samples;
    moments[order * order - 1] = 1.0;
done:
    free(s.lane);
    free(s.x);
    free(s.wide);
    free(s.room);
    free(s.total);
    return status;
}

double judd_feature_moments_overlap(const double *moments, int64_t dim) {
    const int64_t order = dim + 1;
    double sum = 0.0;
    for (int64_t j = 0; j < order; j++)
        for (int64_t i = j + 1; i < order; i++) {
            double squares = moments[j * order + j] * moments[i * order + i];
            double m = moments[j * order + i];
            if (squares > 0.0) sum += 2.0 * m * m / squares;
        }
    return sum / (double)order;
}
