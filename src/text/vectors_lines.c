/* A word and its numbers a line: GloVe's files, which have no head, and word2vec's in text form,
 * which say in the first line how many words of how many numbers follow (fastText's .vec files as
 * well). */
#include "text/number.h"
#include "text/vectors.h"

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdlib.h>
#include <string.h>

static bool is_between(char c) {
    return c == ' ' || c == '\t';
}

static const char *skip(const char *at, const char *end) {
    while (at < end && (is_between(*at) || *at == '\r')) at++;
    return at;
}

static const char *word_end(const char *at, const char *end) {
    while (at < end && !is_between(*at)) at++;
    return at;
}

/* Fields of a line behind its first: where something stands behind nothing. */
static int64_t count_fields(const char *line, const char *end) {
    int64_t n = 0;
    for (const char *at = line + 1; at < end; at++) {
        bool before = at[-1] == ' ' || at[-1] == '\t' || at[-1] == '\r';
        bool here = *at == ' ' || *at == '\t' || *at == '\r';
        n += before && !here;
    }
    return n;
}

/* ---- a line ------------------------------------------------------------------------------------
 */

static judd_status refuse(const judd_vectors *v, int64_t offset, const char *line, const char *end,
                          int64_t fields) {
    int shown = (int)(word_end(line, end) - line);
    if (shown > 40) shown = 40;
    if (fields != v->info.dim)
        return judd_status_set(
            JUDD_E_DATA,
            "%s, byte %lld: \"%.*s\" has %lld numbers, the others %lld; fetch the "
            "file again or correct the line",
            v->path, (long long)offset, shown, line, (long long)fields, (long long)v->info.dim);
    return judd_status_set(JUDD_E_DATA,
                           "%s, byte %lld: \"%.*s\" has something that is no finite number; fetch "
                           "the file again or correct the line",
                           v->path, (long long)offset, shown, line);
}

/* Where the last dim fields begin, if what is before them holds spaces and does not end in a
 * number: then the word does. */
static const char *spaced_numbers(const judd_vectors *v, const char *line, const char *end,
                                  int64_t fields) {
    float x;
    const char *at = line, *last = line;
    if (v->ops != &judd_vectors_glove || fields <= v->info.dim) return NULL;
    for (int64_t k = 0; k <= fields - v->info.dim; k++) {
        last = at;
        at = skip(word_end(at, end), end);
    }
    bool number = judd_number_read(&x, &last, end);
    return number ? NULL : at;
}

/* A line whose word is asked for, or any line of a check. */
static judd_status visit(judd_vectors_scan *s, const judd_vectors *v, int64_t offset,
                         const char *line, const char *end) {
    const char *stop = word_end(line, end), *numbers = skip(stop, end);
    bool wanted = true;
    s->counts.n_words++;
    if (s->words) {
        judd_status status = judd_vectors_note(s, line, stop - line, offset + (numbers - line),
                                               end - numbers, &wanted);
        if (status != JUDD_OK || !wanted) return status;
    }
    int64_t fields =
        s->words ? count_fields(line, end) : judd_number_row(s->row, v->info.dim, numbers, end);
    if (fields == v->info.dim && stop > line) return JUDD_OK;
    fields = count_fields(line, end);
    const char *behind = spaced_numbers(v, line, end, fields);
    if (!behind) return refuse(v, offset, line, end, fields);
    s->counts.n_spaced++;
    if (s->words) s->n_hits--; /* no word of a text holds a space */
    if (s->words || judd_number_row(s->row, v->info.dim, behind, end) == v->info.dim)
        return JUDD_OK;
    return refuse(v, offset, line, end, v->info.dim);
}

/* ---- all lines that begin in a range -----------------------------------------------------------
 */

typedef struct walk {
    judd_vectors_scan *scan;
    const judd_vectors *v;
    int64_t at, end; /* next byte of the file to look at; lines from `end` on are another rank's */
    bool midway;     /* in a line that began before */
} walk;

/* The whole lines of [bytes, bytes + n), which lie at w->at; *used: how far. */
static judd_status visit_lines(walk *w, const char *bytes, int64_t n, bool last, int64_t *used) {
    const char *line = bytes, *stop = bytes + n;
    while (line < stop && w->at + (line - bytes) < w->end) {
        const char *newline = memchr(line, '\n', (size_t)(stop - line));
        if (!newline && !last) break;
        const char *end = newline ? newline : stop;
        if (!w->midway && end > line && skip(line, end) < end) {
            judd_status status = visit(w->scan, w->v, w->at + (line - bytes), line, end);
            if (status != JUDD_OK) return status;
        }
        w->midway = false;
        line = newline ? newline + 1 : stop;
    }
    *used = line - bytes;
    return JUDD_OK;
}

