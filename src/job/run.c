#include <judd/job/run.h>

#include "job/bad_images.h"
#include "job/choice.h"
#include "job/data_report.h"
#include "job/extraction.h"
#include "job/inputs.h"
#include "job/judge.h"
#include "job/label_space.h"
#include "job/looks.h"
#include "job/output.h"
#include "job/plan.h"
#include "job/present.h"
#include "job/shard.h"
#include "job/shared_job.h"
#include "job/train.h"
#include "job/versions.h"
#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct run {
    const judd_comm *comm; /* `watched` */
    judd_comm watched;     /* the caller's, with the watchdog */
    const judd_run_options *options;
    judd_log *log; /* NULL on ranks > 0 */
    judd_job *job;
    judd_plan *plan;
    judd_output *output;
    judd_inputs *inputs;
    uint8_t *finished;            /* [n_trials] */
    uint8_t *skip;                /* [n_trials]: finished, or beyond the looks so far */
    const judd_plan_bank **banks; /* those still to train */
    int64_t n_banks;
    int64_t n_rows, n_images; /* of features in this run: computed, and those by networks */
    int64_t n_trained;        /* heads, in this run */
    double start;
} run;

/* The outcome of a shard is in a folder of its own. */
static judd_status name_output(run *r) {
    char *name = NULL;
    judd_status status = judd_shard_folder(&name, r->job->output, &r->options->shard);
    if (status != JUDD_OK) return status;
    free(r->job->output);
    r->job->output = name;
    return JUDD_OK;
}

static judd_status open_job(run *r) {
    judd_status status = JUDD_OK;
    if (r->comm->rank == 0) status = judd_log_create(&r->log, r->options->quiet);
    JUDD_TRY(judd_comm_agree(r->comm, status));
    JUDD_TRY(judd_shared_job_read(&r->job, r->comm, r->options->job_file, r->options->overrides,
                                  r->options->n_overrides));
    JUDD_TRY(judd_comm_agree(r->comm, name_output(r)));
    JUDD_TRY(judd_output_open(&r->output, r->job, r->comm, r->log, r->options->fresh));
    if (r->comm->rank == 0) status = judd_shard_claim(r->output, &r->options->shard);
    JUDD_TRY(judd_comm_broadcast_status(r->comm, status));
    JUDD_TRY(judd_watchdog_create(&r->watched.watchdog, r->comm, judd_output_folder(r->output),
                                  r->job->limits.watchdog_s));
done:
    return status;
}

/* Rank 0: what the run reads, and what it leaves out. */
static judd_status note_inputs(const run *r) {
    judd_status status = judd_versions_write(r->output, r->inputs);
    return status == JUDD_OK ? judd_bad_images_write(r->output, r->inputs, r->log) : status;
}

static judd_status open_inputs(run *r) {
    judd_status status = JUDD_OK;
    judd_watchdog_phase(r->comm->watchdog, "reading data sets");
    JUDD_TRY(judd_inputs_open(&r->inputs, r->job, r->comm, r->log, r->options->stop,
                              r->options->quiet, true));
    JUDD_TRY(judd_comm_broadcast_status(r->comm, r->comm->rank == 0 ? note_inputs(r) : JUDD_OK));
done:
    return status;
}

static judd_status note_extraction(void *context, const judd_extraction_outcome *what) {
    run *r = context;
    const judd_extract_report *e = what->report;
    bool network = strcmp(what->backbone->kind, "onnx") == 0;
    r->n_rows += e->n_computed;
    if (network) r->n_images += e->n_computed;
    if (r->comm->rank != 0) return JUDD_OK;
    json_t *record =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:f}", "phase", "features",
                  "backbone", what->backbone->name, "dataset", what->dataset->name, "split",
                  judd_inputs_split_name(what->split), "view", what->view, "ranks", r->comm->size,
                  "needed", (json_int_t)e->n_needed, "computed", (json_int_t)e->n_computed,
                  "damaged", (json_int_t)e->n_damaged, "seconds", e->seconds);
    if (!record) return judd_status_set(JUDD_E_INTERNAL, "timing: no memory for the record");
    return judd_output_add_timing(r->output, record);
}

