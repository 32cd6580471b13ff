/* The state of a checkpoint (HDF5) whose manifest agrees with it. */
#include "fuzz/fuzz.h"
#include "fuzz/h5.h"

#include <judd/learn/checkpoint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const judd_bank_head head = {.learning_rate = 0.1, .held_out = -1};
    const judd_bank_options options = {
        .n_heads = 1, .n_outputs = 2, .heads = &head, .batch = 8, .steps = 10, .seed = 5};
    static judd_bank *bank;
    if (!bank && judd_bank_create(&bank, 3, &options) != JUDD_OK) abort();
    char hex[JUDD_SHA256_HEX], text[256], *skipped = NULL;
    int64_t bytes = 0, step = 0;
    const char *state = fuzz_h5("step-5/state.h5", data, n);
    if (judd_hash_file(hex, &bytes, state) != JUDD_OK) abort();
    snprintf(text, sizeof text, "judd-checkpoint 2\nstep 5\nidentity i\nstate.h5 %lld %s\n",
             (long long)bytes, hex);
    fuzz_file_named("step-5/MANIFEST", text, strlen(text));
    judd_checkpoint_restore(bank, &step, &skipped, fuzz_folder(), "i", fuzz_comm());
    free(skipped);
    return 0;
}
