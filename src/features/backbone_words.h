/** What backbones of texts have in place of a network: words, vectors, pooling, or hashed TF-IDF.
 */
#ifndef JUDD_SRC_FEATURES_BACKBONE_WORDS_H
#define JUDD_SRC_FEATURES_BACKBONE_WORDS_H

#include <judd/features/backbone.h>

#include <jansson.h>

typedef struct judd_backbone_words judd_backbone_words;

/** Whether a kind of backbone reads texts. */
bool judd_backbone_words_kind(const char *kind);

/** Strings are copied; the lexicon, which has the file, and the corpus are borrowed. Collective
 * over comm. */
judd_status judd_backbone_words_open(judd_backbone_words **out, const judd_comm *comm,
                                     const judd_backbone_options *options);
/** Local. NULL is allowed. */
void judd_backbone_words_close(judd_backbone_words *words);

/** What features depend on beside the texts. `hash`: of the file. */
judd_status judd_backbone_words_key(json_t *key, const judd_backbone_words *words,
                                    const char *hash);
int64_t judd_backbone_words_dim(const judd_backbone_words *words);

/** Collective over comm. */
judd_status judd_backbone_words_load(judd_backbone_words *words, const judd_comm *comm);
/** Local; the vectors stay with the lexicon. */
void judd_backbone_words_unload(judd_backbone_words *words);

const judd_tokens_options *judd_backbone_words_tokens(const judd_backbone_words *words);
/** Features of a text. After load; local; any thread. */
judd_status judd_backbone_words_run(const judd_backbone_words *words, judd_tokens *tokens,
                                    const char *text, int64_t bytes, float *features);

#endif
