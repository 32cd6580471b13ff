#include <judd/features/lexicon.h>

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* Words by one rule of tokens. */
typedef struct words {
    char *rule;
    bool lowercase;
    judd_vocabulary vocabulary;
    struct words *next;
} words;

typedef struct file {
    char *path;
    judd_vectors *vectors;
    struct file *next;
} file;

/* Vectors of those words from one file. */
typedef struct loaded {
    const judd_vectors *file; /* borrowed, as words */
    const words *words;
    judd_word_vectors *vectors;
    struct loaded *next;
} loaded;

struct judd_lexicon {
    const judd_comm *comm;
    judd_lexicon_texts *texts; /* [n] */
    int64_t n;
    words *words;
    file *files;
    loaded *loaded;
};

judd_status judd_lexicon_create(judd_lexicon **out, const judd_comm *comm) {
    judd_status status = judd_memory_alloc(out, 1, sizeof **out);
    if (status == JUDD_OK) (*out)->comm = comm;
    return status;
}

void judd_lexicon_forget(judd_lexicon *l) {
    for (loaded *v = l->loaded, *next; v; v = next) {
        next = v->next;
        judd_word_vectors_destroy(v->vectors);
        free(v);
    }
    for (words *w = l->words, *next; w; w = next) {
        next = w->next;
        judd_vocabulary_free(&w->vocabulary);
        free(w->rule);
        free(w);
    }
    l->loaded = NULL;
    l->words = NULL;
}

void judd_lexicon_destroy(judd_lexicon *l) {
    if (!l) return;
    judd_lexicon_forget(l);
    for (file *f = l->files, *next; f; f = next) {
        next = f->next;
        judd_vectors_close(f->vectors);
        free(f->path);
        free(f);
    }
    free(l->texts);
    free(l);
}

judd_status judd_lexicon_add(judd_lexicon *l, judd_dataset *dataset) {
    for (int64_t i = 0; i < l->n; i++)
        if (l->texts[i].dataset == dataset) return JUDD_OK;
    judd_lexicon_texts *longer = realloc(l->texts, (size_t)(l->n + 1) * sizeof *longer);
    if (!longer) return judd_status_set(JUDD_E_INTERNAL, "words: no memory for a data set");
    l->texts = longer;
    l->texts[l->n++] = (judd_lexicon_texts){.dataset = dataset};
    return JUDD_OK;
}

/* ---- texts -------------------------------------------------------------------------------------
 */

static judd_status get(void *context, int64_t i, const char **text, int64_t *bytes) {
    const judd_lexicon_texts *some = context;
    return judd_dataset_text(some->dataset, some->ids ? judd_id_set_at(some->ids, i) : i, text,
                             bytes);
}

judd_texts judd_lexicon_texts_of(judd_lexicon_texts *some) {
    int64_t n = some->ids ? some->ids->n : judd_dataset_info_of(some->dataset)->n_samples;
    return (judd_texts){.n = n, .get = get, .context = some};
}

/* ---- words and vectors -------------------------------------------------------------------------
 */

static judd_status collect(words *w, const judd_lexicon *l, const judd_tokens_options *tokens) {
    judd_status status = JUDD_OK;
    judd_texts *sets = NULL;
    status = judd_memory_string(&w->rule, tokens->rule);
    w->lowercase = tokens->lowercase;
    if (status == JUDD_OK) status = judd_memory_alloc(&sets, l->n, sizeof *sets);
    JUDD_TRY(judd_comm_agree(l->comm, status));
    for (int64_t i = 0; i < l->n; i++) sets[i] = judd_lexicon_texts_of(&l->texts[i]);
    JUDD_TRY(judd_vocabulary_build(&w->vocabulary, l->comm, sets, l->n, tokens));
done:
    free(sets);
    return status;
}

static judd_status find_words(const words **out, judd_lexicon *l,
                              const judd_tokens_options *tokens) {
    judd_status status = JUDD_OK;
    words *made = NULL;
    for (words *w = l->words; w; w = w->next) {
        *out = w;
        if (strcmp(w->rule, tokens->rule) == 0 && w->lowercase == tokens->lowercase) return JUDD_OK;
    }
    JUDD_TRY(judd_comm_agree(l->comm, judd_memory_alloc(&made, 1, sizeof *made)));
    made->next = l->words; /* forget frees it, also after a failure */
    l->words = made;
    JUDD_TRY(collect(made, l, tokens));
    *out = made;
done:
    return status;
}

judd_status judd_lexicon_file(judd_vectors **out, judd_lexicon *l, const char *path,
                              const char *kind) {
    judd_status status = JUDD_OK;
    file *made = NULL;
    for (const file *f = l->files; f; f = f->next) {
        *out = f->vectors;
        if (strcmp(f->path, path) == 0) return judd_vectors_check_kind(f->vectors, kind);
    }
    status = judd_memory_alloc(&made, 1, sizeof *made);
    if (status == JUDD_OK) status = judd_memory_string(&made->path, path);
    JUDD_TRY(judd_comm_agree(l->comm, status));
    JUDD_TRY(judd_vectors_open(&made->vectors, l->comm, path, kind, JUDD_VECTORS_WORDS));
    *out = made->vectors;
    made->next = l->files;
    l->files = made;
    made = NULL;
done:
    if (made) free(made->path);
    free(made);
    return status;
}

void judd_lexicon_take_files(judd_lexicon *to, judd_lexicon *from) {
    file **last = &to->files;
    while (*last) last = &(*last)->next;
    *last = from->files;
    from->files = NULL;
}

judd_status judd_lexicon_vectors(const judd_vocabulary **vocabulary,
                                 const judd_word_vectors **vectors, judd_lexicon *l,
                                 const char *path, const char *kind,
                                 const judd_tokens_options *tokens) {
    judd_status status = JUDD_OK;
    const words *w = NULL;
    judd_vectors *from = NULL;
    loaded *made = NULL;
    JUDD_TRY(find_words(&w, l, tokens));
    JUDD_TRY(judd_lexicon_file(&from, l, path, kind));
    *vocabulary = &w->vocabulary;
    for (const loaded *v = l->loaded; v; v = v->next) {
        *vectors = v->vectors;
        if (v->words == w && v->file == from) return JUDD_OK;
    }
    JUDD_TRY(judd_comm_agree(l->comm, judd_memory_alloc(&made, 1, sizeof *made)));
    made->words = w;
    made->file = from;
    JUDD_TRY(judd_word_vectors_read(&made->vectors, from, &w->vocabulary));
    *vectors = made->vectors;
    made->next = l->loaded;
    l->loaded = made;
    made = NULL;
done:
    free(made);
    return status;
}
