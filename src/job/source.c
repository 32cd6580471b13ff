#include "job/source.h"

#include "job/c_locale.h"
#include "job/scan.h"

#include <judd/base/memory.h>
#include <judd/base/share.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct source_file {
    char *path;
    char *folder; /* "" or ending in '/' */
} source_file;

typedef struct source_line {
    int32_t file; /* into source.files */
    int32_t line;
} source_line;

struct judd_source {
    char *text; /* expanded */
    int64_t length, text_capacity;
    int64_t bytes_read; /* of all files, include lines too */
    source_file *files;
    int32_t n_files, files_capacity;
    source_line *lines;
    int64_t n_lines, lines_capacity;
    char *raw; /* of an override: what stands after '=' */
    bool is_parsed;
    config_t tree;
};

/* The files that are open on the way to the current one, outermost first. */
typedef struct include_chain {
    const struct include_chain *parent;
    const char *path;
    dev_t device;
    ino_t inode;
    int depth;
} include_chain;

/* Room for `needed` items of `size` bytes in *items; the new part is zero. */
static judd_status reserve(void *items, int64_t *capacity, int64_t needed, size_t size) {
    if (needed <= *capacity) return JUDD_OK;
    int64_t grown = needed > 2 * *capacity ? needed + 64 : 2 * *capacity;
    void *old = NULL, *fresh = NULL;
    memcpy(&old, items, sizeof old);
    judd_status status = judd_memory_alloc(&fresh, grown, size);
    if (status != JUDD_OK) return status;
    if (old) memcpy(fresh, old, (size_t)*capacity * size);
    free(old);
    memcpy(items, &fresh, sizeof fresh);
    *capacity = grown;
    return JUDD_OK;
}

static judd_status add_file(judd_source *source, const char *path, int32_t *index) {
    judd_status status = JUDD_OK;
    int64_t capacity = source->files_capacity;
    JUDD_TRY(reserve(&source->files, &capacity, source->n_files + 1, sizeof *source->files));
    source->files_capacity = (int32_t)capacity;
    source_file *file = &source->files[source->n_files];
    *index = source->n_files++;
    JUDD_TRY(judd_memory_string(&file->path, path));
    const char *slash = strrchr(path, '/');
    JUDD_TRY(judd_memory_format(&file->folder, "%.*s", slash ? (int)(slash + 1 - path) : 0, path));
done:
    return status;
}

static judd_status add_line(judd_source *source, int32_t file, int32_t line, const char *begin,
                            const char *end) {
    judd_status status = JUDD_OK;
    int64_t n = end - begin;
    JUDD_TRY(reserve(&source->lines, &source->lines_capacity, source->n_lines + 1,
                     sizeof *source->lines));
    JUDD_TRY(reserve(&source->text, &source->text_capacity, source->length + n + 2, 1));
    source->lines[source->n_lines++] = (source_line){file, line};
    memcpy(source->text + source->length, begin, (size_t)n);
    source->length += n;
    source->text[source->length++] = '\n';
    source->text[source->length] = '\0';
done:
    return status;
}

/* Whole contents of an open file, NUL-terminated. Regular files only: a FIFO could block for ever.
 */
static judd_status read_all(char **out, int64_t *length, int fd, const char *path) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    int64_t n = 0;
    struct stat info;
    if (fstat(fd, &info) != 0) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        JUDD_FAIL(JUDD_E_CONFIG, "%s: not a regular file; give the path of a job file", path);
    if (info.st_size > JUDD_SOURCE_BYTES)
        JUDD_FAIL(JUDD_E_CONFIG, "%s: larger than 16 MiB; this is no job file", path);
    JUDD_TRY(judd_memory_alloc(&text, info.st_size + 1, 1));
    while (n < info.st_size) {
        ssize_t got = read(fd, text + n, (size_t)(info.st_size - n));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
        if (got == 0) break;
        n += got;
    }
    *out = text;
    *length = n;
    text = NULL;
done:
    free(text);
    return status;
}

/* If the line is an @include, its path in [*begin, *stop); *rest what follows the closing quote. */
static bool find_include(const char *line, const char *end, const char **begin, const char **stop,
                         const char **rest) {
    static const char word[] = "@include";
    while (line < end && (*line == ' ' || *line == '\t')) line++;
    if ((size_t)(end - line) < sizeof word - 1 || memcmp(line, word, sizeof word - 1) != 0)
        return false;
    line += sizeof word - 1;
    while (line < end && (*line == ' ' || *line == '\t')) line++;
    *begin = *stop = *rest = NULL; /* an include without a path */
    if (line == end || *line != '"') return true;
    const char *quote = memchr(line + 1, '"', (size_t)(end - line - 1));
    if (!quote) return true;
    *begin = line + 1;
    *stop = quote;
    *rest = quote + 1;
    return true;
}

