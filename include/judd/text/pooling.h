/** The vectors of a text's words into one vector.
 *
 *      mean      of the words that have one
 *      fasttext  mean of the vectors divided by their norms, as `fasttext print-sentence-vectors`
 *      tfidf     mean weighted by ln((1 + n) / (1 + n_with)) + 1 over the n texts of a corpus
 *      sif       mean weighted by a / (a + p), p the word's share of the corpus, less its
 * projection on the first principal component of the corpus's texts (Arora, Liang, Ma 2017) max the
 * largest number of each column;  meanmax: mean and max side by side
 *
 *  A text without a known word is zero. What is learned from the corpus is the same at any number
 * of ranks: counts are integers, and the component's covariance is an exact sum over blocks of
 * texts.
 */
#ifndef JUDD_TEXT_POOLING_H
#define JUDD_TEXT_POOLING_H

#include <judd/text/vectors.h>

/** Part of cache keys: raised when features change. */
#define JUDD_POOLING_RULE 1

typedef struct judd_pooling_options {
    const char *rule;
    double smoothing; /* sif: a */
    judd_tokens_options tokens;
    const judd_vocabulary *words;     /* borrowed, as all below; must outlive the pooling */
    const judd_word_vectors *vectors; /* of these words */
    const judd_texts *corpus;         /* tfidf, sif: what is learned from; not kept */
} judd_pooling_options;

typedef struct judd_pooling judd_pooling;

/** JUDD_OK if the rule is known. */
judd_status judd_pooling_check(const char *rule);
/** Whether the rule learns from a corpus. */
bool judd_pooling_learns(const char *rule);
/** Columns of a text from those of a word. */
int64_t judd_pooling_columns(const char *rule, int64_t dim);

/** Collective. Owner: caller, judd_pooling_destroy. */
judd_status judd_pooling_create(judd_pooling **out, const judd_comm *comm,
                                const judd_pooling_options *options);
/** Local. NULL is allowed. */
void judd_pooling_destroy(judd_pooling *pooling);

/** [judd_pooling_columns] of a text. Local; any thread, each with tokens of its own. */
judd_status judd_pooling_run(const judd_pooling *pooling, judd_tokens *tokens, const char *text,
                             int64_t bytes, float *features);

/** How much of some texts is known. */
typedef struct judd_pooling_coverage {
    int64_t n_tokens,
        n_unknown;           /* words of the texts; of them, those that the file does not have */
    int64_t n_without;       /* of them, those without a vector */
    int64_t n_texts_without; /* texts without any: their features are zero */
} judd_pooling_coverage;

/** Over all texts; the ranks share them. Collective. */
judd_status judd_pooling_cover(judd_pooling_coverage *out, const judd_comm *comm,
                               const judd_texts *texts, const judd_tokens_options *tokens,
                               const judd_vocabulary *words, const judd_word_vectors *vectors);

#endif
