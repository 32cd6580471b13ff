#include "job/output.h"

#include "job/predictions.h"
#include "job/trial_files.h"
#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/lock.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_RECORDS = 1 << 30 }; /* bytes of results.jsonl that are read back */

/* Everything a job leaves in its folder; --fresh removes these names and no others. */
static const char *const files_of_a_job[] = {
    "COMPLETED",     "results.jsonl",  "verdicts.jsonl", "timing.jsonl",  "heads",
    "predictions",   "checkpoints",    "parts",          "judd.log",      "report.html",
    "versions.json", "quarantine.tsv", "data.jsonl",     "SHARD",         "results.csv",
    "verdicts.csv",  "tensorboard",    "scores.jsonl",   "choices.jsonl", "job.cfg"};

static const char *const folders_of_a_job[] = {"heads", "predictions", "checkpoints"};
enum {
    N_FILES = sizeof files_of_a_job / sizeof *files_of_a_job,
    N_FOLDERS = sizeof folders_of_a_job / sizeof *folders_of_a_job
};

/* Tells our job.cfg from others. */
static const char first_line[] = "# The resolved job of this output folder, written by judd.\n";

struct judd_output {
    const judd_comm *comm;
    judd_log *log;
    char *folder;
    judd_lock *lock;
    int part; /* > 0: this rank writes to the files of that part */
    /* rank 0: the records so far, in the order of finishing */
    int64_t n, capacity;
    json_t **records;
};

static judd_status path_of(char **path, const judd_output *out, const char *name) {
    return judd_memory_format(path, "%s/%s", out->folder, name);
}

judd_status judd_output_owned(const judd_output *out) {
    return judd_lock_check(out->lock);
}

judd_status judd_output_write(judd_output *out, const char *name, const char *text) {
    char *path = NULL;
    judd_status status = judd_output_owned(out);
    if (status == JUDD_OK) status = path_of(&path, out, name);
    if (status == JUDD_OK) status = judd_atomic_file_write(path, text, (int64_t)strlen(text));
    free(path);
    return status;
}

judd_status judd_output_line(char **line, const json_t *record) {
    *line = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENSURE_ASCII);
    if (*line) return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL, "results: a record cannot be written as JSON");
}

judd_status judd_output_lines(char **text, const json_t *records) {
    judd_status status = JUDD_OK;
    char *all = NULL, *line = NULL;
    size_t bytes = 0, i = 0;
    json_t *record = NULL;
    FILE *stream = open_memstream(&all, &bytes);
    if (!stream) JUDD_FAIL(JUDD_E_INTERNAL, "records: no memory");
    json_array_foreach(records, i, record) {
        JUDD_TRY(judd_output_line(&line, record));
        fprintf(stream, "%s\n", line);
        free(line);
        line = NULL;
    }
done:
    free(line);
    if (stream && fclose(stream) != 0 && status == JUDD_OK)
        status = judd_status_set(JUDD_E_INTERNAL, "records: no memory");
    if (status == JUDD_OK)
        *text = all;
    else
        free(all);
    return status;
}

