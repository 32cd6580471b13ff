/** What the measurements of `judd bench` share: made-up data, the median, how a record is shown. */
#ifndef JUDD_CLI_BENCH_H
#define JUDD_CLI_BENCH_H

#include <judd/base/hash.h>
#include <judd/learn/rows.h>

#include <jansson.h>
#include <stdbool.h>

/** x [n, dim] of independent numbers with mean 0 and deviation 1, and labels [n] at random: a
 *  function of the sample's position, first .. first + n, alone. */
void judd_bench_fill(float *x, int32_t *labels, int64_t first, int64_t n, int64_t dim,
                     int n_classes);
/** All of this rank's lanes of n_samples of them, in memory. Local. */
judd_status judd_bench_rows(judd_rows *out, int64_t n_samples, int64_t dim, int n_classes,
                            int n_lanes, const judd_comm *comm);

double judd_bench_median(double *x, int n); /* sorts */

/** Rank 0: one line of JSON, or "key value" lines. Takes over the record, which may be NULL. */
judd_status judd_bench_print(json_t *record, bool as_json, const judd_comm *comm);

#endif
