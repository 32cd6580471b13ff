#include <judd/io/lock.h>

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    HOST_SIZE = 256,
    TEXT_SIZE = 640,
    START_SIZE = 32,
    BOOT_SIZE = 48,
    ATTEMPTS = 20, /* 20 x 25 ms: within a second */
    PAUSE_MS = 25,
    SETTLE_MS = 200,
    BEAT_MS = 1000,
    SILENCE_MS = 8000 /* without a beat an owner that cannot be asked otherwise is gone */
};

struct judd_lock {
    char *path;
    char text[TEXT_SIZE]; /* what the file says while the lock is ours; the same on every rank */
    int fd;               /* -1 on ranks > 0: rank 0 holds the lock for all */
    bool beats, ends;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

static void pause_ms(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* ---- owners -------------------------------------------------------------------------------------
 */

/* A small file of /proc without its newline; "" if there is none. */
static void read_line(char *line, size_t size, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, line, size - 1) : 0;
    line[n > 0 ? n : 0] = 0;
    line[strcspn(line, "\n")] = 0;
    if (fd >= 0) close(fd);
}

/* When a process began, in the kernel's ticks: numbers of processes are used again. "": no such, or
 * dead and only not yet asked for its exit code. */
static void start_of(char start[START_SIZE], long pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    read_line(line, sizeof line, path);
    const char *at = strrchr(line, ')'); /* behind the name, which may hold anything */
    if (at && (strncmp(at, ") Z", 3) == 0 || strncmp(at, ") X", 3) == 0)) at = NULL;
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    snprintf(start, START_SIZE, "%.*s", at ? (int)strcspn(at + 1, " ") : 0, at ? at + 1 : "");
}

static void boot_of_this(char boot[BOOT_SIZE]) {
    read_line(boot, BOOT_SIZE, "/proc/sys/kernel/random/boot_id");
}

/* "host n1, process 42, batch job 7, since 2024-05-01T12:00:00Z [start 123, boot 8d0e...]" */
static void describe_self(char text[TEXT_SIZE]) {
    char host[HOST_SIZE] = "unknown", since[32] = "", start[START_SIZE], boot[BOOT_SIZE];
    const char *job = getenv("SLURM_JOB_ID");
    const time_t now = time(NULL);
    struct tm utc;
    gethostname(host, sizeof host - 1);
    if (gmtime_r(&now, &utc)) strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%SZ", &utc);
    start_of(start, getpid());
    boot_of_this(boot);
    snprintf(text, TEXT_SIZE, "host %s, process %ld%s%.32s, since %s [start %s, boot %s]\n", host,
             (long)getpid(), job ? ", batch job " : "", job ? job : "", since, start, boot);
}

typedef struct owner_says {
    char host[HOST_SIZE], start[START_SIZE], boot[BOOT_SIZE];
    long pid;
} owner_says;

static bool parse(owner_says *o, const char *text) {
    const char *inside = strchr(text, '[');
    return sscanf(text, "host %255[^,], process %ld", o->host, &o->pid) == 2 && inside &&
           sscanf(inside, "[start %31[0-9], boot %47[^]]]", o->start, o->boot) == 2;
}

/* The text of the file, "" if there is none; and the rest of what a beat changes. */
static judd_status read_text(char text[TEXT_SIZE], struct stat *info, const char *path) {
    judd_status status = JUDD_OK;
    *info = (struct stat){0};
    text[0] = 0;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return JUDD_OK;
    ssize_t n = fd >= 0 && fstat(fd, info) == 0 ? pread(fd, text, TEXT_SIZE - 1, 0) : -1;
    if (n < 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot read: %s; check the output folder", path, strerror(errno));
    text[n] = 0;
done:
    if (fd >= 0) close(fd);
    return status;
}

/* Whether the file changes: its owner is alive on a machine that shares nothing else with us. */
static judd_status beats(bool *alive, char text[TEXT_SIZE], const char *path) {
    judd_status status = JUDD_OK;
    char before[TEXT_SIZE];
    struct stat first, now;
    *alive = false;
    JUDD_TRY(read_text(before, &first, path));
    for (int at = 0; at < SILENCE_MS && !*alive; at += BEAT_MS / 4) {
        pause_ms(BEAT_MS / 4);
        JUDD_TRY(read_text(text, &now, path));
        *alive = strcmp(before, text) != 0 || now.st_ino != first.st_ino ||
                 now.st_mtim.tv_sec != first.st_mtim.tv_sec ||
                 now.st_mtim.tv_nsec != first.st_mtim.tv_nsec;
    }
done:
    return status;
}

/* Whether the owner that the file names is alive. flocked: we hold the kernel's lock on the file,
 * so that nobody on this machine does; other machines may not be asked by it. */
static judd_status ask_owner(bool *alive, char text[TEXT_SIZE], bool flocked, const char *path) {
    judd_status status = JUDD_OK;
    char host[HOST_SIZE] = "", boot[BOOT_SIZE], start[START_SIZE];
    struct stat info;
    owner_says o;
    *alive = false;
    JUDD_TRY(read_text(text, &info, path));
    gethostname(host, sizeof host - 1);
    boot_of_this(boot);
    bool known = parse(&o, text), here = known && strcmp(o.boot, boot) == 0;
    if (here && flocked) goto done;
    if (here && strcmp(o.host, host) == 0) {
        start_of(start, o.pid);
        *alive = strcmp(start, o.start) == 0;
        goto done;
    }
    JUDD_TRY(beats(alive, text, path));
done:
    return status;
}

/* ---- taking it ----------------------------------------------------------------------------------
 */

/* Whether the path still names the open file: its last owner may have removed it between our open
 * and our flock, and then another process may lock a new file of that name. */
static bool still_there(int fd, const char *path) {
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

typedef enum { HELD, BUSY, NONE } grip;

/* The kernel's lock; NONE where the file system has none. */
static judd_status grip_file(grip *out, int fd, const char *path) {
    *out = HELD;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        *out = errno == EWOULDBLOCK ? BUSY : NONE;
        if (*out == BUSY || errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS)
            return JUDD_OK;
        return judd_status_set(JUDD_E_IO, "%s: cannot lock: %s; check the file system", path,
                               strerror(errno));
    }
    return JUDD_OK;
}

/* A file that names us and is locked, under a name of its own. */
static judd_status prepare(judd_lock *lock, bool *flocked, const char *own) {
    judd_status status = JUDD_OK;
    grip g = NONE;
    const size_t n = strlen(lock->text);
    unlink(own); /* left by a dead process of the same number */
    lock->fd = open(own, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (lock->fd < 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot create: %s; check the output folder", own,
                  strerror(errno));
    if (pwrite(lock->fd, lock->text, n, 0) != (ssize_t)n || fsync(lock->fd) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot write: %s; check free space and quota", own,
                  strerror(errno));
    JUDD_TRY(grip_file(&g, lock->fd, own));
    *flocked = g == HELD;
done:
    return status;
}

/* Give our file the name, if nobody alive has it; else `text` is the owner's, or still "" if it
 * could not be told. *won: ours. */
static judd_status try_once(bool *won, char text[TEXT_SIZE], const char *own, const char *path) {
    judd_status status = JUDD_OK;
    struct stat info;
    grip g = NONE;
    bool alive = false;
    int fd = -1;
    *won = link(own, path) == 0; /* only one of several succeeds, also across machines */
    if (*won) goto done;
    if (errno != EEXIST)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot create: %s; check the output folder", path,
                  strerror(errno));
    fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) goto done;
    if (fd < 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot open: %s; check the output folder", path, strerror(errno));
    JUDD_TRY(grip_file(&g, fd, path));
    if (g == BUSY) {
        JUDD_TRY(read_text(text, &info, path));
        goto done;
    }
    if (!still_there(fd, path)) goto done;
    JUDD_TRY(ask_owner(&alive, text, g == HELD, path));
    if (alive) goto done;
    text[0] = 0;
    if (rename(own, path) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot replace: %s; check the output folder", path,
                  strerror(errno));
    *won = true;
done:
    if (fd >= 0) close(fd);
    return status;
}

static judd_status in_use(const char *path, const char *text) {
    const int n = (int)strcspn(text, "[\n");
    return judd_status_set(JUDD_E_AGAIN,
                           "%s: in use by %.*s; wait for it or set another output folder", path,
                           n > 1 ? n - (text[n] == '[') : (int)strlen("an unknown process"),
                           n > 1 ? text : "an unknown process");
}

static judd_status take(judd_lock *lock) {
    judd_status status = JUDD_OK;
    char *own = NULL, text[TEXT_SIZE] = "", host[HOST_SIZE] = "host";
    struct stat info;
    bool won = false, flocked = false;
    describe_self(lock->text);
    gethostname(host, sizeof host - 1);
    JUDD_TRY(judd_memory_format(&own, "%s.tmp.%s.%ld", lock->path, host, (long)getpid()));
    JUDD_TRY(prepare(lock, &flocked, own));
    for (int i = 0; i < ATTEMPTS && !won && !text[0]; i++) {
        if (i > 0) pause_ms(PAUSE_MS);
        JUDD_TRY(try_once(&won, text, own, lock->path));
    }
    if (!won) JUDD_TRY(in_use(lock->path, text));
    if (flocked) goto done;
    pause_ms(SETTLE_MS); /* two may have found the same dead owner: the last one has it */
    JUDD_TRY(read_text(text, &info, lock->path));
    if (strcmp(text, lock->text) != 0) JUDD_TRY(in_use(lock->path, text));
done:
    if (own) unlink(own);
    free(own);
    return status;
}

/* ---- holding it ---------------------------------------------------------------------------------
 */

judd_status judd_lock_check(const judd_lock *lock) {
    judd_status status = JUDD_OK;
    char text[TEXT_SIZE];
    struct stat info;
    JUDD_TRY(read_text(text, &info, lock->path));
    if (strcmp(text, lock->text) != 0)
        JUDD_FAIL(JUDD_E_AGAIN, "%s: %s%.*s; this copy of the job ends: run the command again",
                  lock->path, text[0] ? "taken over by " : "removed by someone else",
                  (int)strcspn(text, "[\n"), text);
done:
    return status;
}

/* A sign of life for machines that neither see our process nor feel our flock. */
static void *beat(void *context) {
    judd_lock *lock = context;
    struct timespec until;
    pthread_mutex_lock(&lock->mutex);
    while (!lock->ends) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += BEAT_MS / 1000;
        pthread_cond_timedwait(&lock->wake, &lock->mutex, &until);
        if (!lock->ends && still_there(lock->fd, lock->path)) futimens(lock->fd, NULL);
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

static judd_status start_beat(judd_lock *lock) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the other threads' */
    int error = pthread_create(&lock->thread, NULL, beat, lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    lock->beats = error == 0;
    if (error == 0) return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL, "%s: no thread: %s; raise ulimit -u (and -v)",
                           lock->path, strerror(error));
}

static judd_status create(judd_lock **out, const char *folder) {
    judd_status status = JUDD_OK;
    judd_lock *lock = NULL;
    JUDD_TRY(judd_memory_alloc(&lock, 1, sizeof *lock));
    lock->fd = -1;
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->wake, NULL);
    *out = lock;
    JUDD_TRY(judd_memory_format(&lock->path, "%s/LOCK", folder));
done:
    return status;
}

judd_status judd_lock_acquire(judd_lock **out, const judd_comm *comm, const char *folder) {
    judd_status status = JUDD_OK;
    judd_lock *lock = NULL;
    *out = NULL;
    JUDD_TRY(judd_comm_agree(comm, create(&lock, folder)));
    if (comm->rank == 0) status = take(lock);
    if (comm->rank == 0 && status == JUDD_OK) status = start_beat(lock);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, lock->text, sizeof lock->text));
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

