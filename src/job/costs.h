/** What training a bank is expected to take: time, memory. Rough, a function of the job and of the
 *  size of its features alone; schedules and `judd plan` rest on it, results never do. */
#ifndef JUDD_SRC_JOB_COSTS_H
#define JUDD_SRC_JOB_COSTS_H

#include "job/head.h"
#include "job/inputs.h"

/** A bank's work, and the numbers in the largest set of rows that it holds. */
typedef struct judd_cost {
    judd_head_load load;
    double values;
} judd_cost;

/** How fast a machine works. */
typedef struct judd_cost_rates {
    double operations;         /* of a rank, per second */
    double round_s, records_s; /* a sum over two ranks; what is written for a bank */
} judd_cost_rates;

/** What schedules assume: they must not depend on the machine's mood. */
#define JUDD_COST_RATES ((judd_cost_rates){.operations = 1e10, .round_s = 3e-5, .records_s = 0.01})

/** The same as this machine has it now, from a product of the size of a training step. Local. */
judd_status judd_cost_measure(judd_cost_rates *rates);

/** dim: columns of its features. Local. */
judd_cost judd_cost_of(const judd_inputs *inputs, const judd_plan_bank *bank, int64_t dim);
/** Seconds on n ranks. */
double judd_cost_seconds(const judd_cost *cost, const judd_cost_rates *rates, int n_ranks,
                         int64_t n_lanes);
/** Bytes of its largest set of rows on the rank that has most of them. */
double judd_cost_bytes(const judd_cost *cost, int n_ranks, int64_t n_lanes);

#endif
