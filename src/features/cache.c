#include <judd/features/cache.h>

#include <judd/base/float16.h>
#include <judd/base/hash.h>
#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/h5_slabs.h>
#include <judd/io/read_queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are read as they are in the file");

enum {
    PIECE_BYTES = 1 << 20, /* rows read and checked at a time: they stay in the CPU's cache */
    PIECE_ROWS = 1024,     /* of them at most */
    BATCH = 64             /* pieces read together at most */
};
static const double sync_s = 10.0;

/* One view: one file. */
typedef struct part {
    char *path, *key;
    uint64_t seed;            /* of the row checks, from the key */
    int64_t dim;              /* 0: the file does not exist */
    int fd;                   /* for reading, or -1 */
    int64_t features, checks; /* offsets in the file, bytes */
} part;

struct judd_cache {
    const judd_comm *comm;
    char *folder;
    int64_t n_samples, dim;
    bool half;
    int n_parts;
    part *parts;
    judd_read_queue *queue;
    judd_h5_slabs *writer; /* of parts[0]; NULL when closed */
    double synced_s;
    uint16_t *narrow; /* [n_narrow] scratch of write */
    int64_t n_narrow;
};

/* Bytes of a row in the file. */
static size_t row_bytes(const judd_cache *cache) {
    return (size_t)cache->dim * (cache->half ? sizeof(uint16_t) : sizeof(float));
}

/* The row's number goes into the seed, so that a row in the wrong place is as wrong as a torn one.
 */
static uint64_t row_check(const judd_cache *cache, const part *p, int64_t row, const void *bytes) {
    return judd_hash_check(bytes, row_bytes(cache), p->seed + (uint64_t)row * 0x9E3779B97F4A7C15u);
}

/* ---- open and close ----------------------------------------------------------------------------
 */

static judd_status make_part(part *p, const char *key) {
    judd_status status = JUDD_OK;
    char hex[JUDD_SHA256_HEX];
    JUDD_TRY(judd_hash_bytes(hex, key, strlen(key)));
    JUDD_TRY(judd_memory_string(&p->key, key));
    hex[16] = '\0';
    p->seed = strtoull(hex, NULL, 16);
done:
    return status;
}

/* The file of a key in this folder. */
static judd_status name_file(char **path, const char *folder, const char *key) {
    char hex[JUDD_SHA256_HEX];
    judd_status status = judd_hash_bytes(hex, key, strlen(key));
    return status == JUDD_OK ? judd_memory_format(path, "%s/%s.h5", folder, hex) : status;
}

static judd_status make_parts(judd_cache *cache, const judd_cache_options *options) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_format(&cache->folder, "%s/features", options->folder));
    JUDD_TRY(judd_read_queue_create(&cache->queue));
    JUDD_TRY(judd_memory_alloc(&cache->parts, options->n_views, sizeof *cache->parts));
    for (int v = 0; v < options->n_views; v++) cache->parts[v].fd = -1;
    cache->n_parts = options->n_views;
    for (int v = 0; v < options->n_views; v++) {
        JUDD_TRY(make_part(&cache->parts[v], options->keys[v]));
        JUDD_TRY(name_file(&cache->parts[v].path, cache->folder, cache->parts[v].key));
    }
done:
    return status;
}

static bool is(const judd_h5_extent *x, char type, int width) {
    return x->kind == type && x->width == width && x->offset >= 0;
}

/* Where plain reads find rows and checks. */
static judd_status check_file(judd_cache *cache, part *p, hid_t file) {
    judd_status status = JUDD_OK;
    char *key = NULL;
    judd_h5_extent x, c;
    JUDD_TRY(judd_h5_get_string(file, "/", "key", &key));
    JUDD_TRY(judd_h5_extent_of(file, "features", &x));
    JUDD_TRY(judd_h5_extent_of(file, "check", &c));
    if (strcmp(key, p->key) != 0 || x.rank != 2 || c.rank != 1 || x.dims[0] != cache->n_samples ||
        c.dims[0] != x.dims[0] || x.dims[1] < 1 || !is(&x, 'f', cache->half ? 2 : 4) ||
        !is(&c, 'u', 8))
        JUDD_FAIL(JUDD_E_DATA, "%s: key or shape is not what the name promises", p->path);
    p->features = x.offset;
    p->checks = c.offset;
    p->dim = x.dims[1];
done:
    free(key);
    return status;
}

