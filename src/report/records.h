/** Records of JSON lines files. Local. */
#ifndef JUDD_SRC_REPORT_RECORDS_H
#define JUDD_SRC_REPORT_RECORDS_H

#include <judd/base/status.h>

#include <jansson.h>
#include <stdbool.h>

enum { JUDD_RECORDS_SCHEMA = 1 }; /* of all files of an output folder */

/** All records of folder/name as an array. torn: lines that are no records are left out, and the
 *  file may be missing; else they are JUDD_E_DATA, as is a record that names another schema than
 *  ours. Owner: caller, json_decref. */
judd_status judd_records_read(json_t **records, const char *folder, const char *name, bool torn);

/** The text under a key, "" if there is none. Borrowed. */
const char *judd_records_text(const json_t *record, const char *key);
/** The number under a key; NaN: null, or none. */
double judd_records_number(const json_t *record, const char *key);
/** Of a value itself. */
double judd_records_value(const json_t *value);
/** Whether the text under the key is this one. */
bool judd_records_is(const json_t *record, const char *key, const char *text);

#endif
