#include "cli/dataset_argument.h"

#include <judd/base/memory.h>
#include <judd/job/splits.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The colon of JOB.cfg:NAME, or NULL. */
static const char *job_colon(const char *text) {
    const char *colon = strrchr(text, ':');
    return colon && colon - text > 4 && strncmp(colon - 4, ".cfg", 4) == 0 ? colon : NULL;
}

static judd_status set_task(judd_dataset_options *o, const char *value) {
    static const char *const names[] = {"classification", "multilabel", "regression"};
    for (int i = 0; i < 3; i++)
        if (strcmp(value, names[i]) == 0) {
            o->task = (judd_task_kind)i;
            return JUDD_OK;
        }
    return judd_status_set(JUDD_E_USAGE, "--task %s; known: classification, multilabel, regression",
                           value);
}

static judd_status set_split(judd_dataset_argument *a, const char *value) {
    a->test = strcmp(value, "test") == 0;
    if (a->test || strcmp(value, "train") == 0) return JUDD_OK;
    return judd_status_set(JUDD_E_USAGE, "--split %s; known: train, test", value);
}

judd_status judd_dataset_argument_read(judd_dataset_argument *d, judd_arguments *a, int operand) {
    judd_status status = JUDD_OK;
    const char *task = judd_arguments_text(a, "--task", NULL);
    const char *split = judd_arguments_text(a, "--split", NULL);
    d->text = a->operands[operand];
    d->options.format = judd_arguments_text(a, "--format", NULL);
    d->options.labels = judd_arguments_text(a, "--labels", NULL);
    d->options.text_column = judd_arguments_text(a, "--text-column", NULL);
    d->options.label_column = judd_arguments_text(a, "--label-column", NULL);
    if (task) JUDD_TRY(set_task(&d->options, task));
    if (split) JUDD_TRY(set_split(d, split));
done:
    return status;
}

bool judd_dataset_argument_is_one(const char *text) {
    struct stat st;
    if (job_colon(text)) return true;
    return stat(text, &st) == 0 && (S_ISDIR(st.st_mode) || judd_dataset_recognised(text));
}

/* Rank 0 reads the job; every rank takes the resolved text. */
static judd_status read_job(judd_dataset_argument *a, const char *colon, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_job *job = NULL;
    char *path = NULL, *text = NULL;
    if (comm->rank == 0) {
        status = judd_memory_format(&path, "%.*s", (int)(colon - a->text), a->text);
        if (status == JUDD_OK) status = judd_job_read(&job, path, NULL, 0);
        if (status == JUDD_OK) status = judd_job_write(job, &text);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast_string(comm, &text));
    JUDD_TRY(judd_comm_agree(comm, judd_job_read_text(&a->job, text, a->text)));
done:
    judd_job_destroy(job);
    free(path);
    free(text);
    return status;
}

static judd_status find_in_job(judd_dataset_argument *a, const char *colon, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    JUDD_TRY(read_job(a, colon, comm));
    const judd_job_dataset *d = judd_job_find_dataset(a->job, colon + 1);
    if (!d) JUDD_FAIL(JUDD_E_USAGE, "%s: the job has no data set of this name", a->text);
    if (a->test && !judd_job_files_path(&d->test))
        JUDD_FAIL(JUDD_E_USAGE, "%s: has no test files, but a share of train", a->text);
    a->options = judd_splits_options(a->job, d, a->test ? &d->test : &d->train);
done:
    return status;
}

judd_status judd_dataset_argument_open(judd_dataset **out, judd_dataset_argument *a,
                                       const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const char *colon = job_colon(a->text);
    if (colon) {
        JUDD_TRY(find_in_job(a, colon, comm));
    } else {
        a->options.images = a->text;
        if (!a->options.format) a->options.format = "auto";
    }
    a->options.max_bad_fraction = 1.0; /* they are reported instead */
    JUDD_TRY(judd_dataset_open(out, comm, &a->options));
    JUDD_TRY(judd_dataset_load(*out));
done:
    return status;
}

void judd_dataset_argument_free(judd_dataset_argument *a) {
    judd_job_destroy(a->job);
    *a = (judd_dataset_argument){0};
}
