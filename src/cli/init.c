/* judd init: what a data set and models look like becomes a job file that runs. */
#include "cli/commands.h"
#include "cli/init_job.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct request {
    judd_dataset_argument dataset;
    const char *test, *test_labels, *output;
    const char *const *paths; /* [n_models], borrowed */
    int n_models;
    judd_init_data data;
    judd_init_model *models;
    char *name, *folder;
} request;

/* ---- command line -------------------------------------------------------------------------------
 */

static judd_status read_request(request *r, judd_arguments *a) {
    judd_status status = JUDD_OK;
    r->output = judd_arguments_text(a, "-o", NULL);
    r->test = judd_arguments_text(a, "--test", NULL);
    r->test_labels = judd_arguments_text(a, "--test-labels", NULL);
    r->paths = a->operands + 1;
    r->n_models = a->n - 1;
    JUDD_TRY(judd_memory_alloc(&r->models, r->n_models, sizeof *r->models));
    JUDD_TRY(judd_dataset_argument_read(&r->dataset, a, 0));
    if (judd_dataset_argument_in_job(r->dataset.text))
        JUDD_FAIL(JUDD_E_USAGE, "init: %s stands in a job already; name the path of a data set",
                  r->dataset.text);
    JUDD_TRY(judd_init_name(&r->name, r->output));
done:
    return status;
}

/* Rank 0: nobody's file is overwritten; relative paths hold in the folder of the job too. */
static judd_status check_output(request *r) {
    judd_status status = JUDD_OK;
    char *here = NULL;
    if (access(r->output, F_OK) == 0)
        JUDD_FAIL(JUDD_E_USAGE, "init: %s is there already; remove it or write another file",
                  r->output);
    if (strchr(r->output, '/') && !(here = getcwd(NULL, 0)))
        JUDD_FAIL(JUDD_E_IO, "init: the working directory: %s", strerror(errno));
    JUDD_TRY(judd_memory_format(&r->folder, "%s%s", here ? here : "", here ? "/" : ""));
done:
    free(here);
    return status;
}

/* ---- looking ------------------------------------------------------------------------------------
 */

/* Ready features need no model, everything else does. */
static judd_status check_models(const request *r) {
    const judd_dataset_info *info = r->data.info;
    if (info->feature_dim == 1)
        return judd_status_set(JUDD_E_DATA,
                               "init: %s: one feature a sample; a comparison needs two",
                               r->data.train.samples);
    if ((info->feature_dim > 0) == (r->n_models == 0)) return JUDD_OK;
    if (info->feature_dim > 0)
        return judd_status_set(JUDD_E_USAGE,
                               "init: %s holds features, which no model reads; leave out %s",
                               r->data.train.samples, r->paths[0]);
    return judd_status_set(JUDD_E_USAGE, "init: no model; name %s",
                           info->text ? "a file of word vectors" : "an ONNX file");
}

/* Experiments tell backbones apart by name, also from the baseline. */
static judd_status make_names_distinct(request *r) {
    judd_status status = JUDD_OK;
    const char *baseline = r->data.info->text ? "tfidf" : "pixels";
    for (int i = 0; i < r->n_models; i++) {
        bool twice = strcmp(r->models[i].name, baseline) == 0;
        for (int k = 0; k < i; k++) twice |= strcmp(r->models[i].name, r->models[k].name) == 0;
        if (!twice) continue;
        char *name = NULL;
        JUDD_TRY(judd_memory_format(&name, "%s-%d", r->models[i].name, i + 1));
        free(r->models[i].name);
        r->models[i].name = name;
    }
done:
    return status;
}

static judd_status look(request *r, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_init_data_look(&r->data, &r->dataset, r->test, r->test_labels, comm));
    JUDD_TRY(judd_comm_agree(comm, check_models(r)));
    for (int i = 0; i < r->n_models; i++)
        JUDD_TRY(judd_init_model_look(&r->models[i], r->paths[i], &r->data, comm));
    JUDD_TRY(judd_comm_agree(comm, make_names_distinct(r)));
done:
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static judd_status write_text(const request *r, const char *path) {
    char *text = NULL;
    const judd_init_job job = {.name = r->name,
                               .folder = r->folder,
                               .data = &r->data,
                               .models = r->models,
                               .n_models = r->n_models};
    judd_status status = judd_init_job_text(&text, &job);
    if (status == JUDD_OK) status = judd_atomic_file_write(path, text, (int64_t)strlen(text));
    free(text);
    return status;
}

