/* results.jsonl of a job with one trial. */
#include "job/output.c"

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char inputs[1][JUDD_SHA256_HEX] = {"i"};
    judd_plan_trial trial = {.name = (char[]){"t"}};
    judd_plan plan = {.n_banks = 1, .n_trials = 1, .trials = &trial};
    judd_output out = {.comm = fuzz_comm(), .folder = (char *)(uintptr_t)fuzz_folder()};
    uint8_t finished[1] = {0};
    char *text = malloc(n + 1);
    memcpy(text, data, n);
    text[n] = 0;
    reading r = {.out = &out, .plan = &plan, .inputs = inputs, .finished = finished};
    judd_status status = read_records(&r, text, "fuzz");
    if (status != JUDD_OK && status != JUDD_E_DATA) abort(); /* data: a record of another schema */
    if (finished[0]) {
        fuzz_taken();
        (void)tasks_are_sound(out.folder, out.records[0]); /* names of files out of a record */
    }
    for (int64_t i = 0; i < out.n; i++) json_decref(out.records[i]);
    free(out.records);
    free(text);
    return 0;
}
