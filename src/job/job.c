#include <judd/job/job.h>

#include "job/check.h"
#include "job/fill.h"
#include "job/keys.h"
#include "job/source.h"

#include <judd/base/memory.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const char *environment(const char *name) {
    const char *text = getenv(name);
    return text && text[0] ? text : NULL;
}

/* Defaults that depend on other keys or on the environment. */
static judd_status derive(judd_job *job, const char *place) {
    judd_status status = JUDD_OK;
    const char *cache = environment("JUDD_CACHE"), *xdg = environment("XDG_CACHE_HOME"),
               *home = environment("HOME");
    if (!job->output) JUDD_TRY(judd_memory_format(&job->output, "runs/%s", job->name));
    if (job->cache) goto done;
    if (cache)
        JUDD_TRY(judd_memory_string(&job->cache, cache));
    else if (xdg)
        JUDD_TRY(judd_memory_format(&job->cache, "%s/judd", xdg));
    else if (home)
        JUDD_TRY(judd_memory_format(&job->cache, "%s/.cache/judd", home));
    else
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
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0), before = (locale_t)0;
    if (!c_locale) JUDD_FAIL(JUDD_E_INTERNAL, "job file: the C locale is missing");
    before = uselocale(c_locale);
    JUDD_TRY(judd_memory_alloc(&job, 1, sizeof *job));
    JUDD_TRY(judd_fill_group(job, judd_keys_job(), judd_source_root(source)));
    JUDD_TRY(judd_check_job(job, judd_source_root(source)));
    JUDD_TRY(derive(job, place));
    *out = job;
    job = NULL;
done:
    if (before) uselocale(before);
    if (c_locale) freelocale(c_locale);
    judd_job_destroy(job);
    return status;
}

judd_status judd_job_read(judd_job **out, const char *path, const char *const *overrides,
                          int n_overrides) {
    judd_status status = JUDD_OK;
    judd_source *source = NULL;
    (void)overrides;
    (void)n_overrides;
    *out = NULL;
    JUDD_TRY(judd_source_open(&source, path));
    JUDD_TRY(build(out, source, path));
done:
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
    judd_fill_clear(job, judd_keys_job());
    free(job);
}

const judd_job_backbone *judd_job_find_backbone(const judd_job *job, const char *name) {
    for (int64_t i = 0; i < job->n_backbones; i++)
        if (strcmp(job->backbones[i].name, name) == 0) return &job->backbones[i];
    return NULL;
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
