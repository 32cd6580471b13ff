/** A reader: one format, listed in dataset.c's table. */
#ifndef DATA_READER_H
#define DATA_READER_H

#include <judd/data/dataset.h>

typedef struct judd_reader_ops {
    const char *format;
    bool needs_labels; /* options.labels may not be NULL */
    /** Fills info but for labels; *labels is the dataset's. Collective. */
    judd_status (*open)(void **reader, judd_dataset_info *info, int32_t **labels,
                        const judd_dataset_options *options, const judd_comm *comm);
    judd_status (*load)(void *reader, const judd_comm *comm);
    int64_t (*size)(const void *reader, int64_t id);
    judd_status (*read)(void *reader, int64_t id, uint8_t *bytes);
    /** Name of a sample for messages, free(). */
    judd_status (*place)(char **place, const void *reader, int64_t id);
    void (*close)(void *reader);
} judd_reader_ops;

#endif