judd_status judd_lock_look(judd_lock_owner *owner, const char *folder) {
    judd_status status = JUDD_OK;
    char *path = NULL, text[TEXT_SIZE], host[HOST_SIZE] = "", boot[BOOT_SIZE], start[START_SIZE];
    struct stat info;
    struct timespec now;
    owner_says o;
    *owner = (judd_lock_owner){0};
    JUDD_TRY(judd_memory_format(&path, "%s/LOCK", folder));
    JUDD_TRY(read_text(text, &info, path));
    if (!text[0]) goto done;
    clock_gettime(CLOCK_REALTIME, &now);
    owner->there = true;
    owner->silent_s = (double)(now.tv_sec - info.st_mtim.tv_sec) +
                      1e-9 * (double)(now.tv_nsec - info.st_mtim.tv_nsec);
    size_t n = strcspn(text, "[\n");
    while (n > 0 && text[n - 1] == ' ') n--;
    snprintf(owner->text, sizeof owner->text, "%.*s", (int)n, text);
    gethostname(host, sizeof host - 1);
    boot_of_this(boot);
    if (parse(&o, text) && strcmp(o.host, host) == 0 && strcmp(o.boot, boot) == 0) {
        start_of(start, o.pid);
        owner->alive = strcmp(start, o.start) == 0;
    } else {
        owner->alive = owner->silent_s < 1e-3 * SILENCE_MS;
    }
done:
    free(path);
    return status;
}

void judd_lock_release(judd_lock *lock) {
    if (!lock) return;
    pthread_mutex_lock(&lock->mutex);
    lock->ends = true;
    pthread_cond_signal(&lock->wake);
    pthread_mutex_unlock(&lock->mutex);
    if (lock->beats) pthread_join(lock->thread, NULL);
    if (lock->fd >= 0) {
        if (still_there(lock->fd, lock->path)) unlink(lock->path); /* before the lock goes */
        close(lock->fd);
    }
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
    free(lock->path);
    free(lock);
}
