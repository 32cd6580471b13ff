/** versions.json: what a result was made with. */
#ifndef JUDD_SRC_JOB_VERSIONS_H
#define JUDD_SRC_JOB_VERSIONS_H

#include "job/inputs.h"
#include "job/output.h"

/** Versions of judd and its libraries, the CPU, and the hashes of the inputs. Rank 0 only. */
judd_status judd_versions_write(judd_output *output, const judd_inputs *inputs);

#endif
