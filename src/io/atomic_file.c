#include <judd/io/atomic_file.h>

#include <judd/base/memory.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOST_SIZE = 256, REMOVE_PASSES = 4, FIRST_READ = 4096 };

static const char *remedy(int error) {
    switch (error) {
    case ENOSPC:
        return "free space on the file system or name a folder on another";
    case EDQUOT:
        return "free quota or name a folder on another file system";
    case EROFS:
        return "name a folder on a writable file system";
    case EACCES:
    case EPERM:
        return "check the permissions of the file and its folder";
    case ENOENT:
        return "check the path";
    case ENOTDIR:
        return "a part of the path is a file; remove it or name another folder";
    case EMFILE:
    case ENFILE:
        return "raise the limit of open files (ulimit -n)";
    case ENAMETOOLONG:
        return "choose a shorter path";
    case EIO:
        return "check the file system; the disk or the network may be failing";
    default:
        return "check the file system";
    }
}

static judd_status fail(const char *path, const char *action, int error) {
    return judd_status_set(JUDD_E_IO, "%s: cannot %s: %s; %s", path, action, strerror(error),
                           remedy(error));
}

static int sync_fd(int fd) {
    int result;
    do { /* EINTR lost nothing; any other failure may have dropped dirty pages: never retry it */
        result = fsync(fd);
    } while (result != 0 && errno == EINTR);
    return result;
}

/* The folder part of a path in a new string. */
static judd_status parent_of(char **out, const char *path) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_string(out, path));
    char *p = *out;
    size_t n = strlen(p);
    while (n > 1 && p[n - 1] == '/') p[--n] = 0;
    char *slash = strrchr(p, '/');
    if (!slash)
        memcpy(p, n > 0 ? "." : "", n > 0 ? 2 : 1);
    else
        slash[slash == p ? 1 : 0] = 0;
done:
    return status;
}

/* After it a new or renamed entry of the folder survives a power cut. */
static judd_status sync_parent(const char *path) {
    judd_status status = JUDD_OK;
    char *folder = NULL;
    int fd = -1;
    JUDD_TRY(parent_of(&folder, path));
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) JUDD_TRY(fail(folder, "open the folder", errno));
    /* some network file systems have no fsync of folders; their renames are durable on return */
    if (sync_fd(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        JUDD_TRY(fail(folder, "sync the folder", errno));
done:
    if (fd >= 0) close(fd);
    free(folder);
    return status;
}

static judd_status make_one(const char *path) {
    if (mkdir(path, 0777) == 0) return JUDD_OK;
    const int error = errno;
    struct stat info;
    /* mkdir of an existing folder may also say EROFS or EACCES */
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) return JUDD_OK;
        return judd_status_set(
            JUDD_E_IO, "%s: is a file, not a folder; remove it or name another folder", path);
    }
    return fail(path, "make the folder", error);
}

judd_status judd_atomic_file_make_folder(const char *path) {
    judd_status status = JUDD_OK;
    char *copy = NULL;
    JUDD_TRY(judd_memory_string(&copy, path));
    for (char *c = copy; *c; c++) {
        if (*c != '/' || c == copy || c[-1] == '/') continue;
        *c = 0;
        JUDD_TRY(make_one(copy));
        *c = '/';
    }
    JUDD_TRY(make_one(path));
done:
    free(copy);
    return status;
}

static judd_status write_all(int fd, const char *path, const char *data, int64_t bytes) {
    for (int64_t at = 0; at < bytes;) {
        int64_t left = bytes - at;
        ssize_t n = write(fd, data + at, (size_t)(left < SSIZE_MAX ? left : SSIZE_MAX));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail(path, "write", n < 0 ? errno : ENOSPC);
        at += n;
    }
    return JUDD_OK;
}

/* What reads back is what was to be written: a write may be damaged on its way and report success.
 */
