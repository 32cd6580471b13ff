/** What the formats of word vectors share; private to src/text. */
#ifndef JUDD_SRC_TEXT_VECTORS_H
#define JUDD_SRC_TEXT_VECTORS_H

#include <judd/text/vectors.h>

#include <stddef.h>

/* Bytes read at once; no line may be longer. */
#ifndef JUDD_VECTORS_STEP
#define JUDD_VECTORS_STEP (4 << 20)
#endif

enum { JUDD_VECTORS_START = 1 << 16, JUDD_VECTORS_MAX_DIM = 65536 };

/** Where a word of the vocabulary stands in a file. */
typedef struct judd_vectors_hit {
    int64_t word;
    int64_t offset, bytes; /* of its numbers; fasttext: offset is its row, or -1 */
} judd_vectors_hit;

/** What a scan of this rank's range found. */
typedef struct judd_vectors_scan {
    const judd_vocabulary *words; /* NULL: check every number instead */
    judd_vectors_hit *hits;       /* [n_hits], in the order of the file; owned */
    int64_t n_hits, capacity;
    judd_vectors_counts counts;
    float *row; /* [dim] for checks; owned */
} judd_vectors_scan;

typedef struct judd_vectors_ops {
    const char *format;
    bool binary;
    /** Whether a file of `bytes` bytes begins so. */
    bool (*begins)(const char *start, int64_t n, int64_t bytes);
    /** Rank 0: info, and what is private to the format. */
    judd_status (*look)(judd_vectors *v, const char *start, int64_t n);
    /** Collective: each rank its range; then v->info.n_words is compared by the caller if
     * `counted`. */
    judd_status (*scan)(judd_vectors_scan *scan, judd_vectors *v);
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
    struct {
        int64_t n_entries, n_labels, rows; /* rows: where the matrix begins */
    } fasttext;
};

/** Bytes of the file at `offset`, as many as are there up to n. Local. */
judd_status judd_vectors_pread(const judd_vectors *v, void *to, int64_t n, int64_t offset,
                               int64_t *got);
/** n bytes or JUDD_E_DATA. Local. */
judd_status judd_vectors_pread_all(const judd_vectors *v, void *to, int64_t n, int64_t offset);

/** This rank's range of what lies behind the head. */
void judd_vectors_range(int64_t *first, int64_t *end, const judd_vectors *v);

/** Look the word up and note where its numbers are. Local. */
judd_status judd_vectors_note(judd_vectors_scan *scan, const char *word, int64_t word_bytes,
                              int64_t offset, int64_t bytes, bool *noted);

/** "n dim\n" at the start of a file; how long that line is, 0 if there is none. */
int64_t judd_vectors_header(const char *start, int64_t n, int64_t *n_words, int64_t *dim);
/** JUDD_E_DATA if the head's numbers cannot be: least_bytes a word at least. */
judd_status judd_vectors_check_header(const judd_vectors *v, int64_t least_bytes);

#endif