judd_status judd_output_write_lines(judd_output *out, const char *name, const json_t *records) {
    char *text = NULL;
    judd_status status = judd_output_lines(&text, records);
    if (status == JUDD_OK) status = judd_output_write(out, name, text);
    free(text);
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* Do one thing with the path of each name. */
static judd_status with_each(const judd_output *out, const char *const *names, size_t n,
                             judd_status (*act)(const char *path)) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    for (size_t i = 0; i < n; i++) {
        JUDD_TRY(path_of(&path, out, names[i]));
        JUDD_TRY(act(path));
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

/* The text of the folder's job.cfg, or NULL. One that we did not write may be somebody's work. */
static judd_status read_own_job(char **text, const judd_output *out, const char *path) {
    judd_status status = JUDD_OK;
    int64_t bytes = 0;
    char *found = NULL;
    *text = NULL;
    if (access(path, F_OK) != 0) return JUDD_OK;
    JUDD_TRY(judd_atomic_file_read(&found, &bytes, path, 1 << 24));
    if (strncmp(found, first_line, strlen(first_line)) != 0)
        JUDD_FAIL(JUDD_E_USAGE,
                  "%s: is a job file, not the output of a job; choose another folder than %s with "
                  "--set output=...",
                  path, out->folder);
    *text = found;
    found = NULL;
done:
    free(found);
    return status;
}

/* Only where a job.cfg of ours says that a job was here; it goes last. */
static judd_status make_fresh(judd_output *out) {
    judd_status status = JUDD_OK;
    char *path = NULL, *text = NULL;
    JUDD_TRY(path_of(&path, out, "job.cfg"));
    JUDD_TRY(read_own_job(&text, out, path));
    if (text) JUDD_TRY(with_each(out, files_of_a_job, N_FILES, judd_atomic_file_remove));
done:
    free(path);
    free(text);
    return status;
}

/* A folder without job.cfg must be empty but for the lock: it may be somebody's home. */
static judd_status check_empty(const judd_output *out) {
    judd_status status = JUDD_OK;
    DIR *directory = opendir(out->folder);
    if (!directory) return judd_status_set(JUDD_E_IO, "%s: %s", out->folder, strerror(errno));
    for (struct dirent *e; status == JUDD_OK && (e = readdir(directory));) {
        bool ours = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                    strncmp(e->d_name, "LOCK", 4) == 0 ||
                    strncmp(e->d_name, "job.cfg.tmp", 11) == 0;
        if (!ours)
            status = judd_status_set(JUDD_E_USAGE,
                                     "%s: not empty (%s) and not the output of a job; choose "
                                     "another folder with --set output=...",
                                     out->folder, e->d_name);
    }
    closedir(directory);
    return status;
}

/* Whether a folder has an entry, or a file a byte. */
static bool holds_something(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) return false;
    if (!S_ISDIR(info.st_mode)) return info.st_size > 0;
    DIR *directory = opendir(path);
    bool found = !directory;
    for (struct dirent *e; directory && !found && (e = readdir(directory));)
        found = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    if (directory) closedir(directory);
    return found;
}

/* Whether another job would lose anything: one that was refused for its data has no results yet. */
static judd_status has_results(bool *found, const judd_output *out) {
    static const char *const names[] = {"COMPLETED", "SHARD",       "results.jsonl", "scores.jsonl",
                                        "heads",     "predictions", "checkpoints",   "parts"};
    judd_status status = JUDD_OK;
    char *path = NULL;
    *found = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !*found; i++) {
        JUDD_TRY(path_of(&path, out, names[i]));
        *found = holds_something(path);
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

/* The job that the folder holds must be this one, or none that has found anything. */
static judd_status check_job(judd_output *out, const judd_job *job) {
    judd_status status = JUDD_OK;
    judd_job *there = NULL;
    char *path = NULL, *text = NULL, *difference = NULL, *resolved = NULL, *mine = NULL;
    JUDD_TRY(path_of(&path, out, "job.cfg"));
    JUDD_TRY(read_own_job(&text, out, path));
    if (!text) {
        JUDD_TRY(check_empty(out));
    } else {
        JUDD_TRY(judd_job_read_text(&there, text, path));
        JUDD_TRY(judd_job_compare(job, there, &difference));
        bool found = false;
        if (difference) JUDD_TRY(has_results(&found, out));
        if (difference && !found) JUDD_TRY(make_fresh(out));
        if (found)
            JUDD_FAIL(JUDD_E_USAGE,
                      "%s: holds another job: %s; choose another output or remove its results with "
                      "--fresh",
                      out->folder, difference);
    }
    JUDD_TRY(judd_job_write(job, &resolved));
    JUDD_TRY(judd_memory_format(&mine, "%s%s", first_line, resolved));
    JUDD_TRY(judd_output_write(out, "job.cfg", mine));
done:
    judd_job_destroy(there);
    free(path);
    free(text);
    free(difference);
    free(resolved);
    free(mine);
    return status;
}

static judd_status open_on_rank0(judd_output *out, const judd_job *job, bool fresh) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    if (fresh) JUDD_TRY(make_fresh(out));
    JUDD_TRY(check_job(out, job));
    JUDD_TRY(with_each(out, folders_of_a_job, N_FOLDERS, judd_atomic_file_make_folder));
    JUDD_TRY(path_of(&path, out, "judd.log"));
    JUDD_TRY(judd_log_open_file(out->log, path));
done:
    free(path);
    return status;
}

judd_status judd_output_open(judd_output **result, const judd_job *job, const judd_comm *comm,
                             judd_log *log, bool fresh) {
    judd_status status = JUDD_OK;
    judd_output *out = NULL;
    status = judd_memory_alloc(&out, 1, sizeof *out);
    if (status == JUDD_OK) {
        out->comm = comm;
        out->log = log;
        status = judd_memory_string(&out->folder, job->output);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    if (comm->rank == 0) status = judd_atomic_file_make_folder(out->folder);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_lock_acquire(&out->lock, comm, out->folder));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? open_on_rank0(out, job, fresh)
                                                              : JUDD_OK));
    *result = out;
    out = NULL;
