/* fastText's models, versions 11 and 12 (fasttext.cc, dictionary.cc of its releases 0.1.0 to
 * 0.9.2): magic, version, arguments, dictionary, then the matrix of words and n-gram buckets. A
 * word's vector is the mean, added up in float32 in this order, of its own row if the dictionary
 * has it, and of those of the n-grams of <word>, whose hashes name buckets. */
#include "text/vectors.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC = 793712314,
    HEAD = 8 + 12 * 4 + 8,       /* magic, version, 12 arguments, a double */
    BODY = HEAD + 3 * 4 + 2 * 8, /* and the sizes of the dictionary */
    MAX_NGRAM = 256,
    MAX_SUBWORDS = 1024,    /* bytes of a word that has n-grams: what is longer is no word */
    BLOCK_BYTES = 16 << 20, /* of rows that words of a block share */
};

static int32_t int32_at(const char *bytes, int64_t offset) {
    int32_t x;
    memcpy(&x, bytes + offset, sizeof x);
    return x;
}

static int64_t int64_at(const char *bytes, int64_t offset) {
    int64_t x;
    memcpy(&x, bytes + offset, sizeof x);
    return x;
}

/* ---- n-grams -----------------------------------------------------------------------------------
 */

/* FNV-1a on signed bytes, as fastText has it. */
static uint32_t hash_of(const char *text, int64_t n) {
    uint32_t h = 2166136261u;
    for (int64_t i = 0; i < n; i++) {
        int32_t byte = (int8_t)text[i];
        h ^= (uint32_t)byte;
        h *= 16777619u;
    }
    return h;
}

