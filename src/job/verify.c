#include <judd/job/verify.h>

#include "job/output.h"
#include "job/predictions.h"
#include "job/trial_files.h"
#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/features/cache.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/learn/checkpoint.h>
#include <judd/text/vectors.h>

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum kind { CACHE, CACHES, CHECKPOINT, HEAD, PREDICTIONS, OUTPUT, VECTORS } kind;

/* ---- what it is --------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static judd_status recognise_file(kind *out, const char *path) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    char *title = NULL;
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_h5_get_string(file, "/", "title", &title));
    if (strcmp(title, JUDD_CACHE_TITLE) == 0)
        *out = CACHE;
    else if (strncmp(title, "Judd head", 9) == 0)
        *out = HEAD;
    else if (strcmp(title, "Judd test predictions") == 0)
        *out = PREDICTIONS;
    else
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: \"%.64s\" holds no sums that judd verify compares; name a cache, a head, "
                  "predictions of a job, or an output folder",
                  path, title);
done:
    if (file > 0) (void)judd_h5_close(file, path);
    free(title);
    return status;
}

/* Rank 0. */
static judd_status recognise(kind *out, const char *path) {
    struct stat info;
    if (stat(path, &info) != 0)
        return judd_status_set(JUDD_E_IO, "%s: cannot be found; check the path", path);
    if (judd_vectors_recognised(path)) return *out = VECTORS, JUDD_OK;
    if (!S_ISDIR(info.st_mode)) return recognise_file(out, path);
    if (judd_atomic_file_exists_in(path, "MANIFEST")) return *out = CHECKPOINT, JUDD_OK;
    if (judd_atomic_file_exists_in(path, "results.jsonl") ||
        judd_atomic_file_exists_in(path, "job.cfg"))
        return *out = OUTPUT, JUDD_OK;
    if (judd_atomic_file_exists_in(path, "features")) return *out = CACHES, JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "%s: no folder that judd verify knows; name a cache, a checkpoint "
                           "(step-N), or an output folder",
                           path);
}

/* ---- caches ------------------------------------------------------------------------------------
 */

/* named: a run is to find it. */
static judd_status verify_cache(const judd_comm *comm, const char *path, bool named) {
    judd_status status = JUDD_OK;
    judd_cache *cache = NULL;
    judd_id_set ids = {0}, missing = {0};
    int64_t n_damaged = 0;
    JUDD_TRY(judd_cache_open_file(&cache, comm, path));
    int64_t n = judd_cache_rows(cache);
    JUDD_TRY(judd_comm_agree(comm, judd_id_set_add(&ids, 0, n)));
    JUDD_TRY(judd_cache_missing(&missing, &n_damaged, cache, &ids));
    if (comm->rank == 0)
        printf("%s: feature cache, %lld rows of %lld columns: %lld valid, %lld missing, %lld "
               "damaged\n",
               path, (long long)n, (long long)judd_cache_dim(cache), (long long)(n - missing.n),
               (long long)(missing.n - n_damaged), (long long)n_damaged);
    if (n_damaged > 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld rows are damaged; the next run computes them again", path,
                  (long long)n_damaged);
    if (named && !judd_cache_is_named(cache, 0))
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: no run finds it, as its name is not that of its features; name it as before "
                  "or delete it",
                  path);
done:
    judd_cache_close(cache);
    judd_id_set_free(&ids);
    judd_id_set_free(&missing);
    return status;
}

