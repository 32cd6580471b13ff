/** What is installed with the program: presets ("configs"), job files ("jobs"), batch scripts
 *  ("slurm").
 */
#ifndef JUDD_BASE_SHARE_H
#define JUDD_BASE_SHARE_H

#include <judd/base/status.h>

/** The folder of that name in $JUDD_SHARE, if that is set; else in share/judd as it lies to the
 * running program, in a build tree or under the prefix it was installed to or moved to; else where
 * this library was configured to be installed, for programs of others. *out is NULL if there is
 * none. Owner of *out: caller, free(). Local. */
judd_status judd_share_folder(char **out, const char *name);

#endif
