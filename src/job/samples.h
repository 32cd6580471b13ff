/** Test samples of a job's data sets, to look at. Rank 0; local. */
#ifndef JUDD_SRC_JOB_SAMPLES_H
#define JUDD_SRC_JOB_SAMPLES_H

#include "job/inputs.h"
#include "report/page.h"

typedef struct judd_samples judd_samples;

/** inputs: the job's, whose test sets are loaded; NULL: data sets are opened when a sample is first
 *  asked for, if they still are those of `versions` (versions.json). data: records of data.jsonl.
 *  Everything borrowed. */
judd_status judd_samples_create(judd_samples **out, const judd_job *job, const judd_inputs *inputs,
                                const json_t *versions, const json_t *data);
void judd_samples_destroy(judd_samples *samples);

/** A test sample of a data set by its id in the test files. JUDD_E_DATA: there is nothing to see of
 *  it, or the files are others now. Owner of *out: caller. */
judd_status judd_samples_get(judd_samples *samples, const char *dataset, int64_t id,
                             judd_page_sample *out);

#endif
