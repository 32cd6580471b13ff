#include "data/byte_stream.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Bytes read at a time. The fuzzers set it lower. */
#ifndef JUDD_BYTE_STREAM_CHUNK
#define JUDD_BYTE_STREAM_CHUNK (1 << 18)
#endif

enum {
    CHUNK = JUDD_BYTE_STREAM_CHUNK,
    DEFLATE_RATIO = 1032,
    GZIP_WINDOW = 15 + 16,
    REST_LIMIT = 1 << 26
};

struct judd_byte_stream {
    const char *path; /* borrowed */
    int fd;
    int64_t file_bytes;
    judd_hash *hash;
    bool gzip, inflating, at_end; /* at_end: the last gzip member is complete */
    z_stream z;
    uint8_t *chunk; /* [CHUNK], bytes of the file not yet used: [used, filled) */
    int64_t used, filled;
};

/* Next chunk of the file, only when the last one is used up; filled = 0 at the end of the file. */
static judd_status refill(judd_byte_stream *s) {
    if (s->used < s->filled) return JUDD_OK;
    ssize_t n;
    do n = read(s->fd, s->chunk, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0) return judd_status_set(JUDD_E_IO, "%s: read failed: %s", s->path, strerror(errno));
    judd_hash_add(s->hash, s->chunk, (size_t)n);
    s->used = 0;
    s->filled = n;
    return JUDD_OK;
}

static judd_status open_regular(judd_byte_stream *s) {
    s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (s->fd < 0)
        return judd_status_set(JUDD_E_IO, "%s: %s; check the path", s->path, strerror(errno));
    struct stat st;
    if (fstat(s->fd, &st) != 0)
        return judd_status_set(JUDD_E_IO, "%s: %s", s->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return judd_status_set(JUDD_E_DATA, "%s: is %s, not a file; name the data file itself",
                               s->path, S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
    s->file_bytes = st.st_size;
    return JUDD_OK;
}

judd_status judd_byte_stream_open(judd_byte_stream **out, const char *path) {
    judd_status status = JUDD_OK;
    judd_byte_stream *s = NULL;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->path = path;
    s->fd = -1;
    JUDD_TRY(open_regular(s));
    JUDD_TRY(judd_memory_alloc(&s->chunk, CHUNK, 1));
    JUDD_TRY(judd_hash_create(&s->hash));
    JUDD_TRY(refill(s));
    s->gzip = s->filled >= 2 && s->chunk[0] == 0x1f && s->chunk[1] == 0x8b;
    if (s->gzip && inflateInit2(&s->z, GZIP_WINDOW) != Z_OK)
        JUDD_FAIL(JUDD_E_INTERNAL, "%s: zlib cannot start inflating: no memory", path);
    s->inflating = s->gzip;
    *out = s;
done:
    if (status != JUDD_OK) judd_byte_stream_close(s);
    return status;
}

void judd_byte_stream_close(judd_byte_stream *s) {
    if (!s) return;
    if (s->inflating) inflateEnd(&s->z);
    if (s->fd >= 0) close(s->fd);
    judd_hash_destroy(s->hash);
    free(s->chunk);
    free(s);
}

bool judd_byte_stream_is_gzip(const judd_byte_stream *s) {
    return s->gzip;
}

int64_t judd_byte_stream_limit(const judd_byte_stream *s) {
    if (!s->gzip) return s->file_bytes;
    return s->file_bytes > INT64_MAX / DEFLATE_RATIO ? INT64_MAX : s->file_bytes * DEFLATE_RATIO;
}

static judd_status read_plain(judd_byte_stream *s, uint8_t *data, int64_t n, int64_t *got) {
    *got = 0;
    while (*got < n) {
        judd_status status = refill(s);
        if (status != JUDD_OK) return status;
        int64_t take = s->filled - s->used < n - *got ? s->filled - s->used : n - *got;
        if (take == 0) break;
        memcpy(data + *got, s->chunk + s->used, (size_t)take);
        s->used += take;
        *got += take;
    }
    return JUDD_OK;
}

/* A member ended: RFC 1952 allows another one behind it, nothing else. */
static judd_status next_member(judd_byte_stream *s) {
    judd_status status = refill(s);
    if (status != JUDD_OK) return status;
    if (s->filled == 0) {
        s->at_end = true;
        return JUDD_OK;
    }
    if (s->chunk[s->used] != 0x1f)
        return judd_status_set(
            JUDD_E_DATA, "%s: other bytes follow the gzip data; fetch the file again", s->path);
    inflateReset(&s->z);
    return JUDD_OK;
}

/* One call of inflate: `room` bytes of space at `data`, *made of them filled. */
static judd_status inflate_some(judd_byte_stream *s, uint8_t *data, int64_t room, int64_t *made) {
    judd_status status = refill(s);
    if (status != JUDD_OK) return status;
    enum { MOST = 1 << 30 }; /* zlib counts in 32 bits */
    s->z.next_in = s->chunk + s->used;
    s->z.avail_in = (uInt)(s->filled - s->used);
    s->z.next_out = data;
    s->z.avail_out = (uInt)(room < MOST ? room : MOST);
    int64_t space = s->z.avail_out;
    int code = inflate(&s->z, Z_NO_FLUSH);
    s->used = s->filled - s->z.avail_in;
    *made = space - s->z.avail_out;
    if (code == Z_STREAM_END) return next_member(s);
    if (code == Z_MEM_ERROR)
        return judd_status_set(JUDD_E_INTERNAL, "%s: no memory to inflate", s->path);
    if (code == Z_OK || (code == Z_BUF_ERROR && s->filled > 0)) return JUDD_OK;
    if (code == Z_BUF_ERROR)
        return judd_status_set(JUDD_E_DATA,
                               "%s: truncated: the gzip data stop before their end; fetch the file "
                               "again",
                               s->path);
    return judd_status_set(JUDD_E_DATA, "%s: corrupt gzip data (%s); fetch the file again", s->path,
                           s->z.msg ? s->z.msg : "inflate failed");
}

judd_status judd_byte_stream_read(judd_byte_stream *s, void *data, int64_t n, int64_t *got) {
    if (!s->gzip) return read_plain(s, data, n, got);
    *got = 0;
    while (*got < n && !s->at_end) {
        int64_t made = 0;
        judd_status status = inflate_some(s, (uint8_t *)data + *got, n - *got, &made);
        if (status != JUDD_OK) return status;
        *got += made;
    }
    return JUDD_OK;
}

judd_status judd_byte_stream_finish(judd_byte_stream *s, int64_t *rest, char hex[JUDD_SHA256_HEX]) {
    judd_status status = JUDD_OK;
    uint8_t *sink = NULL;
    *rest = 0;
    JUDD_TRY(judd_memory_alloc(&sink, CHUNK, 1));
    for (int64_t got = CHUNK; got == CHUNK && *rest < REST_LIMIT; *rest += got)
        JUDD_TRY(judd_byte_stream_read(s, sink, CHUNK, &got));
    judd_hash_finish(s->hash, hex);
done:
    free(sink);
    return status;
}