static judd_status walk_range(walk *w) {
    judd_status status = JUDD_OK;
    char *bytes = NULL;
    JUDD_TRY(judd_memory_alloc(&bytes, JUDD_VECTORS_STEP, 1));
    while (w->at < w->end) {
        int64_t n = 0, used = 0;
        JUDD_TRY(judd_vectors_pread(w->v, bytes, JUDD_VECTORS_STEP, w->at, &n));
        bool last = w->at + n >= w->v->info.file_bytes || n == 0;
        JUDD_TRY(visit_lines(w, bytes, n, last, &used));
        if (last) break;
        if (used == 0 && !w->midway)
            JUDD_FAIL(JUDD_E_DATA,
                      "%s, byte %lld: a line longer than %d bytes; are these word vectors?",
                      w->v->path, (long long)w->at, JUDD_VECTORS_STEP);
        w->at += used > 0 ? used : n;
        judd_watchdog_beat(w->v->comm->watchdog);
    }
done:
    free(bytes);
    return status;
}

static judd_status scan_lines(judd_vectors_scan *s, judd_vectors *v) {
    walk w = {.scan = s, .v = v};
    judd_vectors_range(&w.at, &w.end, v);
    if (w.at > v->body && w.at < w.end) { /* from the newline before it on */
        w.at--;
        w.midway = true;
    }
    return judd_comm_agree(v->comm, walk_range(&w));
}

/* Lines are read again where they are: that costs less than to keep what may not be the first. */
static judd_status read_lines(float *rows, judd_vectors *v, const judd_vocabulary *words,
                              const judd_vectors_hit *hits, int64_t n) {
    judd_status status = JUDD_OK;
    char *bytes = NULL;
    int64_t most = 0, dim = v->info.dim;
    (void)words;
    for (int64_t i = 0; i < n; i++)
        if (hits[i].bytes > most) most = hits[i].bytes;
    JUDD_TRY(judd_memory_alloc(&bytes, most, 1));
    for (int64_t i = 0; i < n; i++) {
        JUDD_TRY(judd_vectors_pread_all(v, bytes, hits[i].bytes, hits[i].offset));
        if (judd_number_row(rows + i * dim, dim, bytes, bytes + hits[i].bytes) == dim) continue;
        JUDD_FAIL(JUDD_E_DATA,
                  "%s, byte %lld: a number that is none or not finite; fetch the file again or "
                  "correct the line",
                  v->path, (long long)hits[i].offset);
    }
done:
    free(bytes);
    return status;
}

/* ---- the two formats ---------------------------------------------------------------------------
 */

/* Whether the line has a word and, behind it, numbers only. */
static bool is_row(const char *line, const char *end, bool whole) {
    float x;
    const char *at = skip(word_end(line, end), end);
    int64_t n = 0;
    if (at == line || at == end) return false;
    for (; at < end; n++, at = skip(at, end)) {
        const char *stop = word_end(at, end);
        if (stop == end && !whole) break; /* cut off by what has been read */
        if (!judd_number_read(&x, &at, end)) return false;
    }
    return n > 0;
}

static bool text_begins(const char *start, int64_t n, int64_t bytes) {
    int64_t n_words = 0, dim = 0, head = judd_vectors_header(start, n, &n_words, &dim);
    if (head == 0) return false;
    const char *newline = memchr(start + head, '\n', (size_t)(n - head));
    if (n_words == 0 || dim == 0 || head == n) return true; /* look says what is wrong */
    return is_row(start + head, newline ? newline : start + n, newline || n == bytes);
}

static judd_status text_look(judd_vectors *v, const char *start, int64_t n) {
    v->body = judd_vectors_header(start, n, &v->info.n_words, &v->info.dim);
    return judd_vectors_check_header(v, 2 * v->info.dim + 1);
}

static bool glove_begins(const char *start, int64_t n, int64_t bytes) {
    const char *newline = memchr(start, '\n', (size_t)n), *end = newline ? newline : start + n;
    return count_fields(start, end) >= 2 && !memchr(start, '\t', (size_t)(end - start)) &&
           is_row(start, end, newline || n == bytes);
}

/* A word may hold spaces: as many numbers as most of the first lines have fields (Boyer and Moore's
 * vote). */
static judd_status glove_look(judd_vectors *v, const char *start, int64_t n) {
    const char *end = start + n;
    int64_t votes = 0;
    for (const char *line = start, *newline; line < end; line = newline + 1) {
        newline = memchr(line, '\n', (size_t)(end - line));
        if (!newline && n < v->info.file_bytes && line > start) break; /* cut off */
        int64_t fields = count_fields(line, newline ? newline : end);
        if (votes == 0) v->info.dim = fields;
        if (fields > 0) votes += fields == v->info.dim ? 1 : -1;
        if (!newline) break;
    }
    if (v->info.dim > 0 && v->info.dim <= JUDD_VECTORS_MAX_DIM) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA, "%s: lines of %lld numbers; are these word vectors?",
                           v->path, (long long)v->info.dim);
}

const judd_vectors_ops judd_vectors_word2vec_text = {.format = "word2vec",
                                                     .begins = text_begins,
                                                     .look = text_look,
                                                     .scan = scan_lines,
                                                     .counted = true,
                                                     .read = read_lines};
const judd_vectors_ops judd_vectors_glove = {.format = "glove",
                                             .begins = glove_begins,
                                             .look = glove_look,
                                             .scan = scan_lines,
                                             .read = read_lines};
