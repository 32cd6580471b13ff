/* word2vec's binary files: a head line, then for every word its bytes, a space and its numbers,
 * with or without a newline behind them. Nothing marks where a word begins but the end of the one
 * before. */
#include "text/vectors.h"

#include <judd/base/memory.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 4096 };

static bool all_finite(const char *bytes, int64_t n) {
    int bad = 0;
    for (int64_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, bytes + 4 * i, sizeof x);
        bad |= !(fabsf(x) <= FLT_MAX);
    }
    return !bad;
}

/* ---- records -----------------------------------------------------------------------------------
 */

/* Where a record's word begins and ends; false if there is none in n bytes. */
static bool find_word(const char *bytes, int64_t n, int64_t *first, int64_t *end) {
    int64_t limit = n < MAX_WORD + 1 ? n : MAX_WORD + 1, i = 0;
    while (i < limit && bytes[i] == '\n') i++;
    *first = i;
    while (i < limit && bytes[i] != ' ' && bytes[i] != '\n') i++;
    *end = i;
    return i < limit && bytes[i] == ' ' && i > *first;
}

static judd_status not_finite(const judd_vectors *v, int64_t at, const char *word, int64_t n) {
    return judd_status_set(
        JUDD_E_DATA, "%s, byte %lld: \"%.*s\" has a number that is not finite; fetch it again",
        v->path, (long long)at, (int)(n < 40 ? n : 40), word);
}

/* A word [n] that lies at `at`, and its numbers behind it. */
static judd_status visit(judd_vectors_scan *s, int64_t at, const char *word, int64_t n) {
    const int64_t dim = s->v->info.dim;
    s->n_words++;
    if (!s->row) return judd_vectors_scan_word(s, word, n, at, n + 1 + 4 * dim, false);
    return all_finite(word + n + 1, dim) ? JUDD_OK : not_finite(s->v, at, word, n);
}

/* The records that are there, from *used on; *used: how far. */
static judd_status visit_records(judd_vectors_scan *s, int64_t *used) {
    judd_status status = JUDD_OK;
    const int64_t tail = 4 * s->v->info.dim;
    int64_t i = *used, first = 0, stop = 0;
    while (i < s->n && (s->last || s->n - i >= MAX_WORD + tail + 2)) {
        bool word = find_word(s->bytes + i, s->n - i, &first, &stop);
        if (s->last && i + first == s->n) { /* newlines at the end */
            i = s->n;
            break;
        }
        if (!word || stop + 1 + tail > s->n - i)
            JUDD_FAIL(JUDD_E_DATA,
                      "%s, byte %lld: no whole word and its %lld numbers; the file is cut off or "
                      "damaged, fetch it again",
                      s->v->path, (long long)(s->at + i), (long long)s->v->info.dim);
        JUDD_TRY(visit(s, s->at + i + first, s->bytes + i + first, stop - first));
        i += stop + 1 + tail;
    }
    *used = i;
done:
    return status;
}

static judd_status binary_scan(judd_vectors_scan *s) {
    int64_t used = s->v->body;
    judd_status status = visit_records(s, &used);
    while (status == JUDD_OK && !s->last) {
        status = judd_vectors_scan_on(s, used);
        used = 0;
        if (status == JUDD_OK) status = visit_records(s, &used);
    }
    return status;
}

static judd_status binary_read(float *rows, judd_vectors *v, const judd_vocabulary *words,
                               const judd_vectors_hit *hits, int64_t n) {
    judd_status status = JUDD_OK;
    const int64_t dim = v->info.dim;
    const char *space;
    char *record = NULL;
    JUDD_TRY(judd_memory_alloc(&record, MAX_WORD + 1 + 4 * dim, 1));
    for (int64_t i = 0; i < n; i++) {
        JUDD_TRY(judd_vectors_pread_all(v, record, hits[i].bytes, hits[i].at));
        JUDD_TRY(judd_vectors_check_word(&space, v, words, &hits[i], record));
        memcpy(rows + i * dim, space + 1, (size_t)(4 * dim));
        if (!all_finite(space + 1, dim))
            JUDD_TRY(not_finite(v, hits[i].at, record, space - record));
    }
done:
    free(record);
    return status;
}

/* ---- the format --------------------------------------------------------------------------------
 */

/* A head, and behind it a word and something that no text holds. */
static bool binary_begins(const char *start, int64_t n, int64_t bytes) {
    int64_t n_words = 0, dim = 0, head = judd_vectors_header(start, n, &n_words, &dim);
    (void)bytes;
    if (head == 0) return false;
    for (int64_t i = head; i < n && i < head + 512; i++)
        if ((unsigned char)start[i] < ' ' && !strchr("\t\n\r", start[i]))
            return true;
        else if (start[i] == '\0')
            return true;
    return false;
}

static judd_status binary_look(judd_vectors *v, const char *start, int64_t n) {
    v->body = judd_vectors_header(start, n, &v->info.n_words, &v->info.dim);
    return judd_vectors_check_header(v, 2, 4);
}

const judd_vectors_ops judd_vectors_word2vec_binary = {.format = "word2vec",
                                                       .binary = true,
                                                       .begins = binary_begins,
                                                       .look = binary_look,
                                                       .scan = binary_scan,
                                                       .counted = true,
                                                       .read = binary_read};
