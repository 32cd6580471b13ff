/** The format of a data set by what it holds. */
#ifndef JUDD_SRC_DATA_RECOGNISE_H
#define JUDD_SRC_DATA_RECOGNISE_H

#include <judd/data/dataset.h>

/** Name of the format, or JUDD_E_DATA. Rank 0. */
judd_status judd_recognise_format(char format[JUDD_DATASET_FORMAT], const char *path);

#endif
