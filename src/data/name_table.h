/** Distinct names and their numbers: the classes of a data set, or the columns of its targets. */
#ifndef JUDD_SRC_DATA_NAME_TABLE_H
#define JUDD_SRC_DATA_NAME_TABLE_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_name_table {
    char **names; /* [n], by number; owned, as the rest */
    int64_t n, capacity;
    int32_t *order; /* [n]: numbers in byte order of their names, after judd_name_table_sort */
    int32_t *slots; /* [n_slots] of judd_name_table_note: numbers by hash, or -1 */
    int64_t n_slots;
    bool overflown; /* note has seen more than JUDD_NAME_TABLE_MOST */
} judd_name_table;

enum { JUDD_NAME_TABLE_MOST = 65536 };

void judd_name_table_free(judd_name_table *table);

/** The next number's name; copied. Fails beyond JUDD_NAME_TABLE_MOST. */
judd_status judd_name_table_add(judd_name_table *table, const char *name);

/** A text file, a line each in order of the numbers: "name" or "number<TAB>name<TAB>...". */
judd_status judd_name_table_read(judd_name_table *table, const char *path);

/** Add a name unless it is there; one too many sets overflown and is no error. */
judd_status judd_name_table_note(judd_name_table *table, const char *name);
/** Number the names in byte order, as torchvision sorts class folders; JUDD_E_DATA if there were
 *  too many. */
judd_status judd_name_table_number_by_bytes(judd_name_table *table);

/** Make find work; JUDD_E_DATA if a name stands twice (`place` stands in the message). */
judd_status judd_name_table_sort(judd_name_table *table, const char *place);

/** Number of a name, -1 if there is none. name may be NULL. */
int32_t judd_name_table_find(const judd_name_table *table, const char *name);

/** JUDD_E_DATA unless the text is UTF-8 without control characters, since names stand in reports.
 */
judd_status judd_name_table_check(const char *name);

/** A whole decimal number 0 .. most, or -1. */
int64_t judd_name_table_number(const char *text, int64_t most);

#endif