done:
    judd_output_close(out);
    return status;
}

void judd_output_close(judd_output *out) {
    if (!out) return;
    judd_lock_release(out->lock);
    for (int64_t i = 0; i < out->n; i++) json_decref(out->records[i]);
    free(out->records);
    free(out->folder);
    free(out);
}

const char *judd_output_folder(const judd_output *out) {
    return out->folder;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static judd_status keep_record(judd_output *out, json_t *record) {
    if (out->n == out->capacity) {
        json_t **larger = NULL;
        int64_t capacity = 2 * out->capacity + 64;
        judd_status status = judd_memory_alloc(&larger, capacity, sizeof *larger);
        if (status != JUDD_OK) return status;
        if (out->n) memcpy(larger, out->records, (size_t)out->n * sizeof *larger);
        free(out->records);
        out->records = larger;
        out->capacity = capacity;
    }
    out->records[out->n++] = json_incref(record);
    return JUDD_OK;
}

judd_status judd_output_open_log(judd_log **log, const judd_output *out, bool quiet) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    JUDD_TRY(judd_log_create(log, quiet));
    JUDD_TRY(path_of(&path, out, "judd.log"));
    JUDD_TRY(judd_log_open_file(*log, path));
done:
    free(path);
    return status;
}

judd_status judd_output_use_part(judd_output *out, int part) {
    char *path = NULL;
    out->part = part;
    if (part == 0) return JUDD_OK;
    judd_status status = path_of(&path, out, "parts");
    if (status == JUDD_OK) status = judd_atomic_file_make_folder(path);
    free(path);
    return status;
}

/* results.jsonl or timing.jsonl, or this rank's part of it. */
static judd_status records_path(char **path, const judd_output *out, const char *what) {
    return out->part == 0
               ? judd_memory_format(path, "%s/%s.jsonl", out->folder, what)
               : judd_memory_format(path, "%s/parts/%s-%d.jsonl", out->folder, what, out->part);
}

/* One write() per line, so that lines never mix; synced, so that a finished trial stays finished.
 */
static judd_status append_text(const char *path, const char *line, bool sync) {
    judd_status status = JUDD_OK;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    errno = fd < 0 ? errno : 0;
    ssize_t n = (ssize_t)strlen(line);
    if (fd < 0 || write(fd, line, (size_t)n) != n || (sync && fsync(fd) != 0))
        JUDD_FAIL(JUDD_E_IO, "%s: cannot append: %s; check the disk", path,
                  errno ? strerror(errno) : "short write");
done:
    if (fd >= 0 && close(fd) != 0 && status == JUDD_OK)
        status = judd_status_set(JUDD_E_IO, "%s: close: %s; check the disk", path, strerror(errno));
    return status;
}

static judd_status append_line(judd_output *out, const char *what, json_t *record, bool sync) {
    judd_status status = JUDD_OK;
    char *path = NULL, *text = NULL, *line = NULL;
    JUDD_TRY(judd_output_owned(out));
    JUDD_TRY(records_path(&path, out, what));
    JUDD_TRY(judd_output_line(&text, record));
    JUDD_TRY(judd_memory_format(&line, "%s\n", text));
    JUDD_TRY(append_text(path, line, sync));
done:
    free(path);
    free(text);
    free(line);
    return status;
}

/* XXH3 of the record's text without its "check", which stands last. */
static judd_status check_of(char check[17], const json_t *record) {
    char *line = NULL;
    judd_status status = judd_output_line(&line, record);
    if (status == JUDD_OK)
        snprintf(check, 17, "%016llx", (unsigned long long)judd_hash_check(line, strlen(line), 0));
    free(line);
    return status;
}

judd_status judd_output_add_check(json_t *record) {
    char check[17];
    judd_status status = check_of(check, record);
    if (status == JUDD_OK && json_object_set_new(record, "check", json_string(check)) != 0)
        status = judd_status_set(JUDD_E_INTERNAL, "results: no memory for a record");
    return status;
}

