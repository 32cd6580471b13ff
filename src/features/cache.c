#include <judd/features/cache.h>

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_ROWS = 1024 }; /* rows checked at a time */

struct judd_cache {
    const judd_comm *comm;
    char *folder, *path, *key;
    uint64_t seed; /* of the row checks, from the key */
    int64_t n_samples, dim;
    bool exists;
    hid_t reader, writer; /* 0 when closed; never both open */
};

/* The row's number goes into the seed, so that a row in the wrong place is as wrong as a torn one.
 */
static uint64_t row_check(const judd_cache *cache, int64_t id, const float *row) {
    return judd_hash_check(row, (size_t)cache->dim * sizeof *row,
                           cache->seed + (uint64_t)id * 0x9E3779B97F4A7C15u);
}

static judd_status name_file(judd_cache *cache, const char *folder, const char *key) {
    judd_status status = JUDD_OK;
    char hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_hash_bytes(hex, key, strlen(key)));
    JUDD_TRY(judd_memory_format(&cache->folder, "%s/features", folder));
    JUDD_TRY(judd_memory_format(&cache->path, "%s/features/%s.h5", folder, hex));
    JUDD_TRY(judd_memory_string(&cache->key, key));
    hex[16] = '\0';
    cache->seed = strtoull(hex, NULL, 16);
done:
    return status;
}

static judd_status check_file(judd_cache *cache, hid_t file) {
    judd_status status = JUDD_OK;
    char *key = NULL;
    int64_t dims[2], n = 0;
    JUDD_TRY(judd_h5_get_string(file, "/", "key", &key));
    JUDD_TRY(judd_h5_dims(file, "features", 2, dims));
    JUDD_TRY(judd_h5_dims(file, "check", 1, &n));
    if (strcmp(key, cache->key) != 0 || dims[0] != cache->n_samples || n != dims[0] || dims[1] < 1)
        JUDD_FAIL(JUDD_E_DATA, "%s: key or shape is not what the name promises", cache->path);
    cache->dim = dims[1];
done:
    free(key);
    return status;
}

/* Rank 0: is there a sound file? A damaged one is removed, since its rows cannot be told apart. */
static judd_status probe(judd_cache *cache, char **warning) {
    if (access(cache->path, F_OK) != 0) return JUDD_OK;
    hid_t file = 0;
    judd_status status = judd_h5_open_read(&file, cache->path);
    if (status == JUDD_OK) status = check_file(cache, file);
    if (file > 0) (void)judd_h5_close(file, cache->path);
    cache->exists = status == JUDD_OK;
    if (cache->exists || access(cache->path, R_OK | W_OK) != 0) return status;
    status =
        judd_memory_format(warning, "damaged feature cache removed (%s)", judd_status_message());
    return status == JUDD_OK ? judd_atomic_file_remove(cache->path) : status;
}

judd_status judd_cache_open(judd_cache **out, char **warning, const judd_comm *comm,
                            const char *folder, const char *key, int64_t n_samples) {
    judd_status status = JUDD_OK;
    judd_cache *cache = NULL;
    *warning = NULL;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&cache, 1, sizeof *cache)));
    cache->comm = comm;
    cache->n_samples = n_samples;
    JUDD_TRY(judd_comm_agree(comm, name_file(cache, folder, key)));
    if (comm->rank == 0) {
        status = judd_atomic_file_make_folder(cache->folder);
        if (status == JUDD_OK) status = probe(cache, warning);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, &cache->exists, sizeof cache->exists));
    JUDD_TRY(judd_comm_broadcast(comm, &cache->dim, sizeof cache->dim));
    if (cache->exists)
        JUDD_TRY(judd_comm_agree(comm, judd_h5_open_read(&cache->reader, cache->path)));
    *out = cache;
    cache = NULL;
done:
    judd_cache_close(cache);
    return status;
}

void judd_cache_close(judd_cache *cache) {
    if (!cache) return;
    if (cache->reader > 0) (void)judd_h5_close(cache->reader, cache->path);
    free(cache->folder);
    free(cache->path);
    free(cache->key);
    free(cache);
}

