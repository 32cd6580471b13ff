/** The shard that an output folder holds, as the file SHARD says ("2-of-3"). Local: rank 0. */
#ifndef JUDD_SRC_JOB_SHARD_H
#define JUDD_SRC_JOB_SHARD_H

#include "job/output.h"

/** The folder of a shard of the job that writes to `output`: that itself, or OUTPUT.i-of-n. Owner:
 * caller, free(). */
judd_status judd_shard_folder(char **folder, const char *output, const judd_shard *shard);

/** The folder is of this shard from now on; refused if it holds another one, or all of the job. */
judd_status judd_shard_claim(judd_output *output, const judd_shard *shard);

/** What the folder holds; n = 0: all of a job. */
judd_status judd_shard_read(judd_shard *shard, const char *folder);

#endif
