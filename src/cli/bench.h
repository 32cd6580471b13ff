/** What the commands of `judd bench` share: their options, their clock. */
#ifndef JUDD_CLI_BENCH_H
#define JUDD_CLI_BENCH_H

#include <judd/base/hash.h>
#include <judd/learn/rows.h>

#include <jansson.h>
#include <stdbool.h>

/** One option --name VALUE, or --name alone when `flag` is set. A number if `integer` or `real` is,
 *  else a text. */
typedef struct judd_bench_option {
    const char *name;
    int64_t *integer, minimum; /* at least minimum */
    double *real;              /* greater than 0 */
    const char **text;         /* borrowed from argv */
    bool *flag;
} judd_bench_option;

/** argv[0] is the bench's name. */
judd_status judd_bench_parse(const judd_bench_option *options, int n_options, int argc,
                             char **argv);

double judd_bench_median(double *x, int n); /* sorts */

/** Rank 0: one line of JSON, or "key value" lines. Takes over the record, which may be NULL. */
judd_status judd_bench_print(json_t *record, bool as_json, const judd_comm *comm);

judd_status judd_bench_train(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_allreduce(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_checkpoint(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_ridge(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_score(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_path(const judd_comm *comm, int argc, char **argv);

#endif
