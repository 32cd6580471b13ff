#include <judd/job/report.h>

#include "job/choice.h"
#include "job/judge.h"
#include "job/looks.h"
#include "job/output.h"
#include "job/plan.h"
#include "job/present.h"
#include "job/shard.h"
#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/lock.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_JOB = 1 << 24, MAX_FILE = 1 << 30, MISSING_SIZE = 256 };

typedef struct report {
    const judd_comm *comm;
    const judd_report_options *options;
    judd_log *log; /* NULL on ranks > 0 */
    judd_job *job; /* of the first folder */
    judd_plan *plan;
    judd_output *output; /* the merged results */
    char *scratch;       /* its folder, to be removed in the end; NULL: it is to stay */
    judd_shard *shards;  /* [n_folders] */
    json_t *inputs;      /* of the first folder */
    json_t *choices;     /* its choices.jsonl, if experiments choose; else NULL */
    uint8_t *finished;   /* [n_trials] */
    int64_t n_finished, n_unfinished;
    char missing[MISSING_SIZE]; /* shards, or "" */
} report;

/* ---- the folders -------------------------------------------------------------------------------
 */

/* The job of a folder must be that of the first one. */
static judd_status check_job(report *r, const char *folder) {
    judd_status status = JUDD_OK;
    char *text = NULL, *difference = NULL, *path = NULL;
    judd_job *job = NULL;
    struct stat info;
    if (stat(folder, &info) == 0 && !S_ISDIR(info.st_mode))
        JUDD_FAIL(JUDD_E_IO, "%s: is no folder; name the output folder of a job", folder);
    JUDD_TRY(judd_status_context(judd_atomic_file_read_in(&text, folder, "job.cfg", MAX_JOB),
                                 "%s: not the output of a job", folder));
    JUDD_TRY(judd_memory_format(&path, "%s/job.cfg", folder));
    JUDD_TRY(judd_job_read_text(&job, text, path));
    if (!r->job) {
        r->job = job;
        job = NULL;
        goto done;
    }
    JUDD_TRY(judd_job_compare(r->job, job, &difference));
    if (difference)
        JUDD_FAIL(JUDD_E_USAGE, "%s and %s hold different jobs: %s; merge the shards of one job",
                  r->options->folders[0], folder, difference);
done:
    judd_job_destroy(job);
    free(text);
    free(difference);
    free(path);
    return status;
}

/* Images, models and instruction set of each folder must be those of the first one. */
static judd_status check_inputs(report *r, const char *folder) {
    static const char *const keys[] = {"images_sha256", "models_sha256", "instruction_set"};
    judd_status status = JUDD_OK;
    char *text = NULL;
    json_t *there = NULL;
    /* one folder has nothing to differ from */
    if (r->options->n_folders == 1 && !judd_atomic_file_exists_in(folder, "versions.json"))
        return JUDD_OK;
    JUDD_TRY(judd_atomic_file_read_in(&text, folder, "versions.json", MAX_JOB));
    if (!(there = json_loads(text, 0, NULL)))
        JUDD_FAIL(JUDD_E_DATA, "%s/versions.json: damaged; run the job again", folder);
    if (!r->inputs) r->inputs = json_incref(there);
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (!json_equal(json_object_get(r->inputs, keys[k]), json_object_get(there, keys[k])))
            JUDD_FAIL(JUDD_E_DATA,
                      "%s and %s were made from different inputs (%s in versions.json)",
                      r->options->folders[0], folder, keys[k]);
done:
    json_decref(there);
    free(text);
    return status;
}

/* All of a job alone, or shards of one division, each once. */
static judd_status check_shards(report *r) {
    judd_status status = JUDD_OK;
    const char *const *folders = r->options->folders;
    for (int k = 0; k < r->options->n_folders; k++) {
        JUDD_TRY(judd_shard_read(&r->shards[k], folders[k]));
        const judd_shard *s = &r->shards[k];
        if (k > 0 && (s->n == 0 || s->n != r->shards[0].n))
            JUDD_FAIL(JUDD_E_USAGE, "%s and %s are no shards of one division; give DIR.*-of-N",
                      folders[0], folders[k]);
        for (int j = 0; j < k; j++)
            if (s->i == r->shards[j].i)
                JUDD_FAIL(JUDD_E_USAGE, "%s and %s are both shard %lld-of-%lld; give each once",
                          folders[j], folders[k], (long long)s->i, (long long)s->n);
    }
done:
    return status;
}

