/** HDF5 with the habits that survive faults: created serially and contiguously, written in parallel
 *  without it (judd/io/h5_slabs.h), read by each rank on its own, never filtered, no time stamps.
 *
 *  Thin: handles are hid_t, failures become judd_status with the path and HDF5's own reason.
 *  Equal contents give equal bytes, whatever the time, the machine or the number of ranks.
 *  Reading trusts nothing: only hard links, contiguous or compact data inside the file, no filters.
 */
#ifndef JUDD_IO_H5_H
#define JUDD_IO_H5_H

#include <judd/base/status.h>

#include <hdf5.h>

enum { JUDD_H5_MAX_RANK = 8 };

/** Switch off HDF5's own printing, exit handlers and plugins. Call before any other HDF5 call,
 *  and before MPI_Init, or else MPI_Finalize closes what is open. */
judd_status judd_h5_init(void);

/** A new file for one rank, truncating; datasets are made with judd_h5_create_dataset. Local. */
judd_status judd_h5_create(hid_t *file, const char *path);
/** An existing file of ours, read only, without locking; refuses others, and those of ours whose
 *  metadata are damaged. Local. */
judd_status judd_h5_open_read(hid_t *file, const char *path);
/** As judd_h5_open_read, of a file that anything wrote: HDF5 1.10 is not safe against those made to
 *  do harm (SECURITY.md). Local. */
judd_status judd_h5_open_foreign(hid_t *file, const char *path);
/** Handle <= 0: no effect. Local. */
judd_status judd_h5_close(hid_t file, const char *path);

/** Contiguous, allocated early, never filled. `type` is a file type such as H5T_IEEE_F32LE; missing
 *  groups in `name` are made. `description` (may be NULL) becomes the attribute of that name. */
judd_status judd_h5_create_dataset(hid_t file, const char *name, hid_t type, int rank,
                                   const int64_t *dims, const char *description);

/** Whether `name` exists. */
int judd_h5_exists(hid_t file, const char *name);
/** Dimensions of a dataset of exactly `rank` dimensions, else JUDD_E_DATA. */
judd_status judd_h5_dims(hid_t file, const char *name, int rank, int64_t *dims);

/** Where the bytes of a dataset lie in its file and what they are. */
typedef struct judd_h5_extent {
    int rank;
    int64_t dims[JUDD_H5_MAX_RANK];
    char kind;      /* as NumPy: 'u', 'i', 'f' (IEEE 754); else '?' */
    int width;      /* bytes of an item */
    int64_t offset; /* of the first item in the file; -1 if the bytes are in its metadata */
} judd_h5_extent;

/** IEEE binary16, little-endian, as a file type. Owner: caller, H5Tclose. */
hid_t judd_h5_float16(void);

/** Big-endian items have kind '?'. */
judd_status judd_h5_extent_of(hid_t file, const char *name, judd_h5_extent *extent);

/** Rows [first, first + n) of a dataset of any rank, all columns; `type` is a memory type such as
 *  H5T_NATIVE_FLOAT. Calls are split at 1 GiB. Reading converts between sizes of numbers and from
 *  integers to reals; other types are JUDD_E_DATA. */
judd_status judd_h5_write_rows(hid_t file, const char *name, hid_t type, int64_t first, int64_t n,
                               const void *data);
judd_status judd_h5_read_rows(hid_t file, const char *name, hid_t type, int64_t first, int64_t n,
                              void *data);
/** A whole dataset. Reading one that judd_h5_put made compares it with its check. */
judd_status judd_h5_write(hid_t file, const char *name, hid_t type, const void *data);
judd_status judd_h5_read(hid_t file, const char *name, hid_t type, void *data);

/** judd_h5_create_dataset and judd_h5_write in one, and an attribute "check": XXH3-64 of `data`, so
 *  that a bit that flips anywhere later, or on its way, is noticed. In a file of one rank. */
judd_status judd_h5_put(hid_t file, const char *name, hid_t file_type, hid_t memory_type, int rank,
                        const int64_t *dims, const char *description, const void *data);

/** Whether every dataset with a check is as it was put, and what HDF5 itself has checksums of
 * (names, shapes, attributes) is whole, else JUDD_E_DATA. Local. */
judd_status judd_h5_check(hid_t file, const char *path);

/** Attributes of `object` ("/" or a dataset); strings are variable-free, fixed length, UTF-8. */
judd_status judd_h5_set_string(hid_t file, const char *object, const char *name, const char *value);
judd_status judd_h5_set_int(hid_t file, const char *object, const char *name, int64_t value);
judd_status judd_h5_set_double(hid_t file, const char *object, const char *name, double value);
/** Owner of *value: caller, free(). Strings longer than 1 MiB are refused. */
judd_status judd_h5_get_string(hid_t file, const char *object, const char *name, char **value);
judd_status judd_h5_get_int(hid_t file, const char *object, const char *name, int64_t *value);
judd_status judd_h5_get_double(hid_t file, const char *object, const char *name, double *value);

/** A one-dimensional dataset of fixed-length strings (class names). What is read is one block:
 *  free(*text) frees the strings too. */
judd_status judd_h5_write_strings(hid_t file, const char *name, const char *const *text, int64_t n,
                                  const char *description);
judd_status judd_h5_read_strings(hid_t file, const char *name, char ***text, int64_t *n);

/** Errors of the HDF5 library itself, for messages: the innermost reason; never NULL. */
const char *judd_h5_reason(void);

#endif
