/** Labelled images in files: one reader per format behind one table.
 *
 *  A dataset here is one split (train, validation or test) as the files hold it, with all its
 *  classes; tasks (data/task.h) pick classes and samples from it. Sample ids are 0 .. n-1 in the
 *  order of the files.
 */
#ifndef JUDD_DATA_DATASET_H
#define JUDD_DATA_DATASET_H

#include <judd/base/hash.h>
#include <judd/comm/comm.h>

typedef struct judd_dataset_options {
    const char *format; /* "idx" */
    const char *images; /* path of the images file (idx: plain or gzip) */
    const char *labels; /* path of the labels file */
} judd_dataset_options;

typedef struct judd_dataset judd_dataset;

/** What is known of a dataset once it is open; equal on all ranks. Borrowed from the dataset. */
typedef struct judd_dataset_info {
    int64_t n_samples;
    int n_classes;                /* largest label + 1 */
    int channels, height, width;  /* of every image, uint8 */
    const int32_t *labels;        /* [n_samples], 0 .. n_classes-1 */
    char sha256[JUDD_SHA256_HEX]; /* of the image files' bytes: identity of the pixels */
} judd_dataset_info;

/** Read labels and headers, hash the files. Pixels are not loaded yet. Collective over comm;
 *  options must be equal on all ranks. comm is borrowed and must outlive the dataset. */
judd_status judd_dataset_open(judd_dataset **out, const judd_comm *comm,
                              const judd_dataset_options *options);
/** Collective over comm. NULL is allowed. */
void judd_dataset_close(judd_dataset *dataset);

const judd_dataset_info *judd_dataset_info_of(const judd_dataset *dataset);

/** Bring the pixels where judd_dataset_read finds them (once a node). Collective over comm; a
 * second call does nothing. */
judd_status judd_dataset_load(judd_dataset *dataset);

/** Pixels of n samples, [n, channels, height, width] uint8. After load. Local. */
judd_status judd_dataset_read(const judd_dataset *dataset, const int64_t *ids, int64_t n,
                              uint8_t *pixels);

/** A reader: one format. Private to src/data, listed in dataset.c's table. */
typedef struct judd_reader_ops {
    const char *format;
    judd_status (*open)(void **reader, judd_dataset_info *info, int32_t **labels,
                        const judd_dataset_options *options, const judd_comm *comm);
    judd_status (*load)(void *reader, const judd_comm *comm);
    judd_status (*read)(const void *reader, const int64_t *ids, int64_t n, uint8_t *pixels);
    void (*close)(void *reader);
} judd_reader_ops;

#endif