static judd_status examine(judd_cache *cache, part *p) {
    hid_t file = 0;
    judd_status status = judd_h5_open_read(&file, p->path);
    if (status == JUDD_OK) status = check_file(cache, p, file);
    if (file > 0) (void)judd_h5_close(file, p->path);
    return status;
}

/* A file system with its own caches on every node shows what others wrote to those who open later.
 */
static judd_status open_reader(part *p) {
    if (p->fd >= 0) close(p->fd);
    p->fd = open(p->path, O_RDONLY | O_CLOEXEC);
    if (p->fd >= 0) return JUDD_OK;
    return judd_status_set(JUDD_E_IO, "%s: cannot open: %s; check the cache folder", p->path,
                           strerror(errno));
}

/* Rank 0: is there a sound file? A damaged one is removed, since its rows cannot be told apart. */
static judd_status probe(judd_cache *cache, part *p, bool look, char **warning) {
    if (access(p->path, F_OK) != 0) return JUDD_OK;
    judd_status status = examine(cache, p);
    if (look && status != JUDD_OK) p->dim = 0;
    if (look) return JUDD_OK;
    if (status == JUDD_OK || access(p->path, R_OK | W_OK) != 0) return status;
    free(*warning);
    status =
        judd_memory_format(warning, "damaged feature cache removed (%s)", judd_status_message());
    return status == JUDD_OK ? judd_atomic_file_remove(p->path) : status;
}

/* Every rank: the file that rank 0 examined, if it found one. */
static judd_status open_part(judd_cache *cache, part *p) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_broadcast(cache->comm, &p->dim, sizeof p->dim));
    if (p->dim == 0) goto done;
    status = cache->comm->rank == 0 ? JUDD_OK : examine(cache, p);
    if (status == JUDD_OK && cache->dim > 0 && p->dim != cache->dim)
        status = judd_status_set(JUDD_E_DATA, "%s: %lld columns, another view has %lld; delete it",
                                 p->path, (long long)p->dim, (long long)cache->dim);
    if (status == JUDD_OK) status = open_reader(p);
    JUDD_TRY(judd_comm_agree(cache->comm, status));
    cache->dim = p->dim;
done:
    return status;
}

judd_status judd_cache_open(judd_cache **out, char **warning, const judd_comm *comm,
                            const judd_cache_options *options) {
    judd_status status = JUDD_OK;
    judd_cache *cache = NULL;
    *warning = NULL;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&cache, 1, sizeof *cache)));
    *cache = (judd_cache){.comm = comm, .n_samples = options->n_samples, .half = options->half};
    JUDD_TRY(judd_comm_agree(comm, make_parts(cache, options)));
    if (comm->rank == 0) {
        status = options->look ? JUDD_OK : judd_atomic_file_make_folder(cache->folder);
        for (int v = 0; v < cache->n_parts && status == JUDD_OK; v++)
            status = probe(cache, &cache->parts[v], options->look, warning);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    for (int v = 0; v < cache->n_parts; v++) JUDD_TRY(open_part(cache, &cache->parts[v]));
    *out = cache;
    cache = NULL;
done:
    judd_cache_close(cache);
    return status;
}

