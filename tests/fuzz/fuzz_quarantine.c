/* The list of bad images that a cache remembers. */
#include "data/quarantine.c"
#include "fuzz/fuzz.h"

enum { SAMPLES = 16 };

static judd_sample_index *make_index(void) {
    judd_sample_index *index = NULL;
    judd_sample_table table = {0};
    if (judd_sample_table_create(&table, SAMPLES, 8 * SAMPLES) != JUDD_OK) abort();
    for (int i = 0; i < SAMPLES; i++) {
        ((judd_sample_entry *)table.entries.data)[i] =
            (judd_sample_entry){.name = 8 * i, .size = 1, .file = -1};
        snprintf((char *)table.names.data + 8 * i, 8, "%02u.png", (unsigned)i % 100);
    }
    if (judd_memory_string(&table.root, ".") != JUDD_OK) abort();
    if (judd_sample_index_create(&index, fuzz_comm(), &table) != JUDD_OK) abort();
    judd_sample_table_free(&table);
    return index;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static judd_sample_index *index;
    if (!index) index = make_index();
    judd_quarantine q = {0};
    char *lines = NULL;
    if (recall(&lines, fuzz_file(data, n), "head\n") == JUDD_OK && lines &&
        parse(&q, index, lines) == JUDD_OK)
        fuzz_taken();
    judd_quarantine_free(&q);
    free(lines);
    return 0;
}
