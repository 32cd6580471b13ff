/** Data sets whose samples all have one size: a look finds them (data/look.h), the rest is common.
 */
#ifndef JUDD_SRC_DATA_READER_RAW_H
#define JUDD_SRC_DATA_READER_RAW_H

#include "data/reader.h"

extern const judd_reader_ops judd_reader_cifar10, judd_reader_cifar100, judd_reader_npy,
    judd_reader_hdf5, judd_reader_packed_raw;

#endif