static bool goes_on(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Rows of the n-grams of `word` [n], which has < and > around it: at most `most` into rows; how
 * many there are. */
static int64_t ngrams(int64_t *rows, int64_t most, const judd_vectors *v, const char *word,
                      int64_t n) {
    int64_t count = 0, n_words = v->info.n_words;
    if (v->info.n_buckets == 0) return 0;
    for (int64_t i = 0; i < n; i++) {
        if (goes_on(word[i])) continue;
        for (int64_t j = i, length = 1; j < n && length <= v->info.most; length++) {
            for (j++; j < n && goes_on(word[j]);) j++;
            bool alone = length == 1 && (i == 0 || j == n);
            if (length < v->info.least || alone) continue;
            if (count < most)
                rows[count] = n_words + hash_of(word + i, j - i) % (uint32_t)v->info.n_buckets;
            count++;
        }
    }
    return count;
}

/* fastText's end of a line has no n-grams. */
static bool has_none(const char *word, int64_t n) {
    return n > MAX_SUBWORDS || (n == 4 && memcmp(word, "</s>", 4) == 0);
}

/* The word with < and > around it; how long that is. */
static int64_t surround(char *to, const char *word, int64_t n) {
    if (has_none(word, n)) return 0;
    to[0] = '<';
    memcpy(to + 1, word, (size_t)n);
    to[n + 1] = '>';
    return n + 2;
}

/* Whether there is any n-gram. */
static bool fasttext_makes(const judd_vectors *v, const char *word, int64_t n) {
    int64_t characters = 2;
    if (v->info.n_buckets == 0 || has_none(word, n)) return false;
    for (int64_t i = 0; i < n; i++) characters += !goes_on(word[i]);
    return characters >= v->info.least && (v->info.most > 1 || characters > 2) && v->info.most > 0;
}

/* ---- the head ----------------------------------------------------------------------------------
 */

static bool fasttext_begins(const char *start, int64_t n, int64_t bytes) {
    (void)bytes;
    return n >= 4 && int32_at(start, 0) == MAGIC;
}

static judd_status refuse(const judd_vectors *v, const char *what) {
    return judd_status_set(JUDD_E_DATA, "%s: damaged fastText model: %s; fetch it again", v->path,
                           what);
}

static judd_status read_arguments(judd_vectors *v, const char *start) {
    judd_vectors_info *i = &v->info;
    int version = int32_at(start, 4);
    if (version != 11 && version != 12)
        return judd_status_set(
            JUDD_E_DATA,
            "%s: version %d of fastText's format; 11 and 12 are read: export the "
            "model as .vec",
            v->path, version);
    i->dim = int32_at(start, 8);
    bool supervised = int32_at(start, 8 + 7 * 4) == 3;
    i->n_buckets = int32_at(start, 8 + 8 * 4);
    i->least = int32_at(start, 8 + 9 * 4);
    i->most = int32_at(start, 8 + 10 * 4);
    v->fasttext.n_entries = int32_at(start, HEAD);
    i->n_words = int32_at(start, HEAD + 4);
    v->fasttext.n_labels = int32_at(start, HEAD + 8);
    v->fasttext.pruned = int64_at(start, HEAD + 20);
    if (version == 11 && supervised) i->most = 0; /* as fastText reads it */
    if (v->fasttext.pruned > 0)
        return judd_status_set(JUDD_E_DATA,
                               "%s: a quantised fastText model, whose vectors are approximations; "
                               "use the model it was made from",
                               v->path);
    v->body = BODY;
    if (i->n_buckets < 0 || i->least < 0 || i->most < 0 || i->most > MAX_NGRAM)
        return refuse(v, "its n-grams cannot be");
    if (i->n_words < 1 || v->fasttext.n_labels < 0 ||
        v->fasttext.n_entries != i->n_words + v->fasttext.n_labels)
        return refuse(v, "its dictionary has other sizes than its head says");
    return judd_vectors_check_header(v, 10, 0);
}

static judd_status fasttext_look(judd_vectors *v, const char *start, int64_t n) {
    return n < BODY ? refuse(v, "its head is cut off") : read_arguments(v, start);
}

/* ---- the dictionary and the matrix -------------------------------------------------------------
 */

typedef struct dictionary {
    judd_vectors_scan *scan;
    int64_t n_words, n_labels;
} dictionary;

static judd_status take_entry(dictionary *d, const char *word, int64_t n, int type) {
    const judd_vectors *v = d->scan->v;
    if (type != 0 && type != 1) return refuse(v, "an entry is neither word nor label");
    if (type == 1) {
        d->n_labels++;
        return JUDD_OK;
    }
    int64_t row = d->n_words++;
    if (d->n_labels > 0) return refuse(v, "a word stands behind labels");
    return d->scan->row ? JUDD_OK : judd_vectors_scan_word(d->scan, word, n, row, 0, false);
}

/* Entries: the word, NUL, a count (int64), a type (int8). *used: where they end in what is there.
 */
static judd_status walk_dictionary(judd_vectors_scan *s, int64_t *used) {
    judd_status status = JUDD_OK;
    const judd_vectors *v = s->v;
    dictionary d = {.scan = s};
    for (int64_t left = v->fasttext.n_entries; left > 0;) {
        const char *word = s->bytes + *used, *end = s->bytes + s->n;
        const char *nul = memchr(word, 0, (size_t)(end - word));
        bool whole = nul && end - nul >= 10 && nul - word <= JUDD_VECTORS_MAX_WORD;
        if (!whole && (s->last || end - word > JUDD_VECTORS_MAX_WORD + 10))
            JUDD_TRY(refuse(v, "its dictionary is cut off"));
        if (!whole) {
            JUDD_TRY(judd_vectors_scan_on(s, *used));
            *used = 0;
            continue;
        }
        JUDD_TRY(take_entry(&d, word, nul - word, nul[9]));
        *used += nul - word + 10;
        left--;
    }
    s->n_words = d.n_words;
    if (d.n_words != v->info.n_words) JUDD_TRY(refuse(v, "it has other words than its head says"));
done:
    return status;
}

/* Quantised or not, rows and columns, then the rows. */
static judd_status find_matrix(judd_vectors *v, const char head[17], int64_t at) {
    judd_status status = JUDD_OK;
    if (head[0] != 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: a quantised fastText model, whose vectors are approximations; use the model "
                  "it was made from",
                  v->path);
    v->fasttext.rows = at + 17;
    int64_t rows = int64_at(head, 1), dim = int64_at(head, 9);
    if (rows != v->info.n_words + v->info.n_buckets || dim != v->info.dim)
        JUDD_TRY(refuse(v, "its matrix has another size than its head says"));
    if (v->fasttext.rows + rows * dim * 4 > v->info.file_bytes)
        JUDD_TRY(refuse(v, "its matrix is cut off"));
done:
    return status;
}

/* n numbers, also of rows that no word uses. */
static judd_status check_matrix(judd_vectors_scan *s, int64_t used, int64_t n) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < n; i++, used += 4) {
        float x;
        if (s->n - used < 4) {
            JUDD_TRY(judd_vectors_scan_on(s, used));
            used = 0;
        }
        memcpy(&x, s->bytes + used, sizeof x);
        if (!isfinite(x))
            JUDD_FAIL(JUDD_E_DATA,
                      "%s: row %lld of its matrix has a number that is not finite; fetch it again",
                      s->v->path, (long long)(i / s->v->info.dim));
    }
