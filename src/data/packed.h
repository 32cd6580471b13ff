/** What a packed file says of its samples, without their bytes; for writing and reading. */
#ifndef DATA_PACKED_H
#define DATA_PACKED_H

#include <judd/data/dataset.h>

#include <hdf5.h>

typedef struct judd_packed {
    char kind[16]; /* "encoded", "pixels" or "features" */
    char sha256[JUDD_SHA256_HEX];
    int64_t n, n_targets, n_names, names_bytes;
    int64_t channels, height, width, channels_last, feature_dim;
    int64_t *offsets;   /* [n + 1] */
    uint64_t *checks;   /* [n] */
    char *names;        /* [names_bytes]; encoded */
    int32_t *labels;    /* [n] */
    float *targets;     /* [n, n_targets], or NULL */
    char **label_names; /* [n_names] of classes or targets, one block, or NULL */
    int64_t bytes_at;   /* reading: of the bytes in the file */
} judd_packed;

void judd_packed_free(judd_packed *packed);

/** SHA-256 of all but the bytes. */
judd_status judd_packed_hash(char hex[JUDD_SHA256_HEX], const judd_packed *packed);

/** Rank 0: everything but the bytes, checked: offsets ascend and fit, names are as many as samples
 *  and in order, the hash is right. */
judd_status judd_packed_read(judd_packed *packed, const char *path);

/** Whether an HDF5 file is a packed data set; false for what cannot be opened. Local. */
bool judd_packed_is(const char *path);

#endif