static judd_status compare_all(int fd, const char *path, const char *data, int64_t bytes) {
    char block[FIRST_READ];
    for (int64_t at = 0; at < bytes;) {
        int64_t left = bytes - at, step = left < FIRST_READ ? left : FIRST_READ;
        ssize_t n = pread(fd, block, (size_t)step, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(path, "read back", errno);
        if (n == 0 || memcmp(block, data + at, (size_t)n) != 0)
            return judd_status_set(
                JUDD_E_IO, "%s: reads back otherwise than written; check the file system", path);
        at += n;
    }
    return JUDD_OK;
}

judd_status judd_atomic_file_temporary(char **out, const char *path) {
    char host[HOST_SIZE] = "";
    if (gethostname(host, sizeof host - 1) != 0 || !host[0]) memcpy(host, "host", 5);
    return judd_memory_format(out, "%s.tmp.%s.%ld", path, host, (long)getpid());
}

/* rename() would put a file in the place of a device such as /dev/null, for every process. */
static judd_status check_replaceable(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) return JUDD_OK;
    return judd_status_set(JUDD_E_IO,
                           "%s: is a device, a pipe or a socket, which a file would replace; name "
                           "a file",
                           path);
}

judd_status judd_atomic_file_write(const char *path, const void *data, int64_t bytes) {
    judd_status status = JUDD_OK;
    char *temporary = NULL;
    int fd = -1;
    bool made = false;
    JUDD_TRY(check_replaceable(path));
    JUDD_TRY(judd_atomic_file_temporary(&temporary, path));
    unlink(temporary); /* left by a dead process of the same number */
    fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) JUDD_TRY(fail(path, "create", errno));
    made = true;
    JUDD_TRY(write_all(fd, path, data, bytes));
    if (sync_fd(fd) != 0) JUDD_TRY(fail(path, "sync", errno));
    JUDD_TRY(compare_all(fd, path, data, bytes));
    const int closed = close(fd);
    fd = -1;
    if (closed != 0 && errno != EINTR) JUDD_TRY(fail(path, "close", errno));
    if (rename(temporary, path) != 0) JUDD_TRY(fail(path, "rename a file to it", errno));
    made = false;
    JUDD_TRY(sync_parent(path));
done:
    if (fd >= 0) close(fd);
    if (made) unlink(temporary);
    free(temporary);
    return status;
}

judd_status judd_atomic_file_sync(const char *path) {
    judd_status status = JUDD_OK;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || sync_fd(fd) != 0) JUDD_TRY(fail(path, "sync", errno));
done:
    if (fd >= 0 && close(fd) != 0 && status == JUDD_OK) status = fail(path, "close", errno);
    return status;
}

judd_status judd_atomic_file_commit(const char *temporary, const char *path) {
    judd_status status = JUDD_OK;
    int fd = open(temporary, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) JUDD_TRY(fail(temporary, "open", errno));
    JUDD_TRY(check_replaceable(path));
    if (sync_fd(fd) != 0) JUDD_TRY(fail(temporary, "sync", errno));
    if (rename(temporary, path) != 0) {
        const int error = errno;
        JUDD_TRY(judd_status_context(fail(path, "rename a file or folder to it", error), "%s",
                                     temporary));
    }
    JUDD_TRY(sync_parent(path));
done:
    if (fd >= 0) close(fd);
    return status;
}

static judd_status open_regular(int *fd, int64_t *size, const char *path, int64_t max_bytes) {
    judd_status status = JUDD_OK;
    struct stat info;
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not hang us */
    if (*fd < 0) JUDD_TRY(fail(path, "open", errno));
    if (fstat(*fd, &info) != 0) JUDD_TRY(fail(path, "examine", errno));
    if (!S_ISREG(info.st_mode)) JUDD_FAIL(JUDD_E_DATA, "%s: not a regular file; name a file", path);
    if (info.st_size > max_bytes)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: %lld bytes, but at most %lld are expected; is it the right file?", path,
                  (long long)info.st_size, (long long)max_bytes);
    *size = info.st_size;
done:
    return status;
}

static judd_status grow(char **buffer, int64_t *capacity, int64_t used) {
    char *larger = NULL;
    judd_status status = judd_memory_alloc(&larger, 2 * *capacity, 1);
    if (status != JUDD_OK) return status;
    memcpy(larger, *buffer, (size_t)used);
    free(*buffer);
    *buffer = larger;
    *capacity *= 2;
    return JUDD_OK;
}