done:
    return status;
}

/* What is not used: n-grams of no length, or dropped ones. */
static void forget_ngrams(judd_vectors *v) {
    bool none = v->fasttext.pruned == 0 || v->info.most == 0 || v->info.least > v->info.most;
    if (none) v->info.n_buckets = 0;
}

static judd_status fasttext_scan(judd_vectors_scan *s) {
    judd_status status = JUDD_OK;
    judd_vectors *v = s->v;
    int64_t used = BODY;
    JUDD_TRY(walk_dictionary(s, &used));
    if (s->n - used < 17) {
        JUDD_TRY(judd_vectors_scan_on(s, used));
        used = 0;
    }
    if (s->n < 17) JUDD_TRY(refuse(v, "its matrix is cut off"));
    JUDD_TRY(find_matrix(v, s->bytes + used, s->at + used));
    if (s->row)
        JUDD_TRY(check_matrix(s, used + 17, (v->info.n_words + v->info.n_buckets) * v->info.dim));
    forget_ngrams(v);
done:
    return status;
}

/* ---- vectors -----------------------------------------------------------------------------------
 */

/* Words of a block, the rows that they need, and the rows themselves. */
typedef struct block {
    int64_t *wanted, n_wanted, capacity; /* rows of each word one behind the other */
    int64_t *ends;                       /* [words] where each word's end */
    int64_t *rows, n_rows;               /* distinct ones, ascending */
    float *x;                            /* [n_rows, dim] */
    char *word;
    int64_t word_capacity;
} block;

