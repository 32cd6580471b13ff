/** One job per output folder. */
#ifndef JUDD_IO_LOCK_H
#define JUDD_IO_LOCK_H

#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_lock judd_lock;

/** Take `folder`/LOCK: flock on the file, whose text names the owner (host, pid, batch job id,
 * time). If another process holds it: JUDD_E_IO within a second, naming that owner. A file left by
 * a dead owner is taken over, since the kernel dropped its flock. Collective over comm; rank 0
 * holds it. */
judd_status judd_lock_acquire(judd_lock **out, const judd_comm *comm, const char *folder);
/** Whether a process holds the folder now. Changes nothing. Local. */
bool judd_lock_is_held(const char *folder);
/** Local; removes the file. NULL is allowed. */
void judd_lock_release(judd_lock *lock);

#endif
