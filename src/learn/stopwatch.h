/** Laps: every second of a loop goes to one of its parts. */
#ifndef JUDD_SRC_LEARN_STOPWATCH_H
#define JUDD_SRC_LEARN_STOPWATCH_H

#include <mpi.h>

typedef struct judd_stopwatch {
    double lap_s; /* when the last lap ended */
} judd_stopwatch;

/** The time since the last lap goes to *seconds. */
static inline void judd_stopwatch_lap(judd_stopwatch *watch, double *seconds) {
    double now = MPI_Wtime();
    *seconds += now - watch->lap_s;
    watch->lap_s = now;
}

#endif
