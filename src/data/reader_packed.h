/** Packed data sets: chooses between encoded images and samples of one size. */
#ifndef JUDD_SRC_DATA_READER_PACKED_H
#define JUDD_SRC_DATA_READER_PACKED_H

#include "data/reader.h"

extern const judd_reader_ops judd_reader_packed;

#endif
