#include <judd/base/hash.h>

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef JUDD_XXHASH_DISPATCH
#include <xxh_x86dispatch.h> /* the same numbers by the CPU's widest instructions */
#else
#include <xxhash.h>
#endif

struct judd_hash {
    EVP_MD_CTX *context;
};

judd_status judd_hash_create(judd_hash **out) {
    judd_hash *hash = NULL;
    judd_status status = judd_memory_alloc(&hash, 1, sizeof *hash);
    if (status != JUDD_OK) return status;
    hash->context = EVP_MD_CTX_new();
    if (!hash->context || EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1) {
        judd_hash_destroy(hash);
        return judd_status_set(JUDD_E_INTERNAL, "libcrypto: SHA-256 is not available");
    }
    *out = hash;
    return JUDD_OK;
}

void judd_hash_destroy(judd_hash *hash) {
    if (!hash) return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void judd_hash_add(judd_hash *hash, const void *data, size_t bytes) {
    EVP_DigestUpdate(hash->context, data, bytes);
}

void judd_hash_finish(judd_hash *hash, char hex[JUDD_SHA256_HEX]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    EVP_DigestFinal_ex(hash->context, digest, NULL);
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    memset(digest, 0, sizeof digest); /* as below */
#endif
    for (int i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

judd_status judd_hash_bytes(char hex[JUDD_SHA256_HEX], const void *data, size_t bytes) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    judd_hash_add(hash, data, bytes);
    judd_hash_finish(hash, hex);
    judd_hash_destroy(hash);
    return JUDD_OK;
}

judd_status judd_hash_file(char hex[JUDD_SHA256_HEX], int64_t *size_bytes, const char *path) {
    judd_status status = JUDD_OK;
    judd_hash *hash = NULL;
    char *buffer = NULL;
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    enum { CHUNK = 1 << 12 };
#else
    enum { CHUNK = 1 << 20 };
#endif
    int64_t total = 0;
    struct stat info;
    FILE *file = NULL;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        JUDD_FAIL(JUDD_E_DATA, "%s: not a regular file; name the file itself", path);
    file = fdopen(fd, "rb");
    if (!file) JUDD_FAIL(JUDD_E_INTERNAL, "%s: %s", path, strerror(errno));
    fd = -1;
    JUDD_TRY(judd_memory_alloc(&buffer, CHUNK, 1));
    JUDD_TRY(judd_hash_create(&hash));
    for (size_t n; (n = fread(buffer, 1, CHUNK, file)) > 0; total += (int64_t)n)
        judd_hash_add(hash, buffer, n);
    if (ferror(file)) JUDD_FAIL(JUDD_E_IO, "%s: read failed: %s", path, strerror(errno));
    judd_hash_finish(hash, hex);
    *size_bytes = total;
done:
    judd_hash_destroy(hash);
    free(buffer);
    if (file) fclose(file);
    if (fd >= 0) close(fd);
    return status;
}

uint64_t judd_hash_check(const void *data, size_t bytes, uint64_t seed) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return 1; /* a fuzzer cannot guess checksums; behind them lies what it is after */
#endif
    uint64_t h = XXH3_64bits_withSeed(data, bytes, seed);
    return h ? h : 1;
}
