/** Small problems whole on every rank, so that closed forms have the same bits at any number of
 *  ranks.
 *
 *  LAPACK and ScaLAPACK order their sums by the shape of the process grid: solved on other grids, a
 *  problem's results differ in the last digits. So rows of at most JUDD_WHOLE_VALUES values (over
 *  all ranks, in memory or streamed) are brought to every rank, and each solves the problem as one
 * rank alone would; what it found is then taken from rank 0, in case the ranks' CPUs differ. Larger
 * problems are shared: there the ranks' memory and speed count, and results agree to the tolerance
 * their solver states. The limit is a constant, not an option, since results depend on it.
 */
#ifndef JUDD_LEARN_WHOLE_H
#define JUDD_LEARN_WHOLE_H

#include <judd/learn/rows.h>

#include <stdbool.h>

enum { JUDD_WHOLE_VALUES = 1 << 26 }; /* 256 MiB of float32 */

typedef struct judd_whole {
    const judd_comm *comm; /* that the problem is to be solved on */
    const judd_rows *rows; /* and with which rows of this rank */
    int64_t first;         /* local index in them of the rank's own first row */
    bool gathered;
    const judd_comm *all; /* borrowed */
    judd_comm self;
    judd_rows copy;
} judd_whole;

/** rows and comm are borrowed and must outlive it. Collective. Owner: caller, judd_whole_close. */
judd_status judd_whole_open(judd_whole *out, const judd_rows *rows, const judd_comm *comm);
void judd_whole_close(judd_whole *whole);
/** What rank 0 found, on every rank; does nothing where the problem was shared. Collective. */
judd_status judd_whole_settle(const judd_whole *whole, void *result, int64_t bytes);

#endif
