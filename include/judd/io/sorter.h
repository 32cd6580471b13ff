/** Any number of records in order of their keys, in bounded memory: what does not fit is sorted in
 *  runs in a temporary file, and the runs are merged (Knuth, The Art of Computer Programming 3,
 *  section 5.4). */
#ifndef JUDD_IO_SORTER_H
#define JUDD_IO_SORTER_H

#include <judd/base/status.h>

#include <stdint.h>

typedef struct judd_sorter judd_sorter;

/** memory_bytes: of the records held at a time; taken as they come. Local, as all. */
judd_status judd_sorter_create(judd_sorter **out, int64_t memory_bytes);
/** NULL is allowed. */
void judd_sorter_destroy(judd_sorter *sorter);

/** key: a string. Both are copied. */
judd_status judd_sorter_add(judd_sorter *sorter, const char *key, const void *data, int64_t bytes);

/** The next record by key in byte order, equal keys in the order they were added; *key is NULL
 *  behind the last. Borrowed until the next call. After the first call nothing may be added. */
judd_status judd_sorter_next(judd_sorter *sorter, const char **key, const void **data,
                             int64_t *bytes);

#endif
