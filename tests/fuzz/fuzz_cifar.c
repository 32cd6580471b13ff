/* CIFAR's records: few bytes are repeated to whole ones, or nothing would pass the first look. */
#include "fuzz/dataset.h"

#include <string.h>

enum { RECORD = 3073, MOST = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static uint8_t records[MOST * RECORD + 256];
    if (n < 2) return 0;
    size_t length = (size_t)(data[0] % (MOST + 1)) * RECORD + (data[0] >= 128 ? data[1] : 0);
    for (size_t at = 0; at < length; at += RECORD) records[at] = data[1 + at / RECORD % (n - 1)];
    return fuzz_dataset(data[0] & 64 ? "cifar100" : "cifar10", fuzz_file(records, length), NULL);
}
