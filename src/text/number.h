/** Decimal numbers to float, correctly rounded, much faster than strtof. */
#ifndef JUDD_SRC_TEXT_NUMBER_H
#define JUDD_SRC_TEXT_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/** The number at *at, which ends before a space, tab, \r, \n or `end`; *at moves behind it. False,
 *  and *at where it was, if there is none; NaN and infinity, also by overflow, are none. Numbers of
 *  up to 15 digits with exponents to +-22 take the fast path. Local. */
bool judd_number_read(float *x, const char **at, const char *end);

/** n numbers with spaces or tabs between and nothing but spaces behind; how many could be read: n +
 * 1 if there are more. Local. */
int64_t judd_number_row(float *x, int64_t n, const char *at, const char *end);

#endif
