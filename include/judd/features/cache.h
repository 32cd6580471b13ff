/** Features on disk: every feature is computed once.
 *
 *  One HDF5 file for each backbone and image file, named by the SHA-256 of the backbone's key, with
 *      features [n_samples, dim] float32   row i belongs to sample i of the data set's files
 *      check    [n_samples]      uint64    XXH3 of row i, 0 = not computed yet
 *  A row is valid if and only if its check matches, so a killed job, a torn write or a flipped bit
 *  costs a recomputation of those rows and nothing else. Two jobs that fill the same file write the
 *  same bytes. Rows are written in parallel by the ranks, each its own, and read by each rank on
 * its own.
 */
#ifndef JUDD_FEATURES_CACHE_H
#define JUDD_FEATURES_CACHE_H

#include <judd/comm/comm.h>

#include <stdbool.h>

typedef struct judd_cache judd_cache;

/** The cache of `key` in `folder` (made if missing) for n_samples rows. An existing file is opened;
 * a damaged one is set aside with a word in *warning (free(); NULL if all is well). Collective.
 * comm is borrowed. */
judd_status judd_cache_open(judd_cache **out, char **warning, const judd_comm *comm,
                            const char *folder, const char *key, int64_t n_samples);
/** Local. NULL is allowed. */
void judd_cache_close(judd_cache *cache);

/** Whether the file exists; only then dim, missing and read may be used. */
bool judd_cache_exists(const judd_cache *cache);
/** Make the file, for features of `dim` columns. Collective. */
judd_status judd_cache_create(judd_cache *cache, int64_t dim);
int64_t judd_cache_dim(const judd_cache *cache);
const char *judd_cache_path(const judd_cache *cache);
/** The key it was opened with. Borrowed. */
const char *judd_cache_key(const judd_cache *cache);

/** Which of the n rows `ids` (ascending, equal on all ranks) are not there or damaged: *missing is
 * a new ascending array on every rank (free()); *n_damaged counts rows whose check did not match.
 *  Collective: the ranks share the reading. */
judd_status judd_cache_missing(int64_t **missing, int64_t *n_missing, int64_t *n_damaged,
                               const judd_cache *cache, const int64_t *ids, int64_t n);

/** Write phase: begin and end are collective, rows in between are local. ids ascending. After end,
 *  with JUDD_OK, the rows are on disk (fsync by every rank). written: how this rank's writes went;
 * if any rank's failed, that is what every rank returns. */
judd_status judd_cache_write_begin(judd_cache *cache);
judd_status judd_cache_write(judd_cache *cache, const int64_t *ids, int64_t n, const float *rows);
judd_status judd_cache_write_end(judd_cache *cache, judd_status written);

/** Rows [n, dim] of `ids`, each checked: JUDD_E_IO names a damaged one. Local. */
judd_status judd_cache_read(const judd_cache *cache, const int64_t *ids, int64_t n, float *rows);

#endif