/* Which backbones experiments chose, if they did, as the first folder says. */
static judd_status take_choices(report *r) {
    judd_status status = JUDD_OK;
    const char *folder = r->options->folders[0];
    bool all = false;
    if (!judd_choice_any(r->job)) return JUDD_OK;
    JUDD_TRY(judd_records_read(&r->choices, folder, "choices.jsonl", true));
    JUDD_TRY(judd_choice_take(&all, r->job, r->choices));
    if (!all)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s/choices.jsonl: does not say which backbones the experiments chose; run the "
                  "job again",
                  folder);
done:
    return status;
}

static judd_status make_scratch(report *r) {
    const char *temporary = getenv("TMPDIR");
    judd_status status = judd_memory_format(&r->scratch, "%s/judd-report-XXXXXX",
                                            temporary && temporary[0] ? temporary : "/tmp");
    if (status != JUDD_OK || mkdtemp(r->scratch)) return status;
    status = judd_status_set(JUDD_E_IO, "%s: cannot create: %s; set TMPDIR", r->scratch,
                             strerror(errno));
    free(r->scratch);
    r->scratch = NULL;
    return status;
}

static judd_status look_on_rank0(report *r) {
    judd_status status = JUDD_OK;
    const judd_report_options *o = r->options;
    JUDD_TRY(judd_log_create(&r->log, o->quiet));
    JUDD_TRY(judd_memory_alloc(&r->shards, o->n_folders, sizeof *r->shards));
    for (int k = 0; k < o->n_folders; k++) JUDD_TRY(check_job(r, o->folders[k]));
    for (int k = 0; k < o->n_folders; k++) JUDD_TRY(check_inputs(r, o->folders[k]));
    JUDD_TRY(check_shards(r));
    JUDD_TRY(take_choices(r));
    JUDD_TRY(judd_plan_create(&r->plan, r->job, NULL));
    JUDD_TRY(judd_memory_alloc(&r->finished, r->plan->n_trials, 1));
    if (!o->output) JUDD_TRY(make_scratch(r));
    free(r->job->output);
    r->job->output = NULL;
    JUDD_TRY(judd_memory_string(&r->job->output, o->output ? o->output : r->scratch));
done:
    return status;
}

/* ---- bringing together -------------------------------------------------------------------------
 */

/* A name for a file in a second folder: none of them is ever changed in place. */
static judd_status lend_file(const report *r, const char *from, const char *to) {
    judd_status status = JUDD_OK;
    char *absolute = NULL, *data = NULL;
    int64_t bytes = 0;
    if (access(to, F_OK) == 0 || link(from, to) == 0) return JUDD_OK;
    if (r->scratch) { /* on another file system; it need not last */
        absolute = realpath(from, NULL);
        if (absolute && symlink(absolute, to) == 0) goto done;
    }
    JUDD_TRY(judd_atomic_file_read(&data, &bytes, from, MAX_FILE));
    JUDD_TRY(judd_atomic_file_write(to, data, bytes));
done:
    free(absolute);
    free(data);
    return status;
}

/* Every finished file of a folder's subfolder. */
static judd_status lend_folder(const report *r, const char *folder, const char *name) {
    judd_status status = JUDD_OK;
    char *from = NULL, *to = NULL, *source = NULL;
    DIR *directory = NULL;
    JUDD_TRY(judd_memory_format(&source, "%s/%s", folder, name));
    if (!(directory = opendir(source)))
        JUDD_FAIL(JUDD_E_IO, "%s: %s; run the job again", source, strerror(errno));
    for (struct dirent *e; (e = readdir(directory));) {
        size_t n = strlen(e->d_name);
        if (n < 4 || strcmp(e->d_name + n - 3, ".h5") != 0) continue;
        JUDD_TRY(judd_memory_format(&from, "%s/%s", source, e->d_name));
        JUDD_TRY(
            judd_memory_format(&to, "%s/%s/%s", judd_output_folder(r->output), name, e->d_name));
        JUDD_TRY(lend_file(r, from, to));
        free(from);
        free(to);
        from = to = NULL;
    }
done:
    if (directory) closedir(directory);
    free(source);
    free(from);
    free(to);
    return status;
}

