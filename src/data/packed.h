/** What a packed file says of its samples, without their bytes; for writing and reading. What there
 *  is of every sample stands in columns, which pass by piece by piece. */
#ifndef JUDD_SRC_DATA_PACKED_H
#define JUDD_SRC_DATA_PACKED_H

#include <judd/data/dataset.h>

#include <hdf5.h>

typedef struct judd_packed {
    char kind[16]; /* "encoded", "pixels" or "features" */
    char sha256[JUDD_SHA256_HEX];
    int64_t n, n_targets, n_names, names_bytes, total; /* total: bytes of all samples */
    int64_t channels, height, width, channels_last, feature_dim;
    char **label_names; /* [n_names] of classes or targets, or NULL; one block after open */
    int64_t bytes_at;   /* after open: of the samples in the file */
} judd_packed;

typedef enum judd_packed_column {
    JUDD_PACKED_OFFSETS, /* int64_t [n + 1] */
    JUDD_PACKED_CHECKS,  /* uint64_t [n] */
    JUDD_PACKED_NAMES,   /* char [names_bytes]; encoded */
    JUDD_PACKED_LABELS,  /* int32_t [n] */
    JUDD_PACKED_TARGETS, /* float [n, n_targets] */
    JUDD_PACKED_COLUMNS
} judd_packed_column;

/** Items [first, first + n) of a column, to be filled or taken; pieces come in order. */
typedef judd_status (*judd_packed_step)(void *context, judd_packed_column column, int64_t first,
                                        int64_t n, void *items);

/** Rank 0: everything but the bytes into a new file. */
judd_status judd_packed_write(hid_t file, const judd_packed *packed, judd_packed_step fill,
                              void *context);

/** Rank 0: sizes and names; the columns are in the file. Owner: caller, judd_packed_free. */
judd_status judd_packed_open(judd_packed *packed, hid_t file, const char *path);
/** The columns, all of them, and only then: whether offsets ascend and fit and the hash is right.
 */
judd_status judd_packed_read(const judd_packed *packed, hid_t file, const char *path,
                             judd_packed_step take, void *context);
void judd_packed_free(judd_packed *packed);

/** Whether an HDF5 file is a packed data set; false for what cannot be opened. Local. */
bool judd_packed_is(const char *path);

#endif
