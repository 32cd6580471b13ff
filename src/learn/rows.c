#include <judd/learn/rows.h>

#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/row_stream.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

static judd_status create(judd_rows *out, int64_t n_samples, int64_t dim, int n_lanes,
                          judd_rows_source source, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_rows rows = {.dim = dim, .largest = -1.0, .source = source};
    JUDD_TRY(judd_lanes_deal(&rows.lanes, n_samples, n_lanes, comm->rank, comm->size));
    int64_t n = judd_lanes_count(&rows.lanes);
    if (!source.read) JUDD_TRY(judd_memory_alloc(&rows.x, n * dim, sizeof *rows.x));
    JUDD_TRY(judd_memory_alloc(&rows.labels, n, sizeof *rows.labels));
    JUDD_TRY(judd_memory_alloc(&rows.folds, n, sizeof *rows.folds));
    *out = rows;
    rows = (judd_rows){0};
done:
    judd_rows_free(&rows);
    return status;
}

judd_status judd_rows_create(judd_rows *out, int64_t n_samples, int64_t dim, int n_lanes,
                             const judd_comm *comm) {
    return create(out, n_samples, dim, n_lanes, (judd_rows_source){0}, comm);
}

judd_status judd_rows_create_streamed(judd_rows *out, int64_t n_samples, int64_t dim, int n_lanes,
                                      judd_rows_source source, const judd_comm *comm) {
    return create(out, n_samples, dim, n_lanes, source, comm);
}

judd_status judd_rows_add_targets(judd_rows *rows, int n_targets) {
    if (n_targets == 0) return JUDD_OK;
    rows->n_targets = n_targets;
    return judd_memory_alloc(&rows->targets, judd_lanes_count(&rows->lanes) * n_targets,
                             sizeof *rows->targets);
}

void judd_rows_free(judd_rows *rows) {
    free(rows->x);
    free(rows->labels);
    free(rows->folds);
    free(rows->targets);
    if (rows->source.close) rows->source.close(rows->source.context);
    judd_rows_standard_free(&rows->standard);
    *rows = (judd_rows){0};
}

judd_status judd_rows_standardize(judd_rows *rows, const judd_standard *standard) {
    judd_status status = JUDD_OK;
    judd_standard copy = {0};
    size_t bytes = (size_t)rows->dim * sizeof *copy.mean;
    rows->largest = -1.0;
    if (rows->x) {
        judd_rows_standard_apply(standard, rows->x, rows->x, judd_lanes_count(&rows->lanes));
        return JUDD_OK;
    }
    JUDD_TRY(judd_rows_standard_identity(&copy, rows->dim));
    memcpy(copy.mean, standard->mean, bytes);
    memcpy(copy.scale, standard->scale, bytes);
    rows->standard = copy;
done:
    return status;
}

judd_status judd_rows_read(float *out, const judd_rows *rows, const int64_t *which, int64_t n) {
    judd_status status = JUDD_OK;
    int64_t dim = rows->dim;
    if (rows->x) {
        for (int64_t i = 0; i < n; i++)
            memcpy(out + i * dim, rows->x + which[i] * dim, (size_t)dim * sizeof *out);
        return JUDD_OK;
    }
    JUDD_TRY(rows->source.read(rows->source.context, out, which, n));
    if (rows->standard.dim > 0) judd_rows_standard_apply(&rows->standard, out, out, n);
done:
    return status;
}

static void centre(double *out, const float *x, int64_t n, int64_t dim, const double *mean) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < dim; j++)
            out[i * dim + j] = (double)x[i * dim + j] - (mean ? mean[j] : 0.0);
}

judd_status judd_rows_read_centred(double *out, const judd_rows *rows, int64_t first, int64_t n,
                                   const double *mean) {
    judd_status status = JUDD_OK;
    const int64_t dim = rows->dim;
    int64_t which[BLOCK_ROWS];
    float *room = NULL;
    if (rows->x) {
        centre(out, rows->x + first * dim, n, dim, mean);
        return JUDD_OK;
    }
    JUDD_TRY(judd_memory_alloc(&room, BLOCK_ROWS * dim, sizeof *room));
    for (int64_t at = 0; at < n; at += BLOCK_ROWS) {
        int64_t some = n - at < BLOCK_ROWS ? n - at : BLOCK_ROWS;
        for (int64_t i = 0; i < some; i++) which[i] = first + at + i;
        JUDD_TRY(judd_rows_read(room, rows, which, some));
        centre(out + at * dim, room, some, dim, mean);
    }
done:
    free(room);
    return status;
}

