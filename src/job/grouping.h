/** Into how many groups the ranks are split to train banks side by side. */
#ifndef JUDD_SRC_JOB_GROUPING_H
#define JUDD_SRC_JOB_GROUPING_H

#include "job/costs.h"

typedef struct judd_grouping {
    int n_groups;
    int64_t n;
    judd_cost *costs; /* [n], as the banks, as are work and list */
    double *work;     /* expected seconds in a group */
    int64_t *list;    /* banks of one list read the same features */
} judd_grouping;

/** n_groups: as many, or 0 for the number with the earliest end when banks are taken longest first,
 *  among those where the rows of a bank fit into limits.memory_mib. The features must be in the
 *  cache. Depends on the job and the number of ranks only. Collective. Owner: caller,
 *  judd_grouping_free. */
judd_status judd_grouping_make(judd_grouping *out, const judd_inputs *inputs,
                               const judd_plan_bank *const *banks, int64_t n, int64_t n_groups);
/** The same from the columns [n] of the banks' features, which need not be there. Local. */
judd_status judd_grouping_choose(judd_grouping *out, const judd_inputs *inputs,
                                 const judd_plan_bank *const *banks, int64_t n, const int64_t *dims,
                                 int64_t n_groups);
void judd_grouping_free(judd_grouping *grouping);

/** The end, in seconds, of banks [n] of these durations that groups take longest first. Sorts. */
double judd_grouping_makespan(double *seconds, int64_t n, double *busy, int n_groups);

#endif
