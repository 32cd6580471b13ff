/** The identity of many samples, computed by the ranks together. */
#ifndef JUDD_SRC_DATA_BLOCK_HASH_H
#define JUDD_SRC_DATA_BLOCK_HASH_H

#include <judd/base/hash.h>
#include <judd/base/scratch.h>
#include <judd/comm/node_memory.h>

#include <stdint.h>

/** Adds samples [first, end) to the hash of their block and gives the XXH3 of each one's bytes. */
typedef judd_status (*judd_block_hash_add)(void *context, judd_hash *hash, int64_t first,
                                           int64_t end, uint64_t *checks);

/** SHA-256 over the SHA-256s of blocks of `block` samples in order; neither the ranks nor where the
 *  bytes lie matter. The ranks share the blocks of a stretch of some 100,000 samples, one stretch
 *  after the other, so that none holds more than those. *checks: uint64_t [n], of every sample, on
 *  the nodes' disks; owner: caller. sha256 may be NULL. Collective. */
judd_status judd_block_hash_run(char sha256[JUDD_SHA256_HEX], judd_node_memory **checks,
                                const judd_comm *comm, int64_t n, int64_t block,
                                judd_block_hash_add add, void *context);

/** The same SHA-256 and checks by one rank that has to read every sample anyhow. *checks: uint64_t
 * [n]; owner: caller. Local. */
judd_status judd_block_hash_alone(char sha256[JUDD_SHA256_HEX], judd_scratch *checks, int64_t n,
                                  int64_t block, judd_block_hash_add add, void *context);

#endif
