/* A word and its numbers a line: GloVe's files, which have no head, and word2vec's in text form,
 * which say in the first line how many words of how many numbers follow (fastText's .vec files as
 * well). */
#include "text/number.h"
#include "text/vectors.h"

#include <judd/base/memory.h>

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

static bool is_gap(char c) {
    return (c == ' ') | (c == '\t') | (c == '\r');
}

/* Fields of a line behind its first: where something stands behind nothing. By blocks whose count a
 * byte can hold, which compilers make vectors of. */
static int64_t count_fields(const char *line, const char *end) {
    int64_t n = 0, length = end - line, block = 0;
    for (int64_t i = 1; i < length; i += block) {
        uint8_t count = 0;
        block = length - i < 240 ? length - i : 240;
        for (int64_t k = i; k < i + block; k++)
            count = (uint8_t)(count + (is_gap(line[k - 1]) & !is_gap(line[k])));
        n += count;
    }
    return n;
}

/* ---- a line ------------------------------------------------------------------------------------
 */

static judd_status refuse(const judd_vectors *v, int64_t at, const char *line, const char *end,
                          int64_t fields) {
    int shown = (int)(word_end(line, end) - line);
    if (shown > 40) shown = 40;
    if (fields != v->info.dim)
        return judd_status_set(
            JUDD_E_DATA,
            "%s, byte %lld: \"%.*s\" has %lld numbers, the others %lld; fetch the "
            "file again or correct the line",
            v->path, (long long)at, shown, line, (long long)fields, (long long)v->info.dim);
    return judd_status_set(JUDD_E_DATA,
                           "%s, byte %lld: \"%.*s\" has something that is no finite number; fetch "
                           "the file again or correct the line",
                           v->path, (long long)at, shown, line);
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

/* A line that lies at `at`. */
static judd_status visit(judd_vectors_scan *s, int64_t at, const char *line, const char *end) {
    const judd_vectors *v = s->v;
    const char *stop = word_end(line, end), *behind;
    s->n_words++;
    int64_t fields = s->row ? judd_number_row(s->row, v->info.dim, skip(stop, end), end)
                            : count_fields(line, end);
    bool good = fields == v->info.dim && stop > line;
    if (!good && (behind = spaced_numbers(v, line, end, count_fields(line, end)))) {
        s->n_spaced++; /* no word of a text holds a space */
        if (!s->row || judd_number_row(s->row, v->info.dim, behind, end) == v->info.dim)
            return JUDD_OK;
        return refuse(v, at, line, end, v->info.dim);
    }
    if (!s->row) return judd_vectors_scan_word(s, line, stop - line, at, end - line, !good);
    return good ? JUDD_OK : refuse(v, at, line, end, count_fields(line, end));
}

/* The whole lines of what is there, from *used on; *used: how far. */
static judd_status visit_lines(judd_vectors_scan *s, int64_t *used) {
    judd_status status = JUDD_OK;
    const char *line = s->bytes + *used, *stop = s->bytes + s->n, *newline, *end;
    for (; line < stop; line = newline ? newline + 1 : stop) {
        newline = memchr(line, '\n', (size_t)(stop - line));
        end = newline ? newline : stop;
        if (end - line > JUDD_VECTORS_STEP)
            JUDD_FAIL(JUDD_E_DATA,
                      "%s, byte %lld: a line longer than %d bytes; are these word vectors?",
                      s->v->path, (long long)(s->at + (line - s->bytes)), JUDD_VECTORS_STEP);
        if (!newline && !s->last) break;
        if (skip(line, end) < end) JUDD_TRY(visit(s, s->at + (line - s->bytes), line, end));
    }
    *used = line - s->bytes;
done:
    return status;
}

static judd_status scan_lines(judd_vectors_scan *s) {
    int64_t used = s->v->body;
    judd_status status = visit_lines(s, &used);
    while (status == JUDD_OK && !s->last) {
        status = judd_vectors_scan_on(s, used);
        used = 0;
        if (status == JUDD_OK) status = visit_lines(s, &used);
    }
    return status;
}

static judd_status read_lines(float *rows, judd_vectors *v, const judd_vocabulary *words,
                              const judd_vectors_hit *hits, int64_t n) {
    judd_status status = JUDD_OK;
    char *line = NULL;
    const char *numbers;
    int64_t most = 0, dim = v->info.dim;
    for (int64_t i = 0; i < n; i++)
        if (hits[i].bytes > most) most = hits[i].bytes;
    JUDD_TRY(judd_memory_alloc(&line, most, 1));
    for (int64_t i = 0; i < n; i++) {
        const char *end = line + hits[i].bytes;
        JUDD_TRY(judd_vectors_pread_all(v, line, hits[i].bytes, hits[i].at));
        JUDD_TRY(judd_vectors_check_word(&numbers, v, words, &hits[i], line));
        if (judd_number_row(rows + i * dim, dim, skip(numbers, end), end) != dim)
            JUDD_TRY(refuse(v, hits[i].at, line, end, count_fields(line, end)));
    }
done:
    free(line);
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
    return judd_vectors_check_header(v, 1, 2);
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
