#include <judd/learn/centroid.h>

#include <judd/base/memory.h>
#include <judd/learn/moments.h>
#include <judd/learn/row_stream.h>

#include <math.h>
#include <stdlib.h>

static void invert_norms(float *inverse, const float *x, int64_t n, int64_t dim) {
    for (int64_t i = 0; i < n; i++) {
        double sum = 0.0; /* of squares of floats: neither overflows nor vanishes */
        for (int64_t j = 0; j < dim; j++) sum += (double)x[i * dim + j] * (double)x[i * dim + j];
        double r = 1.0 / sqrt(sum);
        inverse[i] = sum > 0.0 && r < 3e38 ? (float)r : 0.0f;
    }
}

static double square(const double *m, int64_t dim) {
    double sum = 0.0;
    for (int64_t j = 0; j < dim; j++) sum += m[j] * m[j];
    return sum;
}

static judd_status set_heads(float *weight, float *bias, const judd_moments *m,
                             judd_centroid_metric metric) {
    for (int64_t c = 0; c < m->n_classes; c++) {
        const double *mean = m->class_mean + c * m->dim;
        double norm2 = square(mean, m->dim);
        if (metric == JUDD_CENTROID_COSINE && !(norm2 > 1e-24))
            return judd_status_set(
                JUDD_E_DEGENERATE,
                "centroid: class %lld's samples have no direction in common: they cancel, or are "
                "all zero, as constant features are; use the euclidean metric or check the "
                "features of the data set",
                (long long)c);
        double scale = metric == JUDD_CENTROID_COSINE ? 1.0 / sqrt(norm2) : 1.0;
        for (int64_t j = 0; j < m->dim; j++) weight[c * m->dim + j] = (float)(mean[j] * scale);
        bias[c] = metric == JUDD_CENTROID_COSINE ? 0.0f : (float)(-0.5 * norm2);
    }
    return JUDD_OK;
}

judd_status judd_centroid_inverse_norms(float *inverse, const judd_rows *rows) {
    judd_status status = JUDD_OK;
    enum { BLOCK_ROWS = 256 };
    judd_row_stream *stream = NULL;
    judd_row_block b;
    JUDD_TRY(judd_row_stream_all(&stream, rows, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        invert_norms(inverse + b.first, b.x, b.n, rows->dim);
    }
done:
    judd_row_stream_close(stream);
    return status;
}

judd_status judd_centroid_fit(float *weight, float *bias, const judd_rows *rows, int n_classes,
                              judd_centroid_metric metric, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_moments m = {0};
    float *inverse = NULL;
    int64_t n = judd_lanes_count(&rows->lanes);
    if (metric == JUDD_CENTROID_COSINE) {
        status = judd_memory_alloc(&inverse, n, sizeof *inverse);
        if (status == JUDD_OK) status = judd_centroid_inverse_norms(inverse, rows);
        JUDD_TRY(judd_comm_agree(comm, status));
    }
    JUDD_TRY(judd_moments_fit(&m, rows, n_classes, inverse, "features", comm));
    JUDD_TRY(judd_moments_check_classes(&m, "centroid"));
    JUDD_TRY(set_heads(weight, bias, &m, metric));
done:
    judd_moments_free(&m);
    free(inverse);
    return status;
}
