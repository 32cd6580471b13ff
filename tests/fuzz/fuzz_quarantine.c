/* The list of bad images that a cache remembers. */
#include "data/quarantine.c"
#include "fuzz/fuzz.h"

enum { SAMPLES = 16 };

static judd_sample_index *make_index(void) {
    judd_sample_index *index = NULL;
    judd_sample_list list = {0};
    char name[8];
    for (int i = 0; i < SAMPLES; i++) {
        snprintf(name, sizeof name, "%02d.png", i);
        if (judd_sample_list_add(&list, name, "0", -1, 0, 1) != JUDD_OK) abort();
    }
    if (judd_memory_string(&list.root, ".") != JUDD_OK) abort();
    if (judd_sample_index_create(&index, fuzz_comm(), &list) != JUDD_OK) abort();
    judd_sample_list_free(&list);
    return index;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static judd_sample_index *index;
    if (!index) index = make_index();
    judd_quarantine q = {0};
    char *lines = NULL;
    if (recall(&lines, fuzz_file(data, n), "head\n") == JUDD_OK && lines)
        (void)parse(&q, index, lines);
    judd_quarantine_free(&q);
    free(lines);
    return 0;
}
