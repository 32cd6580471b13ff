/** Features on disk: every feature is computed once.
 *
 *  One HDF5 file for each backbone, view and image file, named by the SHA-256 of its key, with
 *      features [n_samples, dim] float32   row i belongs to sample i of the data set's files
 *                          (or float16)
 *      check    [n_samples]      uint64    XXH3 of row i as it is stored, 0 = not computed yet
 *  A row is valid if and only if its check matches, so a killed job, a torn write or a flipped bit
 *  costs a recomputation of those rows and nothing else. Two jobs that fill the same file write the
 *  same bytes. Rows are written in parallel by the ranks, each its own, and read by each rank on
 *  its own.
 *
 *  A cache with several views stands for several files: row v * n_samples + i is sample i in view
 *  v. Whoever needs more views later computes only those that are not there.
 */
#ifndef JUDD_FEATURES_CACHE_H
#define JUDD_FEATURES_CACHE_H

#include <judd/base/id_set.h>
#include <judd/comm/comm.h>

#include <stdbool.h>

/** Attribute "title" of every cache file. */
#define JUDD_CACHE_TITLE "Judd feature cache"

typedef struct judd_cache judd_cache;

typedef struct judd_cache_options {
    const char *folder;      /* made if missing */
    const char *const *keys; /* [n_views] of the files; copied */
    int n_views;
    int64_t n_samples;
    bool half; /* float16 instead of float32; the keys must differ */
    bool look; /* make no folder and remove nothing: a damaged file counts as missing */
} judd_cache_options;

/** Open what is there. A damaged file is set aside with a word in *warning (free(); NULL if all is
 *  well). Collective. comm is borrowed. */
judd_status judd_cache_open(judd_cache **out, char **warning, const judd_comm *comm,
                            const judd_cache_options *options);
/** A cache file by its path, whatever its key. Collective. */
judd_status judd_cache_open_file(judd_cache **out, const judd_comm *comm, const char *path);
/** Local. NULL is allowed. */
void judd_cache_close(judd_cache *cache);

/** Whether the files of all views exist; only then read may be used. */
bool judd_cache_exists(const judd_cache *cache);
/** Make the files that do not exist, for features of `dim` columns. JUDD_E_DATA if one exists with
 *  other columns. Collective. */
judd_status judd_cache_create(judd_cache *cache, int64_t dim);
/** Columns; 0 as long as no file exists. */
int64_t judd_cache_dim(const judd_cache *cache);
/** Rows: n_samples * n_views. */
int64_t judd_cache_rows(const judd_cache *cache);
int judd_cache_views(const judd_cache *cache);
/** The file and the key of a view, 0 .. n_views-1. Borrowed. */
const char *judd_cache_path(const judd_cache *cache, int view);
const char *judd_cache_key(const judd_cache *cache, int view);
/** Whether the file of a view has its key's name, under which alone a run looks for it. Local. */
bool judd_cache_is_named(const judd_cache *cache, int view);

/** Which of the rows `ids` (equal on all ranks) are not there or damaged: *missing is the same on
 *  every rank; owner: caller. *n_damaged counts rows whose check did not match. Collective: the
 *  ranks share the reading. */
judd_status judd_cache_missing(judd_id_set *missing, int64_t *n_damaged, const judd_cache *cache,
                               const judd_id_set *ids);

/** Write phase, after create, of a cache of one view: begin and end are collective, rows in between
 *  are local. ids ascending. float16: JUDD_E_DATA names the sample and column of a number it cannot
 *  hold. Rows are safe from a kill when write returns, and from a power cut ten seconds later or
 *  after end with JUDD_OK (fsync by every rank). written: how this rank's writes went; if any
 *  rank's failed, that is what every rank returns. */
judd_status judd_cache_write_begin(judd_cache *cache);
judd_status judd_cache_write(judd_cache *cache, const int64_t *ids, int64_t n, const float *rows);
judd_status judd_cache_write_end(judd_cache *cache, judd_status written);

/** Rows [n, dim] of `ids`, each checked: JUDD_E_IO names a damaged one. Consecutive ids are read in
 *  one piece (up to 1 MiB at a time). Plain reads of the file without HDF5: any thread may call it,
 *  several at once, outside of write phases. checks [n]: those of the rows if they were read
 * before, which saves a read a piece; or NULL. Local. */
judd_status judd_cache_read(const judd_cache *cache, const int64_t *ids, int64_t n,
                            const uint64_t *checks, float *rows);

/** How many threads that read at once keep storage busy. Local. */
int judd_cache_readers(const judd_cache *cache);

/** checks [n] of `ids`, for whoever reads the same rows again and again: 8 bytes a row. As
 *  judd_cache_read otherwise. */
judd_status judd_cache_read_checks(const judd_cache *cache, const int64_t *ids, int64_t n,
                                   uint64_t *checks);

#endif
