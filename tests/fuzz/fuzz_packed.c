/* A packed file (HDF5). */
#include "fuzz/dataset.h"
#include "fuzz/h5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return fuzz_dataset("packed", fuzz_h5("input", data, n), NULL);
}