/* Key, shape and type as the file itself says. */
static judd_status read_head(judd_cache *cache, const char *path) {
    judd_status status = JUDD_OK;
    part *p = cache->parts;
    hid_t file = 0;
    char *key = NULL;
    judd_h5_extent x;
    JUDD_TRY(judd_memory_string(&p->path, path));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_h5_get_string(file, "/", "key", &key));
    JUDD_TRY(make_part(p, key));
    JUDD_TRY(judd_h5_extent_of(file, "features", &x));
    cache->n_samples = x.dims[0];
    cache->half = x.width == 2;
    JUDD_TRY(check_file(cache, p, file));
    cache->dim = p->dim;
    JUDD_TRY(open_reader(p));
done:
    if (file > 0) (void)judd_h5_close(file, path);
    free(key);
    return status;
}

judd_status judd_cache_open_file(judd_cache **out, const judd_comm *comm, const char *path) {
    judd_status status = JUDD_OK;
    judd_cache *cache = NULL;
    status = judd_memory_alloc(&cache, 1, sizeof *cache);
    if (status == JUDD_OK) {
        *cache = (judd_cache){.comm = comm, .n_parts = 1};
        status = judd_memory_alloc(&cache->parts, 1, sizeof *cache->parts);
    }
    if (status == JUDD_OK) status = judd_read_queue_create(&cache->queue);
    if (status == JUDD_OK) {
        cache->parts[0].fd = -1;
        status = read_head(cache, path);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    *out = cache;
    cache = NULL;
done:
    judd_cache_close(cache);
    return status;
}

void judd_cache_close(judd_cache *cache) {
    if (!cache) return;
    for (int v = 0; cache->parts && v < cache->n_parts; v++) {
        part *p = &cache->parts[v];
        if (p->fd >= 0) close(p->fd);
        free(p->path);
        free(p->key);
    }
    judd_read_queue_destroy(cache->queue);
    free(cache->parts);
    free(cache->folder);
    free(cache->narrow);
    free(cache);
}

bool judd_cache_exists(const judd_cache *cache) {
    int n = 0;
    for (int v = 0; v < cache->n_parts; v++) n += cache->parts[v].dim > 0;
    return n == cache->n_parts;
}

int64_t judd_cache_dim(const judd_cache *cache) {
    return cache->dim;
}

int64_t judd_cache_rows(const judd_cache *cache) {
    return cache->n_samples * cache->n_parts;
}

int judd_cache_views(const judd_cache *cache) {
    return cache->n_parts;
}

const char *judd_cache_path(const judd_cache *cache, int view) {
    return cache->parts[view].path;
}

const char *judd_cache_key(const judd_cache *cache, int view) {
    return cache->parts[view].key;
}

bool judd_cache_is_named(const judd_cache *cache, int view) {
    const part *p = &cache->parts[view];
    const char *slash = strrchr(p->path, '/');
    char *name = NULL;
    bool is = name_file(&name, "", p->key) == JUDD_OK &&
              strcmp(name + 1, slash ? slash + 1 : p->path) == 0;
    free(name);
    return is;
}

/* ---- create ------------------------------------------------------------------------------------
 */

static judd_status create_features(const judd_cache *cache, hid_t file, const int64_t *dims) {
    hid_t half = judd_h5_float16();
    if (half < 0)
        return judd_status_set(JUDD_E_INTERNAL, "HDF5: no float16 type: %s", judd_h5_reason());
    judd_status status =
        judd_h5_create_dataset(file, "features", cache->half ? half : H5T_IEEE_F32LE, 2, dims,
                               "features of sample i of the data set's files in row i");
    H5Tclose(half);
    return status;
}

static judd_status create_file(const judd_cache *cache, const part *p, const char *temporary,
                               int64_t dim) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    int64_t dims[2] = {cache->n_samples, dim};
    JUDD_TRY(judd_h5_create(&file, temporary));
    JUDD_TRY(judd_h5_set_string(file, "/", "title", JUDD_CACHE_TITLE));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "key", p->key));
    JUDD_TRY(create_features(cache, file, dims));
    JUDD_TRY(judd_h5_create_dataset(file, "check", H5T_STD_U64LE, 1, dims,
                                    "XXH3-64 of row i, seeded with its number; 0: not computed"));
