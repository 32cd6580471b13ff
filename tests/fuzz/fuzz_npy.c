/* NPY files: images or features, and labels, a NUL-led length between them: the first two bytes say
 * how long the first is. */
#include "fuzz/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 2) return 0;
    size_t first = (size_t)data[0] << 8 | data[1];
    if (first > n - 2) first = n - 2;
    const char *labels = fuzz_file_named("labels", data + 2 + first, n - 2 - first);
    return fuzz_dataset("npy", fuzz_file(data + 2, first), labels);
}
