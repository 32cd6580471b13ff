/** What the commands of `judd bench` share: their options, their made-up data, their clock. */
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

judd_status judd_bench_train(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_allreduce(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_checkpoint(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_ridge(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_score(const judd_comm *comm, int argc, char **argv);
judd_status judd_bench_path(const judd_comm *comm, int argc, char **argv);

#endif
