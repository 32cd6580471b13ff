/* A feature cache (HDF5) of four rows. */
#include "fuzz/fuzz.h"

#include <judd/features/cache.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 4, MAX_DIM = 4096 };

static judd_cache *open_cache(void) {
    static char folder[64];
    judd_cache *cache = NULL;
    char *warning = NULL;
    snprintf(folder, sizeof folder, "/dev/shm/judd-fuzz-%ld.d", (long)getpid());
    judd_cache_open(&cache, &warning, fuzz_comm(), folder, "{\"fuzz\": 1}", ROWS);
    free(warning);
    return cache;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static char path[256];
    const int64_t ids[ROWS] = {0, 1, 2, 3};
    int64_t *missing = NULL, n_missing = 0, n_damaged = 0;
    judd_cache *cache = NULL;
    if (!path[0]) {
        cache = open_cache();
        if (!cache) abort();
        snprintf(path, sizeof path, "%s", judd_cache_path(cache));
        judd_cache_close(cache);
    }
    /* the folder of the path was made by the first open, the file is another one each time */
    if (rename(fuzz_file(data, n), path) != 0) abort();
    cache = open_cache();
    if (cache && judd_cache_exists(cache) && judd_cache_dim(cache) <= MAX_DIM) {
        float *rows = calloc(ROWS * (size_t)judd_cache_dim(cache), sizeof *rows);
        judd_cache_missing(&missing, &n_missing, &n_damaged, cache, ids, ROWS);
        if (rows) judd_cache_read(cache, ids, ROWS, rows);
        free(rows);
    }
    judd_cache_close(cache);
    free(missing);
    return 0;
}
