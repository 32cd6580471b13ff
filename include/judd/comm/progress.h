/** One line of progress with rate and time left: rewritten in place (at most 5 times a second) on a
 *  terminal, printed at most every ten seconds into a log. A phase that ends within a second and
 *  printed nothing yet leaves no line: a log of many short phases stays readable. */
#ifndef JUDD_COMM_PROGRESS_H
#define JUDD_COMM_PROGRESS_H

#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_progress judd_progress;

/** Only rank 0 of comm prints, to stderr; quiet prints nothing. `unit` as in "images". Local. */
judd_status judd_progress_create(judd_progress **out, const judd_comm *comm, const char *phase,
                                 const char *unit, int64_t total, bool quiet);
/** done: units finished so far, over all ranks (an estimate may be passed). Also a beat of the
 *  communicator's watchdog. Local. */
void judd_progress_update(judd_progress *progress, int64_t done);
/** The same where units differ in size. worth: what is finished in units of mean size, which
 * percent and time left follow. Local. */
void judd_progress_weigh(judd_progress *progress, int64_t done, double worth);
/** Ends the line with the total time. NULL is allowed. */
void judd_progress_destroy(judd_progress *progress);

#endif
