/** Seconds for measuring and waiting, where MPI_Wtime is not at hand. */
#ifndef JUDD_BASE_CLOCK_H
#define JUDD_BASE_CLOCK_H

#include <time.h>

/** What `clock` shows: CLOCK_MONOTONIC for seconds that pass, CLOCK_THREAD_CPUTIME_ID or
 *  CLOCK_PROCESS_CPUTIME_ID for those that are computed. */
static inline double judd_clock_s(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
