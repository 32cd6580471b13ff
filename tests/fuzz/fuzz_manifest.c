/* The MANIFEST of a checkpoint beside a state of one byte. */
#include "fuzz/fuzz.h"

#include <judd/learn/checkpoint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_file_named("state.h5", "s", 1);
    fuzz_file_named("MANIFEST", data, n);
    if (judd_checkpoint_verify(fuzz_folder()) == JUDD_OK) fuzz_taken();
    return 0;
}
