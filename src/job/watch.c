#include <judd/job/watch.h>

#include "job/watch_state.h"
#include "report/records.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BAR = 30, BESIDE_BAR = 66, TIME_SIZE = 32, NOW_SHOWN = 4, LINE_SIZE = 1024 };

/* ---- lines --------------------------------------------------------------------------------------
 */

typedef struct drawing {
    const judd_watch_screen *screen;
    int rows; /* drawn so far */
} drawing;

/* Rows that are left, but for one that says what is missing. */
static int rows_left(const drawing *d) {
    return d->screen->rows > 0 ? d->screen->rows - d->rows - 1 : 1 << 20;
}

/* At most `most` columns: bytes that go on a character of UTF-8 take none; nothing steers the
 * terminal. */
static size_t cut(char *text, int most) {
    int columns = 0;
    size_t n = 0;
    for (; text[n]; n++) {
        unsigned char c = (unsigned char)text[n];
        if (c < ' ' || c == 127) text[n] = '?';
        if ((c & 0xC0) != 0x80 && ++columns > most) break;
    }
    return n;
}

static void line(drawing *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(drawing *d, const char *format, ...) {
    char text[LINE_SIZE];
    va_list args;
    if (d->screen->rows > 0 && d->rows >= d->screen->rows) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t n = cut(text, d->screen->columns);
    /* \033[K: what a longer line before left over */
    fprintf(d->screen->to, "%.*s%s\n", (int)n, text, d->screen->terminal ? "\033[K" : "");
    d->rows++;
}

static void format_time(char text[TIME_SIZE], double seconds) {
    long long s = seconds > 0.0 && seconds < 1e9 ? (long long)(seconds + 0.5) : 0;
    if (s < 60)
        snprintf(text, TIME_SIZE, "%lld s", s);
    else if (s < 3600)
        snprintf(text, TIME_SIZE, "%lld min %02lld s", s / 60, s % 60);
    else
        snprintf(text, TIME_SIZE, "%lld h %02lld min", s / 3600, s % 3600 / 60);
}

static double since(int64_t unix_s) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec - unix_s) + 1e-9 * (double)now.tv_nsec;
}

/* ---- a job --------------------------------------------------------------------------------------
 */

static void draw_owner(drawing *d, const judd_watch_state *s, const char *folder) {
    const judd_lock_owner *o = &s->owner;
    char time[TIME_SIZE];
    format_time(time, o->silent_s);
    if (s->complete && !o->there)
        line(d, "%s: complete", folder);
    else if (!o->there)
        line(d, "%s: stopped; judd run goes on with it", folder);
    else if (o->alive)
        line(d, "%s: running on %s", folder, o->text);
    else
        line(d, "%s: its owner is gone, silent for %s (%s); judd run goes on with it", folder, time,
             o->text);
}

static void draw_trials(drawing *d, const judd_watch_state *s) {
    int room = d->screen->columns - BESIDE_BAR, width = room < 4 ? 4 : room > BAR ? BAR : room;
    char bar[BAR + 1], left[TIME_SIZE] = "", rate[64] = "";
    int64_t done = (int64_t)json_object_size(s->results), all = s->n_trials;
    double share = all > 0 ? fmin(1.0, (double)done / (double)all) : 0.0;
    for (int i = 0; i < width; i++) bar[i] = (double)(i + 1) <= share * width ? '#' : '.';
    bar[width] = 0;
    double seconds = s->training_s > 0 ? since(s->training_s) : 0.0;
    bool runs = s->owner.alive && s->worth > 0.0 && seconds > 0.0;
    if (runs) {
        double per_s = (double)s->n_trained / seconds;
        format_time(left, fmax((double)s->n_heads - s->worth, 0.0) / s->worth * seconds);
        snprintf(rate, sizeof rate, ", %.3g heads/min, %s left", 60.0 * per_s, left);
    }
    line(d, "  trials    [%s] %lld of %s%lld, %d %%%s", bar, (long long)done,
         s->job->verdict.seeds == 0 && !s->complete ? "at least " : "", (long long)all,
         (int)(100.0 * share), rate);
}

static void draw_phase(drawing *d, const judd_watch_state *s) {
    char time[TIME_SIZE];
    if (!s->owner.alive) return;
    format_time(time, since(s->training_s > 0 ? s->training_s : s->start_s));
    if (s->start_s == 0)
        line(d, "  now       reading data sets");
    else if (s->training_s == 0)
        line(d, "  now       features, for %s; cache files done: %lld; ranks: %lld", time,
             (long long)s->n_caches, (long long)s->n_ranks);
    else if (s->n_trained < s->n_heads)
        line(d, "  now       training, %lld of %lld heads in %s; ranks: %lld, groups: %lld",
             (long long)s->n_trained, (long long)s->n_heads, time, (long long)s->n_ranks,
             (long long)s->n_groups);
    else
        line(d, "  now       verdicts and report");
}

