/** What the measurements of `judd bench` share: the median, how a record is shown. */
#ifndef JUDD_SRC_CLI_BENCH_H
#define JUDD_SRC_CLI_BENCH_H

#include <judd/base/hash.h>
#include <judd/learn/rows.h>

#include <jansson.h>
#include <stdbool.h>

double judd_bench_median(double *x, int n); /* sorts */

/** Rank 0: one line of JSON, or "key value" lines. Takes over the record, which may be NULL. */
judd_status judd_bench_print(json_t *record, bool as_json, const judd_comm *comm);

#endif
