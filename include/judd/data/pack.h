/** A data set in one HDF5 file that ranks read in large contiguous steps: the answer to millions of
 *  small files on a parallel file system. It is read as format "packed".
 *
 *  The file holds, besides the attributes kind ("encoded", "pixels" or "features") and
 *  images_sha256 (the identity, so that features computed from the source stay valid):
 *      bytes        [total]        uint8    the samples one behind the other, as they were
 *      offsets      [n + 1]        int64    where each begins in bytes
 *      check        [n]            uint64   XXH3 of each sample's bytes
 *      names        [...]          uint8    encoded: names in order, each with a NUL
 *      labels       [n]            int32;   targets [n, t] float32;   class_names, target_names
 *  and metadata_sha256 over all of these but bytes, which is compared when the file is opened;
 *  samples are compared with their check when they are read.
 */
#ifndef JUDD_DATA_PACK_H
#define JUDD_DATA_PACK_H

#include <judd/data/dataset.h>

/** Write an open, loaded data set to `path`; the ranks share the samples. The file appears when it
 *  is complete. Images that cannot be decoded are packed too, so that ids stay the same. Features
 *  become float32. Collective. */
judd_status judd_pack_write(judd_dataset *dataset, const judd_comm *comm, const char *path);

#endif
