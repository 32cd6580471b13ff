/** Packed data sets: chooses between encoded images and samples of one size. */
#ifndef DATA_READER_PACKED_H
#define DATA_READER_PACKED_H

#include "data/reader.h"

extern const judd_reader_ops judd_reader_packed;

#endif