/* Rank 0. What `judd score` wrote says more: it stays if it chose the same. */
static judd_status note_choices(const run *r, const judd_scoring *scoring) {
    judd_status status = JUDD_OK;
    json_t *scores = json_array(), *choices = json_array(), *there = NULL, *choice = NULL;
    size_t i = 0;
    JUDD_TRY(judd_choice_records(choices, r->job));
    json_array_foreach(choices, i, choice) {
        char shots[64] = "all training samples";
        json_int_t n = json_integer_value(json_object_get(choice, "shots"));
        if (n > 0) snprintf(shots, sizeof shots, "%lld a class", (long long)n);
        judd_log_info(r->log, "experiment %s: %s for %s with %s, by %s",
                      json_string_value(json_object_get(choice, "experiment")),
                      json_string_value(json_object_get(choice, "source")),
                      json_string_value(json_object_get(choice, "target")), shots,
                      json_string_value(json_object_get(choice, "score")));
    }
    JUDD_TRY(judd_records_read(&there, judd_output_folder(r->output), "choices.jsonl", true));
    if (json_equal(there, choices)) goto done;
    JUDD_TRY(judd_scoring_records(scores, scoring));
    JUDD_TRY(judd_output_write_lines(r->output, "scores.jsonl", scores));
    JUDD_TRY(judd_output_write_lines(r->output, "choices.jsonl", choices));
done:
    json_decref(scores);
    json_decref(choices);
    json_decref(there);
    return status;
}

/* Experiments that choose among backbones do it now, by training samples, at every start. */
static judd_status choose(run *r) {
    judd_status status = JUDD_OK;
    judd_scoring scoring = {0};
    judd_watchdog_phase(r->comm->watchdog, "scores");
    JUDD_TRY(judd_comm_agree(r->comm, judd_scoring_list(&scoring, r->job, true)));
    JUDD_TRY(judd_scoring_run(&scoring, r->inputs, judd_choice_needs_outputs(r->job),
                              note_extraction, r));
    JUDD_TRY(judd_comm_agree(r->comm, judd_choice_make(r->job, &scoring)));
    JUDD_TRY(judd_comm_broadcast_status(r->comm,
                                        r->comm->rank == 0 ? note_choices(r, &scoring) : JUDD_OK));
done:
    judd_scoring_free(&scoring);
    return status;
}

static judd_status plan(run *r) {
    judd_status status = JUDD_OK;
    if (judd_choice_any(r->job)) JUDD_TRY(choose(r));
    JUDD_TRY(judd_comm_agree(r->comm, judd_plan_create(&r->plan, r->job, &r->options->shard)));
done:
    return status;
}

/* Every start checks what is there against the inputs as they are now, also of a complete job. */
static judd_status find_work(run *r) {
    judd_status status = JUDD_OK;
    char(*inputs)[JUDD_SHA256_HEX] = NULL;
    JUDD_TRY(judd_comm_agree(r->comm, judd_inputs_identities(&inputs, r->inputs, r->plan)));
    JUDD_TRY(judd_output_finished(&r->finished, r->output, r->plan,
                                  (const char(*)[JUDD_SHA256_HEX])inputs));
    JUDD_TRY(judd_comm_agree(r->comm, judd_memory_alloc(&r->skip, r->plan->n_trials, 1)));
done:
    free(inputs);
    return status;
}

/* What there is to do, and since when: for who watches. Rank 0. */
static judd_status note_start(const run *r, int64_t n_trials) {
    json_t *record = json_pack("{s:s, s:I, s:I, s:I, s:i}", "phase", "start", "unix_s",
                               (json_int_t)time(NULL), "trials", (json_int_t)n_trials, "heads",
                               (json_int_t)r->n_banks, "ranks", r->comm->size);
    if (!record) return judd_status_set(JUDD_E_INTERNAL, "timing: no memory for the record");
    return judd_output_add_timing(r->output, record);
}