done:
    if (file > 0 && status != JUDD_OK) (void)judd_h5_close(file, temporary);
    return status == JUDD_OK ? judd_h5_close(file, temporary) : status;
}

/* link() gives the name to the first of several jobs; the others use the winner's file. */
static judd_status create_on_rank0(const judd_cache *cache, const part *p, int64_t dim) {
    judd_status status = JUDD_OK;
    char *temporary = NULL;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    JUDD_TRY(judd_memory_format(&temporary, "%s.tmp.%s.%ld", p->path, host, (long)getpid()));
    JUDD_TRY(create_file(cache, p, temporary, dim));
    if (link(temporary, p->path) != 0 && errno != EEXIST)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot create: %s; check the cache folder", p->path,
                  strerror(errno));
done:
    if (temporary) unlink(temporary);
    free(temporary);
    return status;
}

judd_status judd_cache_create(judd_cache *cache, int64_t dim) {
    judd_status status = JUDD_OK;
    for (int v = 0; v < cache->n_parts; v++) {
        part *p = &cache->parts[v];
        if (p->dim == 0) {
            status = cache->comm->rank == 0 ? create_on_rank0(cache, p, dim) : JUDD_OK;
            JUDD_TRY(judd_comm_broadcast_status(cache->comm, status));
            status = examine(cache, p);
            if (status == JUDD_OK) status = open_reader(p);
        }
        if (status == JUDD_OK && p->dim != dim)
            status = judd_status_set(JUDD_E_DATA,
                                     "%s: %lld columns, but the backbone gives %lld; delete the "
                                     "file",
                                     p->path, (long long)p->dim, (long long)dim);
        JUDD_TRY(judd_comm_agree(cache->comm, status));
    }
    cache->dim = dim;
done:
    return status;
}

/* ---- read --------------------------------------------------------------------------------------
 */

/* Says why a read of a part did not get all of it. */
static judd_status check_read(const part *p, const judd_read *r) {
    if (r->got == r->size) return JUDD_OK;
    if (r->error != 0)
        return judd_status_set(JUDD_E_IO, "%s: cannot read: %s; check the file system", p->path,
                               strerror(r->error));
    return judd_status_set(JUDD_E_IO, "%s: shorter than its header says; delete it", p->path);
}

/* Consecutive rows of one view that are handled together. */
typedef struct piece {
    const part *p;
    int64_t row, n; /* rows [row, row + n) of the view */
    void *bytes;    /* [n, row_bytes] */
    uint64_t *checks;
} piece;

/* A row may be larger than the bytes handled together. */
static int64_t most_rows(const judd_cache *cache) {
    return judd_most(1, judd_least(PIECE_BYTES / (int64_t)row_bytes(cache), PIECE_ROWS));
}

/* The first rows of `ids` that lie in one piece, most_rows at most. */
static judd_status next_piece(piece *out, const judd_cache *cache, const int64_t *ids, int64_t n) {
    int64_t most = judd_least(n, most_rows(cache)), k = 1;
    if (ids[0] < 0 || ids[0] >= judd_cache_rows(cache))
        return judd_status_set(JUDD_E_INTERNAL, "%s: row %lld of %lld", cache->parts[0].path,
                               (long long)ids[0], (long long)judd_cache_rows(cache));
    out->p = &cache->parts[ids[0] / cache->n_samples];
    out->row = ids[0] % cache->n_samples;
    while (k < most && ids[k] == ids[k - 1] + 1 && out->row + k < cache->n_samples) k++;
    out->n = k;
    return JUDD_OK;
}

static judd_read of_rows(const piece *x, const judd_cache *cache) {
    int64_t size = (int64_t)row_bytes(cache);
    return (judd_read){.fd = x->p->fd,
                       .offset = x->p->features + x->row * size,
                       .size = (size_t)(x->n * size),
                       .to = x->bytes};
}

