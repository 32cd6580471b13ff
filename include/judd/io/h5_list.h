/** What an HDF5 file of Judd's holds, for people: it describes itself. */
#ifndef JUDD_IO_H5_LIST_H
#define JUDD_IO_H5_LIST_H

#include <judd/base/status.h>

#include <hdf5.h>
#include <stdio.h>

/** The attributes of the file, then a line for each dataset: name, shape, type, description and, if
 *  they are few, its values. Names and texts are printed on one line each, whatever they hold.
 *  judd_h5_check compares sums. Local. */
judd_status judd_h5_list(FILE *to, hid_t file, const char *path);

#endif
