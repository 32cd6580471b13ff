#include <judd/learn/bank_scores.h>

#include <judd/base/memory.h>
#include <judd/learn/loss.h>
#include <judd/learn/network.h>
#include <judd/learn/row_stream.h>

#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

typedef struct scorer {
    const judd_rows *rows;
    const judd_outputs_sink *sink;
    judd_network network;
    int n_folds;   /* of a grid; 0: a single head */
    int64_t point; /* of a single head */
    float *score;  /* [BLOCK_ROWS, n_outputs] */
} scorer;

/* A grid's outputs of one block: those of the heads that did not see each row. */
static judd_status give_grid(scorer *s, int64_t first, int64_t n) {
    judd_status status = JUDD_OK;
    const judd_bank_options *o = &s->network.bank->options;
    const int64_t outputs = o->n_outputs, stride = s->n_folds + 1;
    for (int64_t p = 0; p < o->n_heads / stride; p++) {
        for (int64_t i = 0; i < n; i++) {
            int64_t head = p * stride + 1 + s->rows->folds[first + i];
            memcpy(s->score + i * outputs, s->network.outputs + (i * o->n_heads + head) * outputs,
                   (size_t)outputs * sizeof *s->score);
            judd_loss_units(s->network.bank, (int)head, s->score + i * outputs);
        }
        JUDD_TRY(s->sink->take(s->sink->context, p, first, n, s->score));
    }
done:
    return status;
}

static judd_status score_lane(scorer *s, int lane) {
    judd_status status = JUDD_OK;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    JUDD_TRY(judd_row_stream_lane(&stream, s->rows, lane, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        JUDD_TRY(judd_network_forward(&s->network, b.x, b.n));
        JUDD_TRY(s->n_folds > 0
                     ? give_grid(s, b.first, b.n)
                     : s->sink->take(s->sink->context, s->point, b.first, b.n, s->network.outputs));
    }
done:
    judd_row_stream_close(stream);
    return status;
}

static judd_status score_lanes(scorer *s, const judd_bank *bank) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &s->rows->lanes;
    const int64_t outputs = bank->options.n_outputs;
    JUDD_TRY(judd_network_create(&s->network, bank, BLOCK_ROWS, false));
    JUDD_TRY(judd_memory_alloc(&s->score, BLOCK_ROWS * outputs, sizeof *s->score));
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++)
        JUDD_TRY(score_lane(s, lane));
done:
    judd_network_destroy(&s->network);
    free(s->score);
    return status;
}

judd_status judd_bank_scores_held_out(const judd_bank *bank, int n_folds, const judd_rows *rows,
                                      const judd_outputs_sink *sink) {
    scorer s = {.rows = rows, .sink = sink, .n_folds = n_folds};
    return score_lanes(&s, bank);
}

judd_status judd_bank_scores(const judd_bank *head, int64_t point, const judd_rows *rows,
                             const judd_outputs_sink *sink) {
    scorer s = {.rows = rows, .sink = sink, .point = point};
    return score_lanes(&s, head);
}
