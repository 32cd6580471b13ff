#include <judd/base/scratch.h>

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 20 }; /* bytes read at a time: hashed while they are in the caches */

static const char *temporary(void) {
    const char *given = getenv("TMPDIR");
    return given && given[0] ? given : "/tmp";
}

static judd_status no_room(const char *folder, int64_t bytes, int error) {
    return judd_status_set(JUDD_E_IO,
                           "%s: no temporary file of %lld bytes: %s; set TMPDIR to a folder with "
                           "room for it",
                           folder, (long long)bytes, strerror(error));
}

static judd_status no_file(const char *folder, int error) {
    return judd_status_set(JUDD_E_IO,
                           "%s: no temporary file: %s; set TMPDIR to a folder that can be written",
                           folder, strerror(error));
}

/* A file with a name: *path, free(). */
static judd_status make_named(int *fd, char **path, const char *folder) {
    judd_status status = judd_memory_format(path, "%s/judd-scratch-XXXXXX", folder);
    if (status != JUDD_OK) return status;
    *fd = mkostemp(*path, O_CLOEXEC);
    if (*fd >= 0) return JUDD_OK;
    status = no_file(folder, errno);
    free(*path);
    *path = NULL;
    return status;
}

/* Without a name where the file system can do that, as most local ones. */
static judd_status make_file(int *fd, char **path, const char *folder) {
    *path = NULL;
    *fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*fd >= 0) return JUDD_OK;
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
        return make_named(fd, path, folder);
    return no_file(folder, errno);
}

judd_status judd_scratch_file(int *fd) {
    char *path = NULL;
    judd_status status = make_file(fd, &path, temporary());
    if (path) unlink(path);
    free(path);
    return status;
}

static judd_status map(judd_scratch *s, int fd, int64_t bytes) {
    void *data = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) return no_room(s->folder, bytes, errno);
    s->data = data;
    s->bytes = bytes;
    return JUDD_OK;
}

judd_status judd_scratch_create(judd_scratch *out, int64_t bytes) {
    return judd_scratch_create_in(out, temporary(), bytes);
}

judd_status judd_scratch_create_in(judd_scratch *out, const char *folder, int64_t bytes) {
    judd_status status = JUDD_OK;
    judd_scratch s = {.folder = folder};
    *out = (judd_scratch){0};
    if (bytes < 1) bytes = 1;
    JUDD_TRY(make_file(&s.fd, &s.path, folder));
    s.open = true;
    int failed = posix_fallocate(s.fd, 0, bytes);
    if (failed) JUDD_TRY(no_room(folder, bytes, failed));
    JUDD_TRY(map(&s, s.fd, bytes));
    *out = s;
    s = (judd_scratch){0};
done:
    judd_scratch_free(&s);
    return status;
}

static judd_status open_regular(int *fd, int64_t *bytes, const char *path) {
    struct stat info;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe would block */
    if (*fd < 0 || fstat(*fd, &info) != 0)
        return judd_status_set(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return judd_status_set(JUDD_E_DATA, "%s: is not a file; name the file itself", path);
    *bytes = info.st_size;
    return JUDD_OK;
}

static judd_status fill(const judd_scratch *s, int64_t bytes, judd_hash *hash, int fd,
                        const char *path) {
    for (int64_t done = 0; done < bytes;) {
        char *to = (char *)s->data + done;
        ssize_t n = read(fd, to, (size_t)(bytes - done < PIECE ? bytes - done : PIECE));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return judd_status_set(JUDD_E_IO, "%s: read failed: %s", path, strerror(errno));
        if (n == 0)
            return judd_status_set(JUDD_E_IO, "%s: became shorter while it was read; start again",
                                   path);
        judd_hash_add(hash, to, (size_t)n);
        done += n;
    }
    return JUDD_OK;
}

judd_status judd_scratch_read(judd_scratch *out, int64_t *bytes, char hex[JUDD_SHA256_HEX],
                              const char *path) {
    judd_status status = JUDD_OK;
    judd_scratch s = {0};
    judd_hash *hash = NULL;
    char digest[JUDD_SHA256_HEX];
    int fd = -1;
    *out = s;
    JUDD_TRY(open_regular(&fd, bytes, path));
    JUDD_TRY(judd_hash_create(&hash));
    JUDD_TRY(judd_scratch_create(&s, *bytes));
    JUDD_TRY(fill(&s, *bytes, hash, fd, path));
    judd_hash_finish(hash, digest);
    if (hex) memcpy(hex, digest, sizeof digest);
    *out = s;
    s = (judd_scratch){0};
done:
    if (fd >= 0) close(fd);
    judd_hash_destroy(hash);
    judd_scratch_free(&s);
    return status;
}

judd_status judd_scratch_show(judd_scratch *s) {
    judd_status status = JUDD_OK;
    char file[32], *path = NULL;
    if (s->path) return JUDD_OK;
    snprintf(file, sizeof file, "/proc/self/fd/%d", s->fd);
    for (int i = 0;; i++) {
        JUDD_TRY(judd_memory_format(&path, "%s/judd-scratch-%ld-%d", s->folder, (long)getpid(), i));
        if (linkat(AT_FDCWD, file, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) break;
        if (errno != EEXIST)
            JUDD_FAIL(JUDD_E_IO, "%s: %s; set TMPDIR to another folder", path, strerror(errno));
        free(path);
        path = NULL;
    }
    s->path = path;
    path = NULL;
done:
    free(path);
    return status;
}

judd_status judd_scratch_open(judd_scratch *out, const char *path, int64_t bytes) {
    *out = (judd_scratch){.folder = path};
    if (bytes < 1) bytes = 1;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return judd_status_set(JUDD_E_IO, "%s: %s; do all ranks of a node see the same TMPDIR?",
                               path, strerror(errno));
    judd_status status = map(out, fd, bytes);
    close(fd);
    out->folder = NULL;
    return status;
}

void judd_scratch_hide(judd_scratch *s) {
    if (s->path) unlink(s->path);
    free(s->path);
    s->path = NULL;
    if (s->open) close(s->fd);
    s->open = false;
}

void judd_scratch_release(const judd_scratch *s) {
    if (s->data) (void)madvise(s->data, (size_t)s->bytes, MADV_DONTNEED);
}

void judd_scratch_free(judd_scratch *s) {
    if (s->data) munmap(s->data, (size_t)s->bytes);
    judd_scratch_hide(s);
    *s = (judd_scratch){0};
}
