#include <judd/io/shared_file.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static judd_status fail(const char *path, const char *action, int error) {
    return judd_status_set(JUDD_E_IO,
                           "%s: cannot %s: %s; check the file system, its space and quota", path,
                           action, strerror(error));
}

static judd_status open_regular(int *fd, struct stat *info, const char *path) {
    /* a FIFO must not hang us, a link must not lead elsewhere */
    *fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0) return fail(path, "open", errno);
    if (fstat(*fd, info) != 0) return fail(path, "examine", errno);
    if (!S_ISREG(info->st_mode))
        return judd_status_set(JUDD_E_DATA, "%s: not a regular file; name another", path);
    return JUDD_OK;
}

judd_status judd_shared_file_open(int *fd, int64_t *bytes, const judd_comm *comm,
                                  const char *path) {
    judd_status status = JUDD_OK;
    struct stat info = {0};
    *fd = -1;
    *bytes = 0;
    JUDD_TRY(judd_comm_agree(comm, open_regular(fd, &info, path)));
    /* device numbers may differ between nodes */
    int64_t own[2] = {(int64_t)info.st_ino, (int64_t)info.st_size}, first[2] = {own[0], own[1]};
    JUDD_TRY(judd_comm_broadcast(comm, first, sizeof first));
    if (memcmp(own, first, sizeof own) != 0)
        status = judd_status_set(JUDD_E_IO,
                                 "%s: not the file that rank 0 sees; name a folder on a file "
                                 "system that all nodes share",
                                 path);
    JUDD_TRY(judd_comm_agree(comm, status));
    *bytes = own[1];
done:
    if (status != JUDD_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return status;
}

judd_status judd_shared_file_write(int fd, const char *path, const void *data, int64_t n,
                                   int64_t offset) {
    for (int64_t at = 0; at < n;) {
        ssize_t done = pwrite(fd, (const char *)data + at, (size_t)(n - at), offset + at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return fail(path, "write", done < 0 ? errno : ENOSPC);
        at += done;
    }
    return JUDD_OK;
}

judd_status judd_shared_file_sync(int fd, const char *path) {
    while (fsync(fd) != 0)
        if (errno != EINTR) return fail(path, "sync", errno);
    return JUDD_OK;
}

judd_status judd_shared_file_close(int *fd, const char *path) {
    const int closed = *fd >= 0 ? close(*fd) : 0;
    *fd = -1;
    return closed != 0 && errno != EINTR ? fail(path, "close", errno) : JUDD_OK;
}
