#include "data/sample_table.h"

#include <stdlib.h>

judd_status judd_sample_table_create(judd_sample_table *t, int64_t n, int64_t name_bytes) {
    *t = (judd_sample_table){.n = n};
    judd_status status = judd_scratch_create(&t->entries, n * (int64_t)sizeof(judd_sample_entry));
    if (status == JUDD_OK) status = judd_scratch_create(&t->names, name_bytes);
    return status;
}

void judd_sample_table_release(const judd_sample_table *t) {
    judd_scratch_release(&t->entries);
    judd_scratch_release(&t->names);
    judd_scratch_release(&t->checks);
}

void judd_sample_table_free(judd_sample_table *t) {
    judd_scratch_free(&t->entries);
    judd_scratch_free(&t->names);
    judd_scratch_free(&t->checks);
    for (int64_t i = 0; i < t->n_files; i++) free(t->files[i]);
    free(t->files);
    free(t->root);
    *t = (judd_sample_table){0};
}
