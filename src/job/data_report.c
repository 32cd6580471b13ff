#include "job/data_report.h"

#include "job/coverage.h"

#include <judd/base/memory.h>
#include <judd/data/duplicates.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMED = 20 }; /* duplicates named in the record; all are counted */

static const char *const split_names[JUDD_N_SPLITS] = {"train", "validation", "test"};

/* How often each class of the task occurs, and how unevenly. */
static void add_counts(json_t *record, const judd_input *input, const judd_task_samples *task) {
    json_t *counts = json_array();
    int64_t least = task->n, most = 0;
    for (int c = 0; c < input->n_classes; c++) {
        int64_t n = 0;
        for (int64_t i = 0; i < task->n; i++)
            n += task->targets ? task->targets[i * task->n_targets + c] != 0.0f
                               : task->labels[i] == c;
        if (n < least) least = n;
        if (n > most) most = n;
        json_array_append_new(counts, json_integer((json_int_t)n));
    }
    if (input->n_classes > 0) {
        json_object_set(record, "class_counts", counts);
        json_object_set_new(record, "imbalance",
                            least ? json_real((double)most / (double)least) : json_null());
    }
    json_decref(counts);
}

static json_t *make_record(const judd_input *input, judd_split split) {
    const judd_dataset_info *info = judd_dataset_info_of(input->split[split]);
    json_t *record =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "schema", 1, "dataset",
                  input->config->name, "split", split_names[split], "task", input->config->task,
                  "images_sha256", info->sha256, "n_files", (json_int_t)info->n_samples, "n_bad",
                  (json_int_t)info->n_bad, "n_samples", (json_int_t)input->task[split].n);
    if (record) add_counts(record, input, &input->task[split]);
    return record;
}

/* Training samples, and those of a judging split of the same data set or of another. */
typedef struct judging {
    const judd_input *train, *input;
    judd_split split;
} judging;

/* Rank 0: the pairs into a record, and a warning. */
static judd_status note_duplicates(json_t *record, const judging *j, judd_log *log,
                                   const judd_duplicate *pairs, int64_t n) {
    judd_status status = JUDD_OK;
    char *train = NULL, *test = NULL, *first = NULL;
    json_t *named = json_array();
    bool other = j->train != j->input;
    json_object_set_new(record, "n_also_in_train", json_integer((json_int_t)n));
    for (int64_t i = 0; i < n && i < MAX_NAMED; i++) {
        free(train);
        free(test);
        train = test = NULL;
        JUDD_TRY(judd_dataset_place(&train, j->train->split[JUDD_SPLIT_TRAIN], pairs[i].train));
        JUDD_TRY(judd_dataset_place(&test, j->input->split[j->split], pairs[i].test));
        json_array_append_new(named, json_pack("[s, s]", test, train));
        if (i == 0) JUDD_TRY(judd_memory_format(&first, "%s is %s", test, train));
    }
    json_object_set(record, "also_in_train", named);
    if (n > 0)
        judd_log_warning(
            log,
            "data set %s: %lld of %lld %s samples stand in train%s%s byte for byte, so "
            "they are no honest judge; the first: %s (data.jsonl)",
            j->input->config->name, (long long)n, (long long)j->input->task[j->split].n,
            split_names[j->split], other ? " of the source " : "",
            other ? j->train->config->name : "", first);
done:
    json_decref(named);
    free(train);
    free(test);
    free(first);
    return status;
}

static judd_status find_duplicates(json_t *record, const judging *j, judd_log *log,
                                   const judd_node_memory *train, const judd_node_memory *test) {
    judd_duplicate *pairs = NULL;
    int64_t n = 0;
    judd_status status = judd_duplicates_find(
        &pairs, &n, j->train->split[JUDD_SPLIT_TRAIN], &j->train->task[JUDD_SPLIT_TRAIN],
        judd_node_memory_data(train), j->input->split[j->split], &j->input->task[j->split],
        judd_node_memory_data(test));
    if (status == JUDD_OK) status = note_duplicates(record, j, log, pairs, n);
    free(pairs);
    return status;
}

static judd_status add_line(FILE *text, json_t *record) {
    if (!record) return judd_status_set(JUDD_E_INTERNAL, "data.jsonl: no memory for a record");
    int failed = json_dumpf(record, text, JSON_REAL_PRECISION(17) | JSON_COMPACT);
    fputc('\n', text);
    if (failed) return judd_status_set(JUDD_E_INTERNAL, "data.jsonl: a record cannot be written");
    return JUDD_OK;
}

/* Vectors of another language or spelling leave texts without features, which no figure shows. */
static void warn_of_unknown_words(judd_log *log, const judd_input *input, judd_split split,
                                  json_t *words) {
    const char *backbone;
    json_t *c;
    json_object_foreach(words, backbone, c) {
        json_int_t tokens = json_integer_value(json_object_get(c, "tokens"));
        json_int_t without = json_integer_value(json_object_get(c, "without_vector"));
        if (2 * without <= tokens) continue;
        judd_log_warning(
            log,
            "data set %s, %s: backbone %s has no vector for %lld of %lld words; are its "
            "vectors of this language, its tokens and lowercase as they want them? "
            "(data.jsonl)",
            input->config->name, split_names[split], backbone, (long long)without,
            (long long)tokens);
    }
}

