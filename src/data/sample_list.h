/** Encoded images and their classes while a format is being scanned. Rank 0 only. */
#ifndef DATA_SAMPLE_LIST_H
#define DATA_SAMPLE_LIST_H

#include <judd/data/dataset.h>

typedef struct judd_sample {
    char *name;           /* unique; the order of the samples */
    char *class_text;     /* what the format says: a folder's name, a number, or targets */
    int32_t file;         /* in files, or -1: the image is the file root/name */
    int64_t offset, size; /* of the encoded image in its file, bytes */
    uint64_t check;       /* XXH3 of the bytes, or 0: not known */
} judd_sample;

typedef struct judd_sample_list {
    judd_task_kind task;
    char *root;   /* folder that names start from, or NULL */
    char **files; /* shards */
    int64_t n_files;
    judd_sample *samples;
    int64_t n, capacity;
    bool numbers;                 /* class texts are labels, not names */
    char sha256[JUDD_SHA256_HEX]; /* identity, if all checks are known; else "" */
} judd_sample_list;

void judd_sample_list_free(judd_sample_list *list);

judd_status judd_sample_list_add_file(judd_sample_list *list, const char *path);
/** Strings are copied; class_text may be NULL if none is known yet. Names must be UTF-8 without
 *  control characters, since they stand in reports. */
judd_status judd_sample_list_add(judd_sample_list *list, const char *name, const char *class_text,
                                 int32_t file, int64_t offset, int64_t size);

/** Sort by name; JUDD_E_DATA if a name stands twice or there is no image. */
judd_status judd_sample_list_sort(judd_sample_list *list);

/** Whether a file name ends as a JPEG or PNG does. */
bool judd_sample_list_is_image(const char *name);

#endif
