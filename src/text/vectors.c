#include "text/vectors.h"

#include <judd/base/memory.h>

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

judd_status judd_vectors_check_word(const char **behind, const judd_vectors *v,
                                    const judd_vocabulary *words, const judd_vectors_hit *hit,
                                    const char *line) {
    int64_t first = words->offsets[hit->word], n = words->offsets[hit->word + 1] - first;
    *behind = line + n;
    bool ends = n == hit->bytes || (n < hit->bytes && (line[n] == ' ' || line[n] == '\t'));
    if (ends && memcmp(line, words->bytes + first, (size_t)n) == 0) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA, "%s: changed while the job was starting; start it again",
                           v->path);
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

judd_status judd_vectors_check_header(const judd_vectors *v, int64_t word_bytes,
                                      int64_t number_bytes) {
    const judd_vectors_info *i = &v->info;
    if (i->dim < 1 || i->dim > JUDD_VECTORS_MAX_DIM)
        return judd_status_set(JUDD_E_DATA,
                               "%s: vectors of %lld numbers, allowed are 1 .. %d; is it the right "
                               "file?",
                               v->path, (long long)i->dim, JUDD_VECTORS_MAX_DIM);
    const int64_t least_bytes = word_bytes + number_bytes * i->dim;
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

judd_status judd_vectors_check_kind(const judd_vectors *v, const char *kind) {
    if (fits(v->ops, kind)) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "%s: holds vectors in the format of %s, not %s; correct backbone.kind",
                           v->path, v->ops->format, kind);
}

/* Rank 0's part of open. */
static judd_status look(judd_vectors *v, const char *kind, judd_vectors_depth depth) {
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
    JUDD_TRY(judd_vectors_check_kind(v, kind));
    v->info.format = v->ops->format;
    v->info.binary = v->ops->binary;
    JUDD_TRY(v->ops->look(v, start, n));
    if (depth != JUDD_VECTORS_HEAD) JUDD_TRY(judd_vectors_scan_file(v, depth));
done:
    free(start);
    return status;
}

/* Every rank reads rows of what rank 0 went through. */
static judd_status check_bytes(const judd_vectors *v, int64_t own) {
    if (own == v->info.file_bytes) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "%s: %lld bytes on rank %d, but %lld on rank 0; give all nodes the same "
                           "file",
                           v->path, (long long)own, v->comm->rank, (long long)v->info.file_bytes);
}

judd_status judd_vectors_open(judd_vectors **out, const judd_comm *comm, const char *path,
                              const char *kind, judd_vectors_depth depth) {
    judd_status status = JUDD_OK;
    judd_vectors *v = NULL;
    int format = 0;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&v, 1, sizeof *v)));
    v->comm = comm;
    v->fd = -1;
    status = judd_memory_string(&v->path, path);
    if (status == JUDD_OK) status = open_file(v);
    JUDD_TRY(judd_comm_agree(comm, status));
    int64_t own = v->info.file_bytes;
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? look(v, kind, depth) : JUDD_OK));
    for (int f = 0; f < N_FORMATS && comm->rank == 0; f++)
        if (formats[f] == v->ops) format = f;
    JUDD_TRY(judd_comm_broadcast(comm, &format, sizeof format));
    JUDD_TRY(judd_comm_broadcast(comm, &v->info, sizeof v->info));
    JUDD_TRY(judd_comm_broadcast(comm, &v->body, sizeof v->body));
    JUDD_TRY(judd_comm_broadcast(comm, &v->fasttext, sizeof v->fasttext));
    v->ops = formats[format];
    v->info.format = v->ops->format;
    JUDD_TRY(judd_comm_agree(comm, check_bytes(v, own)));
    *out = v;
    v = NULL;
done:
    judd_vectors_close(v);
    return status;
}

void judd_vectors_close(judd_vectors *v) {
    if (!v) return;
    if (v->index) fclose(v->index);
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