judd_status judd_output_add_result(judd_output *out, json_t *record) {
    judd_status status = judd_output_add_check(record);
    if (status == JUDD_OK) status = append_line(out, "results", record, true);
    if (status == JUDD_OK && out->part == 0) status = keep_record(out, record);
    json_decref(record);
    return status;
}

judd_status judd_output_add_timing(judd_output *out, json_t *record) {
    judd_status status = append_line(out, "timing", record, false);
    json_decref(record);
    return status;
}

static const char *trial_of(const json_t *record) {
    return judd_records_text(record, "trial");
}

static int compare_records(const void *a, const void *b) {
    return strcmp(trial_of(*(json_t *const *)a), trial_of(*(json_t *const *)b));
}

judd_status judd_output_sort_results(judd_output *out) {
    judd_status status = JUDD_OK;
    char *text = NULL, *line = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory) JUDD_FAIL(JUDD_E_INTERNAL, "results: no memory");
    if (out->n) qsort(out->records, (size_t)out->n, sizeof *out->records, compare_records);
    for (int64_t i = 0; i < out->n; i++) {
        JUDD_TRY(judd_output_line(&line, out->records[i]));
        fprintf(memory, "%s\n", line);
        free(line);
        line = NULL;
    }
    if (fclose(memory) != 0) {
        memory = NULL;
        JUDD_FAIL(JUDD_E_INTERNAL, "results: no memory");
    }
    memory = NULL;
    JUDD_TRY(judd_output_write(out, "results.jsonl", text));
done:
    if (memory) fclose(memory);
    free(line);
    free(text);
    return status;
}

static int64_t find_trial(const judd_plan *plan, const char *name) {
    int64_t low = 0, high = plan->n_trials;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        int c = strcmp(plan->trials[middle].name, name);
        if (c == 0) return middle;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

bool judd_output_is_whole(const json_t *record) {
    char check[17] = "";
    json_t *copy = json_copy((json_t *)(uintptr_t)record);
    json_object_del(copy, "check");
    bool whole =
        check_of(check, copy) == JUDD_OK && strcmp(check, judd_records_text(record, "check")) == 0;
    json_decref(copy);
    return whole;
}

/* Whether the predictions of other tasks that the record has are there and whole. */
static bool tasks_are_sound(const char *folder, const json_t *record) {
    const char *task;
    json_t *metrics;
    json_object_foreach(json_object_get(record, "tasks"), task, metrics) {
        char *name = NULL;
        bool sound = judd_predictions_name(&name, trial_of(record), task) == JUDD_OK &&
                     judd_predictions_sound(folder, name);
        free(name);
        if (!sound) return false;
    }
    return true;
}

/* What is read back, and against what. */
typedef struct reading {
    judd_output *out;
    const judd_plan *plan;
    const char *folder;                    /* where the trials' files are; NULL: not looked at */
    const char (*inputs)[JUDD_SHA256_HEX]; /* NULL: whatever they were made from */
    uint8_t *finished;                     /* [n_trials] */
    bool every; /* this run wrote what is in the parts: all of it must count */
    int64_t dropped;
} reading;

/* Whether a whole record was made from these inputs, and its files hold what it says. */
static bool trusted(const reading *r, const json_t *record, int64_t t) {
    const judd_plan_trial *trial = &r->plan->trials[t];
    if (r->inputs &&
        strcmp(judd_records_text(record, "inputs_sha256"), r->inputs[trial->bank]) != 0)
        return false;
    if (!r->folder || json_object_get(record, "failure")) return true; /* has no files */
    const char *head = judd_records_text(record, "head_sha256");
    return judd_trial_files_sound(r->folder, trial->name, head) &&
           tasks_are_sound(r->folder, record);
}

/* The trial of a record that counts, else -1. A kill between the merging of the parts and their
 * removal leaves records twice: that is no loss. */
static int64_t new_trial(reading *r, const json_t *record) {
    int64_t t = record ? find_trial(r->plan, trial_of(record)) : -1;
    if (t >= 0 && r->finished[t]) return -1;
    if (t >= 0 && judd_output_is_whole(record) && trusted(r, record, t)) return t;
    r->dropped++;
    return -1;
}

/* A sound record of another schema is no damage, but nothing that we can read. */
static judd_status check_schema(const json_t *record, const char *path) {
    json_int_t schema = json_integer_value(json_object_get(record, "schema"));
    bool ours =
        schema == JUDD_RECORDS_SCHEMA || !json_is_integer(json_object_get(record, "schema"));
    if (ours || (json_object_get(record, "check") && !judd_output_is_whole(record))) return JUDD_OK;
    return judd_status_set(
        JUDD_E_DATA,
        "%s: a record of schema %lld, but this judd reads schema %d; use the judd "
        "that wrote it",
        path, (long long)schema, JUDD_RECORDS_SCHEMA);
}

static judd_status read_records(reading *r, const char *text, const char *path) {
    judd_status status = JUDD_OK;
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        bool ended = line[length] == '\n'; /* a killed append leaves no newline */
        json_t *record = ended ? json_loadb(line, length, 0, NULL) : NULL;
        status = check_schema(record, path);
        int64_t trial = status == JUDD_OK ? new_trial(r, record) : -1;
        if (trial >= 0) {
            r->finished[trial] = 1;
            status = keep_record(r->out, record);
        }
        json_decref(record);
        JUDD_TRY(status);
        line += length + (ended ? 1 : 0);
    }
done:
    return status;
}

