/** The command line of what takes a job file: JOB.cfg and --set. */
#ifndef JUDD_SRC_CLI_JOB_ARGUMENT_H
#define JUDD_SRC_CLI_JOB_ARGUMENT_H

#include "cli/arguments.h"

#include <judd/job/run.h>

/** Owner of options->overrides: caller, judd_job_argument_free, also after a failure. */
judd_status judd_job_argument_read(judd_run_options *options, judd_arguments *a);
void judd_job_argument_free(judd_run_options *options);

#endif
