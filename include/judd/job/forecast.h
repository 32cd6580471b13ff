/** What a job would do: `judd plan`. */
#ifndef JUDD_JOB_FORECAST_H
#define JUDD_JOB_FORECAST_H

#include <judd/job/run.h>

/** Print the comparisons, trials and banks of a job, the features they share and what the cache has
 *  of them, and what time and memory they would take on these ranks; as_json: one line. What the
 *  output folder has finished is not listed again. Networks that would have to compute are tried on
 *  samples that they miss, heads estimated from a timed product and, where heads of the job are
 *  trained, from the time that those took. Neither the output folder nor the cache is changed. Of
 * options, fresh is not used. Rank 0 prints. Collective. */
judd_status judd_forecast(const judd_comm *comm, const judd_run_options *options, bool as_json);

/** What a job would take on one rank of this machine's kind that has one core, in seconds, as judd
 * plan estimates. */
typedef struct judd_forecast_size {
    double start_s;               /* to read and check the inputs, as it took now; on any ranks */
    double features_s;            /* ranks share it evenly */
    double training_s, longest_s; /* all banks that are left one by one; the longest of them */
    int64_t lanes;                /* more ranks than these do not shorten a bank */
    double rows_mib;              /* the largest bank's rows; its ranks share them */
    double network_mib;           /* of the networks of one pass, on each node */
    char *basis;                  /* what the numbers rest on, lines of text. Owner: caller */
    char *output;                 /* the output folder. Owner: caller, free() */
} judd_forecast_size;

/** Prints nothing but warnings. comm must have one rank. */
judd_status judd_forecast_measure(judd_forecast_size *out, const judd_comm *comm,
                                  const judd_run_options *options);

#endif
