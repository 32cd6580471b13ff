/** An exact sum over ranks that begins before its last number is known.
 *
 *  The numbers become final from the first to the last. Whole chunks of final ones are summed in
 * the background (MPI_Iallreduce) while the caller makes the next. Chunks depend on the number of
 *  numbers alone, so ranks agree on them whatever each has made, or failed to make; int64 sums do
 *  not depend on how they are cut. Open MPI works on them only inside its calls: call reach often.
 */
#ifndef JUDD_COMM_RUNNING_SUM_H
#define JUDD_COMM_RUNNING_SUM_H

#include <judd/comm/comm.h>

typedef struct judd_running_sum {
    const judd_comm *comm; /* borrowed */
    int64_t *x, n;         /* borrowed; what is summed, in place */
    int64_t chunk, begun;  /* numbers in a chunk; numbers whose sum has begun */
    int n_requests;
    MPI_Request *requests;
} judd_running_sum;

/** Local. x must outlive the sum. */
judd_status judd_running_sum_create(judd_running_sum *out, int64_t *x, int64_t n,
                                    const judd_comm *comm);
/** Nothing may be under way. */
void judd_running_sum_destroy(judd_running_sum *sum);

/** The first `final` numbers of this rank will not change: they may be summed, and must not be
 *  touched before finish. */
judd_status judd_running_sum_reach(judd_running_sum *sum, int64_t final);
/** All n are final: wait for the sums. Collective. Ready for the next round afterwards. */
judd_status judd_running_sum_finish(judd_running_sum *sum);

#endif
