#include <judd/io/sorter.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/base/scratch.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITE_BYTES = 1 << 20, ALIGNMENT = 8 };

/* A record in memory and in the file: this, the key with its NUL, the data; padded to ALIGNMENT. */
typedef struct record {
    uint32_t key_bytes, data_bytes;
} record;

/* A sorted run while it is merged. */
typedef struct run {
    int64_t at, end;          /* the rest of it in the file */
    char *bytes;              /* the part that has been read */
    int64_t n, pos, capacity; /* bytes in it, where the next record is, room */
} run;

struct judd_sorter {
    int64_t memory;
    char *arena; /* records from the front, their places from the back */
    int64_t used, n;
    int fd; /* of the runs, or -1: all is in memory */
    int64_t file_bytes;
    run *runs;
    int64_t n_runs;
    int64_t *heap; /* [n_heap] runs, that with the smallest record first */
    int64_t n_heap;
    bool merging;
    int64_t given; /* records handed out of memory */
};

static int64_t size_of(const record *r) {
    int64_t n = (int64_t)sizeof *r + r->key_bytes + r->data_bytes;
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static const char *key_of(const record *r) {
    return (const char *)(r + 1);
}

/* Places lie at the end of the arena, the first one last. */
static int64_t *places(const judd_sorter *s) {
    return (int64_t *)(void *)(s->arena + s->memory) - s->n;
}

judd_status judd_sorter_create(judd_sorter **out, int64_t memory_bytes) {
    judd_status status = JUDD_OK;
    judd_sorter *s = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    *s = (judd_sorter){.memory = memory_bytes / ALIGNMENT * ALIGNMENT, .fd = -1};
    s->arena = malloc((size_t)s->memory); /* not zeroed: pages are taken as records come */
    if (!s->arena)
        JUDD_FAIL(JUDD_E_INTERNAL, "no memory for %lld bytes to sort", (long long)s->memory);
    *out = s;
    s = NULL;
done:
    judd_sorter_destroy(s);
    return status;
}

void judd_sorter_destroy(judd_sorter *s) {
    if (!s) return;
    for (int64_t i = 0; i < s->n_runs; i++) free(s->runs[i].bytes);
    if (s->fd >= 0) close(s->fd);
    free(s->runs);
    free(s->heap);
    free(s->arena);
    free(s);
}

/* ---- runs -------------------------------------------------------------------------------------
 */

static int compare_places(const void *a, const void *b, void *arena) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    const record *r = (const record *)(void *)((char *)arena + x);
    const record *q = (const record *)(void *)((char *)arena + y);
    int order = strcmp(key_of(r), key_of(q));
    return order ? order : (x > y) - (x < y);
}

static void sort_places(const judd_sorter *s) {
    if (s->n > 0) qsort_r(places(s), (size_t)s->n, sizeof(int64_t), compare_places, s->arena);
}

static judd_status file_failed(const char *what, int error) {
    return judd_status_set(JUDD_E_IO,
                           "temporary file of sorted names: cannot %s: %s; set TMPDIR to a folder "
                           "with room for all names",
                           what, error ? strerror(error) : "it ends early");
}

