/* An LD_PRELOAD library that makes the operating system fail, for tests.
 *
 *  FAULT_ROOT  only files whose path begins so are looked at
 *  FAULT_RANK  only this rank (OMPI_COMM_WORLD_RANK or PMIX_RANK) fails; empty: every rank
 *  FAULT_CALL  open, read, write, fsync, close, rename, truncate, mkdir, unlink, allocate
 *  FAULT_NTH   the how-manieth such call, from 1, of a rank on a matching file
 *  FAULT_SITE  only calls from this place in the code, as FAULT_LOG names it
 *  FAULT_MATCH only paths that contain this text
 *  FAULT_KIND  ENOSPC, EIO, EDQUOT, EINTR; short (half is read or written), flip (one bit of it
 *              changes on the way), delay (a second), kill (SIGKILL to oneself), stop (SIGSTOP)
 *  FAULT_LOG   a folder: at its end each rank writes rank-R with a line "CALL SITE COUNT" for each
 *              call and place in the code that it came from, counted under the same conditions
 *  FAULT_FLOCK  the error number of every flock, ENOLCK: a file system without such locks
 *  FAULT_HOST   what gethostname says: another machine
 *  A fault that strikes leaves the file FAULT_LOG/struck-R, so that a campaign knows it did.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, MOST_SITES = 4096, MOST_FRAMES = 48 };

typedef enum call {
    OPEN,
    READ,
    WRITE,
    FSYNC,
    CLOSE,
    RENAME,
    TRUNCATE,
    MKDIR,
    UNLINK,
    ALLOCATE,
    N_CALLS
} call;
static const char *const names[N_CALLS] = {"open",   "read",     "write", "fsync",  "close",
                                           "rename", "truncate", "mkdir", "unlink", "allocate"};

/* A call and the place in the code that it came from. */
typedef struct site {
    call call;
    uint32_t hash;
    long count;
} site;

static struct {
    const char *root, *match, *kind, *log, *rank, *site;
    const void *own, *program; /* where this library and the program are mapped */
    int call;                  /* -1: none */
    bool here;
    long nth, count; /* of the calls in question */
    int n_sites;
    site sites[MOST_SITES];
    pthread_mutex_t mutex;
} shim = {.call = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};

static const char *text_of(const char *name) {
    const char *value = getenv(name);
    return value ? value : "";
}

static const void *base_of(const void *address) {
    Dl_info info;
    return dladdr(address, &info) ? info.dli_fbase : NULL;
}

__attribute__((constructor)) static void begin(void) {
    shim.root = text_of("FAULT_ROOT");
    shim.match = text_of("FAULT_MATCH");
    shim.kind = text_of("FAULT_KIND");
    shim.log = text_of("FAULT_LOG");
    shim.site = text_of("FAULT_SITE");
    shim.rank =
        getenv("OMPI_COMM_WORLD_RANK") ? text_of("OMPI_COMM_WORLD_RANK") : text_of("PMIX_RANK");
    if (!*shim.rank) shim.rank = "0"; /* started without mpirun */
    shim.own = base_of(&shim);
    shim.program = base_of((const void *)getauxval(AT_ENTRY));
    shim.nth = atol(text_of("FAULT_NTH"));
    const char *rank = text_of("FAULT_RANK");
    shim.here = !*rank || strcmp(rank, shim.rank) == 0;
    for (int c = 0; c < N_CALLS; c++)
        if (strcmp(text_of("FAULT_CALL"), names[c]) == 0) shim.call = c;
}

/* Plain system calls: what this library itself does must not count. */
static int note_begin(const char *name) {
    char path[PATH_SIZE];
    if (!*shim.log) return -1;
    snprintf(path, sizeof path, "%s/%s-%s", shim.log, name, shim.rank);
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
}

static void note(const char *name, const char *text) {
    int fd = note_begin(name);
    if (fd < 0) return;
    syscall(SYS_write, fd, text, strlen(text));
    syscall(SYS_close, fd);
}

__attribute__((destructor)) static void end(void) {
    char line[64];
    int fd = *shim.root ? note_begin("rank") : -1;
    if (fd < 0) return;
    for (int i = 0; i < shim.n_sites; i++) {
        const site *s = &shim.sites[i];
        snprintf(line, sizeof line, "%s %08x %ld\n", names[s->call], s->hash, s->count);
        syscall(SYS_write, fd, line, strlen(line));
    }
    syscall(SYS_close, fd);
}

