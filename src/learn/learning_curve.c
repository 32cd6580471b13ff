#include "learn/learning_curve.h"

#include <judd/base/memory.h>
#include <judd/learn/evaluate.h>
#include <judd/learn/row_stream.h>

#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

judd_status judd_learning_curve_create(judd_learning_curve *out, judd_bank *bank,
                                       const judd_trainer_hooks *hooks, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_rows *rows = hooks ? hooks->curve : NULL;
    judd_learning_curve c = {.bank = bank, .rows = rows, .hooks = hooks, .comm = comm};
    if (bank->n_curve > 0 && rows) {
        JUDD_TRY(judd_targets_check(&bank->targets, rows));
        JUDD_TRY(judd_network_create(&c.network, bank, BLOCK_ROWS, false));
        JUDD_TRY(judd_memory_alloc(&c.right, bank->options.n_heads, sizeof *c.right));
        JUDD_TRY(judd_memory_alloc(&c.values, bank->options.n_heads, sizeof *c.values));
    }
    *out = c;
    c = (judd_learning_curve){0};
done:
    judd_learning_curve_destroy(&c);
    return status;
}

void judd_learning_curve_destroy(judd_learning_curve *c) {
    judd_network_destroy(&c->network);
    free(c->right);
    free(c->values);
    *c = (judd_learning_curve){0};
}

/* This rank's rows. */
static judd_status count_right(judd_learning_curve *c) {
    judd_status status = JUDD_OK;
    const int n_heads = c->bank->options.n_heads, n_outputs = c->bank->options.n_outputs;
    judd_row_stream *stream = NULL;
    judd_row_block b;
    memset(c->right, 0, (size_t)n_heads * sizeof *c->right);
    JUDD_TRY(judd_row_stream_all(&stream, c->rows, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        JUDD_TRY(judd_network_forward(&c->network, b.x, b.n));
        for (int64_t i = 0; i < b.n * n_heads; i++)
            c->right[i % n_heads] +=
                judd_evaluate_argmax(c->network.outputs + i * n_outputs, n_outputs) ==
                c->rows->labels[b.first + i / n_heads];
    }
done:
    judd_row_stream_close(stream);
    return status;
}

judd_status judd_learning_curve_look(judd_learning_curve *c) {
    judd_status status = JUDD_OK;
    judd_bank *b = c->bank;
    if (!c->right) return JUDD_OK;
    const int64_t every = b->options.curve_steps;
    bool last = b->step == b->options.steps;
    if (b->step % every != 0 && !last) return JUDD_OK;
    int64_t point = last ? b->n_curve - 1 : b->step / every;
    JUDD_TRY(judd_comm_agree(c->comm, count_right(c)));
    JUDD_TRY(judd_comm_sum(c->comm, c->right, b->options.n_heads));
    for (int h = 0; h < b->options.n_heads; h++) {
        b->curve[h * b->n_curve + point] = c->right[h];
        c->values[h] = (double)c->right[h] / (double)c->rows->lanes.n_samples;
    }
    if (c->hooks->note) c->hooks->note(c->hooks->context, "test_accuracy", b->step, c->values);
done:
    return status;
}
