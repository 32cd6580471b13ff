/** IDX, the format of MNIST (LeCun, Cortes, Burges 1998): big-endian magic 00 00 type rank, then
 * the dimensions as uint32, then the items. Plain or gzip. Images: uint8 [n, h, w] or [n, c, h, w];
 *  labels: uint8 [n].
 */
#ifndef JUDD_SRC_DATA_READER_IDX_H
#define JUDD_SRC_DATA_READER_IDX_H

#include "data/reader.h"

extern const judd_reader_ops judd_reader_idx;

#endif
