#include "features/backbone_words.h"

#include <judd/base/memory.h>
#include <judd/text/hashed.h>
#include <judd/text/pooling.h>

#include <stdlib.h>
#include <string.h>

struct judd_backbone_words {
    char *kind, *file, *rule, *pool; /* owned; file NULL: hashed TF-IDF */
    judd_tokens_options tokens;      /* its rule is `rule` */
    double smoothing;
    int64_t columns; /* of a word's vector; hashed: of the features */
    judd_lexicon *lexicon;
    judd_lexicon_texts corpus;
    judd_pooling *pooling;
    judd_hashed *hashed;
};

static const char *const kinds[] = {"words", "word2vec", "glove", "fasttext", "tfidf"};

bool judd_backbone_words_kind(const char *kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i], kind) == 0) return true;
    return false;
}

bool judd_backbone_learns(const char *kind, const char *pool) {
    return strcmp(kind, "tfidf") == 0 ||
           (judd_backbone_words_kind(kind) && judd_pooling_learns(pool));
}

static judd_status copy_options(judd_backbone_words *w, const judd_backbone_options *o) {
    judd_status status = JUDD_OK;
    bool hashed = strcmp(o->kind, "tfidf") == 0;
    w->smoothing = o->smoothing;
    w->columns = o->hash_columns;
    w->lexicon = o->lexicon;
    w->corpus = (judd_lexicon_texts){.dataset = o->corpus, .ids = o->corpus_ids};
    JUDD_TRY(judd_memory_string(&w->kind, o->kind));
    JUDD_TRY(judd_memory_string(&w->rule, o->tokens.rule));
    w->tokens = (judd_tokens_options){.rule = w->rule, .lowercase = o->tokens.lowercase};
    JUDD_TRY(judd_memory_string(&w->pool, o->pool));
    if (hashed) goto done;
    JUDD_TRY(judd_memory_string(&w->file, o->file));
    JUDD_TRY(judd_pooling_check(o->pool));
done:
    return status;
}

judd_status judd_backbone_words_open(judd_backbone_words **out, const judd_comm *comm,
                                     const judd_backbone_options *options) {
    judd_status status = JUDD_OK;
    judd_backbone_words *w = NULL;
    judd_vectors *file = NULL;
    status = judd_memory_alloc(&w, 1, sizeof *w);
    if (status == JUDD_OK) status = copy_options(w, options);
    if (status == JUDD_OK && (!w->lexicon || !w->corpus.dataset))
        status = judd_status_set(JUDD_E_INTERNAL, "backbone: texts without a lexicon or a corpus");
    JUDD_TRY(judd_comm_agree(comm, status));
    if (w->file) {
        JUDD_TRY(judd_lexicon_file(&file, w->lexicon, w->file, w->kind));
        w->columns = judd_vectors_info_of(file)->dim;
    }
    *out = w;
    w = NULL;
done:
    judd_backbone_words_close(w);
    return status;
}

void judd_backbone_words_close(judd_backbone_words *w) {
    if (!w) return;
    judd_backbone_words_unload(w);
    free(w->kind);
    free(w->file);
    free(w->rule);
    free(w->pool);
    free(w);
}

void judd_backbone_words_unload(judd_backbone_words *w) {
    judd_pooling_destroy(w->pooling);
    judd_hashed_destroy(w->hashed);
    w->pooling = NULL;
    w->hashed = NULL;
}

/* Which texts statistics were learned from. */
static judd_status add_corpus(json_t *key, const judd_backbone_words *w) {
    char hex[JUDD_SHA256_HEX];
    judd_hash *hash = NULL;
    const judd_dataset_info *info = judd_dataset_info_of(w->corpus.dataset);
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    const judd_id_set *ids = w->corpus.ids;
    judd_hash_add(hash, info->sha256, sizeof info->sha256);
    for (int64_t i = 0; ids && i < ids->n_runs; i++) {
        int64_t run[2] = {ids->runs[i].first, ids->runs[i].end};
        judd_hash_add(hash, run, sizeof run);
    }
    judd_hash_finish(hash, hex);
    judd_hash_destroy(hash);
    json_object_set_new(key, "corpus_sha256", json_string(hex));
    return JUDD_OK;
}

judd_status judd_backbone_words_key(json_t *key, const judd_backbone_words *w, const char *hash) {
    bool plain = strcmp(w->rule, "whitespace") == 0 && !w->tokens.lowercase;
    json_object_set_new(key, "kind", json_string(w->file ? "words" : "tfidf"));
    json_object_set_new(key, "tokens", json_string(w->rule));
    json_object_set_new(key, "lowercase", json_boolean(w->tokens.lowercase));
    if (!plain) json_object_set_new(key, "unicode", json_string(judd_tokens_library()));
    json_object_set_new(key, "columns", json_integer((json_int_t)w->columns));
    if (w->file) {
        json_object_set_new(key, "model_sha256", json_string(hash));
        json_object_set_new(key, "pool", json_string(w->pool));
        json_object_set_new(key, "rule", json_integer(JUDD_POOLING_RULE));
        if (strcmp(w->pool, "sif") == 0)
            json_object_set_new(key, "smoothing", json_real(w->smoothing));
    } else {
        json_object_set_new(key, "rule", json_integer(JUDD_HASHED_RULE));
    }
    return judd_backbone_learns(w->kind, w->pool) ? add_corpus(key, w) : JUDD_OK;
}

int64_t judd_backbone_words_dim(const judd_backbone_words *w) {
    return w->file ? judd_pooling_columns(w->pool, w->columns) : w->columns;
}

judd_status judd_backbone_words_load(judd_backbone_words *w, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_texts corpus = judd_lexicon_texts_of(&w->corpus);
    judd_pooling_options o = {
        .rule = w->pool, .smoothing = w->smoothing, .tokens = w->tokens, .corpus = &corpus};
    if (!w->file) return judd_hashed_create(&w->hashed, comm, &corpus, &w->tokens, w->columns);
    JUDD_TRY(judd_lexicon_vectors(&o.words, &o.vectors, w->lexicon, w->file, w->kind, &w->tokens));
    JUDD_TRY(judd_pooling_create(&w->pooling, comm, &o));
done:
    return status;
}

const judd_tokens_options *judd_backbone_words_tokens(const judd_backbone_words *w) {
    return &w->tokens;
}

judd_status judd_backbone_words_run(const judd_backbone_words *w, judd_tokens *tokens,
                                    const char *text, int64_t bytes, float *features) {
    return w->file ? judd_pooling_run(w->pooling, tokens, text, bytes, features)
                   : judd_hashed_run(w->hashed, tokens, text, bytes, features);
}
