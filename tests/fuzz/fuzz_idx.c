/* Images and, in the same file, what might be labels. */
#include "fuzz/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return fuzz_dataset("idx", fuzz_file(data, n), data, n);
}
