#include "job/watch_state.h"

#include "job/choice.h"
#include "job/judge.h"
#include "job/output.h"
#include "job/shard.h"
#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_JOB = 1 << 24, MAX_LOG = 1 << 26, STAMP = 32 };

/* ---- the job ------------------------------------------------------------------------------------
 */

/* Where experiments choose, there is no plan before they have. */
static judd_status make_plan(judd_watch_state *s, const char *folder) {
    judd_status status = JUDD_OK;
    json_t *choices = NULL;
    bool all = true;
    if (judd_choice_any(s->job)) {
        JUDD_TRY(judd_records_read(&choices, folder, "choices.jsonl", true));
        JUDD_TRY(judd_choice_take(&all, s->job, choices));
    }
    JUDD_TRY(judd_shard_read(&s->shard, folder));
    if (all) JUDD_TRY(judd_plan_create(&s->plan, s->job, s->shard.n > 0 ? &s->shard : NULL));
    s->n_trials = s->plan ? s->plan->n_trials : 0;
done:
    json_decref(choices);
    return status;
}

static judd_status read_job(judd_watch_state *s, const char *folder) {
    judd_status status = JUDD_OK;
    char *text = NULL, *path = NULL;
    struct stat info;
    if (stat(folder, &info) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; name the output folder of a job", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        JUDD_FAIL(JUDD_E_DATA, "%s: is no folder; name the output folder of a job", folder);
    JUDD_TRY(judd_memory_format(&path, "%s/job.cfg", folder));
    if (access(path, F_OK) != 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: not the output of a job: it has no job.cfg", folder);
    JUDD_TRY(judd_atomic_file_read_in(&text, folder, "job.cfg", MAX_JOB));
    JUDD_TRY(judd_job_read_text(&s->job, text, path));
    JUDD_TRY(make_plan(s, folder));
done:
    free(text);
    free(path);
    return status;
}

/* ---- records ------------------------------------------------------------------------------------
 */

static judd_status read_results(judd_watch_state *s, const char *folder) {
    json_t *all = NULL, *record = NULL;
    size_t i = 0;
    judd_status status = judd_output_read_records(&all, folder, "results");
    if (status != JUDD_OK) return status;
    s->results = json_object();
    json_array_foreach(all, i, record)
        json_object_set(s->results, judd_records_text(record, "trial"), record);
    json_decref(all);
    return JUDD_OK;
}

static int64_t integer(const json_t *record, const char *key) {
    return json_integer_value(json_object_get(record, key));
}

/* A head is worth its share of the work of those that are trained side by side. */
static double worth_of(const json_t *train, const json_t *training) {
    double work = judd_records_number(training, "work"), own = judd_records_number(train, "work");
    return work > 0.0 && own >= 0.0 ? own / work * judd_records_number(training, "heads") : 1.0;
}

/* What was done since the last start. Parts stand behind it. */
static judd_status read_timing(judd_watch_state *s, const char *folder) {
    const json_t *training = NULL;
    json_t *all = NULL, *r = NULL;
    size_t i = 0;
    judd_status status = judd_output_read_records(&all, folder, "timing");
    if (status != JUDD_OK) return status;
    json_array_foreach(all, i, r) {
        if (judd_records_is(r, "phase", "start")) {
            s->start_s = integer(r, "unix_s");
            s->n_trials = integer(r, "trials");
            s->n_heads = integer(r, "heads");
            s->n_ranks = integer(r, "ranks");
            s->training_s = s->n_trained = s->n_caches = 0;
            s->worth = 0.0;
        }
        if (judd_records_is(r, "phase", "training")) {
            if (s->training_s == 0) s->training_s = integer(r, "unix_s");
            s->n_groups = integer(r, "groups");
            training = r;
        }
        if (judd_records_is(r, "phase", "train")) {
            s->n_trained++;
            s->worth += worth_of(r, training);
        }
        s->n_caches += judd_records_is(r, "phase", "features");
    }
    json_decref(all);
    return JUDD_OK;
}

/* The last warnings of this start: lines "STAMP warning: ..." of the log. */
static void read_warnings(judd_watch_state *s, const char *folder) {
    static const char mark[] = " warning: ";
    char *text = NULL, stamp[STAMP] = "";
    struct tm utc;
    const time_t start = (time_t)s->start_s;
    if (judd_atomic_file_read_in(&text, folder, "judd.log", MAX_LOG) != JUDD_OK) return;
    if (gmtime_r(&start, &utc)) strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n"), length = strlen(stamp);
        bool ours = n > length + sizeof mark && strncmp(line, stamp, length) >= 0 &&
                    strncmp(line + length, mark, sizeof mark - 1) == 0;
        if (ours) {
            const char *what = line + length + sizeof mark - 1;
            if (s->n_warnings == JUDD_WATCH_WARNINGS) {
                memmove(s->warnings[0], s->warnings[1], sizeof s->warnings - JUDD_WATCH_LINE);
                s->n_warnings--;
            }
            snprintf(s->warnings[s->n_warnings++], JUDD_WATCH_LINE, "%.*s",
                     (int)(line + n - what > 400 ? 400 : line + n - what), what);
        }
        line += n + (line[n] == '\n');
    }
    free(text);
}

/* ---- checkpoints --------------------------------------------------------------------------------
 */

/* Newest step-N of a folder, -1: none. */
static int64_t newest_step(const char *folder) {
    DIR *directory = opendir(folder);
    long long newest = -1, step = 0;
    char rest = 0;
    for (struct dirent *e; directory && (e = readdir(directory));)
        if (sscanf(e->d_name, "step-%lld%c", &step, &rest) == 1 && step > newest) newest = step;
    if (directory) closedir(directory);
    return newest;
}

/* Steps of the training whose checkpoints have this name, which may say more than the bank's. */
static int64_t steps_of(const judd_watch_state *s, const char *name) {
    for (int64_t b = 0; s->plan && b < s->plan->n_banks; b++) {
        const judd_plan_bank *bank = &s->plan->banks[b];
        size_t n = strlen(bank->name);
        if (strncmp(bank->name, name, n) != 0 || (name[n] && name[n] != '+')) continue;
        bool counted = bank->head && bank->head->optimizer.kind &&
                       strcmp(bank->head->optimizer.kind, "lbfgs") != 0;
        return counted ? bank->head->optimizer.steps : 0;
    }
    return 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const judd_watch_bank *)a)->name, ((const judd_watch_bank *)b)->name);
}

