#include <judd/learn/outputs.h>

#include <judd/base/memory.h>
#include <judd/linalg/gemm.h>

#include <stdlib.h>

enum { BLOCK_ROWS = 256 };

judd_status judd_outputs_give(const judd_outputs_sink *sink, int64_t point, const float *score,
                              int n_outputs, const judd_lanes *lanes) {
    judd_status status = JUDD_OK;
    const int64_t base = judd_lanes_first(lanes);
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t i = judd_lanes_begin(lanes, lane) - base;
        int64_t n = judd_lanes_begin(lanes, lane + 1) - base - i;
        if (n > 0) JUDD_TRY(sink->take(sink->context, point, i, n, score + i * n_outputs));
    }
done:
    return status;
}

typedef struct linear {
    const judd_outputs_sink *sink;
    const float *weight, *bias;
    int64_t n_points;
    int n_outputs;
    const judd_rows *rows;
    judd_gemm *gemm;
    float *score; /* [BLOCK_ROWS, n_outputs] */
} linear;

static judd_status score_block(linear *s, int64_t first, int64_t n) {
    judd_status status = JUDD_OK;
    const int64_t dim = s->rows->dim, outputs = s->n_outputs;
    judd_gemm_matrix x = {s->rows->x + first * dim, dim, 1};
    for (int64_t p = 0; p < s->n_points; p++) {
        judd_gemm_matrix w = {s->weight + p * outputs * dim, 1, dim};
        JUDD_TRY(judd_gemm_multiply(s->gemm, n, outputs, dim, x, w, s->score, outputs, false));
        for (int64_t i = 0; i < n; i++)
            for (int64_t c = 0; c < outputs; c++)
                s->score[i * outputs + c] += s->bias[p * outputs + c];
        JUDD_TRY(s->sink->take(s->sink->context, p, first, n, s->score));
    }
done:
    return status;
}

judd_status judd_outputs_linear(const judd_outputs_sink *sink, const float *weight,
                                const float *bias, int64_t n_points, int n_outputs,
                                const judd_rows *rows) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &rows->lanes;
    const int64_t base = judd_lanes_first(lanes);
    linear s = {sink, weight, bias, n_points, n_outputs, rows, NULL, NULL};
    JUDD_TRY(judd_gemm_create(&s.gemm));
    JUDD_TRY(judd_memory_alloc(&s.score, (int64_t)BLOCK_ROWS * n_outputs, sizeof *s.score));
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t end = judd_lanes_begin(lanes, lane + 1) - base;
        for (int64_t i = judd_lanes_begin(lanes, lane) - base; i < end; i += BLOCK_ROWS)
            JUDD_TRY(score_block(&s, i, end - i < BLOCK_ROWS ? end - i : BLOCK_ROWS));
    }
done:
    judd_gemm_destroy(s.gemm);
    free(s.score);
    return status;
}
