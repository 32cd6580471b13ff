#include <judd/io/lock.h>

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OWNER_SIZE = 512, ATTEMPTS = 20, PAUSE_NS = 25000000 }; /* 20 x 25 ms: within a second */

struct judd_lock {
    char *path;
    int fd; /* -1 on ranks > 0: rank 0 holds the lock for all */
};

static void pause_briefly(void) {
    const struct timespec t = {.tv_nsec = PAUSE_NS};
    nanosleep(&t, NULL);
}

/* "host n1, process 42, batch job 7, since 2024-05-01T12:00:00Z" */
static void describe_self(char text[OWNER_SIZE]) {
    char host[256] = "unknown", since[32] = "";
    const char *job = getenv("SLURM_JOB_ID");
    const time_t now = time(NULL);
    struct tm utc;
    gethostname(host, sizeof host - 1);
    if (gmtime_r(&now, &utc)) strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(text, OWNER_SIZE, "host %s, process %ld%s%.32s, since %s\n", host, (long)getpid(),
             job ? ", batch job " : "", job ? job : "", since);
}

/* The owner's text without its newline; empty if there is none yet. */
static void read_owner(char text[OWNER_SIZE], int fd) {
    ssize_t n = pread(fd, text, OWNER_SIZE - 1, 0);
    text[n > 0 ? n : 0] = 0;
    text[strcspn(text, "\n")] = 0;
}

static judd_status write_owner(int fd, const char *path) {
    char text[OWNER_SIZE];
    describe_self(text);
    const size_t n = strlen(text);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, n, 0) != (ssize_t)n || fsync(fd) != 0)
        return judd_status_set(JUDD_E_IO, "%s: cannot write: %s; check free space and quota", path,
                               strerror(errno));
    return JUDD_OK;
}

static judd_status flock_failed(const char *path, int error) {
    if (error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS)
        return judd_status_set(
            JUDD_E_IO,
            "%s: this file system has no locks (%s); mount it with them (Lustre: "
            "-o flock) or set output to a folder elsewhere",
            path, strerror(error));
    return judd_status_set(JUDD_E_IO, "%s: cannot lock: %s; check the file system", path,
                           strerror(error));
}

/* Whether the path still names the open file: its last owner may have removed it between our open
 * and our flock, and then another process may lock a new file of that name. */
static bool still_there(int fd, const char *path) {
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/* One attempt: *fd >= 0 with the lock held, or -1 and JUDD_OK to try again; `owner` if another
 * process has it. */
static judd_status try_once(int *fd, char owner[OWNER_SIZE], const char *path) {
    judd_status status = JUDD_OK;
    *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (*fd < 0)
        return judd_status_set(JUDD_E_IO, "%s: cannot open: %s; check the output folder", path,
                               strerror(errno));
    bool held = flock(*fd, LOCK_EX | LOCK_NB) == 0;
    if (!held && errno == EWOULDBLOCK)
        read_owner(owner, *fd);
    else if (!held && errno != EINTR)
        status = flock_failed(path, errno);
    if (held && still_there(*fd, path)) return JUDD_OK;
    close(*fd);
    *fd = -1;
    return status;
}

static judd_status take(judd_lock *lock) {
    judd_status status = JUDD_OK;
    char owner[OWNER_SIZE] = "";
    for (int i = 0; i < ATTEMPTS && lock->fd < 0 && !owner[0]; i++) {
        if (i > 0) pause_briefly(); /* a new owner has not written its name yet */
        JUDD_TRY(try_once(&lock->fd, owner, lock->path));
    }
    if (lock->fd < 0)
        JUDD_FAIL(JUDD_E_IO, "%s: in use by %s; wait for it or set another output folder",
                  lock->path, owner[0] ? owner : "an unknown process");
    JUDD_TRY(write_owner(lock->fd, lock->path));
done:
    return status;
}

judd_status judd_lock_acquire(judd_lock **out, const judd_comm *comm, const char *folder) {
    judd_status status = JUDD_OK;
    judd_lock *lock = NULL;
    *out = NULL;
    status = judd_memory_alloc(&lock, 1, sizeof *lock);
    if (lock) lock->fd = -1;
    if (status == JUDD_OK) status = judd_memory_format(&lock->path, "%s/LOCK", folder);
    JUDD_TRY(judd_comm_agree(comm, status));
    if (comm->rank == 0) status = take(lock);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    *out = lock;
    lock = NULL;
done:
    judd_lock_release(lock);
    return status;
}

bool judd_lock_is_held(const char *folder) {
    char *path = NULL;
    if (judd_memory_format(&path, "%s/LOCK", folder) != JUDD_OK) return false;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0) close(fd);
    free(path);
    return held;
}

void judd_lock_release(judd_lock *lock) {
    if (!lock) return;
    if (lock->fd >= 0) {
        if (still_there(lock->fd, lock->path)) unlink(lock->path); /* before the lock goes */
        close(lock->fd);
    }
    free(lock->path);
    free(lock);
}
