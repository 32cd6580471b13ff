#include <judd/job/score.h>

#include "job/agreement.h"
#include "job/choice.h"
#include "job/output.h"
#include "job/scoring.h"
#include "job/shared_job.h"
#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct phase {
    const judd_comm *comm; /* watched */
    judd_comm watched;     /* the caller's, with the watchdog */
    judd_log *log;         /* NULL on ranks > 0 */
    judd_job *job;
    judd_output *output;
    judd_inputs *inputs;
    judd_scoring scoring;
    judd_score_kind by;
    bool was_complete; /* the folder, on rank 0 */
} phase;

static judd_status find_score(judd_score_kind *out, const char *name) {
    for (int k = 0; k < JUDD_N_SCORES; k++)
        if (!name || strcmp(judd_scores_name(k), name) == 0) {
            *out = k;
            return JUDD_OK;
        }
    return judd_status_set(JUDD_E_USAGE,
                           "score: --by %s is none of logme, leep, nce, h, regularised_h, "
                           "transrate, ridge and centroid",
                           name);
}

static judd_status look_for_mark(phase *p) {
    char *path = NULL;
    judd_status status = judd_memory_format(&path, "%s/COMPLETED", judd_output_folder(p->output));
    if (status == JUDD_OK) p->was_complete = access(path, F_OK) == 0;
    free(path);
    return status;
}

static judd_status open_phase(phase *p, const judd_run_options *o) {
    judd_status status = JUDD_OK;
    if (p->comm->rank == 0) status = judd_log_create(&p->log, o->quiet);
    JUDD_TRY(judd_comm_agree(p->comm, status));
    JUDD_TRY(judd_shared_job_read(&p->job, p->comm, o->job_file, o->overrides, o->n_overrides));
    JUDD_TRY(judd_output_open(&p->output, p->job, p->comm, p->log, false));
    JUDD_TRY(judd_shared_job_settle(p->job, p->comm, p->log, NULL));
    JUDD_TRY(judd_comm_broadcast_status(p->comm, p->comm->rank == 0 ? look_for_mark(p) : JUDD_OK));
    JUDD_TRY(judd_watchdog_create(&p->watched.watchdog, p->comm, judd_output_folder(p->output),
                                  p->job->limits.watchdog_s));
    judd_watchdog_phase(p->watched.watchdog, "reading data sets");
    JUDD_TRY(judd_inputs_open(&p->inputs, p->job, p->comm, p->log, o->stop, o->quiet, true));
    JUDD_TRY(judd_comm_agree(p->comm, judd_scoring_list(&p->scoring, p->job, false)));
done:
    return status;
}

static judd_status note_extraction(void *context, const judd_extraction_outcome *what) {
    const phase *p = context;
    if (what->report->n_computed > 0)
        judd_log_info(p->log, "features: %lld of %lld samples of %s by %s in %.1f s",
                      (long long)what->report->n_computed, (long long)what->report->n_needed,
                      what->dataset->name, what->backbone->name, what->report->seconds);
    return JUDD_OK;
}

/* Rank 0: what scores.jsonl and choices.jsonl say. */
static judd_status make_records(json_t *records, json_t *choices, phase *p) {
    judd_status status = JUDD_OK;
    json_t *verdicts = NULL;
    JUDD_TRY(judd_scoring_records(records, &p->scoring));
    if (judd_choice_any(p->job)) JUDD_TRY(judd_choice_make(p->job, &p->scoring));
    JUDD_TRY(judd_choice_records(choices, p->job));
    JUDD_TRY(judd_records_read(&verdicts, judd_output_folder(p->output), "verdicts.jsonl", true));
    JUDD_TRY(judd_agreement_records(records, &p->scoring, verdicts, p->job));
done:
    json_decref(verdicts);
    return status;
}

static bool has_agreement(const json_t *records) {
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach(records, i, r) if (json_object_get(r, "kendall_tau")) return true;
    return false;
}

static judd_status tell(phase *p, bool as_json) {
    judd_status status = JUDD_OK;
    json_t *records = json_array(), *choices = json_array();
    char *text = NULL;
    JUDD_TRY(make_records(records, choices, p));
    if (json_array_size(choices) > 0)
        JUDD_TRY(judd_output_write_lines(p->output, "choices.jsonl", choices));
    JUDD_TRY(judd_output_write_lines(p->output, "scores.jsonl", records));
    if (p->was_complete) JUDD_TRY(judd_output_complete(p->output));
    if (as_json) {
        JUDD_TRY(judd_output_lines(&text, records));
        fputs(text, stdout);
    } else {
        judd_scoring_print(stdout, &p->scoring, p->by);
        if (has_agreement(records)) judd_agreement_print(stdout, records);
    }
done:
    json_decref(records);
    json_decref(choices);
    free(text);
    return status;
}

judd_status judd_score_run(const judd_comm *comm, const judd_run_options *options, const char *by,
                           bool as_json) {
    judd_status status = JUDD_OK;
    phase p = {.watched = *comm};
    p.comm = &p.watched;
    JUDD_TRY(find_score(&p.by, by));
    JUDD_TRY(open_phase(&p, options));
    judd_watchdog_phase(p.watched.watchdog, "scores");
    JUDD_TRY(judd_scoring_run(&p.scoring, p.inputs, true, note_extraction, &p));
    JUDD_TRY(judd_comm_broadcast_status(p.comm, p.comm->rank == 0 ? tell(&p, as_json) : JUDD_OK));
done:
    judd_inputs_close(p.inputs);
    judd_watchdog_destroy(p.watched.watchdog);
    judd_output_close(p.output);
    judd_scoring_free(&p.scoring);
    judd_job_destroy(p.job);
    judd_log_destroy(p.log);
    return status;
}
