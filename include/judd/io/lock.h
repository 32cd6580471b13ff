/** One job per output folder. */
#ifndef JUDD_IO_LOCK_H
#define JUDD_IO_LOCK_H

#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_lock judd_lock;

/** Take `folder`/LOCK, whose text names the owner (host, pid, batch job id, time). If its owner is
 *  alive: JUDD_E_AGAIN within 5 s, naming it. Alive is whoever holds flock on the file; where the
 * file system has no such locks, a process of this host that began when the file says; where they
 * do not reach other machines, an owner elsewhere whose file changes within 8 s (rank 0 touches it
 * every second). What a dead owner left is replaced. Collective over comm; rank 0 holds it. */
judd_status judd_lock_acquire(judd_lock **out, const judd_comm *comm, const char *folder);

/** Whether the folder is still ours: an owner that was stopped for long, or whose rank 0 died, may
 *  have been replaced, and its successor may be through. JUDD_E_AGAIN then; write nothing more.
 * Local, on any rank. */
judd_status judd_lock_check(const judd_lock *lock);

/** Whether a process holds the folder now. Changes nothing. Local. */
bool judd_lock_is_held(const char *folder);
/** Local; removes the file. NULL is allowed. */
void judd_lock_release(judd_lock *lock);

#endif
