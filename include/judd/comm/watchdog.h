/** A watchdog: no rank waits for ever because another died, stalled or took another way.
 *
 *  A thread of each rank (it makes no MPI call) looks whether the rank has finished a collective or
 *  called judd_watchdog_beat within the deadline. When it has not, the rank writes a report into a
 *  folder that all ranks see and waits a little for the reports of the others: who computes, who
 *  waits, who is silent. The lowest reporting rank prints one line that names the rank, host and
 *  phase at fault; then every rank ends with JUDD_E_INTERNAL (70) or, where the ranks are on
 * several hosts, of which one or the network between them may be lost, JUDD_E_AGAIN (75): the next
 * start may do better. A rank that comes to life meanwhile takes its report back: a slow rank is
 * not an error before the deadline has passed.
 */
#ifndef JUDD_COMM_WATCHDOG_H
#define JUDD_COMM_WATCHDOG_H

#include <judd/comm/comm.h>

typedef struct judd_watchdog judd_watchdog;

/** Watch this rank from now on. folder: on a file system that all ranks share, made if a report has
 *  to be written; reports of earlier runs in it are removed. deadline_s <= 0: nothing is watched,
 * but beats are passed on. Collective. */
judd_status judd_watchdog_create(judd_watchdog **out, const judd_comm *comm, const char *folder,
                                 double deadline_s);
/** Local. NULL is allowed, here and below. */
void judd_watchdog_destroy(judd_watchdog *watchdog);

/** What the rank does now, for the last line; also a beat. Local. */
void judd_watchdog_phase(judd_watchdog *watchdog, const char *phase);
/** The rank is alive and computes. Cheap; call it in loops that compute for long without a
 *  collective. Local. */
void judd_watchdog_beat(judd_watchdog *watchdog);
/** The rank enters a collective; the next beat leaves it. Local. */
void judd_watchdog_wait(judd_watchdog *watchdog);

/** Only ranks [first, first + n), this one among them, can hold this one up from now on: they
 * decide what the last line says. At the start, all. Local. */
void judd_watchdog_members(judd_watchdog *watchdog, int first, int n);
/** Call beaten(context) at every beat, in the thread that beats; NULL: no more. Local. */
void judd_watchdog_on_beat(judd_watchdog *watchdog, void (*beaten)(void *context), void *context);

#endif
