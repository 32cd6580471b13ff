#include <judd/learn/trainer.h>

#include "learn/early_stopping.h"
#include "learn/gradient.h"
#include "learn/learning_curve.h"
#include "learn/saving.h"
#include "learn/training_loss.h"

#include <judd/learn/loss.h>

#include <stdbool.h>
#include <string.h>

/* One set of rows in training: the target's, or the source's. */
typedef struct set {
    const judd_rows *rows;
    judd_sampler sampler;
    judd_network network;
    judd_gradient gradient;
    judd_node_sum *total; /* of the gradient */
} set;

typedef struct trainer {
    judd_bank *bank;
    const judd_comm *comm;
    const judd_trainer_hooks *hooks;
    int n_sets;
    set sets[2];
    judd_early_stopping_watch watch;
    judd_learning_curve curve;
    judd_training_loss loss; /* of the target's rows */
    judd_saving saving;
} trainer;

static judd_status create_set(trainer *t, int which) {
    judd_status status = JUDD_OK;
    set *s = &t->sets[which];
    const judd_bank_options *o = &t->bank->options;
    JUDD_TRY(judd_sampler_create(&s->sampler, s->rows, o->batch, o->seed, which, t->bank->step,
                                 o->reduce == JUDD_BANK_FLOAT));
    JUDD_TRY(judd_network_create(&s->network, t->bank, s->sampler.capacity, true));
    JUDD_TRY(
        judd_gradient_create(&s->gradient, t->bank, &s->network, &s->sampler, s->total, which));
done:
    return status;
}

static judd_status create_parts(trainer *t) {
    judd_status status = JUDD_OK;
    const judd_trainer_hooks *hooks = t->hooks;
    for (int s = 0; s < t->n_sets; s++) JUDD_TRY(create_set(t, s));
    JUDD_TRY(judd_early_stopping_create(&t->watch, t->bank, t->sets[0].rows, hooks, t->comm));
    JUDD_TRY(judd_learning_curve_create(&t->curve, t->bank, hooks, t->comm));
    JUDD_TRY(judd_training_loss_create(&t->loss, t->bank, &t->sets[0].sampler, hooks));
done:
    return status;
}

/* What the ranks of a node have in common. Sums in floating point are each rank's own. */
static judd_status share(trainer *t) {
    judd_status status = JUDD_OK;
    if (t->bank->options.reduce == JUDD_BANK_EXACT) JUDD_TRY(judd_bank_share(t->bank, t->comm));
    for (int s = 0; s < t->n_sets; s++)
        JUDD_TRY(judd_node_sum_create(&t->sets[s].total, judd_bank_size(t->bank), t->comm,
                                      t->bank->shared != NULL));
done:
    return status;
}

static judd_status create(trainer *t) {
    judd_status status = JUDD_OK;
    if (t->n_sets > 1) {
        t->sets[1].rows = t->hooks->source;
        JUDD_TRY(judd_comm_agree(t->comm, judd_targets_check(&t->bank->targets, t->sets[1].rows)));
    }
    JUDD_TRY(judd_bank_fit_targets(t->bank, t->sets[0].rows, t->comm));
    JUDD_TRY(share(t));
    JUDD_TRY(judd_comm_agree(t->comm, create_parts(t)));
    for (int s = 0; s < t->n_sets; s++) {
        double max_x = 0.0;
        JUDD_TRY(judd_rows_max(&max_x, t->sets[s].rows, t->comm));
        judd_gradient_begin(&t->sets[s].gradient, max_x);
    }
    if (t->bank->step == 0) JUDD_TRY(judd_learning_curve_look(&t->curve));
    t->saving = judd_saving_begin(t->hooks, t->comm);
done:
    return status;
}

static void destroy(trainer *t) {
    for (int s = 0; s < t->n_sets; s++) {
        judd_sampler_destroy(&t->sets[s].sampler);
        judd_network_destroy(&t->sets[s].network);
        judd_gradient_destroy(&t->sets[s].gradient);
        judd_node_sum_destroy(t->sets[s].total);
    }
    judd_early_stopping_destroy(&t->watch);
    judd_learning_curve_destroy(&t->curve);
    judd_training_loss_destroy(&t->loss);
}

/* This rank's part of the sums of one step. A lane without samples contributes zeros. told: the
 * loss is told of too; or NULL. */
static judd_status accumulate(set *s, judd_training_loss *told) {
    judd_status status = JUDD_OK;
    judd_gradient *g = &s->gradient;
    const judd_batch *batch = &s->sampler.batch;
    JUDD_TRY(judd_sampler_next(&s->sampler));
    judd_stopwatch_lap(&g->watch, &g->times.gather);
    JUDD_TRY(judd_network_forward_training(&s->network, batch));
    if (told) judd_training_loss_add(told, s->network.outputs, batch);
    judd_loss_gradient(g->bank, s->network.outputs, batch);
    judd_loss_count(g->bank, g->sums.count, batch);
    JUDD_TRY(judd_network_backward(&s->network, batch->n));
    if (g->plain)
        judd_gradient_add_float(g);
    else
        JUDD_TRY(judd_gradient_add(g));
done:
    return status;
}

