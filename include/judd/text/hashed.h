/** TF-IDF of words without a vocabulary: a word's column is its hash (Weinberger et al. 2009).
 *
 *  Column |h| mod columns and sign of the word's MurmurHash3 (32 bits, seed 0), idf = ln((1 + n) /
 *  (1 + n_with)) + 1 of the columns over the n texts of a corpus, rows of length 1: scikit-learn's
 *  HashingVectorizer and TfidfTransformer. The baseline of word vectors.
 */
#ifndef JUDD_TEXT_HASHED_H
#define JUDD_TEXT_HASHED_H

#include <judd/text/vocabulary.h>

#define JUDD_HASHED_RULE 1

typedef struct judd_hashed judd_hashed;

/** corpus is not kept. Collective. Owner: caller, judd_hashed_destroy. */
judd_status judd_hashed_create(judd_hashed **out, const judd_comm *comm, const judd_texts *corpus,
                               const judd_tokens_options *tokens, int64_t columns);
/** Local. NULL is allowed. */
void judd_hashed_destroy(judd_hashed *hashed);
/** [columns] of a text. Local; any thread, each with tokens of its own. */
judd_status judd_hashed_run(const judd_hashed *hashed, judd_tokens *tokens, const char *text,
                            int64_t bytes, float *features);

#endif
