#include "learn/early_stopping.h"

#include <judd/base/memory.h>
#include <judd/learn/loss.h>
#include <judd/learn/row_stream.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 256 };

judd_status judd_early_stopping_create(judd_early_stopping_watch *out, judd_bank *bank,
                                       const judd_rows *rows, const judd_trainer_hooks *hooks,
                                       const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_rows *validation = hooks ? hooks->validation : NULL;
    judd_early_stopping_watch w = {
        .bank = bank, .rows = rows, .validation = validation, .hooks = hooks, .comm = comm};
    if (bank->options.early_stopping.every > 0) {
        if (validation) JUDD_TRY(judd_targets_check(&bank->targets, validation));
        JUDD_TRY(judd_network_create(&w.network, bank, BLOCK_ROWS, false));
        JUDD_TRY(judd_memory_alloc(&w.lane_loss, bank->options.n_heads, sizeof *w.lane_loss));
        JUDD_TRY(judd_memory_alloc(&w.values, bank->options.n_heads, sizeof *w.values));
        JUDD_TRY(judd_memory_alloc(&w.sums, 2 * (int64_t)bank->options.n_heads, sizeof *w.sums));
    }
    *out = w;
    w = (judd_early_stopping_watch){0};
done:
    judd_early_stopping_destroy(&w);
    return status;
}

void judd_early_stopping_destroy(judd_early_stopping_watch *w) {
    judd_network_destroy(&w->network);
    free(w->lane_loss);
    free(w->values);
    free(w->sums);
    *w = (judd_early_stopping_watch){0};
}

/* ---- losses -------------------------------------------------------------------------------------
 */

static judd_exact_scale scale_of(const judd_lanes *lanes) {
    return judd_exact_sum_scale((double)judd_lanes_largest(lanes) * JUDD_LOSS_MAX, lanes->n_lanes);
}

/* Whether head h is judged by a row of this fold, of its training set or of the validation set. */
static bool judges(const judd_early_stopping_watch *w, int h, bool training, int fold) {
    int held_out = w->bank->options.heads[h].held_out;
    return training ? held_out == fold : held_out < 0;
}

/* Rows [first, first + n) of this rank. */
static judd_status judge_block(judd_early_stopping_watch *w, const judd_rows *rows, bool training,
                               const judd_row_block *block) {
    int64_t first = block->first, n = block->n;
    const judd_bank *b = w->bank;
    int64_t width = judd_bank_width(b);
    judd_batch batch = {.n = n,
                        .labels = rows->labels + first,
                        .folds = rows->folds + first,
                        .targets = rows->targets ? rows->targets + first * rows->n_targets : NULL};
    judd_status status = judd_network_forward(&w->network, block->x, n);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < n; i++)
        for (int h = 0; h < b->options.n_heads; h++) {
            const float *z = w->network.outputs + i * width + (int64_t)h * b->options.n_outputs;
            if (!judges(w, h, training, batch.folds[i])) continue;
            w->lane_loss[h] += judd_loss_value(b, h, z, &batch, i);
            w->sums[b->options.n_heads + h] += judd_loss_weight(b, &batch, i);
        }
    return JUDD_OK;
}

/* This rank's lanes of one set. A lane's losses are one chain, whatever the blocks. */
static judd_status judge_rows(judd_early_stopping_watch *w, const judd_rows *rows, bool training) {
    judd_status status = JUDD_OK;
    const judd_lanes *lanes = &rows->lanes;
    int n_heads = w->bank->options.n_heads;
    judd_row_stream *stream = NULL;
    judd_row_block block;
    for (int lane = lanes->first_lane; lane < lanes->end_lane; lane++) {
        memset(w->lane_loss, 0, (size_t)n_heads * sizeof *w->lane_loss);
        JUDD_TRY(judd_row_stream_lane(&stream, rows, lane, BLOCK_ROWS));
        for (;;) {
            JUDD_TRY(judd_row_stream_next(stream, &block));
            if (block.n == 0) break;
            JUDD_TRY(judge_block(w, rows, training, &block));
        }
        judd_row_stream_close(stream);
        stream = NULL;
        judd_exact_sum_add_double(w->sums, w->lane_loss, n_heads, scale_of(lanes));
    }
done:
    judd_row_stream_close(stream);
    return status;
}

