/** What a run says to people: lines on stderr and, with a time stamp, in a file. */
#ifndef JUDD_BASE_LOG_H
#define JUDD_BASE_LOG_H

#include <judd/base/status.h>

#include <stdbool.h>

typedef struct judd_log judd_log;

/** quiet: nothing on stderr except warnings. A NULL log swallows every line (ranks > 0). */
judd_status judd_log_create(judd_log **out, bool quiet);
void judd_log_destroy(judd_log *log);
/** From now on also append to this file. */
judd_status judd_log_open_file(judd_log *log, const char *path);

void judd_log_info(judd_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** "warning: " in front; printed even when quiet; the same words once only. */
void judd_log_warning(judd_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
