/** Text from files, on a terminal. */
#ifndef JUDD_BASE_PLAIN_H
#define JUDD_BASE_PLAIN_H

#include <stddef.h>
#include <stdio.h>

/** The first `most` bytes of a text on one line: control characters, which may command a terminal,
 *  become "?", what is cut off " ...". Local. */
void judd_plain_print(FILE *to, const char *text, size_t most);

#endif
