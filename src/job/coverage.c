#include "job/coverage.h"

#include <judd/text/pooling.h>

#include <string.h>

static bool is_among(const judd_job_strings *names, const char *name) {
    for (int64_t i = 0; i < names->n; i++)
        if (strcmp(names->values[i], name) == 0) return true;
    return false;
}

static bool is(const char *a, const char *b) {
    return a && strcmp(a, b) == 0;
}

/* Whether an experiment reads the data set with the backbone. */
static bool used(const judd_job *job, const judd_job_backbone *b, const judd_job_dataset *d) {
    for (int64_t i = 0; i < job->n_experiments; i++) {
        const judd_job_experiment *e = &job->experiments[i];
        bool with = is_among(&e->backbone, b->name) || is_among(&e->backbone, "auto") ||
                    is(e->baseline, b->name);
        bool reads =
            is_among(&e->target, d->name) || is(e->source, d->name) || is(e->source, "auto");
        if (with && reads) return true;
    }
    return false;
}

static judd_status cover(json_t *words, const judd_inputs *in, const judd_job_backbone *b,
                         const judd_texts *texts) {
    judd_status status = JUDD_OK;
    judd_pooling_coverage c = {0};
    const judd_vocabulary *vocabulary = NULL;
    const judd_word_vectors *vectors = NULL;
    const judd_tokens_options tokens = {.rule = b->tokens, .lowercase = b->lowercase};
    JUDD_TRY(judd_lexicon_vectors(&vocabulary, &vectors, in->lexicon, b->file, b->kind, &tokens));
    JUDD_TRY(judd_pooling_cover(&c, in->comm, texts, &tokens, vocabulary, vectors));
    json_t *record =
        json_pack("{s:I, s:I, s:f, s:I, s:I, s:I}", "tokens", (json_int_t)c.n_tokens, "unknown",
                  (json_int_t)c.n_unknown, "unknown_share",
                  c.n_tokens > 0 ? (double)c.n_unknown / (double)c.n_tokens : 0.0, "without_vector",
                  (json_int_t)c.n_without, "texts_without", (json_int_t)c.n_texts_without,
                  "repeated_words", (json_int_t)judd_word_vectors_repeated(vectors));
    if (json_object_set_new(words, b->name, record) != 0)
        status = judd_status_set(JUDD_E_INTERNAL, "data.jsonl: no memory for a record");
    JUDD_TRY(judd_comm_agree(in->comm, status));
done:
    return judd_status_context(status, "backbone %s", b->name);
}

judd_status judd_coverage_of(json_t **out, const judd_inputs *in, const judd_input *input,
                             judd_split split) {
    judd_status status = JUDD_OK;
    const judd_job *job = in->job;
    json_t *words = json_object();
    judd_id_set ids = {0};
    judd_lexicon_texts some = {.dataset = input->split[split], .ids = &ids};
    *out = NULL;
    status = judd_id_set_add_array(&ids, input->task[split].ids, input->task[split].n);
    JUDD_TRY(judd_comm_agree(in->comm, status));
    const judd_texts texts = judd_lexicon_texts_of(&some);
    for (int64_t b = 0; b < job->n_backbones; b++) {
        const judd_job_backbone *backbone = &job->backbones[b];
        bool vectors = judd_backbone_reads_text(backbone->kind) && backbone->file;
        if (vectors && used(job, backbone, input->config))
            JUDD_TRY(cover(words, in, backbone, &texts));
    }
    if (json_object_size(words) > 0) *out = json_incref(words);
done:
    json_decref(words);
    judd_id_set_free(&ids);
    return status;
}
