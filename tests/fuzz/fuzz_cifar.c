/* CIFAR's records: few bytes are repeated to whole ones, or nothing would pass the first look. */
#include "fuzz/dataset.h"

#include <string.h>

enum { RECORD = 3073, MOST = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static uint8_t records[MOST * (RECORD + 1) + 256];
    if (n < 2) return 0;
    bool fine = data[0] & 64; /* CIFAR-100: a second byte, which is the label that counts */
    size_t record = RECORD + fine;
    size_t length = (size_t)(data[0] % (MOST + 1)) * record + (data[0] >= 128 ? data[1] : 0);
    for (size_t at = 0; at < length; at += record)
        records[at + fine] = data[1 + at / record % (n - 1)];
    return fuzz_dataset(fine ? "cifar100" : "cifar10", fuzz_file(records, length), NULL);
}
