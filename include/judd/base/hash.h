/** Hashes: SHA-256 for identity (cache keys, provenance), XXH3 for the integrity of stored rows. */
#ifndef JUDD_BASE_HASH_H
#define JUDD_BASE_HASH_H

#include <judd/base/status.h>

#include <stddef.h>
#include <stdint.h>

enum { JUDD_SHA256_HEX = 65 }; /* 64 hexadecimal digits and the final NUL */

typedef struct judd_hash judd_hash; /* a SHA-256 in progress */

judd_status judd_hash_create(judd_hash **out);
void judd_hash_destroy(judd_hash *hash);
void judd_hash_add(judd_hash *hash, const void *data, size_t bytes);
/** Ends the hash: lower-case hexadecimal digits. */
void judd_hash_finish(judd_hash *hash, char hex[JUDD_SHA256_HEX]);

/** SHA-256 of a buffer. */
judd_status judd_hash_bytes(char hex[JUDD_SHA256_HEX], const void *data, size_t bytes);

/** SHA-256 of a file's contents, and its size; JUDD_E_IO names the path, JUDD_E_DATA something that
 * is not a regular file (a pipe would block, a device never end). */
judd_status judd_hash_file(char hex[JUDD_SHA256_HEX], int64_t *size_bytes, const char *path);

/** XXH3-64 of a buffer; never 0, so that 0 can mean "not written". */
uint64_t judd_hash_check(const void *data, size_t bytes, uint64_t seed);

#endif