/* sums of the heads that `training` concerns: those with a fold, or those without. */
static judd_status judge(judd_early_stopping_watch *w, bool training) {
    judd_status status = JUDD_OK;
    const judd_rows *rows = training ? w->rows : w->validation;
    const judd_bank_options *o = &w->bank->options;
    bool concerned = false;
    for (int h = 0; h < o->n_heads; h++)
        concerned = concerned || (o->heads[h].held_out >= 0) == training;
    memset(w->sums, 0, 2 * (size_t)o->n_heads * sizeof *w->sums);
    if (!rows || !concerned) return JUDD_OK;
    JUDD_TRY(judd_comm_agree(w->comm, judge_rows(w, rows, training)));
    JUDD_TRY(judd_comm_sum(w->comm, w->sums, 2 * (int64_t)o->n_heads));
done:
    return status;
}

/* ---- what follows -------------------------------------------------------------------------------
 */

/* Of this rank's share of the head. */
static void copy_values(judd_bank *b, int h, bool to_best) {
    for (int k = 0; k < b->n_parameters; k++) {
        const judd_parameter *p = &b->parameters[k];
        int64_t from, stop;
        judd_bank_own(b, p, h, &from, &stop);
        int64_t begin = judd_bank_parameter_begin(p, h) + from;
        size_t bytes = (size_t)(stop - from) * sizeof *p->value;
        if (to_best)
            memcpy(p->best + begin, p->value + begin, bytes);
        else
            memcpy(p->value + begin, p->best + begin, bytes);
    }
}

static void take_loss(judd_early_stopping_watch *w, int h, double loss) {
    judd_bank *b = w->bank;
    const judd_early_stopping *o = &b->options.early_stopping;
    if (loss < b->best_loss[h]) {
        b->best_loss[h] = loss;
        b->best_step[h] = b->step;
        copy_values(b, h, true);
    }
    bool out_of_patience = b->step - b->best_step[h] >= o->patience * o->every;
    if (out_of_patience) b->stopped[h] = b->step;
    if (out_of_patience || b->step == b->options.steps) copy_values(b, h, false);
}

judd_status judd_early_stopping_look(judd_early_stopping_watch *w) {
    judd_status status = JUDD_OK;
    judd_bank *b = w->bank;
    int64_t every = b->options.early_stopping.every;
    if (every == 0 || (b->step % every != 0 && b->step < b->options.steps)) return JUDD_OK;
    for (int h = 0; h < b->options.n_heads; h++) w->values[h] = NAN;
    for (int training = 0; training <= 1; training++) {
        const judd_rows *rows = training ? w->rows : w->validation;
        JUDD_TRY(judge(w, training));
        for (int h = 0; h < b->options.n_heads; h++) {
            int64_t count = w->sums[b->options.n_heads + h];
            if (count == 0 || !judd_bank_is_active(b, h)) continue;
            double sum = judd_exact_sum_value(w->sums[h], scale_of(&rows->lanes));
            w->values[h] = sum / ((double)count * b->targets.unit);
            take_loss(w, h, w->values[h]);
        }
    }
    JUDD_TRY(judd_comm_meet_node(w->comm)); /* all have copied */
    if (w->hooks && w->hooks->note)
        w->hooks->note(w->hooks->context, "validation_loss", b->step, w->values);
done:
    return status;
}

bool judd_early_stopping_is_over(const judd_early_stopping_watch *w) {
    if (w->bank->options.early_stopping.every == 0) return false;
    for (int h = 0; h < w->bank->options.n_heads; h++)
        if (judd_bank_is_active(w->bank, h)) return false;
    return true;
}
