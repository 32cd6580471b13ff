/* The one way through a file of vectors: its hash, and an index of its words for whatever
 * vocabulary is asked for later. The index is a temporary file that is written and read in order:
 * it takes no memory, and holds the words themselves, so that what is found in it is the word. */
#include "text/vectors.h"

#include <judd/base/memory.h>
#include <judd/base/scratch.h>
#include <judd/comm/watchdog.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 }; /* bytes read at a time: hashed while they are in the caches */

/* ---- the index ---------------------------------------------------------------------------------
 */

/* The word is behind it. */
typedef struct entry {
    int64_t at;
    uint32_t bytes : 31, damaged : 1, word_bytes;
} entry;

static judd_status open_index(judd_vectors *v) {
    int fd = -1;
    judd_status status = judd_scratch_file(&fd);
    if (status != JUDD_OK) return status;
    v->index = fdopen(fd, "w+b");
    if (v->index) return JUDD_OK;
    close(fd);
    return judd_status_set(JUDD_E_INTERNAL, "%s: no memory for the index of its words", v->path);
}

static judd_status index_failed(const judd_vectors *v) {
    return judd_status_set(JUDD_E_IO,
                           "%s: the index of its words in a temporary file: %s; set TMPDIR to a "
                           "folder with room for it",
                           v->path, strerror(errno));
}

judd_status judd_vectors_scan_word(judd_vectors_scan *s, const char *word, int64_t word_bytes,
                                   int64_t at, int64_t bytes, bool damaged) {
    const entry e = {.at = at,
                     .bytes = (uint32_t)bytes & INT32_MAX, /* a line has no more */
                     .damaged = damaged,
                     .word_bytes = (uint32_t)word_bytes};
    FILE *index = s->v->index;
    if (fwrite(&e, sizeof e, 1, index) == 1 &&
        fwrite(word, 1, (size_t)word_bytes, index) == (size_t)word_bytes)
        return JUDD_OK;
    return index_failed(s->v);
}

/* The next entry, and its word in *word; *more is false behind the last. */
static judd_status next_entry(entry *e, char **word, int64_t *capacity, bool *more,
                              const judd_vectors *v) {
    *more = fread(e, sizeof *e, 1, v->index) == 1;
    if (!*more) return feof(v->index) ? JUDD_OK : index_failed(v);
    judd_status status = judd_memory_grow(word, 0, e->word_bytes, capacity, 1);
    if (status != JUDD_OK) return status;
    return fread(*word, 1, e->word_bytes, v->index) == e->word_bytes ? JUDD_OK : index_failed(v);
}

judd_status judd_vectors_find(judd_vectors_hit **hits, int64_t *n_hits, judd_vectors *v,
                              const judd_vocabulary *words) {
    judd_status status = JUDD_OK;
    entry e = {0};
    char *word = NULL;
    float *row = NULL;
    int64_t capacity = 0, word_capacity = 0;
    bool more = true;
    JUDD_TRY(judd_memory_alloc(&row, v->info.dim, sizeof *row));
    rewind(v->index);
    while (true) {
        JUDD_TRY(next_entry(&e, &word, &word_capacity, &more, v));
        if (!more) break;
        const judd_vectors_hit hit = {
            .word = judd_vocabulary_find(words, word, e.word_bytes), .at = e.at, .bytes = e.bytes};
        if (hit.word < 0) continue;
        if (e.damaged) JUDD_TRY(v->ops->read(row, v, words, &hit, 1)); /* says what is wrong */
        JUDD_TRY(judd_memory_grow(hits, *n_hits, *n_hits + 1, &capacity, sizeof **hits));
        (*hits)[(*n_hits)++] = hit;
        judd_watchdog_beat(v->comm->watchdog);
    }
done:
    free(word);
    free(row);
    return status;
}

/* ---- the way through ---------------------------------------------------------------------------
 */

judd_status judd_vectors_scan_on(judd_vectors_scan *s, int64_t used) {
    judd_status status = JUDD_OK;
    const int64_t file_bytes = s->v->info.file_bytes;
    memmove(s->bytes, s->bytes + used, (size_t)(s->n - used));
    s->at += used;
    s->n -= used;
    while (s->n < s->capacity && s->at + s->n < file_bytes) {
        int64_t offset = s->at + s->n, n = s->capacity - s->n;
        if (n > file_bytes - offset) n = file_bytes - offset;
        if (n > PIECE) n = PIECE;
        JUDD_TRY(judd_vectors_pread_all(s->v, s->bytes + s->n, n, offset));
        judd_hash_add(s->hash, s->bytes + s->n, (size_t)n);
        s->n += n;
    }
    s->last = s->at + s->n == file_bytes;
    judd_watchdog_beat(s->v->comm->watchdog);
done:
    return status;
}

static judd_status run(judd_vectors_scan *s) {
    judd_status status = JUDD_OK;
    judd_vectors *v = s->v;
    JUDD_TRY(judd_vectors_scan_on(s, 0));
    JUDD_TRY(v->ops->scan(s));
    while (!s->last) JUDD_TRY(judd_vectors_scan_on(s, s->n));
    if (v->ops->counted && s->n_words != v->info.n_words)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: its head promises %lld words, but %lld are in it; fetch it again or correct "
                  "the head",
                  v->path, (long long)v->info.n_words, (long long)s->n_words);
    v->info.n_words = s->n_words;
    v->info.n_spaced = s->n_spaced;
    judd_hash_finish(s->hash, v->info.sha256);
done:
    return status;
}

judd_status judd_vectors_scan_file(judd_vectors *v, judd_vectors_depth depth) {
    judd_status status = JUDD_OK;
    judd_vectors_scan s = {.v = v};
    if (depth == JUDD_VECTORS_NUMBERS)
        JUDD_TRY(judd_memory_alloc(&s.row, v->info.dim, sizeof *s.row));
    else
        JUDD_TRY(open_index(v));
    s.capacity = JUDD_VECTORS_STEP + 2 * (JUDD_VECTORS_MAX_WORD + 4 * v->info.dim);
    if (s.capacity > v->info.file_bytes) s.capacity = v->info.file_bytes;
    JUDD_TRY(judd_memory_alloc(&s.bytes, s.capacity, 1));
    JUDD_TRY(judd_hash_create(&s.hash));
    JUDD_TRY(run(&s));
    if (v->index && fflush(v->index) != 0) JUDD_TRY(index_failed(v));
done:
    judd_hash_destroy(s.hash);
    free(s.bytes);
    free(s.row);
    return status;
}