/* Every cache file, also behind a damaged one. */
static judd_status verify_caches(const judd_comm *comm, const char *folder) {
    judd_status status = JUDD_OK;
    char *features = NULL, **names = NULL;
    int64_t n = 0, n_bad = 0;
    status = judd_memory_format(&features, "%s/features", folder);
    if (status == JUDD_OK) status = judd_atomic_file_list(&names, &n, features, ".h5");
    JUDD_TRY(judd_comm_agree(comm, status)); /* the folder is shared: all see the same names */
    for (int64_t i = 0; i < n; i++) {
        judd_status one = verify_cache(comm, names[i], true);
        n_bad += one != JUDD_OK;
        if (one != JUDD_OK && comm->rank == 0) printf("%s\n", judd_status_message());
    }
    if (n_bad > 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld of %lld cache files are damaged", folder, (long long)n_bad,
                  (long long)n);
done:
    judd_atomic_file_free_list(names, n);
    free(features);
    return status;
}

/* ---- word vectors ------------------------------------------------------------------------------
 */

/* They have no checksum, but what they say of themselves, and numbers. */
static judd_status verify_vectors(const judd_comm *comm, const char *path) {
    judd_status status = JUDD_OK;
    judd_vectors *v = NULL;
    JUDD_TRY(judd_vectors_open(&v, comm, path, "words", JUDD_VECTORS_NUMBERS));
    const judd_vectors_info *info = judd_vectors_info_of(v);
    if (comm->rank == 0)
        printf("%s: vectors of %lld words, %lld finite numbers each\n", path,
               (long long)info->n_words, (long long)info->dim);
done:
    judd_vectors_close(v);
    return status;
}

/* ---- what rank 0 verifies alone ----------------------------------------------------------------
 */

static judd_status verify_checkpoint(const char *path) {
    judd_status status = judd_checkpoint_verify(path);
    if (status == JUDD_OK) printf("%s: checkpoint, as its manifest says\n", path);
    return status;
}

/* OUTPUT/heads/TRIAL.h5 -> OUTPUT and TRIAL, in place. */
static judd_status split(char *path, const char **folder, const char **trial) {
    char *name = strrchr(path, '/'), *parent = NULL;
    if (name) {
        *name = '\0';
        parent = strrchr(path, '/');
    }
    if (parent && (strcmp(parent, "/heads") == 0 || strcmp(parent, "/predictions") == 0) &&
        ends_with(name + 1, ".h5")) {
        *parent = '\0';
        name[strlen(name + 1) - 2] = '\0';
        *folder = path;
        *trial = name + 1;
        return JUDD_OK;
    }
    return judd_status_set(JUDD_E_USAGE, "verify: heads and predictions are verified where the job "
                                         "left them: write OUTPUT/heads/TRIAL.h5");
}

static judd_status verify_trial_file(kind what, const char *given) {
    judd_status status = JUDD_OK;
    char *path = NULL, hex[JUDD_SHA256_HEX];
    const char *folder = NULL, *trial = NULL;
    JUDD_TRY(judd_memory_string(&path, given));
    JUDD_TRY(split(path, &folder, &trial));
    if (what == HEAD) {
        JUDD_TRY(judd_trial_files_hash_head(hex, folder, trial));
        printf("%s: head, head_sha256 %s (compare with its record)\n", given, hex);
    } else {
        if (!judd_predictions_sound(folder, trial))
            JUDD_FAIL(JUDD_E_DATA, "%s: damaged: its sha256 is another; run the job again", given);
        printf("%s: predictions, as their sha256 says\n", given);
    }
done:
    free(path);
    return status;
}

/* What an output folder holds, and how much of it is damaged. */
typedef struct tour {
    const char *folder;
    int64_t n, n_bad; /* trials; what is wrong */
    json_t *seen;     /* their names */
} tour;

