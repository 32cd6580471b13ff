/** Files of word vectors: one reader a format behind one table, told by content.
 *
 *      word2vec  "words dim\n", then a word, a space and dim little-endian float32 each (Mikolov et
 *                al. 2013), or a line "word number ..." each, as fastText's .vec files too
 *      glove     lines without a head (Pennington et al. 2014); words may hold spaces
 *      fasttext  .bin, versions 11 and 12: a word's vector is the mean of its own and of those of
 * its character n-grams, so unknown words of up to 1,024 bytes have one too (Bojanowski et
 *                al. 2017)
 *
 *  Rank 0 reads a file once, from its first byte to its last: for its SHA-256 and for an index of
 * its words. Rows of words are read where the index has them, by all ranks. Where a word stands
 * twice, the first counts.
 */
#ifndef JUDD_TEXT_VECTORS_H
#define JUDD_TEXT_VECTORS_H

#include <judd/base/hash.h>
#include <judd/comm/comm.h>
#include <judd/text/vocabulary.h>

/** How much of a file is looked at. */
typedef enum judd_vectors_depth {
    JUDD_VECTORS_HEAD,  /* its first bytes */
    JUDD_VECTORS_WORDS, /* all of it, once. Where the words are goes into a temporary file of rank 0
                           ($TMPDIR): 16 bytes a word and the word, a hundredth of most files */
    JUDD_VECTORS_NUMBERS /* all of it, once, and every number; words cannot be read afterwards */
} judd_vectors_depth;

/** What a file says of itself and, unless only its head was looked at, what is in it. */
typedef struct judd_vectors_info {
    const char *format; /* "word2vec", "glove" or "fasttext" */
    bool binary;
    int64_t n_words, dim, file_bytes; /* n_words 0: the head does not say */
    int64_t n_buckets;                /* fasttext: of n-grams of least to most characters */
    int least, most;
    int64_t n_spaced;             /* glove: words that hold spaces, which no text has */
    char sha256[JUDD_SHA256_HEX]; /* "" with the head alone */
} judd_vectors_info;

typedef struct judd_vectors judd_vectors;

/** `kind`: "word2vec", "glove", "fasttext" (also in text form), or "words": any. JUDD_E_DATA if the
 *  file is none of them, damaged, quantised or of another version; lines in text form are counted,
 *  and looked at with JUDD_VECTORS_NUMBERS only; then the message names the first place that is
 *  wrong. Collective over comm, which must outlive it. Owner: caller, judd_vectors_close. */
judd_status judd_vectors_open(judd_vectors **out, const judd_comm *comm, const char *path,
                              const char *kind, judd_vectors_depth depth);
/** Local. NULL is allowed. */
void judd_vectors_close(judd_vectors *vectors);
const judd_vectors_info *judd_vectors_info_of(const judd_vectors *vectors);
/** JUDD_E_DATA if an open file is not of this kind. Local. */
judd_status judd_vectors_check_kind(const judd_vectors *vectors, const char *kind);
/** Whether the file begins as one of the formats does. Local. */
bool judd_vectors_recognised(const char *path);

/** The vectors of a vocabulary's words. */
typedef struct judd_word_vectors judd_word_vectors;

/** From a file that was opened with JUDD_VECTORS_WORDS, any number of times. One copy a node.
 *  JUDD_E_DATA names the line of a word that cannot be read. Collective. Owner: caller,
 *  judd_word_vectors_destroy. */
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
