/** Rows of the datasets of one HDF5 file, written by all ranks at once: HDF5 makes the file on one
 *  rank (judd_h5_create) and says where its datasets lie; the rows then go there by plain writes.
 *  The bytes of the file do not depend on who wrote what. */
#ifndef JUDD_IO_H5_SLABS_H
#define JUDD_IO_H5_SLABS_H

#include <judd/comm/comm.h>

typedef struct judd_h5_slabs judd_h5_slabs;

enum { JUDD_H5_SLABS_MAX = 8 };

/** Open an existing file of ours to write rows of the contiguous datasets names[n], n <=
 *  JUDD_H5_SLABS_MAX. *out: owner caller, NULL after a failure. Collective. */
judd_status judd_h5_slabs_open(judd_h5_slabs **out, const judd_comm *comm, const char *path,
                               const char *const *names, int n);

/** Rows [first, first + n) of dataset names[k], all columns, as the file stores them. Local; only
 *  the caller takes part. */
judd_status judd_h5_slabs_write(judd_h5_slabs *slabs, int k, int64_t first, int64_t n,
                                const void *data);
/** On the disk what this rank wrote. Local. */
judd_status judd_h5_slabs_sync(judd_h5_slabs *slabs);
/** Synced and closed: the slabs are gone, whatever the outcome. Local; NULL: no effect. */
judd_status judd_h5_slabs_close(judd_h5_slabs *slabs);
/** Closed without looking: the file is to be given up. */
void judd_h5_slabs_abandon(judd_h5_slabs *slabs);

#endif
