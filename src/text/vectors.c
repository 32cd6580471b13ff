#include "text/vectors.h"

#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>
#include <judd/comm/watchdog.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const judd_vectors_ops *const formats[] = {&judd_vectors_fasttext,
                                                  &judd_vectors_word2vec_binary,
                                                  &judd_vectors_word2vec_text, &judd_vectors_glove};
enum { N_FORMATS = sizeof formats / sizeof *formats };

/* ---- the file ----------------------------------------------------------------------------------
 */

judd_status judd_vectors_pread(const judd_vectors *v, void *to, int64_t n, int64_t offset,
                               int64_t *got) {
    *got = 0;
    while (*got < n) {
        ssize_t k = pread(v->fd, (char *)to + *got, (size_t)(n - *got), offset + *got);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return judd_status_set(JUDD_E_IO, "%s: %s", v->path, strerror(errno));
        if (k == 0) break;
        *got += k;
    }
    return JUDD_OK;
}

judd_status judd_vectors_pread_all(const judd_vectors *v, void *to, int64_t n, int64_t offset) {
    int64_t got = 0;
    judd_status status = judd_vectors_pread(v, to, n, offset, &got);
    if (status != JUDD_OK || got == n) return status;
    return judd_status_set(JUDD_E_DATA,
                           "%s: ends at byte %lld, in the middle of it; fetch it again", v->path,
                           (long long)(offset + got));
}

void judd_vectors_range(int64_t *first, int64_t *end, const judd_vectors *v) {
    judd_vocabulary_share(first, end, v->comm, v->info.file_bytes - v->body);
    *first += v->body;
    *end += v->body;
}

static judd_status open_file(judd_vectors *v) {
    struct stat st;
    v->fd = open(v->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would block */
    if (v->fd < 0 || fstat(v->fd, &st) != 0)
        return judd_status_set(JUDD_E_IO, "%s: %s; check the path", v->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return judd_status_set(JUDD_E_DATA, "%s: is not a file; check the path", v->path);
    v->info.file_bytes = st.st_size;
    return JUDD_OK;
}

/* ---- which format ------------------------------------------------------------------------------
 */

int64_t judd_vectors_header(const char *start, int64_t n, int64_t *n_words, int64_t *dim) {
    char line[64] = "";
    const char *newline = memchr(start, '\n', (size_t)n);
    char *at = line, *end = NULL;
    if (!newline || newline - start >= (int64_t)sizeof line) return 0;
    memcpy(line, start, (size_t)(newline - start));
    int64_t *numbers[2] = {n_words, dim};
    for (int i = 0; i < 2; i++) {
        if (*at < '0' || *at > '9') return 0;
        errno = 0;
        *numbers[i] = strtoll(at, &end, 10);
        if (errno != 0 || (*end != ' ' && *end != '\0' && *end != '\r')) return 0;
        at = end + (i == 0 && *end == ' ');
    }
    return at[strspn(at, " \r")] == '\0' ? newline + 1 - start : 0;
}

judd_status judd_vectors_check_header(const judd_vectors *v, int64_t least_bytes) {
    const judd_vectors_info *i = &v->info;
    if (i->dim < 1 || i->dim > JUDD_VECTORS_MAX_DIM)
        return judd_status_set(JUDD_E_DATA,
                               "%s: vectors of %lld numbers, allowed are 1 .. %d; is it the right "
                               "file?",
                               v->path, (long long)i->dim, JUDD_VECTORS_MAX_DIM);
    if (i->n_words >= 1 && i->n_words <= (i->file_bytes - v->body + least_bytes) / least_bytes)
        return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "%s: its head promises %lld words of %lld numbers, which %lld bytes "
                           "cannot hold; fetch it again",
                           v->path, (long long)i->n_words, (long long)i->dim,
                           (long long)i->file_bytes);
}

static const judd_vectors_ops *format_of(const char *start, int64_t n, int64_t bytes) {
    for (int f = 0; f < N_FORMATS; f++)
        if (formats[f]->begins(start, n, bytes)) return formats[f];
    return NULL;
}

/* A file in text form with a head is fastText's as well as word2vec's. */
static bool fits(const judd_vectors_ops *ops, const char *kind) {
    return strcmp(kind, "words") == 0 || strcmp(kind, ops->format) == 0 ||
           (strcmp(kind, "fasttext") == 0 && ops == &judd_vectors_word2vec_text);
}

/* Rank 0's part of open. */
static judd_status look(judd_vectors *v, const char *kind) {
    judd_status status = JUDD_OK;
    char *start = NULL;
    int64_t n = 0;
    JUDD_TRY(judd_memory_alloc(&start, JUDD_VECTORS_START, 1));
    JUDD_TRY(judd_vectors_pread(v, start, JUDD_VECTORS_START, 0, &n));
    v->ops = format_of(start, n, v->info.file_bytes);
    if (!v->ops)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: no word vectors: neither word2vec's nor GloVe's nor fastText's; check the "
                  "path",
                  v->path);
    if (!fits(v->ops, kind))
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: holds vectors in the format of %s, not %s; correct backbone.kind", v->path,
                  v->ops->format, kind);
    v->info.format = v->ops->format;
    v->info.binary = v->ops->binary;
    JUDD_TRY(v->ops->look(v, start, n));