/* Only blanks and a comment may follow the path of an @include. */
static bool is_empty_rest(const char *rest, const char *end) {
    while (rest < end && (*rest == ' ' || *rest == '\t' || *rest == '\r')) rest++;
    return rest == end || *rest == '#' || (*rest == '/' && rest + 1 < end && rest[1] == '/');
}

bool judd_source_has_preset(const char *name) {
    char *presets = NULL;
    bool found = false;
    if (judd_share_folder(&presets, "configs") != JUDD_OK) return false;
    const char *folders[] = {getenv("JUDD_PRESETS"), presets};
    for (int i = 0; i < 2 && !found; i++) {
        char *path = NULL;
        found = folders[i] && folders[i][0] &&
                judd_memory_format(&path, "%s/%s", folders[i], name) == JUDD_OK &&
                access(path, R_OK) == 0;
        free(path);
    }
    free(presets);
    return found;
}

/* Open `name` beside the including file, then in the presets; *path is what was opened. */
static judd_status open_include(int *fd, char **path, const char *folder, const char *name,
                                const char *where) {
    judd_status status = JUDD_OK;
    char *presets = NULL;
    JUDD_TRY(judd_share_folder(&presets, "configs"));
    const char *folders[] = {folder, getenv("JUDD_PRESETS"), presets};
    int n = name[0] == '/' ? 1 : (int)(sizeof folders / sizeof *folders);
    for (int i = 0; i < n; i++) {
        if (!folders[i] || (i > 0 && !folders[i][0])) continue;
        const char *separator = i == 0 || folders[i][strlen(folders[i]) - 1] == '/' ? "" : "/";
        free(*path);
        *path = NULL;
        JUDD_TRY(
            judd_memory_format(path, "%s%s%s", name[0] == '/' ? "" : folders[i], separator, name));
        *fd = open(*path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (*fd >= 0) goto done;
        if (errno != ENOENT && errno != ENOTDIR)
            JUDD_FAIL(JUDD_E_CONFIG, "%s: @include \"%s\": %s: %s", where, name, *path,
                      strerror(errno));
    }
    JUDD_FAIL(
        JUDD_E_CONFIG,
        "%s: @include \"%s\" is neither beside this file nor in the presets; correct the path "
        "or set JUDD_PRESETS",
        where, name);
done:
    free(presets);
    return status;
}

static judd_status check_chain(const include_chain *chain, const struct stat *info,
                               const char *path, const char *where) {
    char names[JUDD_WHERE_SIZE] = "";
    bool is_cycle = false;
    for (const include_chain *c = chain; c && !is_cycle; c = c->parent) {
        char longer[JUDD_WHERE_SIZE];
        snprintf(longer, sizeof longer, "%.200s -> %.300s", c->path, names[0] ? names : path);
        memcpy(names, longer, sizeof names);
        is_cycle = c->device == info->st_dev && c->inode == info->st_ino;
    }
    if (is_cycle)
        return judd_status_set(JUDD_E_CONFIG, "%s: @include makes a cycle: %s; remove one", where,
                               names);
    if (chain && chain->depth == JUDD_SOURCE_INCLUDES)
        return judd_status_set(JUDD_E_CONFIG, "%s: @include nests deeper than %d: %s; flatten it",
                               where, JUDD_SOURCE_INCLUDES, names);
    return JUDD_OK;
}

static judd_status expand_file(judd_source *source, int fd, const char *path, const char *where,
                               const include_chain *parent);

static judd_status expand_include(judd_source *source, int32_t file, int32_t line,
                                  const char *begin, const char *stop, const include_chain *chain) {
    judd_status status = JUDD_OK;
    char *name = NULL, *path = NULL;
    char where[JUDD_WHERE_SIZE];
    int fd = -1;
    snprintf(where, sizeof where, "%s:%d", source->files[file].path, line);
    if (!begin || stop == begin || stop - begin > PATH_MAX)
        JUDD_FAIL(JUDD_E_CONFIG, "%s: @include without a path; write @include \"file.cfg\"", where);
    JUDD_TRY(judd_memory_format(&name, "%.*s", (int)(stop - begin), begin));
    JUDD_TRY(open_include(&fd, &path, source->files[file].folder, name, where));
    JUDD_TRY(expand_file(source, fd, path, where, chain));
done:
    if (fd >= 0) close(fd);
    free(name);
    free(path);
    return status;
}

static judd_status expand_text(judd_source *source, const char *text, int64_t length, int32_t file,
                               const include_chain *chain) {
    judd_status status = JUDD_OK;
    const char *end = text + length;
    int in_comment = 0;
    int32_t number = 1;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3; /* byte order mark */
    for (const char *line = text; line < end; number++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        const char *begin = NULL, *quote = NULL, *rest = NULL;
        if (memchr(line, '\0', (size_t)(stop - line)))
            JUDD_FAIL(JUDD_E_CONFIG, "%s:%d: a NUL byte; this is no text file",
                      source->files[file].path, number);
        if (!in_comment && find_include(line, stop, &begin, &quote, &rest)) {
            if (rest && !is_empty_rest(rest, stop))
                JUDD_FAIL(JUDD_E_CONFIG,
                          "%s:%d: text behind @include \"...\"; put it on a line of its own",
                          source->files[file].path, number);
            JUDD_TRY(expand_include(source, file, number, begin, quote, chain));
        } else {
            JUDD_TRY(add_line(source, file, number, line, stop));
            in_comment = judd_scan_comment(line, stop, in_comment);
        }
        line = stop + 1;
    }
    if (in_comment)
        JUDD_FAIL(JUDD_E_CONFIG, "%s:%d: a comment has no end in this file; add */",
                  source->files[file].path, number - 1);
done:
    return status;
}

/* Append an open file; `where` is the place of its @include, or NULL. */
static judd_status expand_file(judd_source *source, int fd, const char *path, const char *where,
                               const include_chain *parent) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    int64_t length = 0;
    int32_t file = 0;
    struct stat info;
    if (fstat(fd, &info) != 0) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
    JUDD_TRY(check_chain(parent, &info, path, where));
    JUDD_TRY(read_all(&text, &length, fd, path));
    source->bytes_read += length;
    if (source->bytes_read > JUDD_SOURCE_BYTES)
        JUDD_FAIL(JUDD_E_CONFIG,
                  "%s: more than 16 MiB with all @include files; this is no job file", path);
    JUDD_TRY(add_file(source, path, &file));
    include_chain chain = {parent, path, info.st_dev, info.st_ino, parent ? parent->depth + 1 : 0};
    JUDD_TRY(expand_text(source, text, length, file, &chain));
done:
    free(text);
    return status;
}

