/** What files and folders hold that Judd itself wrote, for people. */
#ifndef JUDD_JOB_CONTENTS_H
#define JUDD_JOB_CONTENTS_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdio.h>

/** Whether path is an HDF5 file by Judd, a checkpoint (step-N), an output folder or a folder of
 *  caches. Local. */
bool judd_contents_recognised(const char *path);

/** Of an HDF5 file or a checkpoint every dataset; of an output folder how far the job is and what
 *  failed; of a folder of caches each file. Sums are not compared: judd/job/verify.h does.
 * JUDD_E_DATA says what is damaged. Local. */
judd_status judd_contents_print(FILE *to, const char *path);

#endif
