#include <judd/job/job.h>

#include "job/c_locale.h"
#include "job/check.h"
#include "job/choice.h"
#include "job/fill.h"
#include "job/keys.h"
#include "job/override.h"
#include "job/source.h"
#include "job/write.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static const char *environment(const char *name) {
    const char *text = getenv(name);
    return text && text[0] ? text : NULL;
}

judd_status judd_job_default_cache(char **out) {
    const char *cache = environment("JUDD_CACHE"), *xdg = environment("XDG_CACHE_HOME"),
               *home = environment("HOME");
    *out = NULL;
    if (cache) return judd_memory_string(out, cache);
    if (xdg) return judd_memory_format(out, "%s/judd", xdg);
    return home ? judd_memory_format(out, "%s/.cache/judd", home) : JUDD_OK;
}

/* Defaults that depend on other keys or on the environment. */
static judd_status derive(judd_job *job, const char *place) {
    judd_status status = JUDD_OK;
    if (!job->output) JUDD_TRY(judd_memory_format(&job->output, "runs/%s", job->name));
    if (!job->cache) JUDD_TRY(judd_job_default_cache(&job->cache));
    if (!job->cache)
        JUDD_FAIL(
            JUDD_E_CONFIG,
            "%s: no cache, and neither JUDD_CACHE, XDG_CACHE_HOME nor HOME is set; add cache = "
            "\"...\"",
            place);
done:
    return status;
}

static judd_status build(judd_job **out, judd_source *source, const char *place) {
    judd_status status = JUDD_OK;
    judd_job *job = NULL;
    judd_c_locale locale = {0};
    JUDD_TRY(judd_c_locale_enter(&locale));
    JUDD_TRY(judd_memory_alloc(&job, 1, sizeof *job));
    JUDD_TRY(judd_fill_group(job, judd_keys_job(), judd_source_root(source)));
    JUDD_TRY(judd_choice_expand(job));
    JUDD_TRY(judd_check_job(job, judd_source_root(source)));
    JUDD_TRY(derive(job, place));
    *out = job;
    job = NULL;
done:
    judd_c_locale_leave(&locale);
    judd_job_destroy(job);
    return status;
}

judd_status judd_job_read(judd_job **out, const char *path, const char *const *overrides,
                          int n_overrides) {
    judd_status status = JUDD_OK;
    judd_source *source = NULL, **changes = NULL;
    *out = NULL;
    JUDD_TRY(judd_source_open(&source, path));
    JUDD_TRY(judd_memory_alloc(&changes, n_overrides, sizeof(judd_source *)));
    for (int i = 0; i < n_overrides; i++) { /* in order: the last one wins */
        JUDD_TRY(judd_source_open_override(&changes[i], overrides[i]));
        JUDD_TRY(judd_override_apply(source, changes[i], overrides[i]));
    }
    JUDD_TRY(build(out, source, path));
done:
    for (int i = 0; changes && i < n_overrides; i++) judd_source_close(changes[i]);
    free(changes);
    judd_source_close(source);
    return status;
}

judd_status judd_job_read_text(judd_job **out, const char *text, const char *name) {
    judd_status status = JUDD_OK;
    judd_source *source = NULL;
    *out = NULL;
    JUDD_TRY(judd_source_open_text(&source, text, name));
    JUDD_TRY(build(out, source, name));
done:
    judd_source_close(source);
    return status;
}

void judd_job_destroy(judd_job *job) {
    if (!job) return;
    judd_choice_clear(job);
    judd_fill_clear(job, judd_keys_job());
    free(job);
}

bool judd_job_has_preset(const char *name) {
    return judd_source_has_preset(name);
}

judd_status judd_job_write(const judd_job *job, char **text) {
    return judd_write_job(job, text);
}

judd_status judd_job_compare(const judd_job *here, const judd_job *there, char **difference) {
    return judd_write_difference(here, there, difference);
}

judd_status judd_job_write_keys(FILE *file) {
    return judd_keys_write(file);
}

const char *judd_job_files_path(const judd_job_files *files) {
    return files->texts ? files->texts : files->images;
}

const judd_job_backbone *judd_job_find_backbone(const judd_job *job, const char *name) {
    for (int64_t i = 0; i < job->n_backbones; i++)
        if (strcmp(job->backbones[i].name, name) == 0) return &job->backbones[i];
    return NULL;
}

bool judd_job_is_bf16(const judd_job_backbone *backbone) {
    return backbone->precision && strcmp(backbone->precision, "bf16") == 0;
}

const judd_job_dataset *judd_job_find_dataset(const judd_job *job, const char *name) {
    for (int64_t i = 0; i < job->n_datasets; i++)
        if (strcmp(job->datasets[i].name, name) == 0) return &job->datasets[i];
    return NULL;
}

const judd_job_head *judd_job_find_head(const judd_job *job, const char *name) {
    for (int64_t i = 0; i < job->n_heads; i++)
        if (strcmp(job->heads[i].name, name) == 0) return &job->heads[i];
    return NULL;
}
