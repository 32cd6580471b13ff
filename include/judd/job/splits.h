/** The data sets of a job file as the data layer takes them. */
#ifndef JUDD_JOB_SPLITS_H
#define JUDD_JOB_SPLITS_H

#include <judd/data/dataset.h>
#include <judd/job/job.h>

/** Options of one split of a data set (its train or test files). Strings are the job's. */
judd_dataset_options judd_splits_options(const judd_job *job, const judd_job_dataset *dataset,
                                         const judd_job_files *files);

/** Whether two options mean the same data set. */
bool judd_splits_equal(const judd_dataset_options *a, const judd_dataset_options *b);

#endif