static judd_read of_checks(const piece *x) {
    return (judd_read){.fd = x->p->fd,
                       .offset = x->p->checks + x->row * 8,
                       .size = (size_t)x->n * 8,
                       .to = x->checks};
}

static bool is_valid(const piece *x, const judd_cache *cache, int64_t k) {
    const void *bytes = (const char *)x->bytes + (size_t)k * row_bytes(cache);
    return x->checks[k] == row_check(cache, x->p, x->row + k, bytes);
}

static judd_status check_rows_of(const piece *x, const judd_cache *cache) {
    for (int64_t k = 0; k < x->n; k++)
        if (!is_valid(x, cache, k))
            return judd_status_set(JUDD_E_IO,
                                   "%s: row %lld is damaged; run again and it is recomputed",
                                   x->p->path, (long long)(x->row + k));
    return JUDD_OK;
}

/* For n rows or fewer that are handled together. */
static judd_status alloc_rows(void *out, const judd_cache *cache, int64_t n) {
    return judd_memory_alloc(out, judd_least(n, most_rows(cache)), row_bytes(cache));
}

static judd_status read_piece(const piece *x, const judd_cache *cache) {
    judd_read reads[] = {of_rows(x, cache), of_checks(x)};
    judd_read_queue_run(cache->queue, reads, 2);
    judd_status status = check_read(x->p, &reads[0]);
    return status == JUDD_OK ? check_read(x->p, &reads[1]) : status;
}

int judd_cache_readers(const judd_cache *cache) {
    return judd_read_queue_threads(cache->queue);
}

judd_status judd_cache_read_checks(const judd_cache *cache, const int64_t *ids, int64_t n,
                                   uint64_t *checks) {
    judd_status status = JUDD_OK;
    piece x = {0};
    for (int64_t i = 0; i < n; i += x.n) {
        JUDD_TRY(next_piece(&x, cache, ids + i, n - i));
        x.checks = checks + i;
        judd_read r = of_checks(&x);
        judd_read_queue_run(NULL, &r, 1);
        JUDD_TRY(check_read(x.p, &r));
    }
done:
    return status;
}

/* Pieces that are read together: most_rows of them at most. */
typedef struct batch {
    int n_pieces, n_reads;
    int64_t n; /* rows */
    piece pieces[BATCH];
    judd_read reads[2 * BATCH];
} batch;

/* The first rows of `ids`: their bytes to `bytes`, their checks to `checks`, unless known. */
static judd_status next_batch(batch *b, const judd_cache *cache, const int64_t *ids, int64_t n,
                              void *bytes, uint64_t *checks, bool known) {
    judd_status status = JUDD_OK;
    b->n_pieces = b->n_reads = 0;
    b->n = 0;
    n = judd_least(n, most_rows(cache));
    while (b->n < n && b->n_pieces < BATCH) {
        piece *x = &b->pieces[b->n_pieces++];
        JUDD_TRY(next_piece(x, cache, ids + b->n, n - b->n));
        x->bytes = (char *)bytes + (size_t)b->n * row_bytes(cache);
        x->checks = checks + b->n;
        b->reads[b->n_reads++] = of_rows(x, cache);
        if (!known) b->reads[b->n_reads++] = of_checks(x);
        b->n += x->n;
    }
done:
    return status;
}

static judd_status read_batch(batch *b, const judd_cache *cache) {
    judd_status status = JUDD_OK;
    const int of_piece = b->n_reads / b->n_pieces;
    judd_read_queue_run(cache->queue, b->reads, b->n_reads);
    for (int i = 0; i < b->n_reads; i++)
        JUDD_TRY(check_read(b->pieces[i / of_piece].p, &b->reads[i]));
    for (int i = 0; i < b->n_pieces; i++) JUDD_TRY(check_rows_of(&b->pieces[i], cache));
done:
    return status;
}