/* What one pass over this rank's rows finds, block by block; lanes do not matter. */
typedef judd_status look_at_block(void *context, const judd_rows *rows,
                                  const judd_row_block *block);

static judd_status look_at_all(const judd_rows *rows, look_at_block *look, void *context) {
    judd_row_stream *stream = NULL;
    judd_row_block block;
    judd_status status = judd_row_stream_all(&stream, rows, BLOCK_ROWS);
    while (status == JUDD_OK) {
        status = judd_row_stream_next(stream, &block);
        if (status != JUDD_OK || block.n == 0) break;
        status = look(context, rows, &block);
    }
    judd_row_stream_close(stream);
    return status;
}

static judd_status look_for_largest(void *context, const judd_rows *rows,
                                    const judd_row_block *block) {
    uint32_t bits = judd_exact_sum_magnitude(block->x, block->n * rows->dim), *largest = context;
    *largest = bits > *largest ? bits : *largest;
    return JUDD_OK;
}

static double value_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

judd_status judd_rows_max(double *max, const judd_rows *rows, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    uint32_t bits = 0;
    *max = rows->largest;
    if (*max < 0.0) {
        JUDD_TRY(judd_comm_agree(comm, look_at_all(rows, look_for_largest, &bits)));
        *max = value_of(bits);
    }
    JUDD_TRY(judd_comm_max(comm, max, 1));
done:
    return status;
}

static judd_status name_infinite(const judd_rows *rows, const judd_row_block *block) {
    int64_t k = 0;
    while (isfinite(block->x[k])) k++;
    return judd_status_set(
        JUDD_E_DATA,
        "features: sample %lld of the set, column %lld is not finite; check the model and its "
        "input (mean, std, scale)",
        (long long)(judd_lanes_first(&rows->lanes) + block->first + k / rows->dim),
        (long long)(k % rows->dim));
}

static judd_status look_for_infinite(void *context, const judd_rows *rows,
                                     const judd_row_block *block) {
    const uint32_t *largest = context;
    (void)look_for_largest(context, rows, block);
    return isfinite(value_of(*largest)) ? JUDD_OK : name_infinite(rows, block);
}

judd_status judd_rows_check_finite(const judd_rows *rows, double *largest) {
    uint32_t bits = 0;
    judd_status status = look_at_all(rows, look_for_infinite, &bits);
    if (status == JUDD_OK && largest) *largest = value_of(bits);
    return status;
}

typedef struct spread {
    const float *mean;
    double *units;
} spread;

static judd_status look_for_spread(void *context, const judd_rows *rows,
                                   const judd_row_block *block) {
    const spread *s = context;
    int64_t dim = rows->dim;
    for (int64_t i = 0; i < block->n; i++)
        for (int64_t j = 0; j < dim; j++) {
            double d = fabs((double)block->x[i * dim + j] - (double)s->mean[j]);
            s->units[j] = d > s->units[j] ? d : s->units[j];
        }
    return JUDD_OK;
}

/* units[j] = the smallest power of two above every |x - mean| of the column. Sums are taken in this
 * unit, exactly: one unit for all would drown the columns of small numbers. */
static judd_status column_units(double *units, const judd_rows *rows, const float *mean,
                                const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t dim = rows->dim;
    spread s = {mean, units};
    for (int64_t j = 0; j < dim; j++) units[j] = 0.0;
    JUDD_TRY(judd_comm_agree(comm, look_at_all(rows, look_for_spread, &s)));
    JUDD_TRY(judd_comm_max(comm, units, dim));
    for (int64_t j = 0; j < dim; j++) {
        int exponent;
        (void)frexp(units[j], &exponent);
        units[j] = ldexp(1.0, exponent); /* of a column of zeros: 1 */
    }
done:
    return status;
}

