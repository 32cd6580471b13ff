/** The text of the job that judd init writes. */
#ifndef JUDD_SRC_CLI_INIT_JOB_H
#define JUDD_SRC_CLI_INIT_JOB_H

#include "cli/init_model.h"

typedef struct judd_init_job {
    const char *name;   /* of the job */
    const char *folder; /* put in front of relative paths: "" or ending in '/' */
    const judd_init_data *data;
    const judd_init_model *models; /* [n_models] */
    int n_models;
} judd_init_job;

/** Classes too small for a trial are left out, and there must be two. Rank 0. Owner: caller,
 * free().
 */
judd_status judd_init_job_text(char **text, const judd_init_job *job);

#endif
