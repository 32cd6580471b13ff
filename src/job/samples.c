#include "job/samples.h"

#include "report/records.h"

#include <judd/base/memory.h>
#include <judd/job/splits.h>

#include <stdlib.h>
#include <string.h>

enum { MOST_FILES = 200000 }; /* of a data set that is opened again by rank 0 alone */

struct judd_samples {
    const judd_job *job;
    const judd_inputs *inputs;
    const json_t *versions, *data;
    judd_comm self;
    bool has_self;
    judd_dataset **opened; /* [job->n_datasets] owned; NULL: not, or not yet */
    char **why; /* [job->n_datasets] it could not be opened; NULL: not tried, or it was */
};

judd_status judd_samples_create(judd_samples **out, const judd_job *job, const judd_inputs *inputs,
                                const json_t *versions, const json_t *data) {
    judd_status status = JUDD_OK;
    judd_samples *s = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    *s = (judd_samples){.job = job, .inputs = inputs, .versions = versions, .data = data};
    JUDD_TRY(judd_memory_alloc(&s->opened, job->n_datasets, sizeof *s->opened));
    JUDD_TRY(judd_memory_alloc(&s->why, job->n_datasets, sizeof *s->why));
    JUDD_TRY(judd_comm_open(&s->self, MPI_COMM_SELF));
    s->has_self = true;
    *out = s;
    s = NULL;
done:
    judd_samples_destroy(s);
    return status;
}

void judd_samples_destroy(judd_samples *s) {
    if (!s) return;
    for (int64_t i = 0; s->opened && i < s->job->n_datasets; i++) judd_dataset_close(s->opened[i]);
    for (int64_t i = 0; s->why && i < s->job->n_datasets; i++) free(s->why[i]);
    if (s->has_self) judd_comm_close(&s->self);
    free(s->opened);
    free(s->why);
    free(s);
}

/* Opening reads every encoded file: not for very many. */
static judd_status check_size(const judd_samples *s, const char *dataset) {
    size_t i = 0;
    json_t *r = NULL;
    json_array_foreach((json_t *)(uintptr_t)s->data, i, r) {
        bool test = judd_records_is(r, "dataset", dataset) && judd_records_is(r, "split", "test");
        if (test && judd_records_number(r, "n_files") <= MOST_FILES) return JUDD_OK;
    }
    return judd_status_set(JUDD_E_DATA,
                           "data set %s: not small enough to be opened again; judd run "
                           "shows its samples",
                           dataset);
}

static judd_status open_test(judd_samples *s, int64_t i) {
    judd_status status = JUDD_OK;
    const judd_job_dataset *config = &s->job->datasets[i];
    const judd_job_files *files =
        judd_job_files_path(&config->test) ? &config->test : &config->train;
    const judd_dataset_options options = judd_splits_options(s->job, config, files);
    const char *hash =
        judd_records_text(json_object_get(s->versions, "images_sha256"), options.images);
    JUDD_TRY(check_size(s, config->name));
    JUDD_TRY(judd_dataset_open(&s->opened[i], &s->self, &options));
    if (strcmp(judd_dataset_info_of(s->opened[i])->sha256, hash) != 0)
        JUDD_FAIL(JUDD_E_DATA, "data set %s: its files are not those the job read", config->name);
    JUDD_TRY(judd_dataset_load(s->opened[i]));
done:
    if (status != JUDD_OK) {
        judd_dataset_close(s->opened[i]);
        s->opened[i] = NULL;
        (void)judd_memory_string(&s->why[i], judd_status_message());
    }
    return status;
}

static judd_status find(judd_dataset **out, judd_samples *s, const char *name) {
    judd_status status = JUDD_OK;
    const judd_job_dataset *config = judd_job_find_dataset(s->job, name);
    if (!config) return judd_status_set(JUDD_E_DATA, "no data set %.64s in the job", name);
    int64_t i = config - s->job->datasets;
    if (s->inputs) {
        *out = s->inputs->inputs[i].split[JUDD_SPLIT_TEST];
        return JUDD_OK;
    }
    if (s->why[i]) return judd_status_set(JUDD_E_DATA, "%s", s->why[i]);
    if (!s->opened[i]) status = open_test(s, i);
    *out = s->opened[i];
    return status;
}

judd_status judd_samples_get(judd_samples *s, const char *name, int64_t id, judd_page_sample *out) {
    judd_dataset *dataset = NULL;
    judd_status status = find(&dataset, s, name);
    if (status != JUDD_OK) return status;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    if (id < 0 || id >= info->n_samples)
        return judd_status_set(JUDD_E_DATA, "data set %s has no sample %lld", name, (long long)id);
    if (info->feature_dim > 0)
        return judd_status_set(JUDD_E_DATA, "data set %s holds ready features", name);
    if (!info->text) return judd_dataset_image(dataset, id, &out->image);
    const char *text = NULL;
    int64_t bytes = 0;
    status = judd_dataset_text(dataset, id, &text, &bytes);
    if (status == JUDD_OK) status = judd_memory_format(&out->text, "%.*s", (int)bytes, text);
    return status;
}