/* Parse the expanded text in the C locale: libconfig reads reals by strtod. */
static judd_status parse(judd_source *source) {
    judd_status status = JUDD_OK;
    char *normalised = NULL;
    judd_c_locale locale = {0};
    JUDD_TRY(judd_c_locale_enter(&locale));
    JUDD_TRY(judd_scan_text(&normalised, source->text ? source->text : "", source));
    config_init(&source->tree);
    source->is_parsed = true;
    if (!config_read_string(&source->tree, normalised)) {
        char where[JUDD_WHERE_SIZE];
        judd_source_line(where, source, config_error_line(&source->tree));
        JUDD_FAIL(JUDD_E_CONFIG, "%s: %s; look for a missing \";\" or \",\" here or just above",
                  where, config_error_text(&source->tree));
    }
    config_setting_set_hook(config_root_setting(&source->tree), source);
done:
    judd_c_locale_leave(&locale);
    free(normalised);
    return status;
}

judd_status judd_source_open(judd_source **out, const char *path) {
    judd_status status = JUDD_OK;
    judd_source *source = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        JUDD_FAIL(JUDD_E_CONFIG, "%s: %s; give the path of a job file", path, strerror(errno));
    JUDD_TRY(judd_memory_alloc(&source, 1, sizeof *source));
    JUDD_TRY(expand_file(source, fd, path, NULL, NULL));
    JUDD_TRY(parse(source));
    *out = source;
    source = NULL;
done:
    judd_source_close(source);
    if (fd >= 0) close(fd);
    return status;
}