done:
    free(start);
    return status;
}

judd_status judd_vectors_open(judd_vectors **out, const judd_comm *comm, const char *path,
                              const char *kind) {
    judd_status status = JUDD_OK;
    judd_vectors *v = NULL;
    int format = 0;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&v, 1, sizeof *v)));
    v->comm = comm;
    v->fd = -1;
    status = judd_memory_string(&v->path, path);
    if (status == JUDD_OK) status = open_file(v);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? look(v, kind) : JUDD_OK));
    for (int f = 0; f < N_FORMATS && comm->rank == 0; f++)
        if (formats[f] == v->ops) format = f;
    JUDD_TRY(judd_comm_broadcast(comm, &format, sizeof format));
    JUDD_TRY(judd_comm_broadcast(comm, &v->info, sizeof v->info));
    JUDD_TRY(judd_comm_broadcast(comm, &v->body, sizeof v->body));
    JUDD_TRY(judd_comm_broadcast(comm, &v->fasttext, sizeof v->fasttext));
    v->ops = formats[format];
    v->info.format = v->ops->format;
    *out = v;
    v = NULL;
done:
    judd_vectors_close(v);
    return status;
}

void judd_vectors_close(judd_vectors *v) {
    if (!v) return;
    if (v->fd >= 0) close(v->fd);
    free(v->path);
    free(v);
}

const judd_vectors_info *judd_vectors_info_of(const judd_vectors *v) {
    return &v->info;
}

bool judd_vectors_recognised(const char *path) {
    char start[4096];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t n = regular ? pread(fd, start, sizeof start, 0) : -1;
    close(fd);
    return n > 0 && format_of(start, n, st.st_size) != NULL;
}

/* ---- scanning ----------------------------------------------------------------------------------
 */

judd_status judd_vectors_note(judd_vectors_scan *s, const char *word, int64_t word_bytes,
                              int64_t offset, int64_t bytes, bool *noted) {
    int64_t i = judd_vocabulary_find(s->words, word, word_bytes);
    *noted = i >= 0;
    if (i < 0) return JUDD_OK;
    judd_status status =
        judd_memory_grow(&s->hits, s->n_hits, s->n_hits + 1, &s->capacity, sizeof *s->hits);
    if (status != JUDD_OK) return status;
    s->hits[s->n_hits++] = (judd_vectors_hit){.word = i, .offset = offset, .bytes = bytes};
    return JUDD_OK;
}

/* Every range, and the sum of what the ranks counted. Collective. */
static judd_status scan(judd_vectors_scan *s, judd_vectors *v) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_agree(v->comm, judd_memory_alloc(&s->row, v->info.dim, sizeof *s->row)));
    JUDD_TRY(v->ops->scan(s, v));
    int64_t counts[2] = {s->counts.n_words, s->counts.n_spaced};
    JUDD_TRY(judd_comm_sum(v->comm, counts, 2));
    s->counts = (judd_vectors_counts){.n_words = counts[0], .n_spaced = counts[1]};
    if (v->ops->counted && s->counts.n_words != v->info.n_words)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: its head promises %lld words, but %lld are in it; fetch it again or correct "
                  "the head",
                  v->path, (long long)v->info.n_words, (long long)s->counts.n_words);
