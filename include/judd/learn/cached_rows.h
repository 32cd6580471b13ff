/** Rows of feature caches, read when they are needed. */
#ifndef JUDD_LEARN_CACHED_ROWS_H
#define JUDD_LEARN_CACHED_ROWS_H

#include <judd/features/cache.h>
#include <judd/learn/rows.h>

/** Rows `ids` [n] of one cache. All borrowed. */
typedef struct judd_cached_rows_part {
    const judd_cache *cache;
    const int64_t *ids;
    int64_t n;
} judd_cached_rows_part;

/** A source of this rank's rows: those of the parts, one part behind the other. Caches have the
 * same columns and must outlive the source; ids are copied, their checks read once. No write phase
 * while it is in use. Owner: whoever takes the source. Local. */
judd_status judd_cached_rows_source(judd_rows_source *out, const judd_cached_rows_part *parts,
                                    int n_parts);

#endif