judd_status judd_cache_read(const judd_cache *cache, const int64_t *ids, int64_t n,
                            const uint64_t *checks, float *rows) {
    judd_status status = JUDD_OK;
    void *stored = NULL;
    uint64_t own[PIECE_ROWS];
    batch b = {0};
    if (cache->half) JUDD_TRY(alloc_rows(&stored, cache, n));
    for (int64_t i = 0; i < n; i += b.n) {
        float *to = rows + i * cache->dim;
        if (checks) memcpy(own, checks + i, (size_t)judd_least(n - i, PIECE_ROWS) * sizeof *own);
        JUDD_TRY(
            next_batch(&b, cache, ids + i, n - i, cache->half ? stored : to, own, checks != NULL));
        JUDD_TRY(read_batch(&b, cache));
        if (cache->half) judd_float16_widen(to, stored, b.n * cache->dim);
    }
done:
    free(stored);
    return status;
}

/* ---- missing -----------------------------------------------------------------------------------
 */

/* Of the n rows `ids`, which follow those of the call before. */
static judd_status check_rows(const judd_cache *cache, const int64_t *ids, int64_t n, void *bytes,
                              judd_id_set *missing, int64_t *n_damaged) {
    judd_status status = JUDD_OK;
    uint64_t checks[PIECE_ROWS];
    piece x = {0};
    for (int64_t i = 0; i < n; i += x.n) {
        x.n = 1;
        if (cache->dim > 0) JUDD_TRY(next_piece(&x, cache, ids + i, n - i));
        bool there = cache->dim > 0 && x.p->dim > 0;
        x.bytes = bytes;
        x.checks = checks;
        if (there) JUDD_TRY(read_piece(&x, cache));
        for (int64_t k = 0; k < x.n; k++) {
            if (there && is_valid(&x, cache, k)) continue;
            JUDD_TRY(judd_id_set_add(missing, ids[i + k], ids[i + k] + 1));
            if (there && checks[k] != 0) (*n_damaged)++;
        }
    }
done:
    return status;
}

/* This rank's share of judd_cache_missing: ids number first .. end - 1. */
static judd_status check_share(const judd_cache *cache, const judd_id_set *ids, int64_t first,
                               int64_t end, judd_id_set *missing, int64_t *n_damaged) {
    judd_status status = JUDD_OK;
    int64_t some[PIECE_ROWS];
    void *bytes = NULL;
    if (cache->dim > 0) JUDD_TRY(alloc_rows(&bytes, cache, end - first));
    for (int64_t k = first, n = 0; k < end; k += n) {
        judd_watchdog_beat(cache->comm->watchdog);
        n = judd_id_set_copy(ids, k, end - k < PIECE_ROWS ? end - k : PIECE_ROWS, some);
        JUDD_TRY(check_rows(cache, some, n, bytes, missing, n_damaged));
    }
done:
    free(bytes);
    return status;
}

judd_status judd_cache_missing(judd_id_set *missing, int64_t *n_damaged, const judd_cache *cache,
                               const judd_id_set *ids) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = cache->comm;
    judd_id_set own = {0};
    int64_t n_runs = 0;
    void *runs = NULL;
    *missing = own;
    *n_damaged = 0;
    JUDD_TRY(judd_comm_agree(comm,
                             check_share(cache, ids, ids->n * comm->rank / comm->size,
                                         ids->n * (comm->rank + 1) / comm->size, &own, n_damaged)));
    JUDD_TRY(judd_comm_allgather(comm, &runs, own.runs, own.n_runs, sizeof *own.runs));
    n_runs = own.n_runs;
    JUDD_TRY(judd_comm_sum(comm, &n_runs, 1));
    JUDD_TRY(judd_comm_sum(comm, n_damaged, 1));
    const judd_id_run *r = runs;
    for (int64_t i = 0; i < n_runs && status == JUDD_OK; i++)
        status = judd_id_set_add(missing, r[i].first, r[i].end);
    JUDD_TRY(judd_comm_agree(comm, status));