static judd_status finish_sums(trainer *t, set *which) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_node_sum_finish(which->total));
    JUDD_TRY(judd_comm_sum(t->comm, which->gradient.sums.data, which->gradient.sums.n));
done:
    return status;
}

/* The sums of one set over all ranks, and with them errors and wishes. */
static judd_status sum_up(trainer *t, set *which) {
    judd_status status = JUDD_OK;
    judd_gradient *g = &which->gradient;
    judd_gradient_sums *s = &g->sums;
    memset(s->data, 0, (size_t)s->n * sizeof *s->data);
    bool told = which == &t->sets[0] && judd_training_loss_is_due(&t->loss);
    judd_status local = accumulate(which, told ? &t->loss : NULL);
    *s->error = local != JUDD_OK;
    judd_saving_wish(s->wishes, &t->saving);
    JUDD_TRY(g->plain ? judd_gradient_finish_float(g, t->comm) : finish_sums(t, which));
    judd_stopwatch_lap(&g->watch, &g->times.all_reduce);
    if (*s->error) JUDD_TRY(judd_comm_agree(t->comm, local));
    if (g->adapts) JUDD_TRY(judd_gradient_settle(g, t->comm));
    if (told) JUDD_TRY(judd_training_loss_tell(&t->loss, t->comm));
done:
    return status;
}

/* The source's in this step; of the target it is 1. */
static double weight_of(const trainer *t, int which) {
    const judd_bank_options *o = &t->bank->options;
    const judd_optimizer_options fall = {.schedule = o->source_schedule};
    return which == 0 ? 1.0
                      : o->source_weight * judd_optimizer_factor(&fall, t->bank->step, o->steps);
}

/* One step: the sums, the update, and at times a look at validation. */
static judd_status take_step(trainer *t) {
    judd_status status = JUDD_OK;
    judd_bank_sums sums[2];
    for (int k = t->n_sets - 1; k >= 0; k--) { /* the target last: its wishes are the step's */
        const judd_gradient *g = &t->sets[k].gradient;
        sums[k] = (judd_bank_sums){g->sums.gradient, g->sums.count, g->sums.bad, g->fraction,
                                   weight_of(t, k)};
        if (sums[k].weight > 0.0) JUDD_TRY(sum_up(t, &t->sets[k]));
    }
    JUDD_TRY(judd_bank_update(t->bank, sums, t->comm));
    judd_stopwatch_lap(&t->sets[0].gradient.watch, &t->sets[0].gradient.times.update);
    for (int k = 0; k < t->n_sets; k++) {
        if (!(sums[k].weight > 0.0)) continue;
        if (t->sets[k].gradient.adapts) judd_gradient_adapt(&t->sets[k].gradient);
        judd_gradient_clear(&t->sets[k].gradient); /* after the update nobody reads it */
    }
    JUDD_TRY(judd_comm_meet_node(t->comm));
    judd_stopwatch_lap(&t->sets[0].gradient.watch, &t->sets[0].gradient.times.exact_sum);
    JUDD_TRY(judd_early_stopping_look(&t->watch));
    JUDD_TRY(judd_learning_curve_look(&t->curve));
done:
    return status;
}

/* Whether the number of steps asks for a checkpoint. */
static bool is_due(const trainer *t) {
    int64_t every = t->hooks ? t->hooks->checkpoint_steps : 0;
    return every > 0 && t->bank->step % every == 0;
}

judd_status judd_trainer_run(judd_bank *bank, const judd_rows *rows, const judd_comm *comm,
                             const judd_trainer_hooks *hooks) {
    judd_status status = JUDD_OK;
    trainer t = {.bank = bank,
                 .comm = comm,
                 .hooks = hooks,
                 .n_sets = judd_bank_sets(bank),
                 .sets = {{.rows = rows}}};
    JUDD_TRY(create(&t));
    t.sets[0].gradient.watch.lap_s = MPI_Wtime();
    while (bank->step < bank->options.steps && !judd_early_stopping_is_over(&t.watch)) {
        JUDD_TRY(take_step(&t));
        bool last = bank->step == bank->options.steps || judd_early_stopping_is_over(&t.watch);
        JUDD_TRY(
            judd_saving_follow(&t.saving, bank, t.sets[0].gradient.sums.wishes, is_due(&t), last));
        t.sets[0].gradient.watch.lap_s = MPI_Wtime();
    }
done:
    if (hooks && hooks->times) *hooks->times = t.sets[0].gradient.times;
    destroy(&t);
    return status;
}