/* One lane's sums of ((x - mean) / unit)^power, power 1 or 2, in row order. */
static judd_status lane_sums(double *sums, const judd_rows *rows, int lane, const float *mean,
                             const double *units, int power) {
    int64_t dim = rows->dim;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    judd_status status = judd_row_stream_lane(&stream, rows, lane, BLOCK_ROWS);
    for (int64_t j = 0; j < dim; j++) sums[j] = 0.0;
    while (status == JUDD_OK) {
        status = judd_row_stream_next(stream, &b);
        if (status != JUDD_OK || b.n == 0) break;
        for (int64_t i = 0; i < b.n; i++)
            for (int64_t j = 0; j < dim; j++) {
                double d = ((double)b.x[i * dim + j] - (double)mean[j]) / units[j];
                sums[j] += power == 1 ? d : d * d;
            }
    }
    judd_row_stream_close(stream);
    return status;
}

/* sums[j] = exact total over lanes of each lane's sum of (x - mean)^power. */
static judd_status column_sums(double *sums, const judd_rows *rows, const float *mean, int power,
                               const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &rows->lanes;
    judd_exact_scale scale =
        judd_exact_sum_scale((double)judd_lanes_largest(lanes), lanes->n_lanes);
    double *units = NULL, *lane_sum = NULL;
    int64_t *total = NULL, bad = 0, dim = rows->dim;
    status = judd_memory_alloc(&lane_sum, dim, sizeof *lane_sum);
    if (status == JUDD_OK) status = judd_memory_alloc(&units, dim, sizeof *units);
    if (status == JUDD_OK) status = judd_memory_alloc(&total, dim + 1, sizeof *total);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(column_units(units, rows, mean, comm));
    for (int lane = lanes->first_lane; status == JUDD_OK && lane < lanes->end_lane; lane++) {
        status = lane_sums(lane_sum, rows, lane, mean, units, power);
        bad += judd_exact_sum_add_double(total, lane_sum, dim, scale);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    total[dim] = bad;
    JUDD_TRY(judd_comm_sum(comm, total, dim + 1));
    if (total[dim] > 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "features: %lld column sums left their bound",
                  (long long)total[dim]);
    for (int64_t j = 0; j < dim; j++)
        sums[j] = judd_exact_sum_value(total[j], scale) * units[j] * (power == 1 ? 1.0 : units[j]);
done:
    free(units);
    free(lane_sum);
    free(total);
    return status;
}

judd_status judd_rows_standard_identity(judd_standard *out, int64_t dim) {
    judd_status status = JUDD_OK;
    judd_standard s = {.dim = dim};
    JUDD_TRY(judd_memory_alloc(&s.mean, dim, sizeof *s.mean));
    JUDD_TRY(judd_memory_alloc(&s.scale, dim, sizeof *s.scale));
    for (int64_t j = 0; j < dim; j++) s.scale[j] = 1.0f;
    *out = s;
    s = (judd_standard){0};
done:
    judd_rows_standard_free(&s);
    return status;
}

judd_status judd_rows_standard_fit(judd_standard *out, const judd_rows *rows,
                                   const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_standard s = {0};
    double *sums = NULL, n = (double)rows->lanes.n_samples;
    status = judd_rows_standard_identity(&s, rows->dim);
    if (status == JUDD_OK) status = judd_memory_alloc(&sums, rows->dim, sizeof *sums);
    if (status == JUDD_OK) status = judd_rows_check_finite(rows, NULL);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(column_sums(sums, rows, s.mean, 1, comm));
    for (int64_t j = 0; j < rows->dim; j++) s.mean[j] = (float)(sums[j] / n);
    JUDD_TRY(column_sums(sums, rows, s.mean, 2, comm));
    for (int64_t j = 0; j < rows->dim; j++) {
        double deviation = sqrt(sums[j] / n); /* below FLT_MIN a reciprocal may not be finite */
        s.scale[j] = deviation >= (double)FLT_MIN ? (float)(1.0 / deviation) : 1.0f;
    }
    *out = s;
    s = (judd_standard){0};
done:
    judd_rows_standard_free(&s);
    free(sums);
    return status;
}

void judd_rows_standard_free(judd_standard *standard) {
    free(standard->mean);
    free(standard->scale);
    *standard = (judd_standard){0};
}

void judd_rows_standard_apply(const judd_standard *s, float *out, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < s->dim; j++)
            out[i * s->dim + j] = (x[i * s->dim + j] - s->mean[j]) * s->scale[j];
}
