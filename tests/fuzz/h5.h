/* HDF5 files for the fuzz targets behind HDF5. Mutated bytes of a file seldom get past HDF5's own
 * checks, and where they do they find faults of HDF5, not ours. So the input is a recipe: a well
 * formed file with the names that a target looks for, but any type, shape, layout and contents, in
 * part those of a seed. */
#ifndef FUZZ_H5_H
#define FUZZ_H5_H

#include <stddef.h>
#include <stdint.h>

/* As fuzz_file_named. Input that begins as an HDF5 file does is taken as it is. */
const char *fuzz_h5(const char *name, const uint8_t *data, size_t n);

#endif