done:
    judd_id_set_free(&own);
    free(runs);
    return status;
}

/* ---- write -------------------------------------------------------------------------------------
 */

enum { FEATURES, CHECKS, N_SLABS };

judd_status judd_cache_write_begin(judd_cache *cache) {
    if (cache->n_parts != 1)
        return judd_status_set(JUDD_E_INTERNAL, "cache: views are written one by one");
    static const char *const names[] = {[FEATURES] = "features", [CHECKS] = "check"};
    cache->synced_s = MPI_Wtime();
    return judd_h5_slabs_open(&cache->writer, cache->comm, cache->parts[0].path, names, N_SLABS);
}

/* *out: what the file stores for n rows, narrowed into the cache's scratch if need be. */
static judd_status as_stored(const void **out, judd_cache *cache, const int64_t *ids, int64_t n,
                             const float *rows) {
    judd_status status = JUDD_OK;
    int64_t dim = cache->dim;
    *out = rows;
    if (!cache->half) return JUDD_OK;
    if (n * dim > cache->n_narrow) {
        free(cache->narrow);
        cache->narrow = NULL;
        cache->n_narrow = 0;
        JUDD_TRY(judd_memory_alloc(&cache->narrow, n * dim, sizeof *cache->narrow));
        cache->n_narrow = n * dim;
    }
    int64_t bad = judd_float16_narrow(cache->narrow, rows, n * dim);
    if (bad >= 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "features: sample %lld, column %lld is %g, which float16 cannot hold (65504 at "
                  "most); set backbone.storage = \"float32\"",
                  (long long)ids[bad / dim], (long long)(bad % dim), (double)rows[bad]);
    *out = cache->narrow;
done:
    return status;
}

/* Rows [row, row + n): the data, then the checks that make them count. */
static judd_status write_run(const judd_cache *cache, int64_t row, int64_t n, const char *bytes,
                             const uint64_t *checks) {
    judd_status status = judd_h5_slabs_write(cache->writer, FEATURES, row, n, bytes);
    return status == JUDD_OK ? judd_h5_slabs_write(cache->writer, CHECKS, row, n, checks) : status;
}

judd_status judd_cache_write(judd_cache *cache, const int64_t *ids, int64_t n, const float *rows) {
    judd_status status = JUDD_OK;
    const part *p = cache->parts;
    const void *stored = NULL;
    uint64_t *checks = NULL;
    size_t size = row_bytes(cache);
    JUDD_TRY(as_stored(&stored, cache, ids, n, rows));
    JUDD_TRY(judd_memory_alloc(&checks, n, sizeof *checks));
    for (int64_t i = 0; i < n; i++)
        checks[i] = row_check(cache, p, ids[i], (const char *)stored + (size_t)i * size);
    for (int64_t i = 0, k = 0; i < n; i += k) {
        for (k = 1; i + k < n && ids[i + k] == ids[i + k - 1] + 1;) k++;
        JUDD_TRY(write_run(cache, ids[i], k, (const char *)stored + (size_t)i * size, checks + i));
    }
    if (MPI_Wtime() - cache->synced_s >= sync_s) {
        JUDD_TRY(judd_h5_slabs_sync(cache->writer));
        cache->synced_s = MPI_Wtime();
    }
done:
    free(checks);
    return status;
}

judd_status judd_cache_write_end(judd_cache *cache, judd_status status) {
    part *p = cache->parts;
    judd_status closed = judd_h5_slabs_close(cache->writer);
    cache->writer = NULL;
    status = judd_comm_agree(cache->comm, status == JUDD_OK ? closed : status);
    if (status != JUDD_OK) return status;
    return judd_comm_agree(cache->comm, open_reader(p)); /* now that all have written */
}
