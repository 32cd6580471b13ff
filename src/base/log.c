#include <judd/base/log.h>

#include <judd/base/hash.h>
#include <judd/base/memory.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct judd_log {
    bool quiet;
    FILE *file;
    uint64_t *said; /* [n_said] checks of warnings */
    int64_t n_said;
};

judd_status judd_log_create(judd_log **out, bool quiet) {
    judd_status status = judd_memory_alloc(out, 1, sizeof **out);
    if (status == JUDD_OK) (*out)->quiet = quiet;
    return status;
}

void judd_log_destroy(judd_log *log) {
    if (!log) return;
    if (log->file) fclose(log->file);
    free(log->said);
    free(log);
}

judd_status judd_log_open_file(judd_log *log, const char *path) {
    struct stat info; /* a pipe of that name would block */
    bool regular = lstat(path, &info) != 0 || S_ISREG(info.st_mode);
    log->file = regular ? fopen(path, "ae") : NULL;
    if (!regular) return judd_status_set(JUDD_E_IO, "%s: not a regular file; remove it", path);
    if (!log->file)
        return judd_status_set(JUDD_E_IO, "%s: %s; check the output folder", path, strerror(errno));
    setvbuf(log->file, NULL, _IOLBF, 0);
    return JUDD_OK;
}

static void print(judd_log *log, bool to_stderr, const char *prefix, const char *format,
                  va_list args) {
    char text[JUDD_MESSAGE_SIZE], stamp[32];
    vsnprintf(text, sizeof text, format, args);
    if (to_stderr) fprintf(stderr, "%s%s\n", prefix, text);
    if (!log->file) return;
    time_t now = time(NULL);
    struct tm utc;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    fprintf(log->file, "%s %s%s\n", stamp, prefix, text);
}

void judd_log_info(judd_log *log, const char *format, ...) {
    if (!log) return;
    va_list args;
    va_start(args, format);
    print(log, !log->quiet, "", format, args);
    va_end(args);
}

/* Whether this warning was said before. Without memory to remember it is said again. */
static bool is_said(judd_log *log, const char *format, va_list args) {
    char text[JUDD_MESSAGE_SIZE];
    vsnprintf(text, sizeof text, format, args);
    uint64_t check = judd_hash_check(text, strlen(text), 0);
    for (int64_t i = 0; i < log->n_said; i++)
        if (log->said[i] == check) return true;
    uint64_t *longer = realloc(log->said, (size_t)(log->n_said + 1) * sizeof *longer);
    if (!longer) return false;
    log->said = longer;
    log->said[log->n_said++] = check;
    return false;
}

void judd_log_warning(judd_log *log, const char *format, ...) {
    if (!log) return;
    va_list args;
    va_start(args, format);
    bool said = is_said(log, format, args);
    va_end(args);
    if (said) return;
    va_start(args, format);
    print(log, true, "warning: ", format, args);
    va_end(args);
}
