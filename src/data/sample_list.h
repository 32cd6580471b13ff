/** Encoded images and their classes while a format is being scanned: any number of them, since
 *  names are sorted on disk (io/sorter.h). Rank 0 only. */
#ifndef JUDD_SRC_DATA_SAMPLE_LIST_H
#define JUDD_SRC_DATA_SAMPLE_LIST_H

#include "data/name_table.h"

#include <judd/comm/watchdog.h>
#include <judd/data/dataset.h>
#include <judd/io/sorter.h>

/** One image. Strings are borrowed. */
typedef struct judd_sample {
    const char *name;     /* unique; the order of the samples */
    const char *text;     /* what the format says of its class: a folder's name, a number, or
                             targets; NULL: nothing */
    int32_t file;         /* in files, or -1: the image is the file root/name, or name */
    int64_t offset, size; /* of the encoded image in its file, bytes */
} judd_sample;

typedef struct judd_sample_list {
    judd_task_kind task;
    char *root;   /* folder that names start from, or NULL */
    char **files; /* shards */
    int64_t n_files;
    int64_t n, name_bytes; /* images; their names with NULs */
    judd_name_table words; /* the classes that texts name */
    int64_t largest;       /* number among the words; -1: none */
    bool numbers;          /* texts are labels, not names */
    bool labelled;         /* texts come from judd_sample_list_add_label */
    judd_sorter *sorter;
    judd_watchdog *watchdog;
    char *before, *key;        /* while reading: the last name, the key of labels */
    struct judd_label *labels; /* [n_labels] of this key, one a shard */
    int64_t n_labels, most_labels;
} judd_sample_list;

/** watchdog: told of every entry; borrowed. */
judd_status judd_sample_list_create(judd_sample_list *list, judd_task_kind task,
                                    judd_watchdog *watchdog);
void judd_sample_list_free(judd_sample_list *list);

judd_status judd_sample_list_add_file(judd_sample_list *list, const char *path);
/** Everything is copied. Names must be UTF-8 without control characters, since they stand in
 *  reports. */
judd_status judd_sample_list_add(judd_sample_list *list, const judd_sample *sample);
/** The classes of a sample's text become words: one, or several between commas. */
judd_status judd_sample_list_note(judd_sample_list *list, const char *text);
/** A label for the images of a shard whose names are `name` up to the first dot of its last part
 *  (WebDataset's key); numbers then. */
judd_status judd_sample_list_add_label(judd_sample_list *list, const char *name, const char *text,
                                       int32_t file);

/** The next image by name; its name is NULL behind the last. Borrowed until the next call.
 *  JUDD_E_DATA if a name stands twice, or if an image has no label but others have. */
judd_status judd_sample_list_next(judd_sample_list *list, judd_sample *sample);

/** Whether a file name ends as a JPEG or PNG does. */
bool judd_sample_list_is_image(const char *name);

#endif
