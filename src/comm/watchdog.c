#include <judd/comm/watchdog.h>

#include <judd/base/memory.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PHASE_SIZE = 128, HOST_SIZE = 64, PATH_SIZE = 4096, REPORT_SIZE = 256 };

static const double poll_s = 0.1;
static const double still_s = 1; /* a poll longer than this: the process did not run */
static const double grace_s = 5; /* how long the reports of the others are waited for */
static const double print_s = 1; /* how long ranks that do not print stay for the one that does */

/* Where a rank lives: known before anything goes wrong, since a stalled rank cannot tell. */
typedef struct place {
    char host[HOST_SIZE];
    int64_t process;
} place;

struct judd_watchdog {
    int rank, size;
    int first, end; /* the ranks that can hold this one up; under mutex */
    void (*beaten)(void *context);
    void *context;
    double deadline_s;
    char *folder;
    place *places; /* [size] */
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex; /* of phase, over and members */
    pthread_cond_t over_changed;
    char phase[PHASE_SIZE];
    bool over;
    atomic_llong beat_ns; /* of the monotonic clock */
    atomic_bool waits;
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double silent_s(const judd_watchdog *w) {
    return 1e-9 * (double)(now_ns() - atomic_load(&w->beat_ns));
}

/* Sleep, but not past the end; whether the end has come. */
static bool ends_within(judd_watchdog *w, double seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    int64_t ns = until.tv_nsec + (int64_t)(seconds * 1e9);
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    pthread_mutex_lock(&w->mutex);
    int code = 0;
    while (!w->over && code == 0)
        code = pthread_cond_timedwait(&w->over_changed, &w->mutex, &until);
    bool over = w->over;
    pthread_mutex_unlock(&w->mutex);
    return over;
}

/* ---- reports: a file a rank, "waits" or "computes" and the phase --------------------------------
 */

static void report_path(char path[PATH_SIZE], const judd_watchdog *w, int rank) {
    snprintf(path, PATH_SIZE, "%s/watchdog/rank-%d", w->folder, rank);
}

static void write_report(judd_watchdog *w) {
    char path[PATH_SIZE], temporary[PATH_SIZE + 8];
    snprintf(path, sizeof path, "%s/watchdog", w->folder);
    mkdir(w->folder, 0777); /* it may be for this alone */
    mkdir(path, 0777);
    report_path(path, w, w->rank);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = fopen(temporary, "w");
    if (!file) return; /* the rank will be called silent; it is no longer of use anyway */
    pthread_mutex_lock(&w->mutex);
    fprintf(file, "%s %s", atomic_load(&w->waits) ? "waits" : "computes", w->phase);
    pthread_mutex_unlock(&w->mutex);
    if (fclose(file) == 0) rename(temporary, path);
}

static void remove_report(const judd_watchdog *w, int rank) {
    char path[PATH_SIZE];
    report_path(path, w, rank);
    unlink(path);
}

static void remove_folder(const judd_watchdog *w) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/watchdog", w->folder);
    rmdir(path);
}

/* The text of a rank's report, or false. */
static bool read_report(char text[REPORT_SIZE], const judd_watchdog *w, int rank) {
    char path[PATH_SIZE];
    report_path(path, w, rank);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    size_t n = fread(text, 1, REPORT_SIZE - 1, file);
    text[n] = 0;
    fclose(file);
    return n > 0;
}

/* ---- the verdict -------------------------------------------------------------------------------
 */

typedef struct verdict {
    int first, end;          /* the ranks looked at */
    int n_reports, reporter; /* reporter: the lowest rank that reported */
    int n_silent, silent;    /* and the lowest rank of each other kind, -1: none */
    int n_computing, computing;
    bool between_hosts; /* the ranks have more than one: their network may be cut */
} verdict;

static verdict judge(judd_watchdog *w) {
    verdict v = {.reporter = -1, .silent = -1, .computing = -1};
    char text[REPORT_SIZE];
    pthread_mutex_lock(&w->mutex);
    v.first = w->first;
    v.end = w->end;
    pthread_mutex_unlock(&w->mutex);
    for (int r = v.first; r < v.end; r++) {
        v.between_hosts |= strcmp(w->places[r].host, w->places[v.first].host) != 0;
        if (!read_report(text, w, r)) {
            if (v.n_silent++ == 0) v.silent = r;
            continue;
        }
        if (v.n_reports++ == 0) v.reporter = r;
        if (strncmp(text, "computes", 8) == 0 && v.n_computing++ == 0) v.computing = r;
    }
    return v;
}

static void print_verdict(const judd_watchdog *w, const verdict *v) {
    const char *remedy = "run the same command again, or raise limits.watchdog_s if it was only "
                         "slow";
    char report[REPORT_SIZE] = "", other[REPORT_SIZE] = "";
    int culprit = v->n_silent > 0 ? v->silent : v->computing;
    if (!read_report(report, w, w->rank)) report[0] = 0;
    const char *phase = strchr(report, ' ') ? strchr(report, ' ') + 1 : "start";
    if (culprit < 0) { /* every rank waits, for different things */
        int last = v->end - 1;
        if (!read_report(other, w, last)) other[0] = 0;
        fprintf(stderr,
                "judd: the ranks wait for each other since %.0f s: rank %d (host %s) in \"%s\", "
                "rank %d (host %s) in \"%s\"; %s; %s\n",
                w->deadline_s, w->rank, w->places[w->rank].host, phase, last, w->places[last].host,
                strchr(other, ' ') ? strchr(other, ' ') + 1 : "?",
                v->between_hosts ? "look at the network between the hosts" : "please report this",
                remedy);
        return;
    }
    const place *p = &w->places[culprit];
    if (read_report(other, w, culprit) && strchr(other, ' ')) phase = strchr(other, ' ') + 1;
    char more[48] = "";
    int n_more = (v->n_silent > 0 ? v->n_silent : v->n_computing) - 1;
    if (n_more > 0) snprintf(more, sizeof more, " and %d more", n_more);
    fprintf(stderr,
            "judd: rank %d (host %s, process %lld)%s %s for %.0f s in \"%s\" while the others "
            "wait; %s\n",
            culprit, p->host, (long long)p->process, more,
            v->n_silent > 0 ? "has given no sign of life" : "has computed without a sign",
            w->deadline_s, phase, remedy);
}