static void draw_checkpoints(drawing *d, const judd_watch_state *s) {
    for (int64_t i = 0; i < s->n_now && i < NOW_SHOWN; i++) {
        const judd_watch_bank *b = &s->now[i];
        char of[64] = "";
        if (b->n_steps > 0) snprintf(of, sizeof of, " of %lld", (long long)b->n_steps);
        line(d, "            %s: step %lld%s", b->name, (long long)b->step, of);
    }
    if (s->n_now > NOW_SHOWN)
        line(d, "            and %lld more that have checkpoints", (long long)s->n_now - NOW_SHOWN);
}

static void draw_warnings(drawing *d, const judd_watch_state *s) {
    for (int i = 0; i < s->n_warnings; i++) line(d, "  warning   %s", s->warnings[i]);
}

/* ---- comparisons --------------------------------------------------------------------------------
 */

/* "+0.031 [+0.002, +0.060]  positive" */
static void draw_verdict(drawing *d, const json_t *v) {
    const json_t *ci = json_object_get(v, "ci95");
    if (judd_records_is(v, "kind", "sequence")) return;
    line(d, "  %+.3f [%+.3f, %+.3f] %4.0f seeds  %-12s  %s%s", judd_records_number(v, "gain"),
         judd_records_value(json_array_get(ci, 0)), judd_records_value(json_array_get(ci, 1)),
         judd_records_number(v, "n_seeds"), judd_records_text(v, "verdict"),
         judd_records_text(v, "comparison"), judd_records_is(v, "kind", "guard") ? " (guard)" : "");
}

static int draw_verdicts(drawing *d, const judd_watch_state *s, int room) {
    size_t i = 0;
    json_t *v = NULL;
    int n = 0;
    json_array_foreach(s->verdicts, i, v) {
        if (n++ < room) draw_verdict(d, v);
    }
    return n > room ? n - room : 0;
}

/* Those that have a gain. */
static int draw_gains(drawing *d, const judd_watch_state *s, int room) {
    int64_t n = 0;
    int seen = 0;
    for (int64_t i = 0; s->plan && i < s->plan->n_comparisons; i++) {
        const judd_plan_comparison *c = &s->plan->comparisons[i];
        double gain = c->retention ? NAN : judd_watch_state_gain(s, c, &n);
        if (isnan(gain) || seen++ >= room) continue;
        line(d, "  %+.3f %4lld of %lld seeds  %s", gain, (long long)n, (long long)s->plan->n_seeds,
             c->name);
    }
    return seen > room ? seen - room : 0;
}

static bool has_verdicts(const judd_watch_state *s) {
    return s->complete && json_array_size(s->verdicts) > 0;
}

/* As many as there is room for. */
static void draw_comparisons(drawing *d, const judd_watch_state *states, int n) {
    int missing = 0;
    bool all = true, any = false;
    for (int i = 0; i < n; i++) {
        all = all && has_verdicts(&states[i]);
        any = any || json_object_size(states[i].results) > 0;
    }
    if (!any || rows_left(d) < 2) return;
    line(d, "%s",
         all ? "verdicts (mean gain, 95 % interval)"
             : "mean gains so far; verdicts follow when the job is complete");
    for (int i = 0; i < n; i++) {
        int room = rows_left(d) > 0 ? rows_left(d) : 0;
        missing += has_verdicts(&states[i]) ? draw_verdicts(d, &states[i], room)
                                            : draw_gains(d, &states[i], room);
    }
    if (missing > 0) line(d, "  and %d more; judd report shows all", missing);
}

static void draw(drawing *d, const judd_watch_state *states, const char *const *folders, int n) {
    for (int i = 0; i < n; i++) {
        const judd_watch_state *s = &states[i];
        draw_owner(d, s, folders[i]);
        draw_trials(d, s);
        if (s->complete) continue;
        draw_phase(d, s);
        draw_checkpoints(d, s);
        draw_warnings(d, s);
    }
    draw_comparisons(d, states, n);
}

judd_status judd_watch_draw(bool *over, const judd_watch_screen *screen, const char *const *folders,
                            int n_folders) {
    judd_status status = JUDD_OK;
    judd_watch_state *states = NULL;
    drawing d = {.screen = screen};
    JUDD_TRY(judd_memory_alloc(&states, n_folders, sizeof *states));
    for (int i = 0; i < n_folders; i++) JUDD_TRY(judd_watch_state_read(&states[i], folders[i]));
    if (screen->terminal) fprintf(screen->to, "\033[H");
    draw(&d, states, folders, n_folders);
    if (screen->terminal) fprintf(screen->to, "\033[J");
    *over = true;
    for (int i = 0; i < n_folders; i++) *over = *over && states[i].complete;
done:
    for (int i = 0; states && i < n_folders; i++) judd_watch_state_free(&states[i]);
    free(states);
    return status;
}
