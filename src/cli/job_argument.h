/** The command line of what takes a job file: JOB.cfg, --set, --quiet, and options of its own. */
#ifndef JUDD_CLI_JOB_ARGUMENT_H
#define JUDD_CLI_JOB_ARGUMENT_H

#include <judd/job/run.h>

/** An option of a command: one of both is set. */
typedef struct judd_job_option {
    const char *name;
    bool *flag;
    const char **value; /* borrowed from argv */
} judd_job_option;

/** argv[0] is the command's name. Owner of options->overrides: caller, judd_job_argument_free, also
 *  after a failure. */
judd_status judd_job_argument_parse(judd_run_options *options, const judd_job_option *own,
                                    int n_own, int argc, char **argv);
void judd_job_argument_free(judd_run_options *options);

#endif