bool judd_cache_exists(const judd_cache *cache) {
    return cache->exists;
}

int64_t judd_cache_dim(const judd_cache *cache) {
    return cache->dim;
}

const char *judd_cache_path(const judd_cache *cache) {
    return cache->path;
}

static judd_status create_file(const judd_cache *cache, const char *temporary, int64_t dim) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    int64_t dims[2] = {cache->n_samples, dim};
    JUDD_TRY(judd_h5_create(&file, temporary));
    JUDD_TRY(judd_h5_set_string(file, "/", "title", "Judd feature cache"));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "key", cache->key));
    JUDD_TRY(judd_h5_create_dataset(file, "features", H5T_IEEE_F32LE, 2, dims,
                                    "features of sample i of the data set's files in row i"));
    JUDD_TRY(judd_h5_create_dataset(file, "check", H5T_STD_U64LE, 1, dims,
                                    "XXH3-64 of row i, seeded with its number; 0: not computed"));
done:
    if (file > 0 && status != JUDD_OK) (void)judd_h5_close(file, temporary);
    return status == JUDD_OK ? judd_h5_close(file, temporary) : status;
}

/* link() gives the name to the first of several jobs; the others use the winner's file. */
static judd_status create_on_rank0(const judd_cache *cache, int64_t dim) {
    judd_status status = JUDD_OK;
    char *temporary = NULL;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    JUDD_TRY(judd_memory_format(&temporary, "%s.tmp.%s.%ld", cache->path, host, (long)getpid()));
    JUDD_TRY(create_file(cache, temporary, dim));
    if (link(temporary, cache->path) != 0 && errno != EEXIST)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot create: %s; check the cache folder", cache->path,
                  strerror(errno));
done:
    if (temporary) unlink(temporary);
    free(temporary);
    return status;
}

judd_status judd_cache_create(judd_cache *cache, int64_t dim) {
    judd_status status = cache->comm->rank == 0 ? create_on_rank0(cache, dim) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(cache->comm, status));
    status = judd_h5_open_read(&cache->reader, cache->path);
    if (status == JUDD_OK) status = check_file(cache, cache->reader);
    JUDD_TRY(judd_comm_agree(cache->comm, status));
    cache->exists = true;
done:
    return status;
}

const char *judd_cache_key(const judd_cache *cache) {
    return cache->key;
}

/* Length of the run of consecutive ids that starts at ids[0]. */
static int64_t run_length(const int64_t *ids, int64_t n) {
    int64_t k = 1;
    while (k < n && ids[k] == ids[k - 1] + 1) k++;
    return k;
}

/* Rows and checks as they are in the file. */
static judd_status read_raw(const judd_cache *cache, const int64_t *ids, int64_t n, float *rows,
                            uint64_t *checks) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0, k = 0; i < n; i += k) {
        k = run_length(ids + i, n - i);
        if (ids[i] < 0 || ids[i] + k > cache->n_samples)
            JUDD_FAIL(JUDD_E_INTERNAL, "%s: row %lld of %lld", cache->path, (long long)ids[i],
                      (long long)cache->n_samples);
        JUDD_TRY(judd_h5_read_rows(cache->reader, "features", H5T_NATIVE_FLOAT, ids[i], k,
                                   rows + i * cache->dim));
        JUDD_TRY(
            judd_h5_read_rows(cache->reader, "check", H5T_NATIVE_UINT64, ids[i], k, checks + i));
    }
done:
    return status;
}