/* A line of results.jsonl with its head and predictions. */
static judd_status verify_record(tour *t, const char *line, int64_t number) {
    judd_status status = JUDD_OK;
    const char *folder = t->folder;
    t->n++;
    json_t *record = json_loads(line, 0, NULL);
    const char *trial = json_string_value(json_object_get(record, "trial"));
    if (!record || !trial || strchr(trial, '/') || !judd_output_is_whole(record))
        JUDD_FAIL(JUDD_E_DATA, "%s/results.jsonl:%lld: damaged; run the job again", folder,
                  (long long)number);
    if (!json_object_get(record, "failure") &&
        !judd_trial_files_sound(folder, trial, judd_records_text(record, "head_sha256")))
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: head or predictions of %s are not what its record says; run the job again",
                  folder, trial);
    if (json_object_get(t->seen, trial))
        JUDD_FAIL(JUDD_E_DATA, "%s/results.jsonl:%lld: %s once more; run the job again", folder,
                  (long long)number, trial);
    json_object_set_new(t->seen, trial, json_true());
done:
    json_decref(record);
    return status;
}

static judd_status verify_verdict(tour *t, const char *line, int64_t number) {
    json_t *verdict = json_loads(line, 0, NULL);
    const bool whole = verdict && judd_output_is_whole(verdict);
    json_decref(verdict);
    if (whole) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA, "%s/verdicts.jsonl:%lld: damaged; run the job again",
                           t->folder, (long long)number);
}

/* Every line of a file, if it is there. */
static judd_status verify_lines(tour *t, const char *name,
                                judd_status (*verify)(tour *t, const char *line, int64_t number)) {
    judd_status status = JUDD_OK;
    char *path = NULL, *text = NULL;
    int64_t bytes = 0, number = 0;
    JUDD_TRY(judd_memory_format(&path, "%s/%s", t->folder, name));
    if (access(path, F_OK) == 0) JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, 1LL << 34));
    for (char *line = text, *next = NULL; line && *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next) *next++ = '\0';
        if (verify(t, line, ++number) == JUDD_OK) continue;
        t->n_bad++;
        printf("%s\n", judd_status_message());
    }
done:
    free(path);
    free(text);
    return status;
}

/* Whether there are as many trials as a complete job says. */
static judd_status verify_number(tour *t) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    long long n = 0;
    JUDD_TRY(judd_atomic_file_read_in(&text, t->folder, "COMPLETED", 4096));
    if (sscanf(text, "complete: %lld trials", &n) == 1 && n != t->n) {
        t->n_bad++;
        printf("%s: %lld trials, of %lld of the complete job; run the job again\n", t->folder,
               (long long)t->n, n);
    }
done:
    free(text);
    return status;
}

static judd_status verify_output(const char *folder) {
    judd_status status = JUDD_OK;
    tour t = {.folder = folder, .seen = json_object()};
    const bool complete = judd_atomic_file_exists_in(folder, "COMPLETED");
    JUDD_TRY(verify_lines(&t, "results.jsonl", verify_record));
    JUDD_TRY(verify_lines(&t, "verdicts.jsonl", verify_verdict));
    if (complete) JUDD_TRY(verify_number(&t));
    printf("%s: output folder%s, %lld finished trials, %lld damaged\n", folder,
           complete ? " of a complete job" : "", (long long)t.n, (long long)t.n_bad);
    if (t.n_bad > 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: %lld records, trials or verdicts are damaged or missing; run "
                  "the job again",
                  folder, (long long)t.n_bad);
done:
    json_decref(t.seen);
    return status;
}

static judd_status verify_alone(kind what, const char *path) {
    if (what == CHECKPOINT) return verify_checkpoint(path);
    if (what == HEAD || what == PREDICTIONS) return verify_trial_file(what, path);
    return verify_output(path);
}

judd_status judd_verify(const judd_comm *comm, const char *path) {
    judd_status status = JUDD_OK;
    kind what = CACHE;
    if (comm->rank == 0) status = recognise(&what, path);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, &what, sizeof what));
    if (what == CACHE) return verify_cache(comm, path, false);
    if (what == CACHES) return verify_caches(comm, path);
    if (what == VECTORS) return verify_vectors(comm, path);
    JUDD_TRY(
        judd_comm_broadcast_status(comm, comm->rank == 0 ? verify_alone(what, path) : JUDD_OK));
done:
    return status;
}
