#include "data/block_hash.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdlib.h>
#include <string.h>

enum { STRETCH = 1 << 17 }; /* samples; each rank has some of them */

typedef struct work {
    const judd_comm *comm;
    int64_t n, block;
    judd_block_hash_add add;
    void *context;
    judd_hash *all;   /* rank 0's, over the digests */
    uint64_t *checks; /* of all samples, where this rank is to write them; else NULL */
} work;

/* This rank's blocks of a stretch. */
typedef struct share {
    int64_t n, n_blocks;
    uint64_t *checks; /* [n] */
    char (*digests)[JUDD_SHA256_HEX];
} share;

static judd_status hash_block(char digest[JUDD_SHA256_HEX], const work *w, int64_t first,
                              int64_t end, uint64_t *checks) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status == JUDD_OK) status = w->add(w->context, hash, first, end, checks);
    if (status == JUDD_OK) judd_hash_finish(hash, digest);
    judd_hash_destroy(hash);
    return status;
}

/* Samples [first, end) of the stretch are this rank's. */
static judd_status hash_share(share *s, const work *w, int64_t first, int64_t end) {
    judd_status status = JUDD_OK;
    s->n = end > first ? end - first : 0;
    s->n_blocks = (s->n + w->block - 1) / w->block;
    JUDD_TRY(judd_memory_alloc(&s->checks, s->n, sizeof *s->checks));
    JUDD_TRY(judd_memory_alloc(&s->digests, s->n_blocks, sizeof *s->digests));
    for (int64_t b = 0; b < s->n_blocks; b++) {
        judd_watchdog_beat(w->comm->watchdog);
        JUDD_TRY(hash_block(s->digests[b], w, first + b * w->block,
                            judd_least(first + (b + 1) * w->block, end), s->checks + b * w->block));
    }
done:
    return status;
}

/* Samples [first, end): a whole number of blocks, or up to the last sample. */
static judd_status run_stretch(work *w, int64_t first, int64_t end) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = w->comm;
    share s = {0};
    void *digests = NULL, *checks = NULL;
    int64_t blocks = (end - first + w->block - 1) / w->block;
    int64_t from = first + blocks * comm->rank / comm->size * w->block;
    int64_t to = judd_least(first + blocks * (comm->rank + 1) / comm->size * w->block, end);
    JUDD_TRY(judd_comm_agree(comm, hash_share(&s, w, from, to)));
    JUDD_TRY(judd_comm_gather(comm, &digests, s.digests, s.n_blocks, sizeof *s.digests));
    JUDD_TRY(judd_comm_allgather(comm, &checks, s.checks, s.n, sizeof *s.checks));
    if (comm->rank == 0) judd_hash_add(w->all, digests, (size_t)blocks * sizeof *s.digests);
    if (w->checks) memcpy(w->checks + first, checks, (size_t)(end - first) * sizeof *s.checks);
done:
    free(digests);
    free(checks);
    free(s.checks);
    free(s.digests);
    return status;
}

judd_status judd_block_hash_run(char sha256[JUDD_SHA256_HEX], judd_node_memory **checks,
                                const judd_comm *comm, int64_t n, int64_t block,
                                judd_block_hash_add add, void *context) {
    judd_status status = JUDD_OK;
    judd_node_memory *memory = NULL;
    work w = {.comm = comm, .n = n, .block = block, .add = add, .context = context};
    int64_t step = STRETCH / block * block;
    char hex[JUDD_SHA256_HEX] = "";
    JUDD_TRY(judd_comm_agree(comm, judd_hash_create(&w.all)));
    JUDD_TRY(judd_node_memory_create_on_disk(&memory, comm, n * (int64_t)sizeof *w.checks));
    if (judd_node_memory_is_writer(memory)) w.checks = judd_node_memory_data(memory);
    for (int64_t first = 0; first < n; first += step) {
        JUDD_TRY(run_stretch(&w, first, judd_least(first + step, n)));
        judd_node_memory_release(memory);
    }
    JUDD_TRY(judd_node_memory_publish(memory));
    judd_hash_finish(w.all, hex);
    JUDD_TRY(judd_comm_broadcast(comm, hex, sizeof hex));
    if (sha256) memcpy(sha256, hex, sizeof hex);
    *checks = memory;
    memory = NULL;
done:
    judd_node_memory_destroy(memory);
    judd_hash_destroy(w.all);
    return status;
}

judd_status judd_block_hash_alone(char sha256[JUDD_SHA256_HEX], judd_scratch *checks, int64_t n,
                                  int64_t block, judd_block_hash_add add, void *context) {
    judd_status status = JUDD_OK;
    work w = {.n = n, .block = block, .add = add, .context = context};
    char digest[JUDD_SHA256_HEX] = "";
    JUDD_TRY(judd_hash_create(&w.all));
    JUDD_TRY(judd_scratch_create(checks, n * (int64_t)sizeof(uint64_t)));
    for (int64_t first = 0; first < n; first += block) {
        JUDD_TRY(hash_block(digest, &w, first, judd_least(first + block, n),
                            (uint64_t *)checks->data + first));
        judd_hash_add(w.all, digest, sizeof digest);
    }
    judd_hash_finish(w.all, sha256);
done:
    judd_hash_destroy(w.all);
    return status;
}
