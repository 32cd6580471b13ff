/** Structs -> text by the option tables: the resolved job, and differences between two jobs. */
#ifndef JUDD_SRC_JOB_WRITE_H
#define JUDD_SRC_JOB_WRITE_H

#include <judd/job/job.h>

/** See judd_job_write. */
judd_status judd_write_job(const judd_job *job, char **text);
/** One head in the same form: equal texts, equal heads. Owner: caller, free(). */
judd_status judd_write_head(const judd_job_head *head, char **text);
/** See judd_job_compare. */
judd_status judd_write_difference(const judd_job *here, const judd_job *there, char **difference);

#endif