/* What the comparisons that are still open need and is not there yet. */
static judd_status choose_work(run *r) {
    judd_status status = JUDD_OK;
    int64_t n_trials = 0, n_finished = 0;
    free(r->banks);
    r->banks = NULL;
    judd_looks_skip(r->skip, r->finished, r->plan, r->job->seed);
    JUDD_TRY(
        judd_comm_agree(r->comm, judd_train_pending(&r->banks, &r->n_banks, r->plan, r->skip)));
    for (int64_t t = 0; t < r->plan->n_trials; t++) {
        n_trials += r->finished[t] || !r->skip[t];
        n_finished += r->finished[t];
    }
    judd_log_info(r->log, "job %s: %lld trials (%lld finished), %lld heads to train, %d rank%s",
                  r->job->name, (long long)n_trials, (long long)n_finished, (long long)r->n_banks,
                  r->comm->size, r->comm->size == 1 ? "" : "s");
    if (r->comm->rank == 0 && r->n_banks > 0) status = note_start(r, n_trials);
    JUDD_TRY(judd_comm_broadcast_status(r->comm, status));
done:
    return status;
}

static judd_status extract(run *r) {
    judd_status status = JUDD_OK;
    double start = MPI_Wtime();
    judd_watchdog_phase(r->comm->watchdog, "features");
    JUDD_TRY(judd_extraction_run(r->inputs, r->banks, r->n_banks, false, note_extraction, r));
    judd_log_info(r->log, "features: %lld rows computed, %lld by networks, in %.1f s (cache %s)",
                  (long long)r->n_rows, (long long)r->n_images, MPI_Wtime() - start, r->job->cache);
done:
    return status;
}

static judd_status train(run *r) {
    double start = MPI_Wtime();
    judd_train_context context = {.job = r->job,
                                  .comm = r->comm,
                                  .plan = r->plan,
                                  .inputs = r->inputs,
                                  .output = r->output,
                                  .log = r->log,
                                  .finished = r->skip,
                                  .stop = r->options->stop,
                                  .quiet = r->options->quiet};
    judd_status status = judd_train_run(&context, r->banks, r->n_banks);
    if (status == JUDD_OK)
        judd_log_info(r->log, "training: %lld heads with their grids and folds in %.1f s",
                      (long long)r->n_banks, MPI_Wtime() - start);
    return status;
}

/* Features and heads of the chosen work; then it is finished. */
static judd_status work(run *r) {
    judd_status status = JUDD_OK;
    if (r->n_banks == 0) return JUDD_OK;
    JUDD_TRY(judd_comm_agree(r->comm, judd_label_space_check(r->inputs, r->banks, r->n_banks)));
    r->n_trained += r->n_banks;
    JUDD_TRY(extract(r));
    JUDD_TRY(train(r));
    for (int64_t t = 0; t < r->plan->n_trials; t++) r->finished[t] |= !r->skip[t];
done:
    return status;
}

/* Look after look until every comparison is settled; with fixed seeds there is one. */
static judd_status work_and_look(run *r) {
    judd_status status = JUDD_OK;
    bool more = true, described = false;
    for (int look = 0;; look++) {
        JUDD_TRY(judd_looks_next(&more, r->plan, look, r->plan->n_judged, r->output,
                                 r->job->verdict.margin, r->comm));
        if (!more) break;
        JUDD_TRY(choose_work(r));
        if (r->n_banks > 0 && !described)
            JUDD_TRY(judd_data_report_write(r->output, r->inputs, r->log));
        described |= r->n_banks > 0;
        JUDD_TRY(work(r));
    }
done:
    return status;
}

static judd_status judge_on_rank0(run *r) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_output_sort_results(r->output));
    if (r->options->shard.n == 0) /* else judd report has the last word */
        JUDD_TRY(judd_judge_write(r->output, r->plan, r->job->verdict.margin));
done:
    return status;
}

static judd_status judge(run *r) {
    judd_watchdog_phase(r->comm->watchdog, "verdicts");
    return judd_comm_broadcast_status(r->comm, r->comm->rank == 0 ? judge_on_rank0(r) : JUDD_OK);
}

/* The page shows test samples, and loading is collective. */
static judd_status load_tests(const run *r) {
    judd_status status = JUDD_OK;
    for (int64_t i = 0; i < r->inputs->n; i++)
        JUDD_TRY(judd_dataset_load(r->inputs->inputs[i].split[JUDD_SPLIT_TEST]));
done:
    return status;
}

/* A page that cannot be made costs a warning, not the job. */
static judd_status present_on_rank0(const run *r, const char *path) {
    const judd_present what = {.job = r->job,
                               .inputs = r->inputs,
                               .results = judd_output_folder(r->output),
                               .facts = judd_output_folder(r->output),
                               .state = JUDD_PAGE_COMPLETE,
                               .n_finished = judd_output_n_records(r->output),
                               .missing = ""};
    if (judd_present_page(&what, path, r->log) != JUDD_OK)
        judd_log_warning(r->log, "no report: %s", judd_status_message());
    return JUDD_OK;
}

