/* Images and, in the same file, what might be labels. */
#include "fuzz/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const char *path = fuzz_file(data, n);
    return fuzz_dataset("idx", path, path);
}