static judd_status read_file(reading *r, const char *path) {
    char *text = NULL;
    int64_t bytes = 0;
    if (access(path, F_OK) != 0) return JUDD_OK;
    judd_status status = judd_atomic_file_read(&text, &bytes, path, MAX_RECORDS);
    if (status == JUDD_OK) status = read_records(r, text, path);
    free(text);
    return status;
}

/* Do one thing with the path of each part of `what` in an output folder. */
static judd_status with_each_part(const char *output, const char *what,
                                  judd_status (*act)(void *context, const char *path),
                                  void *context) {
    judd_status status = JUDD_OK;
    char *folder = NULL, *path = NULL;
    DIR *directory = NULL;
    JUDD_TRY(judd_memory_format(&folder, "%s/parts", output));
    if (!(directory = opendir(folder))) {
        if (errno != ENOENT) JUDD_FAIL(JUDD_E_IO, "%s: %s", folder, strerror(errno));
        goto done;
    }
    for (struct dirent *e; (e = readdir(directory));) {
        if (strncmp(e->d_name, what, strlen(what)) != 0) continue;
        JUDD_TRY(judd_memory_format(&path, "%s/%s", folder, e->d_name));
        JUDD_TRY(act(context, path));
        free(path);
        path = NULL;
    }
done:
    if (directory) closedir(directory);
    free(folder);
    free(path);
    return status;
}

/* It may be merged and gone by now: the next look sees it. */
static judd_status extend(void *context, const char *path) {
    json_t *part = NULL;
    char *folder = NULL;
    const char *name = strrchr(path, '/') + 1;
    judd_status status = judd_memory_format(&folder, "%.*s", (int)(name - path), path);
    if (status == JUDD_OK && judd_records_read(&part, folder, name, true) == JUDD_OK)
        json_array_extend(context, part);
    json_decref(part);
    free(folder);
    return status;
}

judd_status judd_output_read_records(json_t **records, const char *folder, const char *what) {
    judd_status status = JUDD_OK;
    char name[32], parts[32];
    json_t *all = NULL;
    snprintf(name, sizeof name, "%s.jsonl", what);
    snprintf(parts, sizeof parts, "%s-", what);
    JUDD_TRY(judd_records_read(&all, folder, name, true));
    JUDD_TRY(with_each_part(folder, parts, extend, all));
    *records = all;
    all = NULL;
done:
    json_decref(all);
    return status;
}

static judd_status read_part(void *context, const char *path) {
    return read_file(context, path);
}

/* A kill before the part is removed leaves lines twice, which no reader of times minds. */
static judd_status add_timing_part(void *context, const char *path) {
    char *to = NULL, *text = NULL;
    int64_t bytes = 0;
    if (access(path, F_OK) != 0) return JUDD_OK;
    judd_status status = judd_memory_format(&to, "%s/timing.jsonl", (const char *)context);
    if (status == JUDD_OK) status = judd_atomic_file_read(&text, &bytes, path, MAX_RECORDS);
    if (status == JUDD_OK && bytes > 0) status = append_text(to, text, false);
    free(to);
    free(text);
    return status;
}

