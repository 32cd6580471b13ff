#include "job/present.h"

#include "job/benefits.h"
#include "job/predictions.h"
#include "job/samples.h"
#include "report/csv.h"
#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_TEXT = 1 << 24 };

/* The text of a file of a folder; *text is NULL if it is not there or too long to be shown. */
static judd_status read_text(char **text, const char *folder, const char *name) {
    char *path = NULL;
    int64_t bytes = 0;
    *text = NULL;
    judd_status status = judd_memory_format(&path, "%s/%s", folder, name);
    if (status == JUDD_OK && access(path, R_OK) == 0 &&
        judd_atomic_file_read(text, &bytes, path, MAX_TEXT) != JUDD_OK)
        *text = NULL;
    free(path);
    return status;
}

/* What a page rests on. */
typedef struct material {
    const judd_present *what;
    judd_page_input input;
    judd_samples *samples;
    char *config, *quarantine, *log, *versions;
} material;

static void release(material *m) {
    judd_page_input *in = &m->input;
    judd_samples_destroy(m->samples);
    json_decref(in->results);
    json_decref(in->timing);
    json_decref(in->scores);
    json_decref(in->data);
    json_decref(in->verdicts);
    json_decref(in->versions);
    json_decref(in->hashes);
    free(m->config);
    free(m->quarantine);
    free(m->log);
    free(m->versions);
}

static void add_seconds(const judd_page_input *in) {
    json_t *seconds = judd_benefits_seconds(in->timing), *v = NULL;
    size_t i = 0;
    json_array_foreach(in->verdicts, i, v) {
        double saved = judd_benefits_seconds_saved(v, in->verdicts, in->results, seconds);
        if (isfinite(saved)) json_object_set_new(v, "seconds_saved", json_real(saved));
    }
    json_decref(seconds);
}

static judd_status read_records(material *m) {
    judd_status status = JUDD_OK;
    judd_page_input *in = &m->input;
    const char *results = m->what->results, *facts = m->what->facts;
    JUDD_TRY(judd_records_read(&in->results, results, "results.jsonl", false));
    JUDD_TRY(judd_records_read(&in->verdicts, results, "verdicts.jsonl", false));
    JUDD_TRY(judd_records_read(&in->timing, results, "timing.jsonl", true));
    JUDD_TRY(judd_records_read(&in->data, facts, "data.jsonl", true));
    JUDD_TRY(judd_records_read(&in->scores, results, "scores.jsonl", true));
    if (json_array_size(in->scores) == 0) {
        json_decref(in->scores);
        in->scores = NULL;
        JUDD_TRY(judd_records_read(&in->scores, facts, "scores.jsonl", true));
    }
    add_seconds(in);
done:
    return status;
}

static judd_status hash_results(material *m) {
    static const char *const names[] = {"results.jsonl", "verdicts.jsonl"};
    judd_status status = JUDD_OK;
    char *path = NULL;
    m->input.hashes = json_object();
    for (int k = 0; k < 2; k++) {
        char hex[JUDD_SHA256_HEX];
        int64_t bytes = 0;
        JUDD_TRY(judd_memory_format(&path, "%s/%s", m->what->results, names[k]));
        JUDD_TRY(judd_hash_file(hex, &bytes, path));
        json_object_set_new(m->input.hashes, names[k], json_string(hex));
        free(path);
        path = NULL;
    }
done:
    free(path);
    return status;
}

static judd_status read_facts(material *m) {
    judd_status status = JUDD_OK;
    const char *facts = m->what->facts;
    JUDD_TRY(read_text(&m->config, facts, "job.cfg"));
    JUDD_TRY(read_text(&m->quarantine, facts, "quarantine.tsv"));
    JUDD_TRY(read_text(&m->log, facts, "judd.log"));
    JUDD_TRY(read_text(&m->versions, facts, "versions.json"));
    m->input.config = m->config;
    m->input.quarantine = m->quarantine;
    m->input.log = m->log;
    if (m->versions) m->input.versions = json_loads(m->versions, 0, NULL);
    JUDD_TRY(hash_results(m));
done:
    return status;
}

static judd_status predictions(void *context, const char *trial, judd_predicted *out) {
    const material *m = context;
    if (strchr(trial, '/')) return judd_status_set(JUDD_E_DATA, "%.64s: no name of a trial", trial);
    return judd_predictions_read(out, m->what->results, trial);
}

static judd_status sample(void *context, const char *dataset, int64_t id, judd_page_sample *out) {
    const material *m = context;
    return judd_samples_get(m->samples, dataset, id, out);
}

judd_status judd_present_page(const judd_present *what, const char *path, judd_log *log) {
    judd_status status = JUDD_OK;
    char *html = NULL;
    int64_t bytes = 0;
    const char *no_charts = NULL;
    material m = {.what = what};
    m.input = (judd_page_input){.job_name = what->job->name,
                                .version = JUDD_VERSION,
                                .state = what->state,
                                .n_finished = what->n_finished,
                                .n_unfinished = what->n_unfinished,
                                .missing = what->missing,
                                .margin = what->job->verdict.margin,
                                .command = "mpirun -n RANKS judd run job.cfg --set output=again   "
                                           "# job.cfg: beside this page, and below",
                                .context = &m,
                                .predictions = predictions,
                                .sample = sample};
    JUDD_TRY(read_records(&m));
    JUDD_TRY(read_facts(&m));
    JUDD_TRY(
        judd_samples_create(&m.samples, what->job, what->inputs, m.input.versions, m.input.data));
    JUDD_TRY(judd_page_make(&html, &bytes, &no_charts, &m.input));
    JUDD_TRY(judd_atomic_file_write(path, html, bytes));
    judd_log_info(log, "report in %s", path);
    if (no_charts)
        judd_log_warning(log,
                         "%s: no charts, only tables: %s; try gnuplot --version, then judd report",
                         path, no_charts);
done:
    release(&m);
    free(html);
    return status;
}

static judd_status write_table(const json_t *records, const char *folder, const char *name) {
    judd_status status = JUDD_OK;
    char *text = NULL, *path = NULL;
    int64_t bytes = 0;
    JUDD_TRY(judd_csv_make(&text, &bytes, records));
    JUDD_TRY(judd_memory_format(&path, "%s/%s", folder, name));
    JUDD_TRY(judd_atomic_file_write(path, text, bytes));
done:
    free(text);
    free(path);
    return status;
}

judd_status judd_present_tables(const judd_present *what, const char *folder) {
    judd_status status = JUDD_OK;
    material m = {.what = what};
    JUDD_TRY(read_records(&m));
    JUDD_TRY(write_table(m.input.results, folder, "results.csv"));
    JUDD_TRY(write_table(m.input.verdicts, folder, "verdicts.csv"));
done:
    release(&m);
    return status;
}