done:
    return status;
}

static void free_scan(judd_vectors_scan *s) {
    free(s->hits);
    free(s->row);
}

judd_status judd_vectors_check(judd_vectors_counts *counts, judd_vectors *v) {
    judd_vectors_scan s = {0};
    judd_status status = scan(&s, v);
    *counts = s.counts;
    free_scan(&s);
    return status;
}

/* ---- vectors of a vocabulary -------------------------------------------------------------------
 */

enum { ROUND_BYTES = 16 << 20 }; /* of rows on their way, over all ranks */

struct judd_word_vectors {
    int64_t n_words, dim, count, repeated;
    int64_t *rows; /* [n_words] row of a word, or -1 */
    bool *known;   /* [n_words] */
    judd_node_memory *memory;
    bool one_node; /* every rank puts its rows there itself */
    float *x;      /* [count, dim], the node's */
};

/* The first place of every word, from those that all ranks found in the order of the file. */
static judd_status unite(judd_vectors_hit **out, judd_word_vectors *w, const judd_vectors *v,
                         const judd_vocabulary *words, const judd_vectors_hit *hits, int64_t n) {
    judd_status status = JUDD_OK;
    judd_vectors_hit *firsts = NULL;
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        w->repeated += w->known[hits[i].word];
        w->known[hits[i].word] = true;
    }
    for (int64_t i = 0; i < w->n_words; i++) {
        const char *word = words->bytes + words->offsets[i];
        bool made =
            v->ops->makes && v->ops->makes(v, word, words->offsets[i + 1] - words->offsets[i]);
        w->rows[i] = w->known[i] || made ? w->count++ : -1;
    }
    JUDD_TRY(judd_memory_alloc(&firsts, w->count, sizeof *firsts));
    if (v->ops->makes) { /* in the order of the words, which share n-grams with their neighbours */
        for (int64_t i = 0; i < w->n_words; i++)
            if (w->rows[i] >= 0) firsts[w->rows[i]] = (judd_vectors_hit){i, -1, 0};
        for (int64_t i = n - 1; i >= 0; i--) firsts[w->rows[hits[i].word]].offset = hits[i].offset;
    } else { /* in the order of the file */
        memset(w->known, 0, (size_t)w->n_words * sizeof *w->known);
        for (int64_t i = 0; i < n; i++) {
            if (w->known[hits[i].word]) continue;
            w->known[hits[i].word] = true;
            firsts[kept++] = hits[i];
        }
    }
    *out = firsts;
done:
    return status;
}

/* A round: some rows of this rank's share go to its node, or those of all ranks to all nodes. */
static judd_status exchange(judd_word_vectors *w, judd_vectors *v, const judd_vocabulary *words,
                            const judd_vectors_hit *hits, int64_t n, float *own) {
    judd_status status = JUDD_OK;
    void *all_rows = NULL, *all_words = NULL;
    int64_t total = n, *numbers = NULL;
    status = judd_memory_alloc(&numbers, n, sizeof *numbers);
    for (int64_t i = 0; status == JUDD_OK && i < n; i++) numbers[i] = hits[i].word;
    if (status == JUDD_OK) status = v->ops->read(own, v, words, hits, n);
    JUDD_TRY(judd_comm_agree(v->comm, status));
    if (!w->one_node) {
        JUDD_TRY(judd_comm_allgather(v->comm, &all_words, numbers, n, sizeof *numbers));
        JUDD_TRY(judd_comm_allgather(v->comm, &all_rows, own, n, w->dim * (int64_t)sizeof *own));
        JUDD_TRY(judd_comm_sum(v->comm, &total, 1));
    }
    const int64_t *arrived = all_words ? all_words : numbers;
    const float *rows = all_rows ? all_rows : own;
    bool puts = w->one_node || judd_node_memory_is_writer(w->memory);
    for (int64_t i = 0; i < total && puts; i++)
        memcpy(w->x + w->rows[arrived[i]] * w->dim, rows + i * w->dim,
               (size_t)w->dim * sizeof *w->x);
    judd_watchdog_beat(v->comm->watchdog);
done:
    free(numbers);
    free(all_rows);
    free(all_words);
    return status;
}

