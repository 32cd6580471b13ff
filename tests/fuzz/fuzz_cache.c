/* A feature cache (HDF5). */
#include "fuzz/fuzz.h"
#include "fuzz/h5.h"

#include <judd/features/cache.h>

#include <stdlib.h>

enum { ROWS = 4, MAX_DIM = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const int64_t ids[ROWS] = {0, 1, 2, 3};
    judd_id_set missing = {0}, all = {0};
    int64_t n_damaged = 0;
    judd_cache *cache = NULL;
    if (judd_cache_open_file(&cache, fuzz_comm(), fuzz_h5("input", data, n)) == JUDD_OK &&
        judd_cache_dim(cache) <= MAX_DIM && judd_cache_rows(cache) >= ROWS) {
        float *rows = calloc(ROWS * (size_t)judd_cache_dim(cache), sizeof *rows);
        if (judd_id_set_add(&all, 0, ROWS) == JUDD_OK)
            judd_cache_missing(&missing, &n_damaged, cache, &all);
        if (rows && judd_cache_read(cache, ids, ROWS, NULL, rows) == JUDD_OK) fuzz_taken();
        free(rows);
    }
    judd_cache_close(cache);
    judd_id_set_free(&missing);
    judd_id_set_free(&all);
    return 0;
}
