/** Checkpoints of a bank: a folder `step-N` that exists under its final name only when complete.
 *
 *  `step-N/state.h5` is created by rank 0 and filled by all ranks: each writes its share of the
 *  file's blocks of 1 MiB, syncs them, reads them back and compares them with memory by XXH3-64;
 *  `step-N/MANIFEST` names the size and the XXH3-64 of all these checks. Shapes are global, so any
 *  number of ranks can restore.
 */
#ifndef JUDD_LEARN_CHECKPOINT_H
#define JUDD_LEARN_CHECKPOINT_H

#include <judd/learn/bank.h>

enum { JUDD_CHECKPOINT_KEEP = 2 }; /* newest ones kept when a new one is complete; later ones go */

/** Save the bank into `folder`/step-N (N = bank->step). identity says what the bank is (job, trial,
 *  data): only a checkpoint with the same identity is restored. Collective. On failure the earlier
 *  checkpoints are untouched. */
judd_status judd_checkpoint_save(const char *folder, const char *identity, const judd_bank *bank,
                                 const judd_comm *comm);

/** The same while training goes on: begin copies this rank's share of the bank and leaves writing
 * it to a thread; end waits for all ranks' threads and gives the checkpoint its name. Both
 * collective; the folder is as after judd_checkpoint_save, or a failed one. */
typedef struct judd_checkpoint judd_checkpoint;
/** *out: owner caller, NULL after a failure. */
judd_status judd_checkpoint_begin(judd_checkpoint **out, const char *folder, const char *identity,
                                  const judd_bank *bank, const judd_comm *comm);
/** Whether this rank's thread still writes; NULL: no. Local. */
bool judd_checkpoint_runs(const judd_checkpoint *checkpoint);
/** The checkpoint is gone, whatever the outcome. */
judd_status judd_checkpoint_end(judd_checkpoint *checkpoint);
/** Give it up: it gets no name. Waits for the thread. Local; NULL: no effect. */
void judd_checkpoint_abandon(judd_checkpoint *checkpoint);

/** Restore the newest sound checkpoint in `folder` into the bank, which was created with the same
 *  options; *restored_step is its step or -1 if there is none. *skipped is a new line of text about
 *  damaged ones that were passed over, or NULL (free(); rank 0 only). Collective. */
judd_status judd_checkpoint_restore(judd_bank *bank, int64_t *restored_step, char **skipped,
                                    const char *folder, const char *identity,
                                    const judd_comm *comm);

/** Whether the folder of a checkpoint (".../step-N") holds what its manifest says; JUDD_E_DATA
 * tells what is wrong. Local. */
judd_status judd_checkpoint_verify(const char *folder);

#endif
