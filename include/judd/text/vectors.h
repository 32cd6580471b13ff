/** Files of word vectors: one reader a format behind one table, told by content.
 *
 *      word2vec  "words dim\n", then a word, a space and dim little-endian float32 each (Mikolov et
 *                al. 2013), or a line "word number ..." each, as fastText's .vec files too
 *      glove     lines without a head (Pennington et al. 2014); words may hold spaces
 *      fasttext  .bin, versions 11 and 12: a word's vector is the mean of its own and of those of
 * its character n-grams, so unknown words of up to 1,024 bytes have one too (Bojanowski et
 *                al. 2017)
 *
 *  A file is read by all ranks, each a range of its bytes; where a word stands twice, the first
 *  counts.
 */
#ifndef JUDD_TEXT_VECTORS_H
#define JUDD_TEXT_VECTORS_H

#include <judd/comm/comm.h>
#include <judd/text/vocabulary.h>

/** What the head of a file says; n_words 0: nothing. */
typedef struct judd_vectors_info {
    const char *format; /* "word2vec", "glove" or "fasttext" */
    bool binary;
    int64_t n_words, dim, file_bytes;
    int64_t n_buckets; /* fasttext: of n-grams of least to most characters */
    int least, most;
} judd_vectors_info;

typedef struct judd_vectors judd_vectors;

/** `kind`: "word2vec", "glove", "fasttext" (also in text form), or "words": any. JUDD_E_DATA if the
 *  file is none of them, damaged, quantised or of another version. Collective over comm, which must
 *  outlive it. Owner: caller, judd_vectors_close. */
judd_status judd_vectors_open(judd_vectors **out, const judd_comm *comm, const char *path,
                              const char *kind);
/** Local. NULL is allowed. */
void judd_vectors_close(judd_vectors *vectors);
const judd_vectors_info *judd_vectors_info_of(const judd_vectors *vectors);
/** Whether the file begins as one of the formats does. Local. */
bool judd_vectors_recognised(const char *path);

/** What a pass over the whole file counts. */
typedef struct judd_vectors_counts {
    int64_t n_words, n_spaced; /* n_spaced: glove: words that hold spaces */
} judd_vectors_counts;

/** Every number of every word. JUDD_E_DATA names the place of the first that is wrong. Collective.
 */
judd_status judd_vectors_check(judd_vectors_counts *counts, judd_vectors *vectors);

/** The vectors of a vocabulary's words. */
typedef struct judd_word_vectors judd_word_vectors;

/** Lines of words that are not asked for are counted, not read: judd_vectors_check reads all. One
 *  copy a node. Collective. Owner: caller, judd_word_vectors_destroy. */
judd_status judd_word_vectors_read(judd_word_vectors **out, judd_vectors *vectors,
                                   const judd_vocabulary *words);
/** Collective. NULL is allowed. */
void judd_word_vectors_destroy(judd_word_vectors *vectors);

int64_t judd_word_vectors_dim(const judd_word_vectors *vectors);
/** Words that have a vector; lines or entries beyond the first of a word. */
int64_t judd_word_vectors_count(const judd_word_vectors *vectors);
int64_t judd_word_vectors_repeated(const judd_word_vectors *vectors);
/** [dim] of a word by its number, or NULL. Local; any thread. */
const float *judd_word_vectors_of(const judd_word_vectors *vectors, int64_t word);
/** Whether the file itself has the word: fastText gives vectors to others, too. Local. */
bool judd_word_vectors_known(const judd_word_vectors *vectors, int64_t word);

#endif
