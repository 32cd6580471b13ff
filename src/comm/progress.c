#include <judd/comm/progress.h>

#include <judd/base/clock.h>
#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 200, TIME_SIZE = 32 };

static const double terminal_interval_s = 0.2;
static const double log_interval_s = 10;
static const double worth_a_line_s = 1;

struct judd_progress {
    char *phase, *unit;
    int64_t total; /* <= 0: not known */
    int64_t done;
    double worth; /* of what is done, in units of mean size */
    bool prints, terminal, printed;
    double start_s, last_s;
    judd_watchdog *watchdog; /* borrowed: progress is a sign of life */
};

judd_status judd_progress_create(judd_progress **out, const judd_comm *comm, const char *phase,
                                 const char *unit, int64_t total, bool quiet) {
    judd_status status = JUDD_OK;
    judd_progress *progress = NULL;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&progress, 1, sizeof *progress));
    JUDD_TRY(judd_memory_string(&progress->phase, phase));
    JUDD_TRY(judd_memory_string(&progress->unit, unit));
    progress->total = total;
    progress->watchdog = comm->watchdog;
    progress->prints = comm->rank == 0 && !quiet;
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->start_s = progress->last_s = judd_clock_s(CLOCK_MONOTONIC);
    *out = progress;
    progress = NULL;
done:
    if (progress) progress->prints = false;
    judd_progress_destroy(progress);
    return status;
}

static void format_time(char text[TIME_SIZE], double seconds) {
    if (!(seconds < 1e9)) seconds = 1e9; /* also NaN */
    const int64_t s = (int64_t)(seconds + 0.5);
    if (s < 60)
        snprintf(text, TIME_SIZE, "%d s", (int)s);
    else if (s < 3600)
        snprintf(text, TIME_SIZE, "%d min %02d s", (int)(s / 60), (int)(s % 60));
    else
        snprintf(text, TIME_SIZE, "%d h %02d min", (int)(s / 3600), (int)(s % 3600 / 60));
}

/* "features: 45 %, 5400 of 12000 images, 812/s, 8 s left" */
static void format_running(char *line, int size, const judd_progress *progress, double rate,
                           double elapsed_s) {
    const double done = progress->worth, total = (double)progress->total;
    const int digits = rate < 10 ? 2 : 0;
    char left[TIME_SIZE];
    if (progress->total <= 0) {
        snprintf(line, (size_t)size, "%lld %s, %.*f/s", (long long)progress->done, progress->unit,
                 digits, rate);
        return;
    }
    /* an estimate may run past the total */
    const int percent = done < total ? (int)(100 * done / total) : 100;
    int n = snprintf(line, (size_t)size, "%d %%, %lld of %lld %s", percent,
                     (long long)progress->done, (long long)progress->total, progress->unit);
    if (n >= size || rate <= 0) return;
    format_time(left, done < total ? (total - done) / done * elapsed_s : 0);
    snprintf(line + n, (size_t)(size - n), ", %.*f/s, %s left", digits, rate, left);
}

/* "features: 12000 images in 15 s (812/s)"; what is missing is said */
static void format_last(char *line, int size, const judd_progress *progress, double rate,
                        double elapsed_s) {
    char of[TIME_SIZE] = "", time[TIME_SIZE];
    if (progress->total > 0 && progress->done < progress->total)
        snprintf(of, sizeof of, " of %lld", (long long)progress->total);
    format_time(time, elapsed_s);
    snprintf(line, (size_t)size, "%lld%s %s in %s (%.*f/s)", (long long)progress->done, of,
             progress->unit, time, rate < 10 ? 2 : 0, rate);
}

static void print_line(judd_progress *progress, double now, bool last) {
    char line[LINE_SIZE];
    const double elapsed_s = now - progress->start_s;
    const double rate = elapsed_s > 0 ? (double)progress->done / elapsed_s : 0;
    int n = snprintf(line, sizeof line, "%s: ", progress->phase);
    if (n > LINE_SIZE / 2) n = LINE_SIZE / 2; /* a long phase leaves room for the numbers */
    if (last)
        format_last(line + n, LINE_SIZE - n, progress, rate, elapsed_s);
    else
        format_running(line + n, LINE_SIZE - n, progress, rate, elapsed_s);
    /* \033[K erases what a longer line before left over */
    if (progress->terminal)
        fprintf(stderr, "\r%s\033[K%s", line, last ? "\n" : "");
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    progress->last_s = now;
    progress->printed = true;
}

void judd_progress_update(judd_progress *progress, int64_t done) {
    judd_progress_weigh(progress, done, (double)done);
}

void judd_progress_weigh(judd_progress *progress, int64_t done, double worth) {
    if (!progress) return;
    progress->done = done;
    progress->worth = worth;
    judd_watchdog_beat(progress->watchdog);
    if (!progress->prints) return;
    const double now = judd_clock_s(CLOCK_MONOTONIC);
    const double interval = progress->terminal ? terminal_interval_s : log_interval_s;
    if (now - progress->last_s >= interval) print_line(progress, now, false);
}

void judd_progress_destroy(judd_progress *progress) {
    if (!progress) return;
    const double now = judd_clock_s(CLOCK_MONOTONIC);
    if (progress->prints && (progress->printed || now - progress->start_s >= worth_a_line_s))
        print_line(progress, now, true);
    free(progress->phase);
    free(progress->unit);
    free(progress);
}
