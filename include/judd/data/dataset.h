/** Labelled images and texts in files: one reader per format behind one table.
 *
 *  A dataset here is one split (train, validation or test) as the files hold it, with all its
 *  classes; tasks (data/task.h) pick classes and samples from it. A sample is raw pixels of a shape
 *  that all share, the bytes of a JPEG or PNG file of any size (encoded), or a row of features that
 *  something else computed, or a text. Sample ids are
 *  0 .. n-1 in the order of the files; encoded ones in byte order of their names.
 */
#ifndef JUDD_DATA_DATASET_H
#define JUDD_DATA_DATASET_H

#include <judd/base/hash.h>
#include <judd/comm/comm.h>
#include <judd/image/image.h>

#include <stdbool.h>

/** What the samples are to be recognised as. */
typedef enum judd_task_kind {
    JUDD_CLASSIFICATION, /* one class each */
    JUDD_MULTILABEL,     /* any number of classes each */
    JUDD_REGRESSION,     /* real numbers each */
    JUDD_NO_TASK         /* to be predicted: labels are not needed, and not looked at */
} judd_task_kind;

typedef struct judd_dataset_options {
    const char *format; /* "idx", "cifar10", "cifar100", "npy", "hdf5"; encoded: "folder", "tar",
                           "list"; either: "packed"; texts: "tsv", "csv", "lines", "jsonl"; or
                           "auto": told by the content of images */
    const char *images; /* path of the images, features or texts: a file or a folder, as the format
                           has it */
    const char *labels; /* idx, npy, lines: the labels file; hdf5: likewise, or NULL: in the same
                           file; cifar, encoded, other texts: a list of the classes, or NULL */
    const char *text_column, *label_column; /* tsv, csv: by number from 0 on, or by name in a head
                                               line; jsonl: keys; NULL: "1" and "0", or "text" and
                                               "label" */
    const char *images_name, *labels_name;  /* hdf5: of the datasets; NULL: "images" or "features",
                                               and "labels" */
    const char *layout; /* npy, hdf5: "channels_first", "channels_last"; NULL or "auto": told by the
                           shape */
    bool coarse;        /* cifar100: the 20 superclasses */
    const char *cache;  /* encoded: folder that remembers which images are bad, or NULL */
    double max_bad_fraction; /* encoded: more bad images than this are an error */
    judd_task_kind task;
    int dct_side; /* encoded: as judd_image_decode_reduced; 0: whole pictures */
} judd_dataset_options;

typedef struct judd_dataset judd_dataset;

/** An encoded image that cannot be decoded. */
typedef struct judd_dataset_bad {
    int64_t id, offset; /* offset: where in its bytes the decoder stood */
    int32_t label;      /* it would have */
    char *path, *reason;
} judd_dataset_bad;

/** What is known of a dataset once it is open; equal on all ranks. Borrowed from the dataset. */
typedef struct judd_dataset_info {
    int64_t n_samples;
    judd_task_kind task;
    int n_classes; /* largest label + 1, or the number of class names; multilabel: n_targets;
                      regression: 0 */
    bool encoded;
    bool text; /* UTF-8 of any length; the shape below is 0 */
    int dct_side;
    int channels, height, width;     /* of every image, uint8; encoded: 3 and 0 x 0 */
    bool channels_last;              /* read gives [height, width, channels] */
    int64_t feature_dim;             /* > 0: ready features instead of images, which then are
 the bytes of float32 [1, feature_dim] */
    const int32_t *labels;           /* [n_samples], 0 .. n_classes-1, or 0 when there are targets;
                                        -1: a bad image */
    const char *const *class_names;  /* [n_classes], or NULL if the files name none */
    int n_targets;                   /* 0: classification */
    const float *targets;            /* [n_samples, n_targets], or NULL; multilabel: 1 if the sample
                                        is of the class, else 0; regression: finite numbers */
    const char *const *target_names; /* [n_targets], or NULL; multilabel: class_names */
    judd_dataset_bad *bad;           /* [n_bad], by id */
    int64_t n_bad;
    const char *not_staged;       /* why; NULL: nobody asked, or it is */
    char sha256[JUDD_SHA256_HEX]; /* identity of the pixels: of the image file's bytes; encoded: as
                                     data/sample_index.h says, of names and bytes of all images */
} judd_dataset_info;

/** Read labels and headers, hash the files. Encoded images are all decoded once to find the bad
 *  ones, the ranks sharing them; options.cache remembers the outcome for the same bytes and
 *  decoders. Raw pixels are not where read finds them yet. Collective over comm; options must be
 * equal on all ranks. comm is borrowed and must outlive the dataset. */
judd_status judd_dataset_open(judd_dataset **out, const judd_comm *comm,
                              const judd_dataset_options *options);
enum { JUDD_DATASET_FORMAT = 16 };
/** Whether format "auto" would know what this path holds, and as what. Local. */
bool judd_dataset_recognised(const char *path, char format[JUDD_DATASET_FORMAT]);

/** Collective over comm. NULL is allowed. */
void judd_dataset_close(judd_dataset *dataset);

const judd_dataset_info *judd_dataset_info_of(const judd_dataset *dataset);

/** Bring raw pixels where read and image find them (once a node); encoded images stay in their
 *  files. Collective over comm; a second call does nothing. */
judd_status judd_dataset_load(judd_dataset *dataset);

/** Where JUDD_STAGE asks for it, samples of a data set in one file are read from a copy on each
 * node's own disk from now on ($TMPDIR), which goes with the dataset. Without room for it
 * info.not_staged says so, and they are read as before. Collective over comm; a second call does
 * nothing. */
judd_status judd_dataset_stage(judd_dataset *dataset);

/** The format it was read as; never "auto". */
const char *judd_dataset_format(const judd_dataset *dataset);

/** Name of an encoded sample, unique in its data set; NULL for others. Borrowed. Local. */
const char *judd_dataset_name(const judd_dataset *dataset, int64_t id);

/** Where a sample is, for messages. free(). Local. */
judd_status judd_dataset_place(char **place, const judd_dataset *dataset, int64_t id);

/** XXH3 of the bytes of a sample if the format knows it, else 0. Local. */
uint64_t judd_dataset_check(const judd_dataset *dataset, int64_t id);

/** Bytes of one sample: raw pixels, or its encoded file. Local. */
int64_t judd_dataset_size(const judd_dataset *dataset, int64_t id);

/** A text where it lies. Borrowed from the dataset. Local; any thread, several at once. */
judd_status judd_dataset_text(const judd_dataset *dataset, int64_t id, const char **text,
                              int64_t *bytes);

/** The bytes of n samples one behind the other: [n, channels, height, width] uint8 (or channels
 *  last), float32 [n, feature_dim], or encoded files. After load. Local. */
judd_status judd_dataset_read(judd_dataset *dataset, const int64_t *ids, int64_t n, uint8_t *bytes);

/** The picture in the bytes of a sample, as read gives them. Local; any thread, several at once. */
judd_status judd_dataset_decode(const judd_dataset *dataset, int64_t id, const uint8_t *bytes,
                                judd_image *image);

/** One sample as a picture: read and decode. After load. Local. */
judd_status judd_dataset_image(judd_dataset *dataset, int64_t id, judd_image *image);

#endif
