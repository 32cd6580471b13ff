/** A reader: one format, listed in dataset.c's table. */
#ifndef JUDD_SRC_DATA_READER_H
#define JUDD_SRC_DATA_READER_H

#include "data/label_set.h"

typedef struct judd_reader_ops {
    const char *format;
    /** Instead of all others: the reader that is meant. Collective. */
    judd_status (*choose)(const struct judd_reader_ops **better,
                          const judd_dataset_options *options, const judd_comm *comm);
    bool needs_labels; /* options.labels may not be NULL */
    /** Fills info but for what labels hold, and on rank 0 the labels. Collective. */
    judd_status (*open)(void **reader, judd_dataset_info *info, judd_label_set *labels,
                        const judd_dataset_options *options, const judd_comm *comm);
    judd_status (*load)(void *reader, const judd_comm *comm);
    /** Copy to the nodes what read takes; NULL: it is in memory. Collective. */
    judd_status (*stage)(void *reader);
    int64_t (*size)(const void *reader, int64_t id);
    judd_status (*read)(void *reader, int64_t id, uint8_t *bytes);
    /** Texts: where one lies; NULL: samples are none. */
    const char *(*text)(const void *reader, int64_t id);
    const char *(*name)(const void *reader, int64_t id); /* NULL: samples have none */
    /** XXH3 of the bytes that read gives, or 0; NULL: not known. */
    uint64_t (*check)(const void *reader, int64_t id);
    /** Name of a sample for messages, free(). */
    judd_status (*place)(char **place, const void *reader, int64_t id);
    void (*close)(void *reader);
} judd_reader_ops;

#endif