/* This rank's share of judd_cache_missing. */
static judd_status check_rows(const judd_cache *cache, const int64_t *ids, int64_t n,
                              int64_t *missing, int64_t *n_missing, int64_t *n_damaged) {
    judd_status status = JUDD_OK;
    float *rows = NULL;
    uint64_t checks[BLOCK_ROWS];
    JUDD_TRY(judd_memory_alloc(&rows, BLOCK_ROWS * cache->dim, sizeof *rows));
    for (int64_t i = 0; i < n; i += BLOCK_ROWS) {
        int64_t k = n - i < BLOCK_ROWS ? n - i : BLOCK_ROWS;
        JUDD_TRY(read_raw(cache, ids + i, k, rows, checks));
        for (int64_t j = 0; j < k; j++) {
            if (checks[j] == row_check(cache, ids[i + j], rows + j * cache->dim)) continue;
            missing[(*n_missing)++] = ids[i + j];
            if (checks[j] != 0) (*n_damaged)++;
        }
    }
done:
    free(rows);
    return status;
}

judd_status judd_cache_missing(int64_t **missing, int64_t *n_missing, int64_t *n_damaged,
                               const judd_cache *cache, const int64_t *ids, int64_t n) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = cache->comm;
    int64_t first = n * comm->rank / comm->size, end = n * (comm->rank + 1) / comm->size;
    int64_t *local = NULL, counts[2] = {0, 0};
    void *all = NULL;
    status = judd_memory_alloc(&local, end - first, sizeof *local);
    if (status == JUDD_OK)
        status = check_rows(cache, ids + first, end - first, local, &counts[0], &counts[1]);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_allgather(comm, &all, local, counts[0], sizeof *local));
    JUDD_TRY(judd_comm_sum(comm, counts, 2));
    *missing = all;
    *n_missing = counts[0];
    *n_damaged = counts[1];
done:
    free(local);
    return status;
}

judd_status judd_cache_write_begin(judd_cache *cache) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_agree(cache->comm, judd_h5_close(cache->reader, cache->path)));
    cache->reader = 0;
    JUDD_TRY(judd_h5_open_write(&cache->writer, cache->comm, cache->path));
done:
    return status;
}

judd_status judd_cache_write(judd_cache *cache, const int64_t *ids, int64_t n, const float *rows) {
    judd_status status = JUDD_OK;
    uint64_t *checks = NULL;
    JUDD_TRY(judd_memory_alloc(&checks, n, sizeof *checks));
    for (int64_t i = 0; i < n; i++) checks[i] = row_check(cache, ids[i], rows + i * cache->dim);
    for (int64_t i = 0, k = 0; i < n; i += k) {
        k = run_length(ids + i, n - i);
        JUDD_TRY(judd_h5_write_rows(cache->writer, "features", H5T_NATIVE_FLOAT, ids[i], k,
                                    rows + i * cache->dim));
        JUDD_TRY(
            judd_h5_write_rows(cache->writer, "check", H5T_NATIVE_UINT64, ids[i], k, checks + i));
    }
done:
    free(checks);
    return status;
}

judd_status judd_cache_write_end(judd_cache *cache, judd_status status) {
    hid_t file = cache->writer;
    status = judd_comm_agree(cache->comm, status);
    cache->writer = 0;
    if (status == JUDD_E_IO) return status; /* a file with a failed write is not even closed */
    judd_status closed = judd_h5_close(file, cache->path);
    if (status == JUDD_OK) status = closed;
    if (status == JUDD_OK) status = judd_atomic_file_sync(cache->path);
    if (status == JUDD_OK) status = judd_h5_open_read(&cache->reader, cache->path);
    return judd_comm_agree(cache->comm, status);
}

judd_status judd_cache_read(const judd_cache *cache, const int64_t *ids, int64_t n, float *rows) {
    judd_status status = JUDD_OK;
    uint64_t *checks = NULL;
    JUDD_TRY(judd_memory_alloc(&checks, n, sizeof *checks));
    JUDD_TRY(read_raw(cache, ids, n, rows, checks));
    for (int64_t i = 0; i < n; i++)
        if (checks[i] != row_check(cache, ids[i], rows + i * cache->dim))
            JUDD_FAIL(JUDD_E_IO, "%s: row %lld is damaged; run again and it is recomputed",
                      cache->path, (long long)ids[i]);
done:
    free(checks);
    return status;
}
