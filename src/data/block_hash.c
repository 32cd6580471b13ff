#include "data/block_hash.h"

#include <judd/base/memory.h>

#include <stdlib.h>

static judd_status hash_block(char digest[JUDD_SHA256_HEX], judd_block_hash_add add, void *context,
                              int64_t first, int64_t end, uint64_t *checks) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status == JUDD_OK) status = add(context, hash, first, end, checks);
    if (status == JUDD_OK) judd_hash_finish(hash, digest);
    judd_hash_destroy(hash);
    return status;
}

judd_status judd_block_hash_run(char sha256[JUDD_SHA256_HEX], uint64_t **checks,
                                const judd_comm *comm, int64_t n, int64_t block,
                                judd_block_hash_add add, void *context) {
    judd_status status = JUDD_OK;
    int64_t blocks = (n + block - 1) / block;
    int64_t first = blocks * comm->rank / comm->size, end = blocks * (comm->rank + 1) / comm->size;
    int64_t n_own = (end * block < n ? end * block : n) - first * block;
    char(*digests)[JUDD_SHA256_HEX] = NULL;
    uint64_t *own = NULL;
    void *all_digests = NULL, *all_checks = NULL;
    if (n_own < 0) n_own = 0;
    status = judd_memory_alloc(&digests, end - first, sizeof *digests);
    if (status == JUDD_OK) status = judd_memory_alloc(&own, n_own, sizeof *own);
    for (int64_t b = first; status == JUDD_OK && b < end; b++) {
        int64_t last = (b + 1) * block < n ? (b + 1) * block : n;
        status = hash_block(digests[b - first], add, context, b * block, last,
                            own + (b - first) * block);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_gather(comm, &all_digests, digests, end - first, sizeof *digests));
    JUDD_TRY(judd_comm_allgather(comm, &all_checks, own, n_own, sizeof *own));
    if (comm->rank == 0)
        status = judd_hash_bytes(sha256, all_digests, (size_t)blocks * sizeof *digests);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, sha256, JUDD_SHA256_HEX));
    *checks = all_checks;
    all_checks = NULL;
done:
    free(digests);
    free(own);
    free(all_digests);
    free(all_checks);
    return status;
}
