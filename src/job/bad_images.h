/** quarantine.tsv: the images that cannot be decoded and are left out of everything. */
#ifndef JUDD_SRC_JOB_BAD_IMAGES_H
#define JUDD_SRC_JOB_BAD_IMAGES_H

#include "job/inputs.h"
#include "job/output.h"

/** path<TAB>reason<TAB>offset a line, in the order of the job's data sets; no file without bad
 *  images. Rank 0 only. */
judd_status judd_bad_images_write(judd_output *output, const judd_inputs *inputs, judd_log *log);

#endif