/* The records of all parts are in results.jsonl before the parts go. */
static judd_status merge_parts(reading *r) {
    judd_status status = JUDD_OK;
    judd_output *out = r->out;
    char *parts = NULL;
    JUDD_TRY(path_of(&parts, out, "parts"));
    JUDD_TRY(with_each_part(out->folder, "results-", read_part, r));
    if (r->every && r->dropped > 0)
        JUDD_FAIL(JUDD_E_IO,
                  "%s: %lld records of this run are not as they were written; check the file "
                  "system and run the same command again",
                  parts, (long long)r->dropped);
    JUDD_TRY(judd_output_sort_results(out)); /* without what was dropped, before new lines follow */
    JUDD_TRY(with_each_part(out->folder, "timing-", add_timing_part, out->folder));
    JUDD_TRY(judd_atomic_file_remove(parts));
done:
    free(parts);
    return status;
}

judd_status judd_output_gather(judd_output *out, const judd_plan *plan) {
    judd_status status = JUDD_OK;
    reading r = {.out = out, .plan = plan, .every = true};
    JUDD_TRY(judd_memory_alloc(&r.finished, plan->n_trials, 1));
    for (int64_t i = 0; i < out->n; i++) {
        int64_t t = find_trial(plan, trial_of(out->records[i]));
        if (t >= 0) r.finished[t] = 1;
    }
    JUDD_TRY(merge_parts(&r));
done:
    free(r.finished);
    return status;
}

judd_status judd_output_import(judd_output *out, const char *folder, const judd_plan *plan,
                               uint8_t *finished, int64_t *dropped) {
    judd_status status = JUDD_OK;
    reading r = {.out = out, .plan = plan, .folder = folder, .finished = finished};
    char *path = NULL, *timing = NULL;
    JUDD_TRY(judd_memory_format(&path, "%s/results.jsonl", folder));
    JUDD_TRY(with_each_part(folder, "results-", read_part, &r)); /* may be merged meanwhile */
    JUDD_TRY(read_file(&r, path));
    *dropped = r.dropped;
    JUDD_TRY(judd_memory_format(&timing, "%s/timing.jsonl", folder));
    JUDD_TRY(add_timing_part(out->folder, timing));
    JUDD_TRY(with_each_part(folder, "timing-", add_timing_part, out->folder));
done:
    free(path);
    free(timing);
    return status;
}

static judd_status finished_on_rank0(judd_output *out, const judd_plan *plan,
                                     const char (*inputs)[JUDD_SHA256_HEX], uint8_t *finished) {
    judd_status status = JUDD_OK;
    reading r = {
        .out = out, .plan = plan, .folder = out->folder, .inputs = inputs, .finished = finished};
    char *path = NULL, *parts = NULL;
    JUDD_TRY(path_of(&path, out, "results.jsonl"));
    JUDD_TRY(path_of(&parts, out, "parts"));
    if (access(path, F_OK) != 0 && access(parts, F_OK) != 0) goto done;
    JUDD_TRY(read_file(&r, path));
    JUDD_TRY(merge_parts(&r));
    if (r.dropped > 0)
        judd_log_warning(out->log,
                         "%lld records dropped: torn, unknown, made from other inputs, or their "
                         "files are missing or damaged; their trials run again",
                         (long long)r.dropped);
done:
    free(path);
    free(parts);
    return status;
}

/* There is work left, so the job is not complete, whatever an earlier run said. */
static judd_status remove_mark(const judd_output *out) {
    char *path = NULL;
    judd_status status = path_of(&path, out, "COMPLETED");
    if (status == JUDD_OK) status = judd_atomic_file_remove(path);
    free(path);
    return status;
}

