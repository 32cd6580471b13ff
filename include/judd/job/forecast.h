/** What a job would do: `judd plan`. */
#ifndef JUDD_JOB_FORECAST_H
#define JUDD_JOB_FORECAST_H

#include <judd/job/run.h>

/** Print the comparisons, trials and banks of a job, the features they share and what the cache has
 *  of them, and what time and memory they would take on these ranks; as_json: one line. Networks
 *  that would have to compute are tried on made-up images, heads estimated from a timed product.
 *  Neither the output folder nor the cache is changed. Of options, fresh is not used. Rank 0
 * prints. Collective. */
judd_status judd_forecast(const judd_comm *comm, const judd_run_options *options, bool as_json);

#endif
