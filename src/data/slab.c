#include "data/slab.h"

#include "data/stage.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parallel file systems want megabytes; a gap smaller than NEAR (tar headers) is read over.
 * The fuzzers set the step lower. */
#ifndef JUDD_SLAB_STEP
#define JUDD_SLAB_STEP (1 << 22)
#endif
enum { STEP = JUDD_SLAB_STEP, NEAR = 1 << 16 };

judd_status judd_slab_stage(judd_slab *s, const judd_comm *comm, const char *path) {
    return s->staged ? JUDD_OK : judd_stage_file(&s->staged, &s->staged_bytes, comm, path);
}

static judd_status ended(const char *path, int64_t at) {
    return judd_status_set(JUDD_E_DATA,
                           "%s: ends at byte %lld, before what it held when the job began; "
                           "start the job again",
                           path, (long long)at);
}

static judd_status open_file(judd_slab *s, const char *path, int64_t file) {
    if (s->fd >= 0 && s->file == file) return JUDD_OK;
    if (s->fd >= 0) close(s->fd);
    s->n = 0;
    s->expected = -1;
    s->file = file;
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd >= 0) return JUDD_OK;
    return judd_status_set(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
}

/* At least `least` bytes at `offset`, at most `most`. */
static judd_status read_some(const judd_slab *s, const char *path, int64_t offset, int64_t least,
                             int64_t most, void *bytes, int64_t *got) {
    for (*got = 0; *got < least;) {
        ssize_t n = pread(s->fd, (char *)bytes + *got, (size_t)(most - *got), offset + *got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return judd_status_set(JUDD_E_IO, "%s: %s", path, strerror(errno));
        if (n == 0) return ended(path, offset + *got);
        *got += n;
    }
    return JUDD_OK;
}

judd_status judd_slab_read(judd_slab *s, const char *path, int64_t file, int64_t offset, int64_t n,
                           void *bytes) {
    int64_t got = 0;
    if (s->staged) {
        if (offset + n > s->staged_bytes) return ended(path, s->staged_bytes);
        memcpy(bytes, (const char *)judd_node_memory_data(s->staged) + offset, (size_t)n);
        return JUDD_OK;
    }
    judd_status status = open_file(s, path, file);
    if (status != JUDD_OK) return status;
    bool held = offset >= s->start && offset + n <= s->start + s->n;
    bool goes_on = offset >= s->expected && offset - s->expected < NEAR && s->expected >= 0;
    s->expected = offset + n;
    if (!held && (!goes_on || n > STEP / 2)) return read_some(s, path, offset, n, n, bytes, &got);
    if (!held) {
        if (!s->bytes) status = judd_memory_alloc(&s->bytes, STEP, 1);
        s->n = 0;
        if (status == JUDD_OK) status = read_some(s, path, offset, n, STEP, s->bytes, &got);
        if (status != JUDD_OK) return status;
        s->start = offset;
        s->n = got;
    }
    memcpy(bytes, s->bytes + (offset - s->start), (size_t)n);
    return JUDD_OK;
}

void judd_slab_close(judd_slab *s) {
    if (s->fd >= 0) close(s->fd);
    free(s->bytes);
    judd_node_memory_destroy(s->staged);
    *s = (judd_slab)JUDD_SLAB_EMPTY;
}
