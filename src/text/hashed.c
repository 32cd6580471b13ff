#include <judd/text/hashed.h>

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct judd_hashed {
    int64_t columns;
    float *idf; /* [columns] */
};

static uint32_t rotate(uint32_t x, int by) {
    return x << by | x >> (32 - by);
}

static uint32_t scramble(uint32_t k) {
    return rotate(k * 0xcc9e2d51u, 15) * 0x1b873593u;
}

/* MurmurHash3_x86_32 (Appleby 2011, public domain), seed 0. */
static int32_t murmur(const char *word, int64_t n) {
    uint32_t h = 0, tail = 0;
    int64_t whole = n / 4 * 4;
    for (int64_t i = 0; i < whole; i += 4) {
        uint32_t k;
        memcpy(&k, word + i, sizeof k); /* little-endian */
        h = rotate(h ^ scramble(k), 13) * 5u + 0xe6546b64u;
    }
    for (int64_t i = n - 1; i >= whole; i--) tail = tail << 8 | (unsigned char)word[i];
    h ^= scramble(tail) ^ (uint32_t)n;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    h ^= h >> 16;
    int32_t s;
    memcpy(&s, &h, sizeof s);
    return s;
}

static int64_t column_of(int32_t hash, int64_t columns) {
    if (hash == INT32_MIN) return (INT32_MAX - (columns - 1)) % columns;
    return (hash < 0 ? -(int64_t)hash : (int64_t)hash) % columns;
}

/* Texts that have a word in each column. Local. */
static judd_status count(int64_t *with, int64_t columns, const judd_comm *comm,
                         const judd_texts *corpus, judd_tokens *tokens) {
    judd_status status = JUDD_OK;
    int64_t first = 0, end = 0, bytes = 0, *last = NULL;
    const char *text = NULL, *word = NULL;
    judd_vocabulary_share(&first, &end, comm, corpus->n);
    JUDD_TRY(judd_memory_alloc(&last, columns, sizeof *last));
    for (int64_t i = first; i < end; i++) {
        JUDD_TRY(corpus->get(corpus->context, i, &text, &bytes));
        JUDD_TRY(judd_tokens_begin(tokens, text, bytes));
        while (judd_tokens_next(tokens, &word, &bytes)) {
            int64_t c = column_of(murmur(word, bytes), columns);
            with[c] += last[c] != i + 1;
            last[c] = i + 1;
        }
        judd_watchdog_beat(comm->watchdog);
    }
done:
    free(last);
    return status;
}

judd_status judd_hashed_create(judd_hashed **out, const judd_comm *comm, const judd_texts *corpus,
                               const judd_tokens_options *options, int64_t columns) {
    judd_status status = JUDD_OK;
    judd_hashed *h = NULL;
    judd_tokens *tokens = NULL;
    int64_t *with = NULL;
    status = judd_memory_alloc(&h, 1, sizeof *h);
    if (status == JUDD_OK) status = judd_memory_alloc(&h->idf, columns, sizeof *h->idf);
    if (status == JUDD_OK) status = judd_memory_alloc(&with, columns, sizeof *with);
    if (status == JUDD_OK) status = judd_tokens_create(&tokens, options);
    if (status == JUDD_OK) status = count(with, columns, comm, corpus, tokens);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_sum(comm, with, columns));
    h->columns = columns;
    for (int64_t c = 0; c < columns; c++)
        h->idf[c] =
            (float)(judd_exact_log((1.0 + (double)corpus->n) / (1.0 + (double)with[c])) + 1.0);
    *out = h;
    h = NULL;
done:
    judd_tokens_destroy(tokens);
    free(with);
    judd_hashed_destroy(h);
    return status;
}

void judd_hashed_destroy(judd_hashed *h) {
    if (!h) return;
    free(h->idf);
    free(h);
}

judd_status judd_hashed_run(const judd_hashed *h, judd_tokens *tokens, const char *text,
                            int64_t bytes, float *features) {
    const char *word = NULL;
    double squares = 0.0;
    memset(features, 0, (size_t)h->columns * sizeof *features);
    judd_status status = judd_tokens_begin(tokens, text, bytes);
    while (status == JUDD_OK && judd_tokens_next(tokens, &word, &bytes)) {
        int32_t hash = murmur(word, bytes);
        features[column_of(hash, h->columns)] += hash < 0 ? -1.0f : 1.0f;
    }
    for (int64_t c = 0; c < h->columns; c++) {
        features[c] *= h->idf[c];
        squares += (double)features[c] * (double)features[c];
    }
    if (squares == 0.0) return status;
    float share = (float)(1.0 / sqrt(squares));
    for (int64_t c = 0; c < h->columns; c++) features[c] *= share;
    return status;
}
