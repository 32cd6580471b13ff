/* word2vec's binary files: a head line, then for every word its bytes, a space and its numbers,
 * with or without a newline behind them. Nothing marks where a word begins, so a rank guesses where
 * the first one of its range does: where several words that can be follow each other. The guess is
 * proved when the rank before it ends at that very byte; if any is not, rank 0 reads everything. */
#include "text/vectors.h"

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 4096, CHAIN = 8, MAX_GUESS = 256 };

static bool all_finite(const char *bytes, int64_t n, float most) {
    for (int64_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, bytes + 4 * i, sizeof x);
        if (!(fabsf(x) <= most)) return false;
    }
    return true;
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

/* Whether a record that can be begins here; its length. */
static int64_t plausible(const char *bytes, int64_t n, int64_t dim) {
    int64_t first = 0, end = 0;
    if (!find_word(bytes, n, &first, &end) || end - first > MAX_GUESS || first > 1) return 0;
    for (int64_t i = first; i < end; i++)
        if ((unsigned char)bytes[i] <= ' ') return 0;
    if (judd_tokens_bad_utf8(bytes + first, end - first) >= 0) return 0;
    int64_t length = end + 1 + 4 * dim;
    return length <= n && all_finite(bytes + end + 1, dim, 1e6f) ? length : 0;
}

/* Where records that can be follow each other from `at` on: the first end of one at or behind
 * `first`; 0 if there are too few of them. Only the first one's beginning is a guess: all ends are
 * counted from its space. */
static int64_t follow(const char *bytes, int64_t at, int64_t n, int64_t first, bool to_end,
                      int64_t dim) {
    int64_t found = 0, length = 0;
    int k = 0;
    for (; (k < CHAIN || found == 0) && (length = plausible(bytes + at, n - at, dim)) > 0; k++) {
        at += length;
        if (found == 0 && at >= first) found = at;
    }
    bool ended = to_end && k > 0 && (at == n || (at + 1 == n && bytes[at] == '\n'));
    return k >= CHAIN || ended ? found : 0;
}

/* The first byte of this rank's range where a record begins; its end if none is found. */
static judd_status guess(int64_t *start, const judd_vectors *v, int64_t first, int64_t end) {
    judd_status status = JUDD_OK;
    char *bytes = NULL;
    int64_t dim = v->info.dim, most = MAX_GUESS + 2 + 4 * dim, n = 0, found = 0;
    int64_t from = first - 2 * most > v->body ? first - 2 * most : v->body;
    JUDD_TRY(judd_memory_alloc(&bytes, (CHAIN + 4) * most, 1));
    JUDD_TRY(judd_vectors_pread(v, bytes, (CHAIN + 4) * most, from, &n));
    bool to_end = from + n == v->info.file_bytes;
    for (int64_t p = 0; p < n && p < most && found == 0; p++)
        found = follow(bytes, p, n, first - from, to_end, dim);
    *start = found > 0 ? from + found : end;
done:
    free(bytes);
    return status;
}

static judd_status visit(judd_vectors_scan *s, const judd_vectors *v, int64_t offset,
                         const char *word, int64_t word_bytes, const char *numbers) {
    bool noted = true;
    s->counts.n_words++;
    if (s->words) return judd_vectors_note(s, word, word_bytes, offset, 4 * v->info.dim, &noted);
    if (all_finite(numbers, v->info.dim, 0x1.fffffep127f)) return JUDD_OK;
    return judd_status_set(
        JUDD_E_DATA, "%s, byte %lld: \"%.*s\" has a number that is not finite; fetch it again",
        v->path, (long long)offset, (int)(word_bytes < 40 ? word_bytes : 40), word);
}

