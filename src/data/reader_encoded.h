/** Data sets of encoded images: a scan finds them (data/scan.h), the rest is common. */
#ifndef JUDD_SRC_DATA_READER_ENCODED_H
#define JUDD_SRC_DATA_READER_ENCODED_H

#include "data/reader.h"

extern const judd_reader_ops judd_reader_folder, judd_reader_tar, judd_reader_list,
    judd_reader_packed_encoded;

#endif
