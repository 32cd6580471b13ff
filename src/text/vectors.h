/** What the formats of word vectors share; private to src/text. */
#ifndef JUDD_SRC_TEXT_VECTORS_H
#define JUDD_SRC_TEXT_VECTORS_H

#include <judd/text/vectors.h>

#include <stddef.h>
#include <stdio.h>

/* Bytes that are looked at together; no line may be longer. */
#ifndef JUDD_VECTORS_STEP
#define JUDD_VECTORS_STEP (4 << 20)
#endif

enum {
    JUDD_VECTORS_START = 1 << 16,
    JUDD_VECTORS_MAX_DIM = 65536,
    JUDD_VECTORS_MAX_WORD = 1 << 15 /* bytes, in binary forms */
};

/** A word of the vocabulary in a file. */
typedef struct judd_vectors_hit {
    int64_t word;
    int64_t at, bytes; /* its line or record; fasttext: at is its row, or -1 */
} judd_vectors_hit;

/** A file on the one way through it: `bytes` [n] of it lie at `at`. Local to rank 0. */
typedef struct judd_vectors_scan {
    judd_vectors *v; /* borrowed; its index is written, unless numbers are looked at */
    judd_hash *hash; /* of all that was read */
    char *bytes;
    int64_t at, n, capacity;
    bool last;  /* the file ends behind them */
    float *row; /* [dim] to look at numbers; NULL: the index is written instead */
    int64_t n_words, n_spaced;
} judd_vectors_scan;

typedef struct judd_vectors_ops {
    const char *format;
    bool binary;
    /** Whether a file of `bytes` bytes begins so. */
    bool (*begins)(const char *start, int64_t n, int64_t bytes);
    /** Rank 0: info, and what is private to the format. */
    judd_status (*look)(judd_vectors *v, const char *start, int64_t n);
    /** Rank 0: every word, from the first byte on; then v->info.n_words is compared by the caller
     * if `counted`. */
    judd_status (*scan)(judd_vectors_scan *scan);
    bool counted;
    /** Rows [n, dim] of hits, local. */
    judd_status (*read)(float *rows, judd_vectors *v, const judd_vocabulary *words,
                        const judd_vectors_hit *hits, int64_t n);
    /** Whether a word that the file does not have gets a vector all the same; NULL: none. */
    bool (*makes)(const judd_vectors *v, const char *word, int64_t bytes);
} judd_vectors_ops;

extern const judd_vectors_ops judd_vectors_word2vec_binary, judd_vectors_word2vec_text,
    judd_vectors_glove, judd_vectors_fasttext;

struct judd_vectors {
    const judd_comm *comm; /* borrowed */
    char *path;
    int fd;
    const judd_vectors_ops *ops;
    judd_vectors_info info;
    int64_t body; /* where the words begin; fasttext: the dictionary */
    FILE *index;  /* rank 0's, of all words in the order of the file; else NULL */
    struct {
        int64_t n_entries, n_labels, rows; /* rows: where the matrix begins */
        int64_t pruned;
    } fasttext;
};

/** Bytes of the file at `offset`, as many as are there up to n. Local. */
judd_status judd_vectors_pread(const judd_vectors *v, void *to, int64_t n, int64_t offset,
                               int64_t *got);
/** n bytes or JUDD_E_DATA. Local. */
judd_status judd_vectors_pread_all(const judd_vectors *v, void *to, int64_t n, int64_t offset);

/** What v->ops says of the whole file, into v->info and, with JUDD_VECTORS_WORDS, v->index. Rank 0.
 */
judd_status judd_vectors_scan_file(judd_vectors *v, judd_vectors_depth depth);
/** The first `used` bytes are done with: the others move to the front, and more follow. JUDD_E_DATA
 *  if the file became shorter. */
judd_status judd_vectors_scan_on(judd_vectors_scan *scan, int64_t used);
/** One more word and where it is. damaged: its line cannot be read, which matters if it is asked
 *  for. */
judd_status judd_vectors_scan_word(judd_vectors_scan *scan, const char *word, int64_t word_bytes,
                                   int64_t at, int64_t bytes, bool damaged);
/** Where words of the vocabulary are, in the order of the file; JUDD_E_DATA if one of them is
 * damaged. Rank 0. Owner: caller, free(). */
judd_status judd_vectors_find(judd_vectors_hit **hits, int64_t *n_hits, judd_vectors *v,
                              const judd_vocabulary *words);

/** JUDD_E_DATA unless `line` [n], read where a hit is, begins with its word: the file has changed
 *  since it was scanned. *behind: what is behind the word. */
judd_status judd_vectors_check_word(const char **behind, const judd_vectors *v,
                                    const judd_vocabulary *words, const judd_vectors_hit *hit,
                                    const char *line);

/** "n dim\n" at the start of a file; how long that line is, 0 if there is none. */
int64_t judd_vectors_header(const char *start, int64_t n, int64_t *n_words, int64_t *dim);
/** JUDD_E_DATA if the head's numbers cannot be: a word takes word_bytes, and number_bytes each of
 * its numbers, at least. */
judd_status judd_vectors_check_header(const judd_vectors *v, int64_t word_bytes,
                                      int64_t number_bytes);

#endif
