/** The identity of many samples, computed by the ranks together. */
#ifndef DATA_BLOCK_HASH_H
#define DATA_BLOCK_HASH_H

#include <judd/base/hash.h>
#include <judd/comm/comm.h>

#include <stdint.h>

/** Adds samples [first, end) to the hash of their block and gives the XXH3 of each one's bytes. */
typedef judd_status (*judd_block_hash_add)(void *context, judd_hash *hash, int64_t first,
                                           int64_t end, uint64_t *checks);

/** SHA-256 over the SHA-256s of blocks of `block` samples in order; neither the ranks nor where the
 *  bytes lie matter. Every rank hashes its share of the blocks, in order. *checks: [n] on every
 *  rank, free(). Collective. */
judd_status judd_block_hash_run(char sha256[JUDD_SHA256_HEX], uint64_t **checks,
                                const judd_comm *comm, int64_t n, int64_t block,
                                judd_block_hash_add add, void *context);

#endif
