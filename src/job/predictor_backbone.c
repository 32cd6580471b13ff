#include "job/predictor_backbone.h"

#include "job/head.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* What may differ between the samples a head was trained on and others, or between two machines. */
static bool may_differ(const char *name) {
    static const char *const free_names[] = {"images_sha256", "texts_sha256", "decoders",
                                             "isa",           "library",      "engine",
                                             "winograd",      "batch",        "unicode"};
    for (size_t i = 0; i < sizeof free_names / sizeof *free_names; i++)
        if (strcmp(name, free_names[i]) == 0) return true;
    return false;
}

/* How many things make other features of the same samples, and the first of them. */
static int count_differences(const char **first, const json_t *a, const json_t *b) {
    const char *name;
    const json_t *value;
    int n = 0;
    json_object_foreach((json_t *)a, name, value) {
        if (may_differ(name) || json_equal(value, json_object_get(b, name))) continue;
        if (n++ == 0) *first = name;
    }
    json_object_foreach((json_t *)b, name, value) {
        if (may_differ(name) || json_object_get(a, name)) continue;
        if (n++ == 0) *first = name;
    }
    return n;
}

/* The backbone that differs least, and the first that could not be opened: neither is an error
 * while another may be the head's. */
typedef struct misses {
    const char *backbone;
    int n;
    char name[64], here[256], there[256];
    judd_status failed;
    char *why;
} misses;

static void note_miss(misses *m, const json_t *wanted, const char *backbone, const char *name,
                      int n, const json_t *key) {
    if (m->backbone && m->n <= n) return;
    char *here = json_dumps(json_object_get(key, name), JSON_COMPACT | JSON_ENCODE_ANY);
    char *there = json_dumps(json_object_get(wanted, name), JSON_COMPACT | JSON_ENCODE_ANY);
    m->backbone = backbone;
    m->n = n;
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->here, sizeof m->here, "%s", here ? here : "nothing");
    snprintf(m->there, sizeof m->there, "%s", there ? there : "nothing");
    free(here);
    free(there);
}

static judd_status note_failure(misses *m, judd_status failed) {
    if (m->failed != JUDD_OK) return JUDD_OK;
    m->failed = failed;
    return judd_memory_string(&m->why, judd_status_message());
}

static judd_status explain(const misses *m, const char *path) {
    if (m->failed != JUDD_OK) return judd_status_set(m->failed, "%s", m->why);
    if (!m->backbone)
        return judd_status_set(JUDD_E_DATA,
                               "%s: the job has no backbone of the head's kind; give the job file "
                               "that trained it by --job",
                               path);
    return judd_status_set(JUDD_E_DATA,
                           "%s: made for other features than backbone %s gives here: %s is %s, was "
                           "%s; give the job file that trained it by --job, and data of the same "
                           "form",
                           path, m->backbone, m->name, m->here, m->there);
}

/* ---- opening ------------------------------------------------------------------------------------
 */

/* Its files of vectors stay open: the next one may have the same. */
static void drop_candidate(judd_predictor_backbone *found) {
    judd_lexicon *files = found->files;
    if (found->lexicon) judd_lexicon_take_files(files, found->lexicon);
    judd_backbone_close(found->backbone);
    if (!found->inputs) judd_lexicon_destroy(found->lexicon);
    judd_inputs_close(found->inputs);
    *found = (judd_predictor_backbone){.files = files};
}

void judd_predictor_backbone_free(judd_predictor_backbone *found) {
    drop_candidate(found);
    judd_lexicon_destroy(found->files);
    found->files = NULL;
}