/* The deadline has passed. Returns only if this rank went on, or the watch ended, meanwhile. */
static void expire(judd_watchdog *w) {
    int64_t beat = atomic_load(&w->beat_ns), started = now_ns();
    write_report(w);
    for (;;) {
        bool over = ends_within(w, poll_s);
        if (over || atomic_load(&w->beat_ns) != beat) {
            remove_report(w, w->rank);
            return;
        }
        verdict v = judge(w);
        if (v.n_silent > 0 && 1e-9 * (double)(now_ns() - started) < grace_s) continue;
        if (v.reporter == w->rank) {
            print_verdict(w, &v);
            for (int r = v.first; r < v.end; r++) remove_report(w, r);
            remove_folder(w);
        } else if (ends_within(w, print_s)) {
            return;
        }
        /* not exit: atexit handlers could wait for the other ranks */
        _exit(v.between_hosts ? JUDD_E_AGAIN : JUDD_E_INTERNAL);
    }
}

/* A poll that took far longer than it should: the whole process stood still (a suspended job), so
 * what it did not do meanwhile says nothing. */
static void forgive(judd_watchdog *w, int64_t last_poll_ns) {
    int64_t gap = now_ns() - last_poll_ns;
    if (1e-9 * (double)gap > still_s) atomic_fetch_add(&w->beat_ns, gap);
}

static void *watch(void *context) {
    judd_watchdog *w = context;
    int64_t last = now_ns();
    while (!ends_within(w, poll_s)) {
        forgive(w, last);
        last = now_ns();
        if (silent_s(w) > w->deadline_s) expire(w);
    }
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------------
 */

static judd_status start(judd_watchdog *w) {
    judd_watchdog_phase(w, "start");
    if (!(w->deadline_s > 0.0)) return JUDD_OK;
    int code = pthread_create(&w->thread, NULL, watch, w);
    if (code != 0)
        return judd_status_set(JUDD_E_INTERNAL,
                               "watchdog: no thread: %s; raise the limit of "
                               "processes (ulimit -u), or limits.watchdog_s = 0",
                               strerror(code));
    w->started = true;
    return JUDD_OK;
}

judd_status judd_watchdog_create(judd_watchdog **out, const judd_comm *comm, const char *folder,
                                 double deadline_s) {
    judd_status status = JUDD_OK;
    judd_watchdog *w = NULL;
    place own = {.process = getpid()};
    *out = NULL;
    status = judd_memory_alloc(&w, 1, sizeof *w);
    if (status == JUDD_OK) {
        w->rank = comm->rank;
        w->size = w->end = comm->size;
        w->deadline_s = deadline_s;
        pthread_mutex_init(&w->mutex, NULL);
        pthread_cond_init(&w->over_changed, NULL);
        status = judd_memory_string(&w->folder, folder);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    if (gethostname(own.host, sizeof own.host - 1) != 0) strcpy(own.host, "unknown");
    JUDD_TRY(judd_comm_allgather(comm, (void **)&w->places, &own, 1, sizeof own));
    remove_report(w, w->rank);
    JUDD_TRY(judd_comm_agree(comm, start(w)));
    *out = w;
    w = NULL;
done:
    judd_watchdog_destroy(w);
    return status;
}

void judd_watchdog_destroy(judd_watchdog *w) {
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    w->over = true;
    pthread_cond_signal(&w->over_changed);
    pthread_mutex_unlock(&w->mutex);
    if (w->started) pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->mutex);
    pthread_cond_destroy(&w->over_changed);
    free(w->folder);
    free(w->places);
    free(w);
}

void judd_watchdog_beat(judd_watchdog *w) {
    if (!w) return;
    atomic_store(&w->waits, false);
    atomic_store(&w->beat_ns, now_ns());
    if (w->beaten) w->beaten(w->context);
}

void judd_watchdog_wait(judd_watchdog *w) {
    if (!w) return;
    atomic_store(&w->beat_ns, now_ns());
    atomic_store(&w->waits, true);
}

void judd_watchdog_phase(judd_watchdog *w, const char *phase) {
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    snprintf(w->phase, sizeof w->phase, "%s", phase);
    pthread_mutex_unlock(&w->mutex);
    judd_watchdog_beat(w);
}

void judd_watchdog_members(judd_watchdog *w, int first, int n) {
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    w->first = first;
    w->end = first + n;
    pthread_mutex_unlock(&w->mutex);
}

void judd_watchdog_on_beat(judd_watchdog *w, void (*beaten)(void *context), void *context) {
    if (!w) return;
    w->context = context;
    w->beaten = beaten;
}
