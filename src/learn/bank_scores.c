#include <judd/learn/bank_scores.h>

#include <judd/base/memory.h>
#include <judd/linalg/gemm.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256, WIDEST = 4096 };

typedef struct scorer {
    const judd_bank *bank;
    const judd_rows *rows;
    const judd_outputs_sink *sink;
    judd_gemm *gemm;
    int64_t stride;        /* heads of a point */
    bool held_out;         /* rows by the heads without their fold */
    float *logits, *score; /* [BLOCK_ROWS, heads * n_classes], [BLOCK_ROWS, n_classes] */
} scorer;

/* logits [n, heads * n_classes] of `heads` heads of the bank, every `step`-th from `head` on. */
static judd_status forward(scorer *s, int64_t first, int64_t n, int64_t head, int64_t heads) {
    const judd_bank *b = s->bank;
    int64_t width = heads * b->options.n_classes, row = head * b->options.n_classes;
    judd_gemm_matrix x = {s->rows->x + first * b->dim, b->dim, 1};
    judd_gemm_matrix w = {b->weight + row * b->dim, 1, b->dim};
    judd_status status =
        judd_gemm_multiply(s->gemm, n, width, b->dim, x, w, s->logits, width, false);
    for (int64_t i = 0; status == JUDD_OK && i < n; i++)
        for (int64_t j = 0; j < width; j++) s->logits[i * width + j] += b->bias[row + j];
    return status;
}

/* Points point .. point + n_points - 1 on one block of rows. */
static judd_status score_points(scorer *s, int64_t first, int64_t n, int64_t point,
                                int64_t n_points) {
    judd_status status = JUDD_OK;
    const int64_t n_classes = s->bank->options.n_classes;
    /* of a grid's many heads only the first of each point: one product each, if there are folds */
    int64_t heads = s->held_out ? n_points * s->stride : 1;
    if (!s->held_out && s->stride == 1) heads = n_points;
    for (int64_t p = 0; p < n_points; p++) {
        if (p == 0 || heads == 1) JUDD_TRY(forward(s, first, n, (point + p) * s->stride, heads));
        for (int64_t i = 0; i < n; i++) {
            int64_t head = heads == 1 ? 0 : p * s->stride;
            if (s->held_out) head += 1 + s->rows->folds[first + i];
            memcpy(s->score + i * n_classes, s->logits + (i * heads + head) * n_classes,
                   (size_t)n_classes * sizeof *s->score);
        }
        JUDD_TRY(s->sink->take(s->sink->context, point + p, first, n, s->score));
    }
done:
    return status;
}

static judd_status score_lanes(scorer *s, int64_t point, int64_t n_points) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &s->rows->lanes;
    const int64_t n_classes = s->bank->options.n_classes, base = judd_lanes_first(lanes);
    /* as many points in one product as fit */
    int64_t most = WIDEST / (s->stride * n_classes);
    most = most < 1 ? 1 : most < n_points ? most : n_points;
    JUDD_TRY(judd_gemm_create(&s->gemm));
    JUDD_TRY(judd_memory_alloc(&s->logits, BLOCK_ROWS * most * s->stride * n_classes,
                               sizeof *s->logits));
    JUDD_TRY(judd_memory_alloc(&s->score, BLOCK_ROWS * n_classes, sizeof *s->score));
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        int64_t end = judd_lanes_begin(lanes, lane + 1) - base, n;
        for (int64_t i = judd_lanes_begin(lanes, lane) - base; i < end; i += n) {
            n = end - i < BLOCK_ROWS ? end - i : BLOCK_ROWS;
            for (int64_t p = 0; p < n_points; p += most)
                JUDD_TRY(
                    score_points(s, i, n, point + p, n_points - p < most ? n_points - p : most));
        }
    }
done:
    judd_gemm_destroy(s->gemm);
    free(s->logits);
    free(s->score);
    return status;
}

judd_status judd_bank_scores_held_out(const judd_bank *bank, int n_folds, const judd_rows *rows,
                                      const judd_outputs_sink *sink) {
    scorer s = {.bank = bank, .rows = rows, .sink = sink, .stride = n_folds + 1, .held_out = true};
    return score_lanes(&s, 0, bank->options.n_heads / s.stride);
}

judd_status judd_bank_scores_all(const judd_bank *bank, int n_folds, int64_t first,
                                 int64_t n_points, const judd_rows *rows,
                                 const judd_outputs_sink *sink) {
    scorer s = {.bank = bank, .rows = rows, .sink = sink, .stride = n_folds + 1};
    return score_lanes(&s, first, n_points);
}
