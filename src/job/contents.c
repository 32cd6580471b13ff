#include <judd/job/contents.h>

#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/io/h5_list.h>

#include <dirent.h>
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

static int is_cache_file(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return n > 3 && strcmp(e->d_name + n - 3, ".h5") == 0;
}

/* The files of a folder of caches, sorted; *n is -1 if it is none. */
static judd_status list_caches(struct dirent ***entries, int *n, const char *folder) {
    char *path = NULL;
    judd_status status = judd_memory_format(&path, "%s/features", folder);
    *n = status == JUDD_OK ? scandir(path, entries, is_cache_file, alphasort) : -1;
    free(path);
    return status;
}

static void free_entries(struct dirent **entries, int n) {
    for (int i = 0; i < n; i++) free(entries[i]);
    if (n >= 0) free(entries);
}

static bool is_cache_folder(const char *path) {
    struct dirent **entries = NULL;
    int n = -1;
    bool is = list_caches(&entries, &n, path) == JUDD_OK && n > 0;
    free_entries(entries, n);
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
    fprintf(to, "%s\n", manifest);
    JUDD_TRY(print_file(to, path));
done:
    free(manifest);
    free(path);
    return status;
}

static judd_status print_caches(FILE *to, const char *folder) {
    judd_status status = JUDD_OK;
    struct dirent **entries = NULL;
    char *path = NULL;
    int n = -1;
    JUDD_TRY(list_caches(&entries, &n, folder));
    for (int i = 0; i < n; i++) {
        JUDD_TRY(judd_memory_format(&path, "%s/features/%s", folder, entries[i]->d_name));
        if (i > 0) fputc('\n', to);
        JUDD_TRY(print_file(to, path));
        free(path);
        path = NULL;
    }
done:
    free_entries(entries, n);
    free(path);
    return status;
}

static void print_failures(FILE *to, const json_t *records) {
    int n = 0;
    size_t i = 0;
    const json_t *r = NULL;
    json_array_foreach(records, i, r) {
        const char *why = judd_records_text(r, "failure");
        if (!why[0]) continue;
        if (n++ < MOST_FAILURES) fprintf(to, "%s: %s\n", judd_records_text(r, "trial"), why);
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
