#include <judd/learn/trainer.h>

#include "learn/early_stopping.h"
#include "learn/gradient.h"

#include <judd/learn/loss.h>

#include <stdbool.h>
#include <string.h>

typedef struct trainer {
    judd_bank *bank;
    const judd_rows *rows;
    const judd_comm *comm;
    const judd_trainer_hooks *hooks;
    judd_sampler sampler;
    judd_network network;
    judd_gradient gradient;
    judd_running_sum total;
    judd_early_stopping_watch watch;
    double last_save_s;
} trainer;

static judd_status create_parts(trainer *t) {
    judd_status status = JUDD_OK;
    const judd_bank_options *o = &t->bank->options;
    JUDD_TRY(judd_sampler_create(&t->sampler, t->rows, o->batch, o->seed, t->bank->step,
                                 o->reduce == JUDD_BANK_FLOAT));
    JUDD_TRY(judd_network_create(&t->network, t->bank, t->sampler.capacity, true));
    JUDD_TRY(judd_gradient_create(&t->gradient, t->bank, &t->network, &t->sampler));
    JUDD_TRY(
        judd_running_sum_create(&t->total, t->gradient.sums.data, t->gradient.sums.n, t->comm));
    t->gradient.total = &t->total;
    JUDD_TRY(judd_early_stopping_create(&t->watch, t->bank, t->rows,
                                        t->hooks ? t->hooks->validation : NULL, t->comm));
done:
    return status;
}

static judd_status create(trainer *t) {
    judd_status status = JUDD_OK;
    double max_x = 0.0;
    JUDD_TRY(judd_bank_fit_targets(t->bank, t->rows, t->comm));
    JUDD_TRY(judd_comm_agree(t->comm, create_parts(t)));
    JUDD_TRY(judd_rows_max(&max_x, t->rows, t->comm));
    judd_gradient_begin(&t->gradient, max_x);
    t->last_save_s = MPI_Wtime();
done:
    return status;
}

static void destroy(trainer *t) {
    judd_sampler_destroy(&t->sampler);
    judd_early_stopping_destroy(&t->watch);
    judd_network_destroy(&t->network);
    judd_running_sum_destroy(&t->total);
    judd_gradient_destroy(&t->gradient);
}

/* This rank's part of the sums of one step. A lane without samples contributes zeros. */
static judd_status accumulate(trainer *t) {
    judd_status status = JUDD_OK;
    judd_gradient *g = &t->gradient;
    const judd_batch *batch = &t->sampler.batch;
    JUDD_TRY(judd_sampler_next(&t->sampler));
    judd_stopwatch_lap(&g->watch, &g->times.gather);
    JUDD_TRY(judd_network_forward_training(&t->network, batch));
    judd_loss_gradient(t->bank, t->network.outputs, batch);
    judd_loss_count(t->bank, g->sums.count, batch);
    JUDD_TRY(judd_network_backward(&t->network, batch->n));
    if (g->plain)
        judd_gradient_add_float(g);
    else
        JUDD_TRY(judd_gradient_add(g));
done:
    return status;
}

/* One step: local sums, one all-reduce that also carries errors and wishes, the update, and at
 * times a look at validation. */
static judd_status take_step(trainer *t) {
    judd_status status = JUDD_OK;
    const judd_trainer_hooks *hooks = t->hooks;
    judd_gradient *g = &t->gradient;
    judd_gradient_sums *s = &g->sums;
    memset(s->data, 0, (size_t)s->n * sizeof *s->data);
    judd_stopwatch_lap(&g->watch, &g->times.exact_sum);
    judd_status local = accumulate(t);
    *s->error = local != JUDD_OK;
    *s->stop = hooks && hooks->stop && *hooks->stop;
    *s->save = hooks && t->comm->rank == 0 && hooks->checkpoint_s > 0.0 &&
               MPI_Wtime() - t->last_save_s >= hooks->checkpoint_s;
    JUDD_TRY(g->plain ? judd_gradient_finish_float(g, t->comm)
                      : judd_running_sum_finish(&t->total));
    judd_stopwatch_lap(&g->watch, &g->times.all_reduce);
    if (*s->error) JUDD_TRY(judd_comm_agree(t->comm, local));
    if (g->adapts) JUDD_TRY(judd_gradient_settle(g, t->comm));
    judd_bank_update(t->bank, s->gradient, s->count, s->bad, g->fraction);
    if (g->adapts) judd_gradient_adapt(g);
    judd_stopwatch_lap(&g->watch, &g->times.update);
    JUDD_TRY(judd_early_stopping_look(&t->watch));
done:
    return status;
}

static bool wants_checkpoint(const trainer *t) {
    const judd_trainer_hooks *hooks = t->hooks;
    const judd_gradient_sums *s = &t->gradient.sums;
    if (!hooks || !hooks->checkpoint) return false;
    bool by_steps = hooks->checkpoint_steps > 0 && t->bank->step % hooks->checkpoint_steps == 0;
    return *s->stop || *s->save || by_steps;
}

judd_status judd_trainer_run(judd_bank *bank, const judd_rows *rows, const judd_comm *comm,
                             const judd_trainer_hooks *hooks) {
    judd_status status = JUDD_OK;
    trainer t = {.bank = bank, .rows = rows, .comm = comm, .hooks = hooks};
    const int64_t *stop = NULL;
    JUDD_TRY(create(&t));
    stop = t.gradient.sums.stop;
    t.gradient.watch.lap_s = MPI_Wtime();
    while (bank->step < bank->options.steps && !judd_early_stopping_is_over(&t.watch)) {
        JUDD_TRY(take_step(&t));
        bool last = bank->step == bank->options.steps || judd_early_stopping_is_over(&t.watch);
        if (wants_checkpoint(&t) && !(last && !*stop)) {
            JUDD_TRY(hooks->checkpoint(hooks->context, bank));
            t.last_save_s = t.gradient.watch.lap_s = MPI_Wtime();
        }
        if (*stop)
            JUDD_FAIL(JUDD_E_AGAIN,
                      "stopped by a signal after step %lld; run the same command again",
                      (long long)bank->step);
    }
done:
    if (hooks && hooks->times) *hooks->times = t.gradient.times;
    destroy(&t);
    return status;
}
