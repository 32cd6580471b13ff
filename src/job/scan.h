/** One pass over a configuration text before libconfig parses it.
 *
 *  Refuses with file:line what libconfig would crash on, cut silently or report without a name:
 * deep nesting, brackets that do not match, keys given twice, words without quotes, open strings,
 * numbers that do not fit. Rewrites, line by line: arrays to lists (so that [0, 0.5] may mix),
 * integers beyond 32 bits with their suffix, no comments, no comma before a closing bracket.
 */
#ifndef JUDD_SRC_JOB_SCAN_H
#define JUDD_SRC_JOB_SCAN_H

#include "job/source.h"

enum {
    JUDD_SCAN_DEPTH = 64, /* nested brackets */
    JUDD_SCAN_KEYS = 256  /* keys in one group */
};

/** The normalised text of `text` (NUL-terminated, no other NUL); `source` gives the places of its
 *  lines. Owner: caller, free(). */
judd_status judd_scan_text(char **out, const char *text, const judd_source *source);

/** Is the text inside a block comment after this line? Strings end with their line. */
int judd_scan_comment(const char *line, const char *end, int in_comment);

#endif