/* Where a call comes from: its caller, and the frames of the program itself, wherever they were
 * mapped. What lies between them in libraries may differ from run to run. */
static uint32_t place(void) {
    void *frames[MOST_FRAMES];
    uint32_t hash = 2166136261u; /* FNV-1a */
    bool first = true;
    int n = backtrace(frames, MOST_FRAMES);
    for (int i = 0; i < n; i++) {
        const char *base = base_of(frames[i]);
        if (base == shim.own || (!first && base != shim.program)) continue;
        uintptr_t offset = (uintptr_t)frames[i] - (uintptr_t)base;
        for (size_t k = 0; k < sizeof offset; k++)
            hash = (hash ^ (uint32_t)(offset >> 8 * k & 255)) * 16777619u;
        first = false;
    }
    return hash;
}

static void count(call c, uint32_t hash) {
    int i = 0;
    while (i < shim.n_sites && (shim.sites[i].call != c || shim.sites[i].hash != hash)) i++;
    if (i == MOST_SITES) return;
    if (i == shim.n_sites) shim.sites[shim.n_sites++] = (site){.call = c, .hash = hash};
    shim.sites[i].count++;
}

/* Whether this call is the one to fail; what then happens before it happens here. */
static bool strikes(call c, const char *path) {
    if (!*shim.root || strncmp(path, shim.root, strlen(shim.root)) != 0) return false;
    if (*shim.match && !strstr(path, shim.match)) return false;
    uint32_t from = *shim.site || *shim.log ? place() : 0;
    pthread_mutex_lock(&shim.mutex);
    count(c, from);
    bool asked = shim.here && (int)c == shim.call &&
                 (!*shim.site || strtoul(shim.site, NULL, 16) == from) && ++shim.count == shim.nth;
    pthread_mutex_unlock(&shim.mutex);
    if (!asked) return false;
    note("struck", path);
    if (strcmp(shim.kind, "delay") == 0) nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    if (strcmp(shim.kind, "kill") == 0) kill(getpid(), SIGKILL);
    if (strcmp(shim.kind, "stop") == 0) kill(getpid(), SIGSTOP);
    return true;
}

static bool strikes_fd(call c, int fd) {
    char link[64], path[PATH_SIZE];
    if (!*shim.root) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return false;
    path[n] = 0;
    return strikes(c, path);
}

static bool strikes_name(call c, int folder, const char *name) {
    char path[2 * PATH_SIZE], link[64];
    if (!*shim.root) return false;
    if (name[0] == '/') return strikes(c, name);
    ssize_t n = 0;
    if (folder == AT_FDCWD) {
        if (!getcwd(path, PATH_SIZE)) return false;
        n = (ssize_t)strlen(path);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        n = readlink(link, path, PATH_SIZE - 1);
        if (n <= 0) return false;
    }
    snprintf(path + n, sizeof path - (size_t)n, "/%s", name);
    return strikes(c, path);
}

/* 0: the kind is not an error number */
static int error_of_kind(void) {
    if (strcmp(shim.kind, "ENOSPC") == 0) return ENOSPC;
    if (strcmp(shim.kind, "EIO") == 0) return EIO;
    if (strcmp(shim.kind, "EDQUOT") == 0) return EDQUOT;
    if (strcmp(shim.kind, "EINTR") == 0) return EINTR;
    return 0;
}

static bool is_kind(const char *kind) {
    return strcmp(shim.kind, kind) == 0;
}

/* The next definition of a function: libc's, asked for once. */
#define NEXT(name)                                                                                 \
    static __typeof__(name) *next;                                                                 \
    if (!next) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* ---- another machine ---------------------------------------------------------------------------
 */

int flock(int fd, int how) {
    NEXT(flock);
    if (strcmp(text_of("FAULT_FLOCK"), "ENOLCK") != 0) return next(fd, how);
    errno = ENOLCK;
    return -1;
}

int gethostname(char *name, size_t size) {
    NEXT(gethostname);
    const char *made_up = text_of("FAULT_HOST");
    if (!*made_up) return next(name, size);
    snprintf(name, size, "%s", made_up);
    return 0;
}

/* ---- calls that succeed or fail ----------------------------------------------------------------
 */

