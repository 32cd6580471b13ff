/* The file of a head (HDF5): its hash, and the head read back to be used. */
#include "fuzz/fuzz.h"
#include "fuzz/h5.h"
#include "job/trial_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char hex[JUDD_SHA256_HEX];
    fuzz_h5("heads/t.h5", data, n);
    judd_trial_model model = {0};
    if (judd_trial_files_hash_head(hex, fuzz_folder(), "t") == JUDD_OK &&
        judd_trial_files_read_head(&model, fuzz_folder(), "t") == JUDD_OK)
        fuzz_taken();
    judd_trial_model_free(&model);
    return 0;
}