/* Presets that prepare images of another size than the network takes were guessed wrong. *again:
 * there were some, and they are dropped. */
static judd_status drop_misfits(request *r, bool *again, const char *path) {
    judd_job *job = NULL;
    judd_status status = judd_job_read(&job, path, NULL, 0);
    *again = false;
    for (int i = 0; i < r->n_models; i++) {
        judd_init_model *m = &r->models[i];
        const judd_job_backbone *b = job ? judd_job_find_backbone(job, m->name) : NULL;
        bool fits = b && (r->data.info->text || judd_init_model_takes(m, b));
        if (!m->preset || fits) continue;
        free(m->preset);
        m->preset = NULL;
        *again = true;
    }
    judd_job_destroy(job);
    return *again ? JUDD_OK : status;
}

/* Under another name until it is known to be a job; then under its own, if nobody was faster. */
static judd_status write_on_rank0(request *r) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    JUDD_TRY(judd_atomic_file_temporary(&path, r->output));
    for (bool again = true; again;) {
        JUDD_TRY(write_text(r, path));
        JUDD_TRY(drop_misfits(r, &again, path));
    }
    if (link(path, r->output) != 0)
        JUDD_FAIL(JUDD_E_IO, "init: %s: %s", r->output, strerror(errno));
done:
    if (path) unlink(path);
    free(path);
    return status;
}

/* ---- telling ------------------------------------------------------------------------------------
 */

static void print_data(const judd_init_data *d) {
    const judd_dataset_info *info = d->info;
    printf("data      %s: %s, %lld samples", d->train.samples, judd_dataset_format(d->dataset),
           (long long)d->n_good);
    if (info->n_classes > 0) printf(", %d classes", info->n_classes);
    if (info->feature_dim > 0) printf(", %lld features each", (long long)info->feature_dim);
    if (d->height[1] > 0) {
        printf(", %d x %d", d->width[0], d->height[0]);
        if (!judd_init_data_is_uniform(d)) printf(" to %d x %d", d->width[1], d->height[1]);
        printf(" pixels");
    }
    if (info->n_bad > 0) printf(", %lld that cannot be decoded", (long long)info->n_bad);
    printf("\ntest      %s\n", d->test.samples
                                   ? d->test.samples
                                   : "none found (--test names one): a fifth of the data");
    if (d->validation.samples) printf("to pick   %s\n", d->validation.samples);
}

static void print_model(const judd_init_model *m, bool vectors) {
    if (vectors)
        printf("vectors   %s: %lld numbers each; ", m->path, (long long)m->dim);
    else
        printf("model     %s: takes %d x %d x %d, %lld features (%s%s); ", m->path, m->channels,
               m->height, m->width, (long long)m->dim, m->tap, m->pool ? ", mean" : "");
    if (m->preset)
        printf("used as %s says: a guess\n", m->preset);
    else if (vectors)
        printf("texts in lower case: a guess\n");
    else
        printf("how its images were prepared: a guess\n");
}

static void print(const request *r) {
    print_data(&r->data);
    for (int i = 0; i < r->n_models; i++) print_model(&r->models[i], r->data.info->text);
    int width =
        (int)(strlen(r->output) > strlen(r->name) + 6 ? strlen(r->output) : strlen(r->name) + 6);
    printf("\nwrote     %s; look at the lines marked CHECK\n", r->output);
    printf("next      judd plan %-*s   what it takes\n", width, r->output);
    printf("          judd run %-*s    or mpirun -n N judd run: run it, or go on with it\n", width,
           r->output);
    printf("          judd watch runs/%-*s   how far it is\n", width - 6, r->name);
}

judd_status judd_command_init(const judd_comm *comm, judd_arguments *a,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    request r = {.n_models = 0};
    (void)stop; /* nothing to save */
    JUDD_TRY(judd_comm_agree(comm, read_request(&r, a)));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? check_output(&r) : JUDD_OK));
    JUDD_TRY(look(&r, comm));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? write_on_rank0(&r) : JUDD_OK));
    if (comm->rank == 0) print(&r);
done:
    for (int i = 0; r.models && i < r.n_models; i++) judd_init_model_free(&r.models[i]);
    judd_init_data_free(&r.data);
    judd_dataset_argument_free(&r.dataset);
    free(r.models);
    free(r.name);
    free(r.folder);
    return status;
}