#define PLAIN(name, parameters, arguments, when)                                                   \
    int name parameters {                                                                          \
        NEXT(name);                                                                                \
        if ((when) && error_of_kind()) {                                                           \
            errno = error_of_kind();                                                               \
            return -1;                                                                             \
        }                                                                                          \
        return next arguments;                                                                     \
    }

PLAIN(fsync, (int fd), (fd), strikes_fd(FSYNC, fd))
PLAIN(fdatasync, (int fd), (fd), strikes_fd(FSYNC, fd))
PLAIN(rename, (const char *from, const char *to), (from, to), strikes_name(RENAME, AT_FDCWD, to))
PLAIN(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to),
      strikes_name(RENAME, b, to))
PLAIN(mkdir, (const char *path, mode_t mode), (path, mode), strikes_name(MKDIR, AT_FDCWD, path))
PLAIN(unlink, (const char *path), (path), strikes_name(UNLINK, AT_FDCWD, path))
PLAIN(unlinkat, (int at, const char *path, int flags), (at, path, flags),
      strikes_name(UNLINK, at, path))
PLAIN(ftruncate, (int fd, off_t length), (fd, length), strikes_fd(TRUNCATE, fd))
PLAIN(ftruncate64, (int fd, off64_t length), (fd, length), strikes_fd(TRUNCATE, fd))
PLAIN(fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n), strikes_fd(ALLOCATE, fd))
PLAIN(fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n),
      strikes_fd(ALLOCATE, fd))

/* These return the error number. */
int posix_fallocate(int fd, off_t at, off_t n) {
    NEXT(posix_fallocate);
    if (strikes_fd(ALLOCATE, fd) && error_of_kind()) return error_of_kind();
    return next(fd, at, n);
}

int posix_fallocate64(int fd, off64_t at, off64_t n) {
    NEXT(posix_fallocate64);
    if (strikes_fd(ALLOCATE, fd) && error_of_kind()) return error_of_kind();
    return next(fd, at, n);
}

/* A close that fails has closed. */
int close(int fd) {
    NEXT(close);
    bool struck = strikes_fd(CLOSE, fd);
    int code = next(fd);
    if (!struck || !error_of_kind()) return code;
    errno = error_of_kind();
    return -1;
}

#define OPENING(name, parameters, folder, arguments)                                               \
    int name parameters {                                                                          \
        NEXT(name);                                                                                \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                    \
        va_end(list);                                                                              \
        if (strikes_name(OPEN, folder, path) && error_of_kind()) {                                 \
            errno = error_of_kind();                                                               \
            return -1;                                                                             \
        }                                                                                          \
        return next arguments;                                                                     \
    }

OPENING(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPENING(openat, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))
OPENING(openat64, (int at, const char *path, int flags, ...), at, (at, path, flags, mode))

