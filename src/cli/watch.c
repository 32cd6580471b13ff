/* judd watch: draws, sleeps, draws again. */
#include "cli/commands.h"

#include <judd/job/watch.h>

#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { USUAL_COLUMNS = 120, MANY_COLUMNS = 1000 };

/* Into a file or a pipe goes one picture, whole; COLUMNS cuts it. */
static judd_watch_screen find_screen(void) {
    judd_watch_screen s = {.to = stdout, .columns = MANY_COLUMNS};
    struct winsize size = {0};
    const char *columns = getenv("COLUMNS");
    s.terminal = isatty(STDOUT_FILENO) == 1;
    if (s.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        s.columns = size.ws_col > 0 ? size.ws_col : USUAL_COLUMNS;
        s.rows = size.ws_row > 1 ? size.ws_row - 1 : 0; /* the cursor's line */
    } else if (columns && atoi(columns) > 0) {
        s.columns = atoi(columns);
    }
    return s;
}

/* A signal ends the sleep. */
static void pause_s(double seconds, const volatile sig_atomic_t *stop) {
    struct timespec t = {.tv_sec = (time_t)seconds,
                         .tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds))};
    if (!*stop) nanosleep(&t, NULL);
}

static judd_status watch(const judd_arguments *a, bool once, double interval_s,
                         const volatile sig_atomic_t *stop) {
    bool over = false, first = true;
    for (;;) {
        judd_watch_screen screen = find_screen(); /* which may change its size */
        if (once || !screen.terminal) {
            screen.terminal = false;
            return judd_watch_draw(&over, &screen, a->operands, a->n);
        }
        if (first) fprintf(stdout, "\033[2J");
        first = false;
        judd_status status = judd_watch_draw(&over, &screen, a->operands, a->n);
        fflush(stdout);
        if (status != JUDD_OK || over || *stop) return status;
        pause_s(interval_s, stop);
    }
}

judd_status judd_command_watch(const judd_comm *comm, judd_arguments *a,
                               const volatile sig_atomic_t *stop) {
    bool once = judd_arguments_has(a, "--once");
    double interval_s = 2.0;
    judd_status status = judd_arguments_real(&interval_s, a, "--interval");
    if (status == JUDD_OK && !(interval_s >= 0.1 && interval_s <= 86400.0))
        status = judd_status_set(JUDD_E_USAGE, "watch: --interval %g: write 0.1 to 86400 seconds",
                                 interval_s);
    (void)comm; /* alone */
    return status == JUDD_OK ? watch(a, once, interval_s, stop) : status;
}
