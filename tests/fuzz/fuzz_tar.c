/* A tar archive: its entries, and labels of what it holds. */
#include "fuzz/labels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    judd_sample_list list = {0};
    if (judd_scan_tar(&list, fuzz_file(data, n)) == JUDD_OK) fuzz_labels(&list, NULL);
    judd_sample_list_free(&list);
    return 0;
}