FILE *fopen(const char *path, const char *mode) {
    NEXT(fopen);
    if (strikes_name(OPEN, AT_FDCWD, path) && error_of_kind()) {
        errno = error_of_kind();
        return NULL;
    }
    return next(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    NEXT(fopen64);
    if (strikes_name(OPEN, AT_FDCWD, path) && error_of_kind()) {
        errno = error_of_kind();
        return NULL;
    }
    return next(path, mode);
}

/* ---- bytes -------------------------------------------------------------------------------------
 */

/* What a struck write does; `next_call` writes `n` bytes of `data`. */
#define WRITING(name, parameters, fd, n, arguments, flipped_arguments)                             \
    ssize_t name parameters {                                                                      \
        NEXT(name);                                                                                \
        if (!strikes_fd(WRITE, fd)) return next arguments;                                         \
        if (error_of_kind()) {                                                                     \
            errno = error_of_kind();                                                               \
            return -1;                                                                             \
        }                                                                                          \
        if (is_kind("short")) {                                                                    \
            n = n > 1 ? n / 2 : n;                                                                 \
            return next arguments;                                                                 \
        }                                                                                          \
        if (!is_kind("flip") || n == 0) return next arguments;                                     \
        unsigned char *copy = malloc(n);                                                           \
        if (!copy) return next arguments;                                                          \
        memcpy(copy, data, n);                                                                     \
        copy[n / 2] ^= 4;                                                                          \
        ssize_t done = next flipped_arguments;                                                     \
        free(copy);                                                                                \
        return done;                                                                               \
    }

WRITING(write, (int fd, const void *data, size_t n), fd, n, (fd, data, n), (fd, copy, n))
WRITING(pwrite, (int fd, const void *data, size_t n, off_t at), fd, n, (fd, data, n, at),
        (fd, copy, n, at))
WRITING(pwrite64, (int fd, const void *data, size_t n, off64_t at), fd, n, (fd, data, n, at),
        (fd, copy, n, at))

#define READING(name, parameters, fd, n, arguments)                                                \
    ssize_t name parameters {                                                                      \
        NEXT(name);                                                                                \
        if (!strikes_fd(READ, fd)) return next arguments;                                          \
        if (error_of_kind()) {                                                                     \
            errno = error_of_kind();                                                               \
            return -1;                                                                             \
        }                                                                                          \
        if (is_kind("short") && n > 1) n /= 2;                                                     \
        ssize_t done = next arguments;                                                             \
        if (is_kind("flip") && done > 0) ((unsigned char *)data)[done / 2] ^= 4;                   \
        return done;                                                                               \
    }

READING(read, (int fd, void *data, size_t n), fd, n, (fd, data, n))
READING(pread, (int fd, void *data, size_t n, off_t at), fd, n, (fd, data, n, at))
READING(pread64, (int fd, void *data, size_t n, off64_t at), fd, n, (fd, data, n, at))

/* Without io_uring, all reads come by one of these ways. */
int io_uring_queue_init(unsigned entries, void *ring, unsigned flags) {
    (void)entries;
    (void)ring;
    (void)flags;
    return -ENOSYS;
}

/* Vectors: one part at a time is enough to be short, and flipping happens in a copy of it. */
static ssize_t write_vector(ssize_t (*next)(int, const struct iovec *, int, off64_t), int fd,
                            const struct iovec *parts, int n, off64_t at) {
    if (n == 0 || !strikes_fd(WRITE, fd)) return next(fd, parts, n, at);
    if (error_of_kind()) {
        errno = error_of_kind();
        return -1;
    }
    struct iovec part = parts[0];
    if (is_kind("short") && part.iov_len > 1) part.iov_len /= 2;
    if (is_kind("short")) return next(fd, &part, 1, at);
    if (!is_kind("flip") || part.iov_len == 0) return next(fd, parts, n, at);
    unsigned char *copy = malloc(part.iov_len);
    if (!copy) return next(fd, parts, n, at);
    memcpy(copy, part.iov_base, part.iov_len);
    copy[part.iov_len / 2] ^= 4;
    part.iov_base = copy;
    ssize_t done = next(fd, &part, 1, at);
    free(copy);
    return done;
}

static ssize_t read_vector(ssize_t (*next)(int, const struct iovec *, int, off64_t), int fd,
                           const struct iovec *parts, int n, off64_t at) {
    if (n == 0 || !strikes_fd(READ, fd)) return next(fd, parts, n, at);
    if (error_of_kind()) {
        errno = error_of_kind();
        return -1;
    }
    struct iovec part = parts[0];
    if (is_kind("short") && part.iov_len > 1) part.iov_len /= 2;
    ssize_t done = is_kind("short") ? next(fd, &part, 1, at) : next(fd, parts, n, at);
    if (is_kind("flip") && done > 0 && part.iov_len > 0) ((unsigned char *)part.iov_base)[0] ^= 4;
    return done;
}

#define VECTOR(name, handle)                                                                       \
    ssize_t name(int fd, const struct iovec *parts, int n, off64_t at) {                           \
        NEXT(name);                                                                                \
        return handle(next, fd, parts, n, at);                                                     \
    }

VECTOR(pwritev, write_vector)
VECTOR(pwritev64, write_vector)
VECTOR(preadv, read_vector)
VECTOR(preadv64, read_vector)

static ssize_t plain_writev(int fd, const struct iovec *parts, int n, off64_t at) {
    (void)at;
    NEXT(writev);
    return next(fd, parts, n);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    return write_vector(plain_writev, fd, parts, n, 0);
}

static ssize_t plain_readv(int fd, const struct iovec *parts, int n, off64_t at) {
    (void)at;
    NEXT(readv);
    return next(fd, parts, n);
}

ssize_t readv(int fd, const struct iovec *parts, int n) {
    return read_vector(plain_readv, fd, parts, n, 0);
}