judd_status judd_output_finished(uint8_t **finished, judd_output *out, const judd_plan *plan,
                                 const char (*inputs)[JUDD_SHA256_HEX]) {
    judd_status status = JUDD_OK;
    uint8_t *flags = NULL;
    status = judd_memory_alloc(&flags, plan->n_trials, 1);
    JUDD_TRY(judd_comm_agree(out->comm, status));
    if (out->comm->rank == 0) status = finished_on_rank0(out, plan, inputs, flags);
    if (status == JUDD_OK && out->comm->rank == 0 && out->n < plan->n_trials)
        status = remove_mark(out);
    JUDD_TRY(judd_comm_broadcast_status(out->comm, status));
    JUDD_TRY(judd_comm_broadcast(out->comm, flags, plan->n_trials));
    *finished = flags;
    flags = NULL;
done:
    free(flags);
    return status;
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static judd_status look_on_rank0(reading *r, const judd_job *job) {
    judd_status status = JUDD_OK;
    judd_job *there = NULL;
    char *path = NULL, *results = NULL, *text = NULL, *difference = NULL;
    JUDD_TRY(path_of(&path, r->out, "job.cfg"));
    JUDD_TRY(path_of(&results, r->out, "results.jsonl"));
    JUDD_TRY(read_own_job(&text, r->out, path));
    if (!text) goto done;
    JUDD_TRY(judd_job_read_text(&there, text, path));
    JUDD_TRY(judd_job_compare(job, there, &difference));
    if (difference)
        JUDD_FAIL(JUDD_E_USAGE, "%s: holds another job: %s", r->out->folder, difference);
    JUDD_TRY(
        with_each_part(r->out->folder, "results-", read_part, r)); /* may be merged meanwhile */
    JUDD_TRY(read_file(r, results));
done:
    judd_job_destroy(there);
    free(path);
    free(results);
    free(text);
    free(difference);
    return status;
}

judd_status judd_output_look(judd_output **result, uint8_t **finished, char **why,
                             const char *folder, const judd_job *job, const judd_comm *comm,
                             const judd_plan *plan, const char (*inputs)[JUDD_SHA256_HEX]) {
    judd_status status = JUDD_OK;
    judd_output *out = NULL;
    uint8_t *flags = NULL;
    *why = NULL;
    status = judd_memory_alloc(&out, 1, sizeof *out);
    if (status == JUDD_OK) status = judd_memory_string(&out->folder, folder);
    if (status == JUDD_OK) status = judd_memory_alloc(&flags, plan->n_trials, 1);
    JUDD_TRY(judd_comm_agree(comm, status));
    out->comm = comm;
    reading r = {.out = out, .plan = plan, .folder = folder, .inputs = inputs, .finished = flags};
    if (comm->rank == 0 && look_on_rank0(&r, job) != JUDD_OK) {
        memset(flags, 0, (size_t)plan->n_trials);
        status = judd_memory_string(why, judd_status_message());
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, flags, plan->n_trials));
    *result = out;
    *finished = flags;
    out = NULL;
    flags = NULL;
done:
    judd_output_close(out);
    free(flags);
    return status;
}

const json_t *judd_output_record(const judd_output *out, const char *trial) {
    for (int64_t i = 0; i < out->n; i++)
        if (strcmp(trial_of(out->records[i]), trial) == 0) return out->records[i];
    return NULL;
}

int64_t judd_output_n_records(const judd_output *out) {
    return out->n;
}

bool judd_output_is_sound(const judd_output *out, const char *trial) {
    const json_t *record = judd_output_record(out, trial);
    return record && strcmp(judd_records_text(record, "status"), "ok") == 0;
}

void judd_output_failed(uint8_t *failed, const judd_output *out, const judd_plan *plan) {
    memset(failed, 0, (size_t)plan->n_trials * sizeof *failed);
    for (int64_t i = 0; i < out->n; i++) {
        int64_t t = find_trial(plan, trial_of(out->records[i]));
        if (t >= 0) failed[t] = json_object_get(out->records[i], "failure") != NULL;
    }
}

/* Records of results.jsonl: groups of ranks have written it in parts. */
static judd_status count_results(int64_t *n, const judd_output *out) {
    judd_status status = JUDD_OK;
    char *path = NULL, *text = NULL;
    int64_t bytes = 0;
    JUDD_TRY(path_of(&path, out, "results.jsonl"));
    if (access(path, F_OK) == 0) JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, 1LL << 34));
    for (int64_t i = 0; i < bytes; i++) *n += text[i] == '\n';
done:
    free(path);
    free(text);
    return status;
}

judd_status judd_output_complete(judd_output *out) {
    judd_status status = JUDD_OK;
    int64_t n = 0;
    char *path = NULL, text[64];
    JUDD_TRY(judd_output_owned(out));
    JUDD_TRY(count_results(&n, out));
    JUDD_TRY(path_of(&path, out, "checkpoints"));
    JUDD_TRY(judd_atomic_file_remove(path));
    snprintf(text, sizeof text, "complete: %lld trials\n", (long long)n);
    JUDD_TRY(judd_output_write(out, "COMPLETED", text));
done:
    free(path);
    return status;
}