/* Each rank reads its share of the rows. */
static judd_status read_rows(judd_word_vectors *w, judd_vectors *v, const judd_vocabulary *words,
                             const judd_vectors_hit *hits) {
    judd_status status = JUDD_OK;
    float *own = NULL;
    int64_t first = 0, end = 0, row = w->dim * (int64_t)sizeof(float);
    int64_t step = ROUND_BYTES / row / v->comm->size;
    if (step > w->count / v->comm->size) step = w->count / v->comm->size + 1;
    if (step < 1) step = 1;
    int64_t rounds = (w->count / v->comm->size + step) / step; /* of the rank with most rows */
    judd_vocabulary_share(&first, &end, v->comm, w->count);
    JUDD_TRY(judd_comm_agree(v->comm, judd_memory_alloc(&own, step, (size_t)row)));
    int64_t bytes = (w->count > 0 ? w->count : 1) * row;
    status = judd_node_memory_create(&w->memory, v->comm, bytes);
    if (status == JUDD_E_IO) /* the same on every rank: shared memory has no room */
        status = judd_node_memory_create_on_disk(&w->memory, v->comm, bytes);
    if (status != JUDD_OK) goto done;
    w->x = judd_node_memory_data(w->memory);
    int64_t n_nodes = judd_node_memory_is_writer(w->memory);
    JUDD_TRY(judd_comm_sum(v->comm, &n_nodes, 1));
    w->one_node = n_nodes == 1;
    for (int64_t r = 0; r < rounds; r++) {
        int64_t left = end - first, n = left < step ? left : step;
        JUDD_TRY(exchange(w, v, words, hits + first, n, own));
        first += n;
    }
    JUDD_TRY(judd_node_memory_publish(w->memory));
done:
    free(own);
    return status;
}

judd_status judd_word_vectors_read(judd_word_vectors **out, judd_vectors *v,
                                   const judd_vocabulary *words) {
    judd_status status = JUDD_OK;
    judd_word_vectors *w = NULL;
    judd_vectors_scan s = {.words = words};
    judd_vectors_hit *hits = NULL;
    void *all = NULL;
    status = judd_memory_alloc(&w, 1, sizeof *w);
    if (status == JUDD_OK) {
        *w = (judd_word_vectors){.n_words = words->n, .dim = v->info.dim};
        status = judd_memory_alloc(&w->rows, words->n, sizeof *w->rows);
    }
    if (status == JUDD_OK) status = judd_memory_alloc(&w->known, words->n, sizeof *w->known);
    JUDD_TRY(judd_comm_agree(v->comm, status));
    JUDD_TRY(scan(&s, v));
    JUDD_TRY(judd_comm_allgather(v->comm, &all, s.hits, s.n_hits, sizeof *s.hits));
    JUDD_TRY(judd_comm_sum(v->comm, &s.n_hits, 1));
    JUDD_TRY(judd_comm_agree(v->comm, unite(&hits, w, v, words, all, s.n_hits)));
    free(all);
    all = NULL;
    JUDD_TRY(read_rows(w, v, words, hits));
    *out = w;
    w = NULL;
done:
    free(all);
    free(hits);
    free_scan(&s);
    judd_word_vectors_destroy(w);
    return status;
}

void judd_word_vectors_destroy(judd_word_vectors *w) {
    if (!w) return;
    judd_node_memory_destroy(w->memory);
    free(w->rows);
    free(w->known);
    free(w);
}

int64_t judd_word_vectors_dim(const judd_word_vectors *w) {
    return w->dim;
}

int64_t judd_word_vectors_count(const judd_word_vectors *w) {
    return w->count;
}

int64_t judd_word_vectors_repeated(const judd_word_vectors *w) {
    return w->repeated;
}

const float *judd_word_vectors_of(const judd_word_vectors *w, int64_t word) {
    return word >= 0 && w->rows[word] >= 0 ? w->x + w->rows[word] * w->dim : NULL;
}

bool judd_word_vectors_known(const judd_word_vectors *w, int64_t word) {
    return word >= 0 && w->known[word];
}