static judd_status append(judd_sorter *s, const char *bytes, int64_t n) {
    for (int64_t done = 0; done < n;) {
        ssize_t put = pwrite(s->fd, bytes + done, (size_t)(n - done), s->file_bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return file_failed("write", put < 0 ? errno : ENOSPC);
        done += put;
        s->file_bytes += put;
    }
    return JUDD_OK;
}

/* What is in memory becomes a run. */
static judd_status spill(judd_sorter *s) {
    judd_status status = JUDD_OK;
    char *block = NULL;
    int64_t n = 0, start = s->file_bytes, room = judd_least(WRITE_BYTES, s->used);
    run *moved = realloc(s->runs, (size_t)(s->n_runs + 1) * sizeof *moved);
    if (!moved) JUDD_FAIL(JUDD_E_INTERNAL, "no memory for %lld runs", (long long)s->n_runs);
    s->runs = moved;
    if (s->fd < 0) JUDD_TRY(judd_scratch_file(&s->fd));
    JUDD_TRY(judd_memory_alloc(&block, room, 1));
    sort_places(s);
    for (int64_t i = 0; i < s->n; i++) {
        const char *bytes = s->arena + places(s)[i];
        int64_t size = size_of((const record *)(const void *)bytes);
        if (n > 0 && n + size > room) {
            JUDD_TRY(append(s, block, n));
            n = 0;
        }
        if (size > room) {
            JUDD_TRY(append(s, bytes, size));
            continue;
        }
        memcpy(block + n, bytes, (size_t)size);
        n += size;
    }
    JUDD_TRY(append(s, block, n));
    s->runs[s->n_runs++] = (run){.at = start, .end = s->file_bytes};
    s->used = s->n = 0;
done:
    free(block);
    return status;
}

judd_status judd_sorter_add(judd_sorter *s, const char *key, const void *data, int64_t bytes) {
    judd_status status = JUDD_OK;
    size_t key_bytes = strlen(key) + 1;
    if (s->merging) JUDD_FAIL(JUDD_E_INTERNAL, "a record comes after the sorting");
    if (key_bytes > INT32_MAX || bytes < 0 || bytes > INT32_MAX)
        JUDD_FAIL(JUDD_E_DATA, "a line of more than 2 GiB cannot be sorted");
    record r = {(uint32_t)key_bytes, (uint32_t)bytes};
    int64_t size = size_of(&r), taken = (s->n + 1) * (int64_t)sizeof(int64_t);
    if (s->used + size + taken > s->memory && s->n > 0) {
        JUDD_TRY(spill(s));
        taken = (int64_t)sizeof(int64_t);
    }
    if (size + taken > s->memory)
        JUDD_FAIL(JUDD_E_DATA, "a line of %lld bytes is longer than all that is sorted at a time",
                  (long long)size);
    char *to = s->arena + s->used;
    memset(to + size - sizeof(int64_t), 0,
           sizeof(int64_t)); /* what fills it up goes to disk, too */
    memcpy(to, &r, sizeof r);
    memcpy(to + sizeof r, key, key_bytes);
    if (bytes > 0) memcpy(to + sizeof r + key_bytes, data, (size_t)bytes);
    s->n++;
    places(s)[0] = s->used; /* order among equals is that of the places themselves */
    s->used += size;
done:
    return status;
}

/* ---- merging ----------------------------------------------------------------------------------
 */

/* At least n bytes behind pos, if the run has them. */
static judd_status fetch(judd_sorter *s, run *r, int64_t n) {
    if (r->n - r->pos >= n) return JUDD_OK;
    memmove(r->bytes, r->bytes + r->pos, (size_t)(r->n - r->pos));
    r->n -= r->pos;
    r->pos = 0;
    if (n > r->capacity) {
        char *moved = realloc(r->bytes, (size_t)n);
        if (!moved) return judd_status_set(JUDD_E_INTERNAL, "no memory for a long line");
        r->bytes = moved;
        r->capacity = n;
    }
    while (r->n < n) {
        int64_t most = r->capacity - r->n < r->end - r->at ? r->capacity - r->n : r->end - r->at;
        ssize_t got = pread(s->fd, r->bytes + r->n, (size_t)most, r->at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return file_failed("read", got < 0 ? errno : 0);
        r->n += got;
        r->at += got;
    }
    return JUDD_OK;
}

static const record *first_of(const run *r) {
    return (const record *)(const void *)(r->bytes + r->pos);
}

/* The next record of a run is in memory; false if there is none. */
static judd_status ready(judd_sorter *s, run *r, bool *there) {
    judd_status status = JUDD_OK;
    *there = r->n > r->pos || r->at < r->end;
    if (!*there) return JUDD_OK;
    JUDD_TRY(fetch(s, r, (int64_t)sizeof(record)));
    JUDD_TRY(fetch(s, r, size_of(first_of(r))));
done:
    return status;
}

/* Earlier runs were added earlier. */
static bool before(const judd_sorter *s, int64_t a, int64_t b) {
    int order = strcmp(key_of(first_of(&s->runs[a])), key_of(first_of(&s->runs[b])));
    return order ? order < 0 : a < b;
}

static void sink(judd_sorter *s, int64_t i) {
    for (int64_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && before(s, s->heap[child + 1], s->heap[child])) child++;
        if (!before(s, s->heap[child], s->heap[i])) return;
        int64_t other = s->heap[i];
        s->heap[i] = s->heap[child];
        s->heap[child] = other;
    }
}

/* The memory of the records becomes that of the runs. */
static judd_status begin_merging(judd_sorter *s) {
    judd_status status = JUDD_OK;
    s->merging = true;
    if (s->n_runs == 0) {
        sort_places(s);
        goto done;
    }
    JUDD_TRY(spill(s));
    free(s->arena);
    s->arena = NULL;
    JUDD_TRY(judd_memory_alloc(&s->heap, s->n_runs, sizeof *s->heap));
    for (int64_t i = 0; i < s->n_runs; i++) {
        run *r = &s->runs[i];
        bool there = false;
        r->capacity = s->memory / s->n_runs + (int64_t)sizeof(record);
        JUDD_TRY(judd_memory_alloc(&r->bytes, r->capacity, 1));
        JUDD_TRY(ready(s, r, &there));
        if (there) s->heap[s->n_heap++] = i;
    }
    for (int64_t i = s->n_heap / 2; i >= 0; i--) sink(s, i);
done:
    return status;
}

static judd_status advance(judd_sorter *s) {
    run *r = &s->runs[s->heap[0]];
    bool there = false;
    r->pos += size_of(first_of(r));
    judd_status status = ready(s, r, &there);
    if (!there) s->heap[0] = s->heap[--s->n_heap];
    if (status == JUDD_OK) sink(s, 0);
    return status;
}

judd_status judd_sorter_next(judd_sorter *s, const char **key, const void **data, int64_t *bytes) {
    judd_status status = JUDD_OK;
    const record *r = NULL;
    *key = NULL;
    if (!s->merging)
        JUDD_TRY(begin_merging(s));
    else if (s->n_heap > 0)
        JUDD_TRY(advance(s)); /* behind what the caller has had */
    if (s->n_heap > 0)
        r = first_of(&s->runs[s->heap[0]]);
    else if (s->n_runs == 0 && s->given < s->n)
        r = (const record *)(void *)(s->arena + places(s)[s->given++]);
    if (!r) goto done;
    *key = key_of(r);
    *data = *key + r->key_bytes;
    *bytes = r->data_bytes;
done:
    return status;
}
