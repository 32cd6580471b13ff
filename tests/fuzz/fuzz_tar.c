/* A tar archive: its entries, and labels of what it holds. */
#include "fuzz/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_labels(JUDD_CLASSIFICATION, fuzz_file(data, n), NULL, judd_scan_tar);
    return 0;
}
