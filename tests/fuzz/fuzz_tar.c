#include "fuzz/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return fuzz_dataset("tar", NULL, data, n);
}
