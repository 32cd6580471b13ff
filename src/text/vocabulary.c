#include <judd/text/vocabulary.h>

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SLICES = 16, FIRST_SLOTS = 1 << 10 }; /* words go round in slices, by their hashes */

void judd_vocabulary_free(judd_vocabulary *v) {
    free(v->bytes);
    free(v->offsets);
    free(v->slots);
    *v = (judd_vocabulary){0};
}

static uint64_t hash_of(const char *word, int64_t bytes) {
    return XXH3_64bits(word, (size_t)bytes);
}

static int64_t length_of(const judd_vocabulary *v, int64_t i) {
    return v->offsets[i + 1] - v->offsets[i];
}

/* Where the word is, or the empty slot where it belongs. */
static int64_t slot_of(const judd_vocabulary *v, const char *word, int64_t bytes, uint64_t hash) {
    int64_t mask = v->n_slots - 1, s = (int64_t)(hash & (uint64_t)mask);
    for (; v->slots[s] != 0; s = (s + 1) & mask) {
        int64_t i = v->slots[s] - 1;
        if (length_of(v, i) == bytes && memcmp(v->bytes + v->offsets[i], word, (size_t)bytes) == 0)
            break;
    }
    return s;
}

int64_t judd_vocabulary_find(const judd_vocabulary *v, const char *word, int64_t bytes) {
    if (v->n == 0) return -1;
    return (int64_t)v->slots[slot_of(v, word, bytes, hash_of(word, bytes))] - 1;
}

/* ---- adding ------------------------------------------------------------------------------------
 */

static judd_status rehash(judd_vocabulary *v, int64_t n_slots) {
    uint32_t *slots = NULL;
    judd_status status = judd_memory_alloc(&slots, n_slots, sizeof *slots);
    if (status != JUDD_OK) return status;
    free(v->slots);
    v->slots = slots;
    v->n_slots = n_slots;
    for (int64_t i = 0; i < v->n; i++) {
        const char *word = v->bytes + v->offsets[i];
        int64_t bytes = length_of(v, i);
        v->slots[slot_of(v, word, bytes, hash_of(word, bytes))] = (uint32_t)i + 1;
    }
    return JUDD_OK;
}

static judd_status add(judd_vocabulary *v, const char *word, int64_t bytes, uint64_t hash) {
    judd_status status = JUDD_OK;
    if (2 * (v->n + 1) > v->n_slots)
        JUDD_TRY(rehash(v, v->n_slots > 0 ? 2 * v->n_slots : FIRST_SLOTS));
    int64_t s = slot_of(v, word, bytes, hash);
    if (v->slots[s] != 0) return JUDD_OK;
    if (v->n >= UINT32_MAX - 1)
        JUDD_FAIL(JUDD_E_DATA, "more than %u distinct words; is this text?", UINT32_MAX - 1);
    int64_t used = v->n > 0 ? v->offsets[v->n] : 0;
    JUDD_TRY(judd_memory_grow(&v->offsets, v->n > 0 ? v->n + 1 : 0, v->n + 2, &v->capacity,
                              sizeof *v->offsets));
    JUDD_TRY(judd_memory_grow(&v->bytes, used, used + bytes, &v->byte_capacity, 1));
    memcpy(v->bytes + used, word, (size_t)bytes);
    v->offsets[++v->n] = used + bytes;
    v->slots[s] = (uint32_t)v->n;
done:
    return status;
}

/* ---- all ranks' words --------------------------------------------------------------------------
 */

void judd_vocabulary_share(int64_t *first, int64_t *end, const judd_comm *comm, int64_t n) {
    *first = n / comm->size * comm->rank + n % comm->size * comm->rank / comm->size;
    *end = n / comm->size * (comm->rank + 1) + n % comm->size * (comm->rank + 1) / comm->size;
}

/* The words of this rank's texts. Local. */
static judd_status collect(judd_vocabulary *own, const judd_comm *comm, const judd_texts *texts,
                           judd_tokens *tokens) {
    judd_status status = JUDD_OK;
    int64_t first = 0, end = 0, bytes = 0;
    const char *text = NULL, *word = NULL;
    judd_vocabulary_share(&first, &end, comm, texts->n);
    for (int64_t i = first; i < end; i++) {
        JUDD_TRY(texts->get(texts->context, i, &text, &bytes));
        JUDD_TRY(judd_tokens_begin(tokens, text, bytes));
        while (judd_tokens_next(tokens, &word, &bytes))
            JUDD_TRY(add(own, word, bytes, hash_of(word, bytes)));
        judd_watchdog_beat(comm->watchdog);
    }
done:
    return status;
}

/* A word as it travels: its length, then its bytes. */
static judd_status pack(char **out, int64_t *n, const judd_vocabulary *own, int slice) {
    judd_status status = JUDD_OK;
    char *packed = NULL;
    int64_t used = 0, capacity = 0;
    for (int64_t i = 0; i < own->n; i++) {
        const char *word = own->bytes + own->offsets[i];
        int64_t bytes = length_of(own, i);
        if ((int)(hash_of(word, bytes) >> 60) != slice) continue;
        JUDD_TRY(
            judd_memory_grow(&packed, used, used + bytes + (int64_t)sizeof bytes, &capacity, 1));
        memcpy(packed + used, &bytes, sizeof bytes);
        memcpy(packed + used + sizeof bytes, word, (size_t)bytes);
        used += bytes + (int64_t)sizeof bytes;
    }
    *out = packed;
    *n = used;
    packed = NULL;
done:
    free(packed);
    return status;
}