/* Records that begin in [*at, end); *at: where the one behind them does. */
static judd_status walk(judd_vectors_scan *s, const judd_vectors *v, int64_t *at, int64_t end) {
    judd_status status = JUDD_OK;
    char *bytes = NULL;
    int64_t tail = 4 * v->info.dim, room = JUDD_VECTORS_STEP + 2 * (MAX_WORD + tail);
    JUDD_TRY(judd_memory_alloc(&bytes, room, 1));
    while (*at < end) {
        int64_t n = 0, i = 0, first = 0, stop = 0;
        JUDD_TRY(judd_vectors_pread(v, bytes, room, *at, &n));
        bool last = *at + n >= v->info.file_bytes;
        while (*at + i < end && i < n && (last || n - i >= MAX_WORD + tail + 2)) {
            bool word = find_word(bytes + i, n - i, &first, &stop);
            if (last && i + first == n) { /* newlines at the end */
                i = n;
                break;
            }
            if (!word || stop + 1 + tail > n - i)
                JUDD_FAIL(
                    JUDD_E_DATA,
                    "%s, byte %lld: no whole word and its %lld numbers; the file is cut off or "
                    "damaged, fetch it again",
                    v->path, (long long)(*at + i), (long long)v->info.dim);
            JUDD_TRY(visit(s, v, *at + i + stop + 1, bytes + i + first, stop - first,
                           bytes + i + stop + 1));
            i += stop + 1 + tail;
        }
        *at += i;
        judd_watchdog_beat(v->comm->watchdog);
        if (n == 0) break;
    }
done:
    free(bytes);
    return status;
}

/* ---- scanning ----------------------------------------------------------------------------------
 */

/* Whether every rank ended where the next one began. Collective. */
static judd_status proved(bool *right, const judd_vectors *v, int64_t start, int64_t end) {
    judd_status status = JUDD_OK;
    void *all = NULL;
    int64_t own[2] = {start, end};
    JUDD_TRY(judd_comm_allgather(v->comm, &all, own, 2, sizeof *own));
    const int64_t *spans = all;
    *right = true;
    for (int r = 0; r + 1 < v->comm->size; r++)
        *right = *right && spans[2 * r + 1] == spans[2 * r + 2];
done:
    free(all);
    return status;
}

static judd_status binary_scan(judd_vectors_scan *s, judd_vectors *v) {
    judd_status status = JUDD_OK;
    int64_t first = 0, end = 0, start = 0, at = 0;
    bool right = false;
    judd_vectors_range(&first, &end, v);
    start = first;
    if (v->comm->rank > 0) status = guess(&start, v, first, end);
    at = start;
    if (status == JUDD_OK) status = walk(s, v, &at, end);
    if (v->comm->rank > 0 && status == JUDD_E_DATA) { /* perhaps a wrong guess */
        status = JUDD_OK;
        at = -1;
    }
    JUDD_TRY(judd_comm_agree(v->comm, status));
    JUDD_TRY(proved(&right, v, start, at));
    int64_t wrong = !right || at == -1;
    JUDD_TRY(judd_comm_sum(v->comm, &wrong, 1));
    if (wrong == 0) goto done;
    s->n_hits = 0;
    s->counts = (judd_vectors_counts){0};
    at = v->body;
    if (v->comm->rank == 0) status = walk(s, v, &at, v->info.file_bytes);
    JUDD_TRY(judd_comm_agree(v->comm, status));
done:
    return status;
}

static judd_status binary_read(float *rows, judd_vectors *v, const judd_vocabulary *words,
                               const judd_vectors_hit *hits, int64_t n) {
    judd_status status = JUDD_OK;
    int64_t dim = v->info.dim;
    for (int64_t i = 0; i < n; i++) {
        const char *row = (const char *)(rows + i * dim);
        JUDD_TRY(judd_vectors_pread_all(v, rows + i * dim, 4 * dim, hits[i].offset));
        if (all_finite(row, dim, 0x1.fffffep127f)) continue;
        const char *word = words->bytes + words->offsets[hits[i].word];
        JUDD_FAIL(JUDD_E_DATA, "%s: \"%.*s\" has a number that is not finite; fetch it again",
                  v->path, (int)(words->offsets[hits[i].word + 1] - words->offsets[hits[i].word]),
                  word);
    }
done:
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
    return judd_vectors_check_header(v, 4 * v->info.dim + 2);
}

const judd_vectors_ops judd_vectors_word2vec_binary = {.format = "word2vec",
                                                       .binary = true,
                                                       .begins = binary_begins,
                                                       .look = binary_look,
                                                       .scan = binary_scan,
                                                       .counted = true,
                                                       .read = binary_read};
