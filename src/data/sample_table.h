/** Where every encoded image of a data set lies, in scratch memory: filled by rank 0 in order of
 * the names, then shared (data/sample_index.h). */
#ifndef JUDD_SRC_DATA_SAMPLE_TABLE_H
#define JUDD_SRC_DATA_SAMPLE_TABLE_H

#include <judd/base/hash.h>
#include <judd/base/scratch.h>

#include <stdint.h>

typedef struct judd_sample_entry {
    int64_t offset, name; /* of the image in its file; of the name in names */
    int64_t size;
    int64_t file; /* in files, or -1: the image is the file root/name */
} judd_sample_entry;

typedef struct judd_sample_table {
    int64_t n, n_files;
    judd_scratch entries, names;  /* judd_sample_entry [n]; strings one behind the other */
    judd_scratch checks;          /* uint64_t [n], or zero: not known */
    char *root, **files;          /* owned */
    char sha256[JUDD_SHA256_HEX]; /* identity, if the checks are known; else "" */
} judd_sample_table;

/** Room for n images and their names. */
judd_status judd_sample_table_create(judd_sample_table *table, int64_t n, int64_t name_bytes);
/** What has been written leaves this process's memory. */
void judd_sample_table_release(const judd_sample_table *table);
void judd_sample_table_free(judd_sample_table *table);

#endif
