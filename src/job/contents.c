#include <judd/job/contents.h>

#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/base/plain.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/h5_list.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_FAILURES = 10, MANIFEST_BYTES = 4096 };

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Others' HDF5 files are data sets. */
static bool is_own_file(const char *path) {
    hid_t file = 0;
    char *title = NULL;
    bool own = judd_h5_open_read(&file, path) == JUDD_OK &&
               judd_h5_get_string(file, "/", "title", &title) == JUDD_OK &&
               strncmp(title, "Judd", 4) == 0;
    if (file > 0) (void)judd_h5_close(file, path);
    free(title);
    return own;
}

/* The files of a folder of caches; an error if it is none. */
static judd_status list_caches(char ***paths, int64_t *n, const char *folder) {
    char *features = NULL;
    *paths = NULL;
    *n = 0;
    judd_status status = judd_memory_format(&features, "%s/features", folder);
    if (status == JUDD_OK) status = judd_atomic_file_list(paths, n, features, ".h5");
    free(features);
    return status;
}

static bool is_cache_folder(const char *folder) {
    char **paths = NULL;
    int64_t n = 0;
    bool is = list_caches(&paths, &n, folder) == JUDD_OK && n > 0;
    judd_atomic_file_free_list(paths, n);
    return is;
}

static bool is_output(const char *path) {
    return judd_atomic_file_exists_in(path, "results.jsonl") ||
           judd_atomic_file_exists_in(path, "job.cfg");
}

bool judd_contents_recognised(const char *path) {
    if (!is_folder(path)) return is_own_file(path);
    return judd_atomic_file_exists_in(path, "MANIFEST") || is_output(path) || is_cache_folder(path);
}

static judd_status print_file(FILE *to, const char *path) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    JUDD_TRY(judd_h5_open_read(&file, path));
    fprintf(to, "%s\n", path);
    JUDD_TRY(judd_h5_list(to, file, path));
done:
    if (file > 0) (void)judd_h5_close(file, path);
    return status;
}

static judd_status print_checkpoint(FILE *to, const char *folder) {
    judd_status status = JUDD_OK;
    char *manifest = NULL, *path = NULL;
    JUDD_TRY(judd_atomic_file_read_in(&manifest, folder, "MANIFEST", MANIFEST_BYTES));
    JUDD_TRY(judd_memory_format(&path, "%s/state.h5", folder));
    for (char *line = manifest, *end = NULL; *line; line = end) {
        end = line + strcspn(line, "\n");
        if (*end) *end++ = '\0';
        judd_plain_print(to, line, JUDD_MESSAGE_SIZE);
        fputc('\n', to);
    }
    fputc('\n', to);
    JUDD_TRY(print_file(to, path));
done:
    free(manifest);
    free(path);
    return status;
}

static judd_status print_caches(FILE *to, const char *folder) {
    char **paths = NULL;
    int64_t n = 0;
    judd_status status = list_caches(&paths, &n, folder);
    for (int64_t i = 0; status == JUDD_OK && i < n; i++) {
        if (i > 0) fputc('\n', to);
        status = print_file(to, paths[i]);
    }
    judd_atomic_file_free_list(paths, n);
    return status;
}

static void print_failures(FILE *to, const json_t *records) {
    int n = 0;
    size_t i = 0;
    const json_t *r = NULL;
    json_array_foreach(records, i, r) {
        const char *why = judd_records_text(r, "failure");
        if (!why[0]) continue;
        if (n++ >= MOST_FAILURES) continue;
        judd_plain_print(to, judd_records_text(r, "trial"), JUDD_MESSAGE_SIZE);
        fputs(": ", to);
        judd_plain_print(to, why, JUDD_MESSAGE_SIZE);
        fputc('\n', to);
    }
    if (n > MOST_FAILURES) fprintf(to, "and %d more failures\n", n - MOST_FAILURES);
}

static judd_status print_output(FILE *to, const char *folder) {
    static const char *const states[] = {"ok", "diverged", "failed"};
    enum { N = sizeof states / sizeof *states };
    json_t *records = NULL, *r = NULL;
    size_t i = 0;
    int64_t count[N] = {0};
    judd_status status = judd_records_read(&records, folder, "results.jsonl", true);
    if (status != JUDD_OK) return status;
    json_array_foreach(records, i, r) {
        for (int s = 0; s < N; s++) count[s] += judd_records_is(r, "status", states[s]);
    }
    fprintf(to, "%s: output folder, %s; trials recorded:", folder,
            judd_atomic_file_exists_in(folder, "COMPLETED") ? "complete" : "not complete");
    for (int s = 0; s < N; s++)
        fprintf(to, "%s %lld %s", s > 0 ? "," : "", (long long)count[s], states[s]);
    fputs("\n", to);
    print_failures(to, records);
    fputs("verdicts: judd report; how far it is: judd watch; checksums: judd verify\n", to);
    json_decref(records);
    return JUDD_OK;
}

judd_status judd_contents_print(FILE *to, const char *path) {
    if (!is_folder(path)) return print_file(to, path);
    if (judd_atomic_file_exists_in(path, "MANIFEST")) return print_checkpoint(to, path);
    return is_output(path) ? print_output(to, path) : print_caches(to, path);
}
