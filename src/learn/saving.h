/* When a training saves its bank: by steps, by time, at a signal. Checkpoints are written beside
 * the steps that follow, and end at the first step before which every rank's part was written. */
#ifndef JUDD_SRC_LEARN_SAVING_H
#define JUDD_SRC_LEARN_SAVING_H

#include <judd/learn/trainer.h>

/* What a rank wishes; as sums over ranks, every rank does the same. */
enum { JUDD_WISH_STOP, JUDD_WISH_SAVE, JUDD_WISH_WAIT, JUDD_N_WISHES };

typedef struct judd_saving {
    const judd_trainer_hooks *hooks; /* borrowed; may be NULL */
    const judd_comm *comm;           /* borrowed */
    double last_s;                   /* when the last one began */
    bool begun;                      /* and has not ended; the same on all ranks */
} judd_saving;

judd_saving judd_saving_begin(const judd_trainer_hooks *hooks, const judd_comm *comm);
/* wishes [JUDD_N_WISHES] of this rank now. Local. */
void judd_saving_wish(int64_t *wishes, const judd_saving *saving);
/* Between two steps, with the sums of the wishes: what is due. by_steps: their number asks for a
 * checkpoint; last: no step follows. Collective. JUDD_E_AGAIN: saved, and stopped by a signal. */
judd_status judd_saving_follow(judd_saving *saving, const judd_bank *bank, const int64_t *wishes,
                               bool by_steps, bool last);

#endif
