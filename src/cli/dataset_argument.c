#include "cli/dataset_argument.h"

#include <judd/base/memory.h>
#include <judd/base/scratch.h>
#include <judd/job/splits.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Of an option that not every command on data sets has. */
static const char *text_if_known(judd_arguments *a, const char *option) {
    return judd_command_has_option(a->command, option) ? judd_arguments_text(a, option, NULL)
                                                       : NULL;
}

judd_status judd_dataset_argument_read(judd_dataset_argument *d, judd_arguments *a, int operand) {
    judd_status status = JUDD_OK;
    const char *task = text_if_known(a, "--task"), *split = text_if_known(a, "--split");
    d->text = a->operands[operand];
    d->options.format = judd_arguments_text(a, "--format", NULL);
    d->options.labels = text_if_known(a, "--labels");
    d->options.text_column = judd_arguments_text(a, "--text-column", NULL);
    d->options.label_column = judd_arguments_text(a, "--label-column", NULL);
    if (task) JUDD_TRY(set_task(&d->options, task));
    if (split) JUDD_TRY(set_split(d, split));
done:
    return status;
}

bool judd_dataset_argument_in_job(const char *text) {
    return job_colon(text) != NULL;
}

bool judd_dataset_argument_is_one(const char *text) {
    char format[JUDD_DATASET_FORMAT];
    return job_colon(text) || judd_dataset_recognised(text, format);
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

static judd_status no_such_name(const judd_dataset_argument *a) {
    enum { SIZE = 256 };
    char names[SIZE] = "";
    const judd_job *job = a->job;
    for (int k = 0; k < job->n_datasets; k++) {
        size_t used = strlen(names);
        const char *name = job->datasets[k].name;
        bool last = used + strlen(name) + sizeof ", ..." > SIZE;
        snprintf(names + used, SIZE - used, "%s%s", k > 0 ? ", " : "", last ? "..." : name);
        if (last) break;
    }
    return judd_status_set(
        JUDD_E_USAGE, "%s: the job has no data set of this name; name one of: %s", a->text, names);
}

static judd_status find_in_job(judd_dataset_argument *a, const char *colon, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    JUDD_TRY(read_job(a, colon, comm));
    const judd_job_dataset *d = judd_job_find_dataset(a->job, colon + 1);
    if (!d) JUDD_TRY(no_such_name(a));
    if (a->test && !judd_job_files_path(&d->test))
        JUDD_FAIL(JUDD_E_USAGE,
                  "%s: has no test files: its test samples are a share of train (test_fraction); "
                  "--split train has all of them",
                  a->text);
    a->options = judd_splits_options(a->job, d, a->test ? &d->test : &d->train);
done:
    return status;
}

/* A file is read more than once, a pipe cannot be: what comes through it becomes a file without a
 * name in its place. */
static judd_status keep_standard_input(void) {
    judd_status status = JUDD_OK;
    struct stat st;
    char bytes[1 << 16];
    int fd = -1;
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode)) return JUDD_OK;
    JUDD_TRY(judd_scratch_file(&fd));
    for (ssize_t n; (n = read(STDIN_FILENO, bytes, sizeof bytes)) != 0;) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) JUDD_FAIL(JUDD_E_IO, "standard input: %s", strerror(errno));
        if (write(fd, bytes, (size_t)n) != n)
            JUDD_FAIL(JUDD_E_IO,
                      "standard input: cannot be kept in a temporary file: %s; set TMPDIR to a "
                      "folder with room",
                      strerror(errno));
    }
    if (dup2(fd, STDIN_FILENO) < 0) JUDD_FAIL(JUDD_E_IO, "standard input: %s", strerror(errno));
done:
    if (fd >= 0) close(fd);
    return status;
}

/* Texts may look like anything, so what has no other format is a text a line. */
static judd_status find_file(judd_dataset_argument *a, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    char format[JUDD_DATASET_FORMAT];
    bool pipe = strcmp(a->text, "-") == 0;
    a->options.images = pipe ? "/dev/stdin" : a->text;
    if (pipe && comm->rank == 0) status = keep_standard_input();
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    if (a->options.format) goto done;
    bool lines = comm->rank == 0 && a->texts && !judd_dataset_recognised(a->options.images, format);
    JUDD_TRY(judd_comm_broadcast(comm, &lines, sizeof lines));
    a->options.format = lines ? "lines" : "auto";
done:
    return status;
}

judd_status judd_dataset_argument_open(judd_dataset **out, judd_dataset_argument *a,
                                       const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const char *colon = job_colon(a->text);
    JUDD_TRY(colon ? find_in_job(a, colon, comm) : find_file(a, comm));
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
