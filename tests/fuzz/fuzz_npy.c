/* NPY files: images or features, and labels. */
#include "fuzz/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return fuzz_dataset_pair("npy", data, n);
}
