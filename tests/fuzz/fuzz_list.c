#include "fuzz/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return fuzz_dataset("list", NULL, data, n);
}
