/** The ranks of a job in groups that work side by side and take their work from one queue.
 *
 *  Items stand in lists; those of a list share what a group has loaded for the one before. A group
 *  stays with its list, longest item first, until the list is empty, then goes to where most work
 * is left for each group that is there. What has been taken are counters in rank 0's memory that
 *  leaders (the first rank of each group) fetch and raise by themselves, so that nobody has to
 * deal.
 *
 *  While groups work, nothing that is collective over all ranks may be called. Groups hear of each
 *  other at every beat of the watchdog: a leader that is asked to stop raises its group's flag.
 */
#ifndef JUDD_COMM_GROUPS_H
#define JUDD_COMM_GROUPS_H

#include <judd/comm/comm.h>
#include <judd/comm/progress.h>

#include <signal.h>

typedef struct judd_groups judd_groups;

/** Equal on all ranks, but for `stop`; borrowed until create returns, stop and progress longer. */
typedef struct judd_groups_options {
    int n_groups; /* 1 .. size; of neighbours in rank, their sizes differ by one at most */
    int64_t n_items;
    const double *work;                /* [n_items] what an item is expected to take, any unit */
    const int64_t *list;               /* [n_items] the list it stands in, 0 .. n_items - 1 */
    const volatile sig_atomic_t *stop; /* set by a signal; may be NULL */
    judd_progress *progress;           /* told on rank 0 what is finished; may be NULL */
    int64_t n_before;                  /* added to what it is told */
} judd_groups_options;

/** Collective over comm, which must outlive it. */
judd_status judd_groups_create(judd_groups **out, const judd_comm *comm,
                               const judd_groups_options *options);
/** Collective over comm. NULL is allowed. */
void judd_groups_destroy(judd_groups *groups);

/** The communicator of this rank's group. Borrowed. */
const judd_comm *judd_groups_comm(const judd_groups *groups);
/** The number of this rank's group, 0 .. n_groups - 1. */
int judd_groups_index(const judd_groups *groups);
/** Non-zero when a signal, or a group that failed, asks this one to stop. Borrowed. */
const volatile sig_atomic_t *judd_groups_stop(const judd_groups *groups);

/** The next item of this rank's group, -1: none is left; the one before counts as finished.
 *  JUDD_E_AGAIN when asked to stop. Collective over the group. */
judd_status judd_groups_next(judd_groups *groups, int64_t *item);

/** Every rank calls this once when its group has no more to do, or failed with `status`, which
 * stops the others; then all wait for each other. Returns what judd_comm_agree makes of all
 * statuses. A rank waits as long as the leader of some group gives signs of life. Collective over
 * comm. */
judd_status judd_groups_finish(judd_groups *groups, judd_status status);

#endif