static judd_status import_folder(report *r, const char *folder) {
    judd_status status = JUDD_OK;
    int64_t dropped = 0;
    JUDD_TRY(judd_output_import(r->output, folder, r->plan, r->finished, &dropped));
    if (dropped > 0)
        judd_log_warning(r->log, "%s: %lld records are torn, unknown, or without sound files",
                         folder, (long long)dropped);
    JUDD_TRY(lend_folder(r, folder, "heads"));
    JUDD_TRY(lend_folder(r, folder, "predictions"));
done:
    return status;
}

/* "2-of-3, 3-of-3" */
static void list_missing(char text[MISSING_SIZE], const report *r) {
    int length = 0;
    text[0] = 0;
    for (int64_t i = 1; i <= r->shards[0].n && length < MISSING_SIZE - 32; i++) {
        bool there = false;
        for (int k = 0; k < r->options->n_folders; k++) there |= r->shards[k].i == i;
        if (there) continue;
        length += snprintf(text + length, (size_t)(MISSING_SIZE - length), "%s%lld-of-%lld",
                           length ? ", " : "", (long long)i, (long long)r->shards[0].n);
    }
}

/* The looks of seeds = "auto" once more, as far as there are records: which seeds are used. Rank 0
 * alone: a communicator of its own. */
static judd_status look_again(report *r) {
    judd_status status = JUDD_OK;
    judd_comm self = {0};
    bool more = true;
    JUDD_TRY(judd_comm_open(&self, MPI_COMM_SELF));
    for (int look = 0; more; look++)
        JUDD_TRY(judd_looks_next(&more, r->plan, look, r->plan->n_judged, r->output,
                                 r->job->verdict.margin, &self));
done:
    judd_comm_close(&self);
    return status;
}

/* Trials that are needed and not there. */
static judd_status count_unfinished(int64_t *n, const report *r) {
    uint8_t *skip = NULL;
    judd_status status = judd_memory_alloc(&skip, r->plan->n_trials, 1);
    if (status == JUDD_OK) judd_looks_skip(skip, r->finished, r->plan, r->job->seed);
    *n = 0;
    for (int64_t t = 0; status == JUDD_OK && t < r->plan->n_trials; t++) *n += !skip[t];
    free(skip);
    return status;
}

/* What is not there yet is said; with an output it is an error. */
static judd_status check_complete(report *r) {
    char message[2 * MISSING_SIZE];
    judd_status status = count_unfinished(&r->n_unfinished, r);
    for (int64_t t = 0; t < r->plan->n_trials; t++) r->n_finished += r->finished[t];
    if (status != JUDD_OK || r->n_unfinished == 0) return status;
    list_missing(r->missing, r);
    snprintf(message, sizeof message, "%lld of %lld trials are finished%s%s",
             (long long)r->n_finished, (long long)(r->n_finished + r->n_unfinished),
             r->missing[0] ? "; missing shards: " : "", r->missing);
    if (r->options->output)
        return judd_status_set(JUDD_E_DATA, "%s: %s; run them to the end, then merge",
                               r->options->output, message);
    judd_log_warning(r->log, "%s; verdicts rest on what is finished", message);
    return JUDD_OK;
}

static judd_page_state state_of(const report *r) {
    if (r->n_unfinished == 0) return JUDD_PAGE_COMPLETE;
    for (int k = 0; k < r->options->n_folders; k++)
        if (judd_lock_is_held(r->options->folders[k])) return JUDD_PAGE_RUNNING;
    return JUDD_PAGE_STOPPED;
}

