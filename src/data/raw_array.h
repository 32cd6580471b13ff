/** Samples of equal size that lie at equal distances in one or more files: the bytes of CIFAR, NPY,
 *  contiguous HDF5 and packed data sets, read where they are. */
#ifndef JUDD_SRC_DATA_RAW_ARRAY_H
#define JUDD_SRC_DATA_RAW_ARRAY_H

#include <judd/base/hash.h>
#include <judd/base/scratch.h>
#include <judd/comm/comm.h>

#include <stdbool.h>
#include <stdint.h>

typedef enum judd_raw_type {
    JUDD_RAW_UINT8,
    JUDD_RAW_F16,
    JUDD_RAW_F32,
    JUDD_RAW_F64
} judd_raw_type;

/** What a sample is: pixels (uint8), or a row of features (little-endian reals). */
typedef struct judd_raw_shape {
    judd_raw_type type;
    int channels, height, width; /* pixels; else 0 */
    bool channels_last;          /* pixels lie as [height, width, channels] */
    int64_t dim;                 /* features; else 0 */
} judd_raw_shape;

typedef struct judd_raw_piece {
    char *path;
    int64_t n, offset, stride; /* samples; bytes before the first one's; from one to the next */
} judd_raw_piece;

/** What rank 0 finds out about a data set. */
typedef struct judd_raw_plan {
    judd_raw_shape shape;
    judd_raw_piece *pieces; /* [n_pieces], owned with their paths */
    int64_t n_pieces;
    judd_scratch checks;          /* uint64_t of every sample, owned; or zero: not known */
    char sha256[JUDD_SHA256_HEX]; /* identity, if the checks are known */
} judd_raw_plan;

/** path is copied. */
judd_status judd_raw_plan_add(judd_raw_plan *plan, judd_raw_piece piece);
void judd_raw_plan_free(judd_raw_plan *plan);

/** Shape of a sample from an array [n, ...]: uint8 of 3 (grey) or 4 dimensions are pixels, reals of
 *  2 are features. kind is NumPy's, width in bytes. `layout` is "channels_first", "channels_last",
 *  or "auto" or NULL: the side that is 1, 3 or 4 is the channels, JUDD_E_DATA if both or none are.
 *  `place` stands in messages. */
judd_status judd_raw_shape_of(judd_raw_shape *out, char kind, int width, const int64_t *dims,
                              int rank, const char *layout, const char *place);

/** A little-endian IEEE 754 number of 2, 4 or 8 bytes. */
double judd_raw_real(const void *bytes, int width);

/** Bytes of a sample in the file. */
int64_t judd_raw_shape_bytes(const judd_raw_shape *shape);
/** ... and as read: pixels as they are, features float32. */
int64_t judd_raw_shape_size(const judd_raw_shape *shape);

typedef struct judd_raw_array judd_raw_array;

/** `plan` matters on rank 0 only, and its checks are moved. Collective over comm, which must
 * outlive it. */
judd_status judd_raw_array_create(judd_raw_array **out, const judd_comm *comm, judd_raw_plan *plan);
/** Collective. NULL is allowed. */
void judd_raw_array_destroy(judd_raw_array *array);

const judd_raw_shape *judd_raw_array_shape(const judd_raw_array *array);
int64_t judd_raw_array_count(const judd_raw_array *array);

/** Read every sample once, the ranks sharing them: fixes each one's checksum, which read compares,
 *  and gives the identity of all: of shape and bytes, as judd_block_hash_run. Nothing is read if
 * the plan knew both. Collective. */
judd_status judd_raw_array_identify(judd_raw_array *array, char sha256[JUDD_SHA256_HEX]);

/** One sample, judd_raw_shape_size bytes. JUDD_E_DATA if it is not what it was, or a feature is not
 *  finite. Local. */
judd_status judd_raw_array_read(judd_raw_array *array, int64_t id, void *bytes);

/** Samples of a single file are read from a copy on every node from now on, as judd_slab_stage.
 *  Collective. */
judd_status judd_raw_array_stage(judd_raw_array *array);

/** XXH3 of a sample, once identified; 0 for features that read converts. */
uint64_t judd_raw_array_check(const judd_raw_array *array, int64_t id);

/** How the identity comes about, for who reads all samples before there is an array: blocks of so
 * many samples, each begun with the shape, as judd_block_hash_run. */
enum { JUDD_RAW_BLOCK = 1024 };
void judd_raw_shape_hash(judd_hash *hash, const judd_raw_shape *shape);

/** "file, sample 3" for messages. free(). */
judd_status judd_raw_array_place(char **place, const judd_raw_array *array, int64_t id);

#endif
