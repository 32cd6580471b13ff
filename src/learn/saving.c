#include "learn/saving.h"

judd_saving judd_saving_begin(const judd_trainer_hooks *hooks, const judd_comm *comm) {
    return (judd_saving){.hooks = hooks, .comm = comm, .last_s = MPI_Wtime()};
}

void judd_saving_wish(int64_t *wishes, const judd_saving *s) {
    const judd_trainer_hooks *h = s->hooks;
    wishes[JUDD_WISH_STOP] = h && h->stop && *h->stop;
    wishes[JUDD_WISH_SAVE] = h && s->comm->rank == 0 && h->checkpoint_s > 0.0 &&
                             MPI_Wtime() - s->last_s >= h->checkpoint_s;
    wishes[JUDD_WISH_WAIT] = s->begun && h->checkpoint_runs(h->context);
}

static judd_status end(judd_saving *s) {
    if (!s->begun) return JUDD_OK;
    s->begun = false;
    return s->hooks->checkpoint_end(s->hooks->context);
}

static judd_status begin(judd_saving *s, const judd_bank *bank) {
    judd_status status = JUDD_OK;
    const judd_trainer_hooks *h = s->hooks;
    JUDD_TRY(end(s));
    JUDD_TRY(h->checkpoint(h->context, bank));
    s->begun = h->checkpoint_end != NULL;
    s->last_s = MPI_Wtime();
done:
    return status;
}

judd_status judd_saving_follow(judd_saving *s, const judd_bank *bank, const int64_t *wishes,
                               bool by_steps, bool last) {
    judd_status status = JUDD_OK;
    const bool stop = wishes[JUDD_WISH_STOP] > 0;
    if (!s->hooks) return JUDD_OK;
    if (wishes[JUDD_WISH_WAIT] == 0 || last) JUDD_TRY(end(s));
    if (s->hooks->checkpoint && (stop || ((wishes[JUDD_WISH_SAVE] || by_steps) && !last)))
        JUDD_TRY(begin(s, bank));
    if (stop) {
        JUDD_TRY(end(s));
        JUDD_FAIL(JUDD_E_AGAIN,
                  "stopped by a signal after step %lld of %lld; run the same command again",
                  (long long)bank->step, (long long)bank->options.steps);
    }
done:
    return status;
}
