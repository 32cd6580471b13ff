/** The texts of a job, their words, and the vectors of these words: a file of vectors is gone
 * through once, whatever number of data sets and backbones use it, and only the words that occur
 * are kept.
 */
#ifndef JUDD_FEATURES_LEXICON_H
#define JUDD_FEATURES_LEXICON_H

#include <judd/base/id_set.h>
#include <judd/data/dataset.h>
#include <judd/text/vectors.h>

typedef struct judd_lexicon judd_lexicon;

/** comm is borrowed and must outlive it. Local. Owner: caller, judd_lexicon_destroy. */
judd_status judd_lexicon_create(judd_lexicon **out, const judd_comm *comm);
/** Collective. NULL is allowed. */
void judd_lexicon_destroy(judd_lexicon *lexicon);

/** The texts of a data set count as well, which is borrowed; in the same order on every rank,
 * before the first vectors are asked for. Local. */
judd_status judd_lexicon_add(judd_lexicon *lexicon, judd_dataset *dataset);

/** A file of vectors (judd_vectors_open with JUDD_VECTORS_WORDS), opened when it is first asked
 * for. Borrowed. Collective. */
judd_status judd_lexicon_file(judd_vectors **out, judd_lexicon *lexicon, const char *path,
                              const char *kind);
/** All files that `from` has open, which has none afterwards: for a lexicon of other texts. Local.
 */
void judd_lexicon_take_files(judd_lexicon *to, judd_lexicon *from);
/** All words, and the vectors of `file`, a format of judd_vectors_open. Borrowed until forget.
 *  Collective. */
judd_status judd_lexicon_vectors(const judd_vocabulary **words, const judd_word_vectors **vectors,
                                 judd_lexicon *lexicon, const char *file, const char *kind,
                                 const judd_tokens_options *tokens);
/** Give the memory back; files stay open, of which the rows that are asked for again are read
 * again. Collective. */
void judd_lexicon_forget(judd_lexicon *lexicon);

/** Some texts of a data set, for what goes through them by number. */
typedef struct judd_lexicon_texts {
    const judd_dataset *dataset; /* borrowed, as ids */
    const judd_id_set *ids;      /* NULL: all */
} judd_lexicon_texts;
/** `some` must outlive what is returned. */
judd_texts judd_lexicon_texts_of(judd_lexicon_texts *some);

#endif