judd_status judd_atomic_file_read(char **data, int64_t *bytes, const char *path,
                                  int64_t max_bytes) {
    judd_status status = JUDD_OK;
    char *buffer = NULL;
    int fd = -1;
    int64_t size = 0, used = 0;
    *data = NULL;
    *bytes = 0;
    JUDD_TRY(open_regular(&fd, &size, path, max_bytes));
    /* the size is a hint: files of /proc say 0, and others may grow meanwhile */
    int64_t capacity = size + 2 < FIRST_READ ? FIRST_READ : size + 2;
    JUDD_TRY(judd_memory_alloc(&buffer, capacity, 1));
    for (;;) {
        if (used + 1 >= capacity) JUDD_TRY(grow(&buffer, &capacity, used));
        ssize_t n = read(fd, buffer + used, (size_t)(capacity - used - 1));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) JUDD_TRY(fail(path, "read", errno));
        if (n == 0) break;
        used += n;
        if (used > max_bytes)
            JUDD_FAIL(JUDD_E_DATA, "%s: more than %lld bytes; is it the right file?", path,
                      (long long)max_bytes);
    }
    buffer[used] = 0;
    *data = buffer;
    *bytes = used;
    buffer = NULL;
done:
    if (fd >= 0) close(fd);
    free(buffer);
    return status;
}

judd_status judd_atomic_file_read_in(char **text, const char *folder, const char *name,
                                     int64_t max_bytes) {
    char *path = NULL;
    int64_t bytes = 0;
    judd_status status = judd_memory_format(&path, "%s/%s", folder, name);
    if (status == JUDD_OK) status = judd_atomic_file_read(text, &bytes, path, max_bytes);
    free(path);
    return status;
}

static judd_status remove_at(int parent, const char *name, const char *path);

/* One pass over the entries of an open folder. */
static judd_status remove_entries(DIR *folder, const char *path) {
    judd_status status = JUDD_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) {
            if (errno != 0) JUDD_TRY(fail(path, "list", errno));
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        JUDD_TRY(remove_at(dirfd(folder), entry->d_name, path));
    }
done:
    return status;
}

static judd_status remove_folder_at(int parent, const char *name, const char *path) {
    judd_status status = JUDD_OK;
    DIR *folder = NULL;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) goto done;
    if (fd < 0) JUDD_TRY(fail(path, "open a folder in order to remove it", errno));
    folder = fdopendir(fd);
    if (!folder) JUDD_TRY(fail(path, "list", errno));
    fd = -1;
    for (int pass = 0; pass < REMOVE_PASSES; pass++) {
        JUDD_TRY(remove_entries(folder, path));
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) goto done;
        if (errno != ENOTEMPTY && errno != EEXIST) break;
        rewinddir(folder); /* some file systems skip entries while others are removed */
    }
    JUDD_TRY(fail(path, "remove", errno));
done:
    if (folder) closedir(folder);
    if (fd >= 0) close(fd);
    return status;
}

/* Relative to an open folder, never through a link: a link swapped in meanwhile leads nowhere. */
static judd_status remove_at(int parent, const char *name, const char *path) {
    struct stat info;
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? JUDD_OK : fail(path, "remove", errno);
    if (S_ISDIR(info.st_mode)) return remove_folder_at(parent, name, path);
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return JUDD_OK;
    return fail(path, "remove", errno);
}

judd_status judd_atomic_file_remove(const char *path) {
    judd_status status = JUDD_OK;
    char *copy = NULL;
    JUDD_TRY(judd_memory_string(&copy, path));
    size_t n = strlen(copy);
    while (n > 0 && copy[n - 1] == '/') copy[--n] = 0; /* "link/" would mean the link's target */
    const char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "'%s': refused to remove it; name a file or folder", path);
    JUDD_TRY(remove_at(AT_FDCWD, copy, path));
done:
    free(copy);
    return status;
}

bool judd_atomic_file_exists_in(const char *folder, const char *name) {
    char *path = NULL;
    bool found =
        judd_memory_format(&path, "%s/%s", folder, name) == JUDD_OK && access(path, F_OK) == 0;
    free(path);
    return found;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

judd_status judd_atomic_file_list(char ***paths, int64_t *n, const char *folder, const char *end) {
    judd_status status = JUDD_OK;
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    *paths = NULL;
    *n = 0;
    if (count < 0) JUDD_FAIL(JUDD_E_IO, "%s: cannot be listed; check its permissions", folder);
    JUDD_TRY(judd_memory_alloc(paths, count, sizeof **paths));
    for (int i = 0; i < count; i++)
        if (ends_with(entries[i]->d_name, end))
            JUDD_TRY(judd_memory_format(&(*paths)[(*n)++], "%s/%s", folder, entries[i]->d_name));
done:
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
    return status;
}

void judd_atomic_file_free_list(char **paths, int64_t n) {
    for (int64_t i = 0; i < n; i++) free(paths[i]);
    free(paths);
}