static judd_status report_split(FILE *text, const judd_input *input, judd_split split,
                                judd_log *log, judd_node_memory *const *checks, json_t *words) {
    judd_status status = JUDD_OK;
    const judging j = {input, input, split};
    json_t *record = make_record(input, split);
    if (record && words) json_object_set(record, "words", words);
    warn_of_unknown_words(log, input, split, words);
    if (record && split != JUDD_SPLIT_TRAIN)
        JUDD_TRY(find_duplicates(record, &j, log, checks[JUDD_SPLIT_TRAIN], checks[split]));
    JUDD_TRY(add_line(text, record));
done:
    json_decref(record);
    return status;
}

/* Test samples of a target that stand in the training samples of its source. */
static judd_status report_pair(FILE *text, const judd_inputs *in, const char *source,
                               const char *target, judd_log *log) {
    judd_status status = JUDD_OK;
    const judging j = {judd_inputs_find(in, judd_job_find_dataset(in->job, source)),
                       judd_inputs_find(in, judd_job_find_dataset(in->job, target)),
                       JUDD_SPLIT_TEST};
    judd_dataset *train = j.train->split[JUDD_SPLIT_TRAIN], *test = j.input->split[j.split];
    judd_node_memory *checks[2] = {NULL};
    json_t *record = json_pack("{s:i, s:s, s:s}", "schema", 1, "source", source, "target", target);
    JUDD_TRY(judd_duplicates_checks(&checks[0], train, in->comm));
    JUDD_TRY(judd_duplicates_checks(&checks[1], test, in->comm));
    if (in->comm->rank == 0) {
        status = find_duplicates(record, &j, log, checks[0], checks[1]);
        if (status == JUDD_OK) status = add_line(text, record);
    }
    JUDD_TRY(judd_comm_broadcast_status(in->comm, status));
done:
    for (int k = 0; k < 2; k++) judd_node_memory_destroy(checks[k]);
    json_decref(record);
    return status;
}

/* The pairs of an experiment in which a head learns from more than its own data set. */
static judd_status report_lesson(FILE *text, const judd_inputs *in, const judd_job_experiment *x,
                                 judd_log *log) {
    judd_status status = JUDD_OK;
    bool sequence = strcmp(x->mode, "sequence") == 0;
    if (strcmp(x->mode, "backbone") == 0) return JUDD_OK;
    for (int64_t j = 0; j < x->target.n; j++)
        for (int64_t i = 0; i < (sequence ? j : 1); i++)
            JUDD_TRY(report_pair(text, in, sequence ? x->target.values[i] : x->source,
                                 x->target.values[j], log));
done:
    return status;
}

static judd_status report_one(FILE *text, const judd_inputs *in, const judd_input *input,
                              judd_log *log) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = in->comm;
    json_t *words[JUDD_N_SPLITS] = {NULL};
    judd_node_memory *checks[JUDD_N_SPLITS] = {NULL};
    for (int s = 0; s < JUDD_N_SPLITS; s++) {
        if (!input->split[s]) continue;
        JUDD_TRY(judd_dataset_load(input->split[s]));
        JUDD_TRY(judd_duplicates_checks(&checks[s], input->split[s], comm));
        if (judd_dataset_info_of(input->split[s])->text)
            JUDD_TRY(judd_coverage_of(&words[s], in, input, (judd_split)s));
    }
    for (int s = 0; s < JUDD_N_SPLITS && comm->rank == 0 && status == JUDD_OK; s++)
        if (input->split[s])
            status = report_split(text, input, (judd_split)s, log, checks, words[s]);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    for (int s = 0; s < JUDD_N_SPLITS; s++) {
        judd_node_memory_destroy(checks[s]);
        json_decref(words[s]);
    }
    return status;
}

judd_status judd_data_report_write(judd_output *output, const judd_inputs *inputs, judd_log *log) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = inputs->comm;
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    status = memory ? JUDD_OK : judd_status_set(JUDD_E_INTERNAL, "data.jsonl: no memory");
    JUDD_TRY(judd_comm_agree(comm, status));
    for (int64_t i = 0; i < inputs->n; i++)
        JUDD_TRY(report_one(memory, inputs, &inputs->inputs[i], log));
    for (int64_t e = 0; e < inputs->job->n_experiments; e++)
        JUDD_TRY(report_lesson(memory, inputs, &inputs->job->experiments[e], log));
    bool failed = ferror(memory);
    if (fclose(memory) != 0 || failed)
        status = judd_status_set(JUDD_E_INTERNAL, "data.jsonl: no memory");
    memory = NULL;
    if (status == JUDD_OK && comm->rank == 0)
        status = judd_output_write(output, "data.jsonl", text);
    JUDD_TRY(judd_comm_agree(comm, status));
done:
    if (memory) fclose(memory);
    free(text);
    return status;
}
