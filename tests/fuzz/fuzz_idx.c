/* IDX files, gzipped or not: images and labels. */
#include "fuzz/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return fuzz_dataset_pair("idx", data, n);
}