/* A source of one text: `folder` is where its relative paths start. */
static judd_status open_text(judd_source **out, const char *text, const char *name) {
    judd_status status = JUDD_OK;
    judd_source *source = NULL;
    int32_t file = 0;
    int64_t length = (int64_t)strlen(text);
    include_chain chain = {NULL, name, 0, 0, 0};
    JUDD_TRY(judd_memory_alloc(&source, 1, sizeof *source));
    if (length > JUDD_SOURCE_BYTES)
        JUDD_FAIL(JUDD_E_CONFIG, "%s: larger than 16 MiB; this is no job file", name);
    JUDD_TRY(add_file(source, name, &file));
    source->files[file].folder[0] = '\0';
    JUDD_TRY(expand_text(source, text, length, file, &chain));
    JUDD_TRY(parse(source));
    *out = source;
    source = NULL;
done:
    judd_source_close(source);
    return status;
}

judd_status judd_source_open_text(judd_source **out, const char *text, const char *name) {
    return open_text(out, text, name);
}

/* `text` as a libconfig string. */
static judd_status quote(char **out, const char *text) {
    char *quoted = NULL;
    judd_status status = judd_memory_alloc(&quoted, 2 * (int64_t)strlen(text) + 3, 1);
    if (status != JUDD_OK) return status;
    char *q = quoted;
    *q++ = '"';
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') *q++ = '\\';
        *q++ = *c;
    }
    *q = '"';
    *out = quoted;
    return JUDD_OK;
}

judd_status judd_source_open_override(judd_source **out, const char *assignment) {
    judd_status status = JUDD_OK;
    judd_source *source = NULL;
    char *name = NULL, *text = NULL, *quoted = NULL;
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment)
        JUDD_FAIL(JUDD_E_CONFIG, "--set %.300s: not an assignment; write --set path.to.key=value",
                  assignment);
    for (const char *c = equals + 1; *c; c++)
        if ((unsigned char)*c < 32)
            JUDD_FAIL(JUDD_E_CONFIG, "--set %.300s: the value holds a control character; remove it",
                      assignment);
    JUDD_TRY(judd_memory_format(&name, "--set %.200s", assignment));
    JUDD_TRY(judd_memory_format(&text, "value = %s\n;", equals + 1)); /* the value may end in # */
    bool is_value = open_text(&source, text, name) == JUDD_OK;
    if (is_value && config_setting_length(judd_source_root(source)) != 1) {
        judd_source_close(source);
        source = NULL;
        is_value = false;
    }
    if (!is_value) {
        JUDD_TRY(quote(&quoted, equals + 1));
        free(text);
        text = NULL;
        JUDD_TRY(judd_memory_format(&text, "value = %s;", quoted));
        JUDD_TRY(open_text(&source, text, name));
    }
    JUDD_TRY(judd_memory_string(&source->raw, equals + 1));
    *out = source;
    source = NULL;
done:
    judd_source_close(source);
    free(name);
    free(text);
    free(quoted);
    return status;
}

void judd_source_close(judd_source *source) {
    if (!source) return;
    if (source->is_parsed) config_destroy(&source->tree);
    for (int32_t i = 0; i < source->n_files; i++) {
        free(source->files[i].path);
        free(source->files[i].folder);
    }
    free(source->files);
    free(source->lines);
    free(source->text);
    free(source->raw);
    free(source);
}

config_setting_t *judd_source_root(const judd_source *source) {
    return config_root_setting(&source->tree);
}

/* Origin of a line; lines out of range (an error at the end of the file) get the nearest one. */
static source_line find_line(const judd_source *source, int64_t line) {
    if (source->n_lines == 0) return (source_line){0, 1};
    if (line > source->n_lines) line = source->n_lines;
    return source->lines[line < 1 ? 0 : line - 1];
}

void judd_source_line(char where[JUDD_WHERE_SIZE], const judd_source *source, int64_t line) {
    source_line origin = find_line(source, line);
    const char *path = source->files[origin.file].path;
    if (strncmp(path, "--set ", 6) == 0)
        snprintf(where, JUDD_WHERE_SIZE, "%s", path);
    else
        snprintf(where, JUDD_WHERE_SIZE, "%.480s:%d", path, origin.line);
}

static const judd_source *source_of(const config_setting_t *setting) {
    const judd_source *own = config_setting_get_hook(setting);
    return own ? own : config_setting_get_hook(config_root_setting(setting->config));
}

void judd_source_where(char where[JUDD_WHERE_SIZE], const config_setting_t *setting) {
    const judd_source *source = source_of(setting);
    judd_source_line(where, source, config_setting_source_line(setting));
}

const char *judd_source_folder(const config_setting_t *setting) {
    const judd_source *source = source_of(setting);
    source_line origin = find_line(source, config_setting_source_line(setting));
    return source->files[origin.file].folder;
}

const char *judd_source_raw(const config_setting_t *setting) {
    return source_of(setting)->raw;
}
