/** Checks that need more than one key: names that refer to other parts, lengths that must agree. */
#ifndef JUDD_SRC_JOB_CHECK_H
#define JUDD_SRC_JOB_CHECK_H

#include <judd/job/job.h>

#include <libconfig.h>

/** `job` was filled from `root`, whose settings give the places. JUDD_E_CONFIG. */
judd_status judd_check_job(const judd_job *job, config_setting_t *root);

#endif
