/* The state of a checkpoint (HDF5) whose manifest agrees with it. */
#include "fuzz/fuzz.h"
#include "fuzz/h5.h"

#include <judd/learn/checkpoint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const judd_bank_head head = {.learning_rate = 0.1, .held_out = -1};
    const judd_bank_options options = {
        .n_heads = 1, .n_outputs = 2, .heads = &head, .batch = 8, .steps = 10, .seed = 5};
    static judd_bank *bank;
    if (!bank && judd_bank_create(&bank, 3, &options) != JUDD_OK) abort();
    char text[256], *skipped = NULL;
    int64_t step = 0;
    struct stat st;
    unsigned long long check = judd_hash_check("", 0, 0); /* of anything: they are switched off */
    if (stat(fuzz_h5("step-5/state.h5", data, n), &st) != 0) abort();
    snprintf(text, sizeof text, "judd-checkpoint 3\nstep 5\nidentity i\nstate.h5 %lld %016llx\n",
             (long long)st.st_size, check);
    fuzz_file_named("step-5/MANIFEST", text, strlen(text));
    if (judd_checkpoint_restore(bank, &step, &skipped, fuzz_folder(), "i", fuzz_comm()) ==
            JUDD_OK &&
        step == 5)
        fuzz_taken();
    free(skipped);
    return 0;
}
