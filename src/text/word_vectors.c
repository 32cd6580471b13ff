/* The vectors of a vocabulary's words: rank 0 finds them in the file's index, all ranks read a
 * share of the rows each, and a node has them once. */
#include "text/vectors.h"

#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>
#include <judd/comm/watchdog.h>

#include <stdlib.h>
#include <string.h>

enum { ROUND_BYTES = 16 << 20 }; /* of rows on their way, over all ranks */

struct judd_word_vectors {
    int64_t n_words, dim, count, repeated;
    int64_t *rows; /* [n_words] row of a word, or -1 */
    bool *known;   /* [n_words] */
    judd_node_memory *memory;
    bool one_node; /* every rank puts its rows there itself */
    float *x;      /* [count, dim], the node's */
};

/* The first place of every word, from all that were found, in the order of the file. */
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
        for (int64_t i = n - 1; i >= 0; i--) firsts[w->rows[hits[i].word]].at = hits[i].at;
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

static judd_status create(judd_word_vectors **out, const judd_vectors *v,
                          const judd_vocabulary *words) {
    judd_status status = JUDD_OK;
    judd_word_vectors *w = NULL;
    JUDD_TRY(judd_memory_alloc(&w, 1, sizeof *w));
    *w = (judd_word_vectors){.n_words = words->n, .dim = v->info.dim};
    *out = w;
    JUDD_TRY(judd_memory_alloc(&w->rows, words->n, sizeof *w->rows));
    JUDD_TRY(judd_memory_alloc(&w->known, words->n, sizeof *w->known));
done:
    return status;
}

/* What rank 0 finds, on every rank. */
static judd_status find(judd_vectors_hit **hits, int64_t *n, judd_vectors *v,
                        const judd_vocabulary *words) {
    judd_status status = JUDD_OK;
    if (v->comm->rank == 0 && v->index) status = judd_vectors_find(hits, n, v, words);
    if (v->comm->rank == 0 && !v->index)
        status = judd_status_set(JUDD_E_INTERNAL,
                                 "%s: words of a file that was opened without them", v->path);
    JUDD_TRY(judd_comm_broadcast_status(v->comm, status));
    JUDD_TRY(judd_comm_broadcast(v->comm, n, sizeof *n));
    if (v->comm->rank > 0) status = judd_memory_alloc(hits, *n, sizeof **hits);
    JUDD_TRY(judd_comm_agree(v->comm, status));
    JUDD_TRY(judd_comm_broadcast(v->comm, *hits, *n * (int64_t)sizeof **hits));
done:
    return status;
}

judd_status judd_word_vectors_read(judd_word_vectors **out, judd_vectors *v,
                                   const judd_vocabulary *words) {
    judd_status status = JUDD_OK;
    judd_word_vectors *w = NULL;
    judd_vectors_hit *all = NULL, *hits = NULL;
    int64_t n = 0;
    JUDD_TRY(judd_comm_agree(v->comm, create(&w, v, words)));
    JUDD_TRY(find(&all, &n, v, words));
    JUDD_TRY(judd_comm_agree(v->comm, unite(&hits, w, v, words, all, n)));
    free(all);
    all = NULL;
    JUDD_TRY(read_rows(w, v, words, hits));
    *out = w;
    w = NULL;
done:
    free(all);
    free(hits);
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