static judd_status unite_slice(judd_vocabulary *all, const judd_vocabulary *own, int slice,
                               const judd_comm *comm) {
    judd_status status = JUDD_OK;
    char *packed = NULL;
    void *gathered = NULL;
    int64_t n = 0;
    JUDD_TRY(judd_comm_agree(comm, pack(&packed, &n, own, slice)));
    JUDD_TRY(judd_comm_allgather(comm, &gathered, packed, n, 1));
    JUDD_TRY(judd_comm_sum(comm, &n, 1));
    const char *at = gathered;
    for (int64_t i = 0, bytes = 0; i < n && status == JUDD_OK; i += bytes + (int64_t)sizeof bytes) {
        memcpy(&bytes, at + i, sizeof bytes);
        const char *word = at + i + sizeof bytes;
        status = add(all, word, bytes, hash_of(word, bytes));
    }
    JUDD_TRY(judd_comm_agree(comm, status));
done:
    free(packed);
    free(gathered);
    return status;
}

static int by_bytes(const void *a, const void *b, void *context) {
    const judd_vocabulary *v = context;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    int64_t n = length_of(v, i), m = length_of(v, j);
    int order = memcmp(v->bytes + v->offsets[i], v->bytes + v->offsets[j], (size_t)(n < m ? n : m));
    return order ? order : (n > m) - (n < m);
}

/* Numbers in the order of the words' bytes: the same whatever rank met a word first. Local. */
static judd_status sort(judd_vocabulary *out, const judd_vocabulary *all) {
    judd_status status = JUDD_OK;
    int64_t *order = NULL;
    JUDD_TRY(judd_memory_alloc(&order, all->n, sizeof *order));
    for (int64_t i = 0; i < all->n; i++) order[i] = i;
    qsort_r(order, (size_t)all->n, sizeof *order, by_bytes, (void *)(uintptr_t)all);
    JUDD_TRY(judd_memory_alloc(&out->offsets, all->n + 1, sizeof *out->offsets));
    JUDD_TRY(judd_memory_alloc(&out->bytes, all->n > 0 ? all->offsets[all->n] : 0, 1));
    for (int64_t i = 0; i < all->n; i++) {
        int64_t bytes = length_of(all, order[i]);
        memcpy(out->bytes + out->offsets[i], all->bytes + all->offsets[order[i]], (size_t)bytes);
        out->offsets[i + 1] = out->offsets[i] + bytes;
    }
    out->n = all->n;
    JUDD_TRY(rehash(out, all->n_slots > 0 ? all->n_slots : FIRST_SLOTS));
done:
    free(order);
    return status;
}

judd_status judd_vocabulary_build(judd_vocabulary *out, const judd_comm *comm,
                                  const judd_texts *sets, int64_t n_sets,
                                  const judd_tokens_options *options) {
    judd_status status = JUDD_OK;
    judd_vocabulary own = {0}, all = {0}, sorted = {0};
    judd_tokens *tokens = NULL;
    status = judd_tokens_create(&tokens, options);
    for (int64_t k = 0; k < n_sets && status == JUDD_OK; k++)
        status = collect(&own, comm, &sets[k], tokens);
    JUDD_TRY(judd_comm_agree(comm, status));
    for (int slice = 0; slice < SLICES; slice++) JUDD_TRY(unite_slice(&all, &own, slice, comm));
    JUDD_TRY(judd_comm_agree(comm, sort(&sorted, &all)));
    *out = sorted;
    sorted = (judd_vocabulary){0};
done:
    judd_tokens_destroy(tokens);
    judd_vocabulary_free(&own);
    judd_vocabulary_free(&all);
    judd_vocabulary_free(&sorted);
    return status;
}

/* ---- counting ----------------------------------------------------------------------------------
 */

static judd_status count_own(int64_t *occurrences, int64_t *texts_with, const judd_vocabulary *v,
                             const judd_comm *comm, const judd_texts *texts, judd_tokens *tokens) {
    judd_status status = JUDD_OK;
    int64_t first = 0, end = 0, bytes = 0, *last = NULL; /* text a word was last met in, + 1 */
    const char *text = NULL, *word = NULL;
    judd_vocabulary_share(&first, &end, comm, texts->n);
    JUDD_TRY(judd_memory_alloc(&last, v->n, sizeof *last));
    for (int64_t i = first; i < end; i++) {
        JUDD_TRY(texts->get(texts->context, i, &text, &bytes));
        JUDD_TRY(judd_tokens_begin(tokens, text, bytes));
        while (judd_tokens_next(tokens, &word, &bytes)) {
            int64_t w = judd_vocabulary_find(v, word, bytes);
            if (w < 0) continue;
            occurrences[w]++;
            texts_with[w] += last[w] != i + 1;
            last[w] = i + 1;
        }
        judd_watchdog_beat(comm->watchdog);
    }
done:
    free(last);
    return status;
}

judd_status judd_vocabulary_count(int64_t *occurrences, int64_t *texts_with,
                                  const judd_vocabulary *v, const judd_comm *comm,
                                  const judd_texts *texts, const judd_tokens_options *options) {
    judd_status status = JUDD_OK;
    judd_tokens *tokens = NULL;
    memset(occurrences, 0, (size_t)v->n * sizeof *occurrences);
    memset(texts_with, 0, (size_t)v->n * sizeof *texts_with);
    status = judd_tokens_create(&tokens, options);
    if (status == JUDD_OK) status = count_own(occurrences, texts_with, v, comm, texts, tokens);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_sum(comm, occurrences, v->n));
    JUDD_TRY(judd_comm_sum(comm, texts_with, v->n));
done:
    judd_tokens_destroy(tokens);
    return status;
}
