/** gnuplot as a program that turns scripts into pictures. Local. */
#ifndef JUDD_SRC_REPORT_GNUPLOT_H
#define JUDD_SRC_REPORT_GNUPLOT_H

#include <judd/base/status.h>

#include <stdint.h>

/** gnuplot in an absolute folder of $PATH; *path is NULL if there is none. Owner: caller, free().
 */
judd_status judd_gnuplot_find(char **path);

/** What it writes for a script, NUL behind it; free(). No shell, no start-up files, nothing of our
 *  environment, no other file of ours open; it is killed after timeout_s. A script must hold
 * nothing that came out of a file but numbers. JUDD_E_IO: it cannot be started, fails, or takes too
 * long.
 */
judd_status judd_gnuplot_run(char **out, int64_t *bytes, const char *path, const char *script,
                             int64_t script_bytes, double timeout_s);

#endif
