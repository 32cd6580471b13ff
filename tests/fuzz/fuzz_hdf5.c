/* An HDF5 file of images or features. */
#include "fuzz/dataset.h"
#include "fuzz/h5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return fuzz_dataset("hdf5", fuzz_h5("input", data, n), NULL);
}
