/* The file of a head (HDF5). */
#include "fuzz/fuzz.h"
#include "fuzz/h5.h"
#include "job/trial_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char hex[JUDD_SHA256_HEX];
    fuzz_h5("heads/t.h5", data, n);
    judd_trial_files_hash_head(hex, fuzz_folder(), "t");
    return 0;
}
