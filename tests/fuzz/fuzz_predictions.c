/* The predictions of a head (HDF5). */
#include "fuzz/fuzz.h"
#include "fuzz/h5.h"
#include "job/predictions.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    double *share = NULL;
    int64_t n_samples = 0;
    fuzz_h5("predictions/t.h5", data, n);
    if (judd_predictions_sound(fuzz_folder(), "t")) fuzz_taken();
    judd_predictions_read_shares(&share, &n_samples, fuzz_folder(), "t");
    free(share);
    return 0;
}
