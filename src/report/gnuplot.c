#include "report/gnuplot.h"

#include <judd/base/clock.h>
#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_OUTPUT = 64 << 20, LOOK_NS = 2000000 };

judd_status judd_gnuplot_find(char **path) {
    judd_status status = JUDD_OK;
    const char *folders = getenv("PATH");
    char *candidate = NULL;
    *path = NULL;
    for (const char *at = folders ? folders : ""; *at;) {
        size_t n = strcspn(at, ":");
        if (*at == '/') { /* never out of the working directory */
            JUDD_TRY(judd_memory_format(&candidate, "%.*s/gnuplot", (int)n, at));
            if (access(candidate, X_OK) == 0) {
                *path = candidate;
                return JUDD_OK;
            }
            free(candidate);
            candidate = NULL;
        }
        at += n + (at[n] == ':');
    }
done:
    free(candidate);
    return status;
}

/* Its own process group, signals as a program expects them, script and output as 0 and 1. */
static int spawn(pid_t *pid, const char *path, int in, int out) {
    char *const arguments[] = {(char *)(uintptr_t)path, (char *)(uintptr_t) "-d", NULL};
    char *const environment[] = {(char *)(uintptr_t) "LC_ALL=C", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP) sigaddset(&usual, s);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&actions, 3); /* MPI's sockets, the lock of a job */
#endif
#endif
    int failed = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

static judd_status wait_for(pid_t pid, const char *path, double timeout_s) {
    const struct timespec pause = {0, LOOK_NS};
    double end = judd_clock_s(CLOCK_MONOTONIC) + timeout_s;
    int how = 0;
    pid_t ended;
    while ((ended = waitpid(pid, &how, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (judd_clock_s(CLOCK_MONOTONIC) > end) {
            kill(-pid, SIGKILL);
            while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {}
            return judd_status_set(JUDD_E_IO, "%s: no picture after %.0f s", path, timeout_s);
        }
        nanosleep(&pause, NULL);
    }
    if (ended == pid && how != 0)
        return judd_status_set(JUDD_E_IO, "%s: failed (status %d)", path, how);
    return JUDD_OK;
}

static judd_status read_all(char **out, int64_t *bytes, int fd) {
    struct stat info;
    char *text = NULL;
    if (fstat(fd, &info) != 0 || info.st_size > MAX_OUTPUT)
        return judd_status_set(JUDD_E_IO, "gnuplot: its output cannot be read");
    judd_status status = judd_memory_alloc(&text, (int64_t)info.st_size + 1, 1);
    if (status != JUDD_OK) return status;
    if (pread(fd, text, (size_t)info.st_size, 0) != info.st_size) {
        free(text);
        return judd_status_set(JUDD_E_IO, "gnuplot: its output cannot be read");
    }
    *out = text;
    *bytes = info.st_size;
    return JUDD_OK;
}

judd_status judd_gnuplot_run(char **out, int64_t *bytes, const char *path, const char *script,
                             int64_t script_bytes, double timeout_s) {
    judd_status status = JUDD_OK;
    pid_t pid = 0;
    int in = memfd_create("script", MFD_CLOEXEC), pictures = memfd_create("picture", MFD_CLOEXEC);
    if (in < 0 || pictures < 0 || write(in, script, (size_t)script_bytes) != script_bytes ||
        lseek(in, 0, SEEK_SET) != 0)
        JUDD_FAIL(JUDD_E_IO, "gnuplot: no memory file for its script: %s", strerror(errno));
    int failed = spawn(&pid, path, in, pictures);
    if (failed) JUDD_FAIL(JUDD_E_IO, "%s: cannot start: %s", path, strerror(failed));
    JUDD_TRY(wait_for(pid, path, timeout_s));
    JUDD_TRY(read_all(out, bytes, pictures));
done:
    if (in >= 0) close(in);
    if (pictures >= 0) close(pictures);
    return status;
}
