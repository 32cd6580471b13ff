/** Encoded images and their classes while a format is being scanned. Rank 0 only. */
#ifndef DATA_SAMPLE_LIST_H
#define DATA_SAMPLE_LIST_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_sample {
    char *name;           /* unique; the order of the samples */
    char *class_text;     /* what the format says: a folder's name or a number */
    int32_t file;         /* in files, or -1: the image is the file root/name */
    int32_t label;        /* by judd_sample_list_finish */
    int64_t offset, size; /* of the encoded image in its file, bytes */
} judd_sample;

typedef struct judd_sample_list {
    char *root;   /* folder that names start from, or NULL */
    char **files; /* shards */
    int64_t n_files;
    judd_sample *samples;
    int64_t n, capacity;
    char **classes; /* names in the order of labels, or NULL: labels are numbers without names */
    int64_t n_classes;
    bool numbers; /* class texts are labels, not names */
} judd_sample_list;

void judd_sample_list_free(judd_sample_list *list);

judd_status judd_sample_list_add_file(judd_sample_list *list, const char *path);
/** Strings are copied; class_text may be NULL if none is known yet. Names must be UTF-8 without
 *  control characters, since they stand in reports. */
judd_status judd_sample_list_add(judd_sample_list *list, const char *name, const char *class_text,
                                 int32_t file, int64_t offset, int64_t size);

/** Sort by name, refuse a name twice, and give labels: by the class list at `class_list` (NULL:
 *  none; a line a class, "name" or "label<TAB>name..."), else by the numbers, else by the names'
 *  byte order. An image without a class folder belongs to the class its name begins with, up to
 *  the first '_', if the class list has it. `place` stands in messages for the data set. */
judd_status judd_sample_list_finish(judd_sample_list *list, const char *class_list,
                                    const char *place);

/** Whether a file name ends as a JPEG or PNG does. */
bool judd_sample_list_is_image(const char *name);

#endif