static judd_status read_checkpoints(judd_watch_state *s, const char *folder) {
    judd_status status = JUDD_OK;
    char *all = NULL, *path = NULL;
    int64_t room = 0;
    DIR *directory = NULL;
    JUDD_TRY(judd_memory_format(&all, "%s/checkpoints", folder));
    directory = opendir(all);
    for (struct dirent *e; directory && (e = readdir(directory));) {
        if (e->d_name[0] == '.') continue;
        JUDD_TRY(judd_memory_format(&path, "%s/%s", all, e->d_name));
        int64_t step = newest_step(path);
        free(path);
        path = NULL;
        if (step < 0) continue;
        JUDD_TRY(judd_memory_grow(&s->now, s->n_now, s->n_now + 1, &room, sizeof *s->now));
        s->now[s->n_now] = (judd_watch_bank){NULL, step, steps_of(s, e->d_name)};
        JUDD_TRY(judd_memory_string(&s->now[s->n_now++].name, e->d_name));
    }
    if (s->n_now > 1) qsort(s->now, (size_t)s->n_now, sizeof *s->now, compare_names);
done:
    if (directory) closedir(directory);
    free(all);
    free(path);
    return status;
}

/* ---- all of it ----------------------------------------------------------------------------------
 */

static bool has(const char *folder, const char *name) {
    char *path = NULL;
    bool there =
        judd_memory_format(&path, "%s/%s", folder, name) == JUDD_OK && access(path, F_OK) == 0;
    free(path);
    return there;
}

judd_status judd_watch_state_read(judd_watch_state *s, const char *folder) {
    judd_status status = JUDD_OK;
    *s = (judd_watch_state){0};
    JUDD_TRY(read_job(s, folder));
    JUDD_TRY(judd_lock_look(&s->owner, folder));
    s->complete =
        has(folder, "COMPLETED"); /* before the records, of which there are no more then */
    JUDD_TRY(read_results(s, folder));
    JUDD_TRY(read_timing(s, folder));
    JUDD_TRY(judd_records_read(&s->verdicts, folder, "verdicts.jsonl", true));
    JUDD_TRY(read_checkpoints(s, folder));
    read_warnings(s, folder);
done:
    return status;
}

void judd_watch_state_free(judd_watch_state *s) {
    for (int64_t i = 0; i < s->n_now; i++) free(s->now[i].name);
    free(s->now);
    json_decref(s->results);
    json_decref(s->verdicts);
    judd_plan_destroy(s->plan);
    judd_job_destroy(s->job);
    *s = (judd_watch_state){0};
}

/* The metric of a trial's record on its own test set, NaN if it is not there. */
static double metric_of(const judd_watch_state *s, int64_t trial, const char *metric) {
    const json_t *record = json_object_get(s->results, s->plan->trials[trial].name);
    if (!judd_records_is(record, "status", "ok")) return NAN;
    return judd_records_number(json_object_get(record, "metrics"), metric);
}

double judd_watch_state_gain(const judd_watch_state *s, const judd_plan_comparison *c, int64_t *n) {
    const char *metric = judd_judge_metric(c);
    double sum = 0.0;
    *n = 0;
    for (int64_t k = 0; k < s->plan->n_seeds; k++) {
        double gain = metric_of(s, c->transfer[k], metric) - metric_of(s, c->baseline[k], metric);
        if (isnan(gain)) continue;
        sum += gain;
        ++*n;
    }
    return *n > 0 ? sum / (double)*n : NAN;
}
