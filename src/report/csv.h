/** Records as tables for pandas and R; docs/report.md has their columns. Local. */
#ifndef JUDD_SRC_REPORT_CSV_H
#define JUDD_SRC_REPORT_CSV_H

#include <judd/base/status.h>

#include <jansson.h>
#include <stdint.h>

/** A line a record and a column a value, named by its keys with dots ("metrics.accuracy"), in the
 *  order of first appearance; null is empty. Two numbers in a list become NAME.low and NAME.high;
 *  other lists have no place in a table. RFC 4180 quotes, lines end in LF. Owner: caller, free().
 */
judd_status judd_csv_make(char **text, int64_t *bytes, const json_t *records);

#endif