/* report.html; of a shard there is nothing to judge, and a complete job may have its page already.
 */
static judd_status present(run *r) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    int64_t wanted = 0;
    if (r->options->shard.n > 0) return JUDD_OK;
    judd_watchdog_phase(r->comm->watchdog, "report");
    if (r->comm->rank == 0) {
        status = judd_memory_format(&path, "%s/report.html", judd_output_folder(r->output));
        wanted = status == JUDD_OK && (r->n_trained > 0 || access(path, F_OK) != 0);
    }
    JUDD_TRY(judd_comm_broadcast_status(r->comm, status));
    JUDD_TRY(judd_comm_sum(r->comm, &wanted, 1));
    if (!wanted) goto done;
    JUDD_TRY(load_tests(r));
    JUDD_TRY(judd_comm_broadcast_status(r->comm,
                                        r->comm->rank == 0 ? present_on_rank0(r, path) : JUDD_OK));
done:
    free(path);
    return status;
}

/* Rank 0. A job has an outcome if any training has; a shard may have got those that failed. */
static judd_status check_trained(const run *r) {
    judd_status status = JUDD_OK;
    uint8_t *failed = NULL;
    const char *first = NULL;
    int64_t n_failed = 0, n = judd_output_n_records(r->output);
    JUDD_TRY(judd_memory_alloc(&failed, r->plan->n_trials, sizeof *failed));
    judd_output_failed(failed, r->output, r->plan);
    for (int64_t t = 0; t < r->plan->n_trials; t++)
        if (failed[t] && n_failed++ == 0) first = r->plan->trials[t].name;
    if (n_failed == 0) goto done;
    const char *why = judd_records_text(judd_output_record(r->output, first), "failure");
    if (n_failed == n && r->options->shard.n == 0)
        JUDD_FAIL(JUDD_E_DATA, "all %lld trials failed; %s: %s", (long long)n, first, why);
    judd_log_warning(r->log, "%lld of %lld trials failed (\"failure\" in results.jsonl); %s: %s",
                     (long long)n_failed, (long long)n, first, why);
done:
    free(failed);
    return status;
}

static judd_status complete(run *r) {
    return judd_comm_broadcast_status(r->comm, r->comm->rank == 0 ? judd_output_complete(r->output)
                                                                  : JUDD_OK);
}

static judd_status print(run *r) {
    judd_status status = JUDD_OK;
    if (r->comm->rank == 0) {
        if (r->options->shard.n == 0)
            status = judd_judge_print(stdout, judd_output_folder(r->output));
        else
            judd_log_info(r->log, "shard %lld of %lld; judd report merges all of them",
                          (long long)r->options->shard.i, (long long)r->options->shard.n);
        judd_log_info(r->log, "results in %s (%.1f s)", judd_output_folder(r->output),
                      MPI_Wtime() - r->start);
    }
    return judd_comm_broadcast_status(r->comm, status);
}

static void close_job(run *r) {
    judd_inputs_close(r->inputs);
    judd_watchdog_destroy(r->watched.watchdog);
    judd_output_close(r->output);
    judd_plan_destroy(r->plan);
    judd_job_destroy(r->job);
    judd_log_destroy(r->log);
    free(r->finished);
    free(r->skip);
    free(r->banks);
}

judd_status judd_run(const judd_comm *comm, const judd_run_options *options) {
    judd_status status = JUDD_OK;
    run r = {.watched = *comm, .options = options, .start = MPI_Wtime()};
    r.comm = &r.watched;
    JUDD_TRY(open_job(&r));
    JUDD_TRY(judd_shared_job_settle(r.job, r.comm, r.log, NULL));
    JUDD_TRY(open_inputs(&r));
    JUDD_TRY(plan(&r));
    JUDD_TRY(find_work(&r));
    JUDD_TRY(work_and_look(&r));
    JUDD_TRY(judge(&r));
    JUDD_TRY(present(&r));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? check_trained(&r) : JUDD_OK));
    JUDD_TRY(complete(&r));
    JUDD_TRY(print(&r));
done:
    close_job(&r);
    return status;
}