static void free_block(block *b) {
    free(b->wanted);
    free(b->ends);
    free(b->rows);
    free(b->x);
    free(b->word);
    *b = (block){0};
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The rows of one more word. */
static judd_status want(block *b, const judd_vectors *v, const judd_vocabulary *words,
                        const judd_vectors_hit *hit) {
    judd_status status = JUDD_OK;
    int64_t bytes = words->offsets[hit->word + 1] - words->offsets[hit->word];
    JUDD_TRY(judd_memory_grow(&b->word, 0, bytes + 2, &b->word_capacity, 1));
    int64_t n = surround(b->word, words->bytes + words->offsets[hit->word], bytes);
    int64_t count = ngrams(NULL, 0, v, b->word, n);
    JUDD_TRY(judd_memory_grow(&b->wanted, b->n_wanted, b->n_wanted + count + 1, &b->capacity,
                              sizeof *b->wanted));
    if (hit->at >= 0) b->wanted[b->n_wanted++] = hit->at;
    b->n_wanted += ngrams(b->wanted + b->n_wanted, count, v, b->word, n);
done:
    return status;
}

/* Neighbours are read in one piece. */
static judd_status fetch(block *b, const judd_vectors *v) {
    judd_status status = JUDD_OK;
    int64_t dim = v->info.dim;
    JUDD_TRY(judd_memory_alloc(&b->rows, b->n_wanted, sizeof *b->rows));
    memcpy(b->rows, b->wanted, (size_t)b->n_wanted * sizeof *b->rows);
    qsort(b->rows, (size_t)b->n_wanted, sizeof *b->rows, by_number);
    for (int64_t i = 0; i < b->n_wanted; i++)
        if (i == 0 || b->rows[i] != b->rows[b->n_rows - 1]) b->rows[b->n_rows++] = b->rows[i];
    JUDD_TRY(judd_memory_alloc(&b->x, b->n_rows * dim, sizeof *b->x));
    for (int64_t i = 0, k; i < b->n_rows; i += k) {
        for (k = 1; i + k < b->n_rows && b->rows[i + k] == b->rows[i] + k;) k++;
        JUDD_TRY(judd_vectors_pread_all(v, b->x + i * dim, 4 * k * dim,
                                        v->fasttext.rows + 4 * b->rows[i] * dim));
    }
done:
    return status;
}

static judd_status add_up(float *row, const block *b, const judd_vectors *v, int64_t first,
                          int64_t end) {
    int64_t dim = v->info.dim;
    memset(row, 0, (size_t)dim * sizeof *row);
    for (int64_t k = first; k < end; k++) {
        const int64_t *at =
            bsearch(&b->wanted[k], b->rows, (size_t)b->n_rows, sizeof *b->rows, by_number);
        const float *x = b->x + (at - b->rows) * dim;
        for (int64_t j = 0; j < dim; j++) row[j] += x[j];
    }
    if (end > first) {
        float share = (float)(1.0 / (double)(end - first));
        for (int64_t j = 0; j < dim; j++) row[j] *= share;
    }
    for (int64_t j = 0; j < dim; j++)
        if (!isfinite(row[j])) return refuse(v, "a number is not finite");
    return JUDD_OK;
}

/* As many words as share rows of BLOCK_BYTES at most, at least one; how many. */
static judd_status run_block(float *rows, int64_t *done_words, judd_vectors *v,
                             const judd_vocabulary *words, const judd_vectors_hit *hits,
                             int64_t n) {
    judd_status status = JUDD_OK;
    block b = {0};
    int64_t count = 0, most = BLOCK_BYTES / 4 / v->info.dim;
    JUDD_TRY(judd_memory_alloc(&b.ends, n, sizeof *b.ends));
    while (count < n && (count == 0 || b.n_wanted < most)) {
        JUDD_TRY(want(&b, v, words, &hits[count]));
        b.ends[count++] = b.n_wanted;
    }
    JUDD_TRY(fetch(&b, v));
    for (int64_t i = 0; i < count; i++)
        JUDD_TRY(add_up(rows + i * v->info.dim, &b, v, i > 0 ? b.ends[i - 1] : 0, b.ends[i]));
    *done_words = count;
done:
    free_block(&b);
    return status;
}

static judd_status fasttext_read(float *rows, judd_vectors *v, const judd_vocabulary *words,
                                 const judd_vectors_hit *hits, int64_t n) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0, count = 0; i < n && status == JUDD_OK; i += count)
        status = run_block(rows + i * v->info.dim, &count, v, words, hits + i, n - i);
    return status;
}

const judd_vectors_ops judd_vectors_fasttext = {.format = "fasttext",
                                                .binary = true,
                                                .begins = fasttext_begins,
                                                .look = fasttext_look,
                                                .scan = fasttext_scan,
                                                .counted = true,
                                                .read = fasttext_read,
                                                .makes = fasttext_makes};
