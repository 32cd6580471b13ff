#include "learn/training_loss.h"

#include <judd/base/memory.h>
#include <judd/learn/loss.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

judd_status judd_training_loss_create(judd_training_loss *out, const judd_bank *bank,
                                      const judd_sampler *sampler,
                                      const judd_trainer_hooks *hooks) {
    judd_status status = JUDD_OK;
    judd_training_loss w = {.bank = bank};
    int64_t n_heads = bank->options.n_heads;
    int64_t most = sampler->micro * sampler->rows->lanes.n_lanes; /* samples of a step */
    if (hooks && hooks->note && hooks->note_steps > 0) {
        w.hooks = hooks;
        w.scale = judd_exact_sum_scale(JUDD_LOSS_MAX, (int)(most < 1 << 30 ? most : 1 << 30));
        JUDD_TRY(judd_memory_alloc(&w.sums, 2 * n_heads, sizeof *w.sums));
        JUDD_TRY(judd_memory_alloc(&w.values, n_heads, sizeof *w.values));
    }
    *out = w;
    w = (judd_training_loss){0};
done:
    judd_training_loss_destroy(&w);
    return status;
}

void judd_training_loss_destroy(judd_training_loss *w) {
    free(w->sums);
    free(w->values);
    *w = (judd_training_loss){0};
}

bool judd_training_loss_is_due(const judd_training_loss *w) {
    int64_t step = w->bank->step;
    return w->hooks && (step % w->hooks->note_steps == 0 || step + 1 == w->bank->options.steps);
}

void judd_training_loss_add(judd_training_loss *w, const float *outputs, const judd_batch *batch) {
    const judd_bank_options *o = &w->bank->options;
    int64_t width = judd_bank_width(w->bank);
    memset(w->sums, 0, 2 * (size_t)o->n_heads * sizeof *w->sums);
    for (int64_t i = 0; i < batch->n; i++)
        for (int h = 0; h < o->n_heads; h++) {
            const float *z = outputs + i * width + (int64_t)h * o->n_outputs;
            if (o->heads[h].held_out == batch->folds[i]) continue;
            double loss = judd_loss_value(w->bank, h, z, batch, i);
            judd_exact_sum_add_double(&w->sums[h], &loss, 1, w->scale);
            w->sums[o->n_heads + h] += judd_loss_weight(w->bank, batch, i);
        }
}

judd_status judd_training_loss_tell(judd_training_loss *w, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int n_heads = w->bank->options.n_heads;
    JUDD_TRY(judd_comm_sum(comm, w->sums, 2 * (int64_t)n_heads));
    for (int h = 0; h < n_heads; h++) {
        double weight = (double)w->sums[n_heads + h] * w->bank->targets.unit;
        bool learns = weight > 0.0 && judd_bank_is_active(w->bank, h);
        w->values[h] = learns ? judd_exact_sum_value(w->sums[h], w->scale) / weight : NAN;
    }
    w->hooks->note(w->hooks->context, "train_loss", w->bank->step + 1, w->values);
done:
    return status;
}