/* The words of the data set, and of the texts that they are weighed by if the backbone does so. */
static judd_status open_texts(judd_predictor_backbone *found, judd_backbone_options *o,
                              const judd_predictor_parts *head, const judd_job_dataset *corpus,
                              judd_dataset *dataset, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    o->corpus = dataset;
    if (corpus) {
        JUDD_TRY(judd_inputs_open_one(&found->inputs, head->job, corpus, comm));
        const judd_input *input = judd_inputs_find(found->inputs, corpus);
        o->corpus = input->split[JUDD_SPLIT_TRAIN];
        o->corpus_ids = &input->corpus;
        found->lexicon = found->inputs->lexicon;
    } else {
        JUDD_TRY(judd_comm_agree(comm, judd_lexicon_create(&found->lexicon, comm)));
    }
    o->lexicon = found->lexicon;
    judd_lexicon_take_files(found->lexicon, found->files);
    JUDD_TRY(judd_comm_agree(comm, judd_lexicon_add(found->lexicon, dataset)));
done:
    return status;
}

static judd_status open_candidate(judd_predictor_backbone *found, const judd_predictor_parts *head,
                                  const judd_job_backbone *config, const judd_job_dataset *corpus,
                                  judd_dataset *dataset, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const judd_head_ops *ops = judd_head_find(head->model->kind);
    judd_backbone_options o = judd_inputs_backbone_options(head->job, config);
    if (ops->tap) o.taps = &ops->tap, o.n_taps = 1, o.pool = "none";
    o.seed = (uint64_t)json_integer_value(json_object_get(head->key, "weights_seed"));
    found->config = config;
    if (judd_backbone_reads_text(config->kind))
        JUDD_TRY(open_texts(found, &o, head, corpus, dataset, comm));
    JUDD_TRY(judd_backbone_open(&found->backbone, comm, &o, judd_dataset_info_of(dataset)));
done:
    return judd_status_context(status, "backbone %s", config->name);
}

/* *is_it: its features are those the head was trained on. */
static judd_status try_candidate(bool *is_it, misses *m, judd_predictor_backbone *found,
                                 const judd_predictor_parts *head, const judd_job_backbone *config,
                                 const judd_job_dataset *corpus, judd_dataset *dataset,
                                 const judd_comm *comm) {
    judd_status opened = open_candidate(found, head, config, corpus, dataset, comm);
    if (opened != JUDD_OK) return note_failure(m, opened);
    const char *differs = NULL;
    json_t *key = json_loads(judd_backbone_key(found->backbone), 0, NULL);
    int n = count_differences(&differs, head->key, key);
    *is_it = n == 0;
    if (n > 0) note_miss(m, head->key, config->name, differs, n, key);
    json_decref(key);
    return JUDD_OK;
}

/* All kinds of vectors are "words" in a key. */
static bool same_kind(const char *kind, const char *key) {
    bool words = judd_backbone_reads_text(kind) && strcmp(kind, "tfidf") != 0;
    return strcmp(words ? "words" : kind, key ? key : "") == 0;
}

judd_status judd_predictor_backbone_find(judd_predictor_backbone *out,
                                         const judd_predictor_parts *head, judd_dataset *dataset,
                                         const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_predictor_backbone found = {0};
    misses m = {0};
    bool is_it = false;
    const judd_job *job = head->job;
    JUDD_TRY(judd_comm_agree(comm, judd_lexicon_create(&found.files, comm)));
    for (int64_t b = 0; b < job->n_backbones; b++) {
        const judd_job_backbone *config = &job->backbones[b];
        if (!same_kind(config->kind, json_string_value(json_object_get(head->key, "kind"))))
            continue;
        bool learns = judd_backbone_learns(config->kind, config->pool);
        for (int64_t d = 0; d < (learns ? job->n_datasets : 1); d++) {
            const judd_job_dataset *corpus = learns ? &job->datasets[d] : NULL;
            if (corpus && !corpus->train.texts) continue;
            JUDD_TRY(try_candidate(&is_it, &m, &found, head, config, corpus, dataset, comm));
            if (is_it) {
                *out = found;
                found = (judd_predictor_backbone){0};
                goto done;
            }
            drop_candidate(&found);
        }
    }
    status = explain(&m, head->path);
done:
    judd_predictor_backbone_free(&found);
    free(m.why);
    return status;
}