/* The page and the tables. In a folder that may not be written they cost a warning. */
static judd_status present(report *r) {
    judd_status status = JUDD_OK;
    const judd_report_options *o = r->options;
    char *beside = NULL;
    const char *folder = o->output ? o->output : o->n_folders == 1 ? o->folders[0] : NULL;
    const judd_present what = {.job = r->job,
                               .results = judd_output_folder(r->output),
                               .facts = o->folders[0],
                               .state = state_of(r),
                               .n_finished = r->n_finished,
                               .n_unfinished = r->n_unfinished,
                               .missing = r->missing};
    if (o->tables && !folder)
        JUDD_FAIL(JUDD_E_USAGE, "--csv: several folders; say with -o where the tables go");
    if (o->tables) JUDD_TRY(judd_present_tables(&what, folder));
    if (!o->page && !folder) {
        judd_log_info(r->log,
                      "no report.html of several folders; --html FILE or -o FOLDER makes one");
        goto done;
    }
    if (!o->page) JUDD_TRY(judd_memory_format(&beside, "%s/report.html", folder));
    status = judd_present_page(&what, o->page ? o->page : beside, r->log);
    if (status == JUDD_E_IO && !o->page && !o->output) {
        judd_log_warning(r->log, "no report.html: %s; --html FILE puts it elsewhere",
                         judd_status_message());
        status = JUDD_OK;
    }
done:
    free(beside);
    return status;
}

/* Scores and choices are of the whole job, in every shard the same. */
static judd_status copy_choices(report *r) {
    judd_status status = JUDD_OK;
    json_t *scores = NULL;
    if (!r->choices) return JUDD_OK;
    JUDD_TRY(judd_records_read(&scores, r->options->folders[0], "scores.jsonl", true));
    JUDD_TRY(judd_output_write_lines(r->output, "scores.jsonl", scores));
    JUDD_TRY(judd_output_write_lines(r->output, "choices.jsonl", r->choices));
done:
    json_decref(scores);
    return status;
}

/* Versions and inputs, as of every shard. */
static judd_status copy_facts(report *r) {
    static const char *const names[] = {"versions.json", "data.jsonl"};
    judd_status status = JUDD_OK;
    const char *folder = r->options->folders[0];
    for (int i = 0; r->options->output && i < 2; i++) {
        char *text = NULL;
        if (!judd_atomic_file_exists_in(folder, names[i])) continue;
        status = judd_atomic_file_read_in(&text, folder, names[i], MAX_JOB);
        if (status == JUDD_OK) status = judd_output_write(r->output, names[i], text);
        free(text);
        JUDD_TRY(status);
    }
done:
    return status;
}

static judd_status merge_on_rank0(report *r) {
    judd_status status = JUDD_OK;
    JUDD_TRY(copy_choices(r));
    JUDD_TRY(copy_facts(r));
    for (int k = 0; k < r->options->n_folders; k++)
        JUDD_TRY(import_folder(r, r->options->folders[k]));
    JUDD_TRY(look_again(r));
    JUDD_TRY(check_complete(r));
    JUDD_TRY(judd_output_sort_results(r->output));
    JUDD_TRY(judd_judge_write(r->output, r->plan, r->job->verdict.margin));
    JUDD_TRY(judd_judge_print(stdout, judd_output_folder(r->output)));
    JUDD_TRY(present(r));
    if (r->options->output) JUDD_TRY(judd_output_complete(r->output));
done:
    return status;
}

/* The job with its new output folder, on every rank, since opening a folder is collective. */
static judd_status share_job(report *r) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    if (r->comm->rank == 0) status = judd_job_write(r->job, &text);
    JUDD_TRY(judd_comm_broadcast_status(r->comm, status));
    JUDD_TRY(judd_comm_broadcast_string(r->comm, &text));
    if (r->comm->rank > 0) status = judd_job_read_text(&r->job, text, "job");
    JUDD_TRY(judd_comm_agree(r->comm, status));
done:
    free(text);
    return status;
}

judd_status judd_report(const judd_comm *comm, const judd_report_options *options) {
    judd_status status = JUDD_OK;
    report r = {.comm = comm, .options = options};
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? look_on_rank0(&r) : JUDD_OK));
    JUDD_TRY(share_job(&r));
    JUDD_TRY(judd_output_open(&r.output, r.job, comm, r.log, false));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? merge_on_rank0(&r) : JUDD_OK));
done:
    judd_output_close(r.output);
    if (r.scratch) (void)judd_atomic_file_remove(r.scratch);
    json_decref(r.inputs);
    json_decref(r.choices);
    judd_plan_destroy(r.plan);
    judd_job_destroy(r.job);
    judd_log_destroy(r.log);
    free(r.scratch);
    free(r.shards);
    free(r.finished);
    return status;
}
