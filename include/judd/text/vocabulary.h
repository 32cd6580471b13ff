/** Distinct words in byte order: what a job's texts are made of. */
#ifndef JUDD_TEXT_VOCABULARY_H
#define JUDD_TEXT_VOCABULARY_H

#include <judd/comm/comm.h>
#include <judd/text/tokens.h>

/** Texts from anywhere, by number. get is local; what it gives is borrowed. */
typedef struct judd_texts {
    int64_t n;
    judd_status (*get)(void *context, int64_t i, const char **text, int64_t *bytes);
    void *context;
} judd_texts;

/** Owner: caller, judd_vocabulary_free. */
typedef struct judd_vocabulary {
    int64_t n;
    char *bytes;      /* the words one behind the other, without NULs */
    int64_t *offsets; /* [n + 1] */
    uint32_t *slots;  /* [n_slots] word number + 1, or 0; a power of two, at most half full */
    int64_t n_slots, capacity, byte_capacity;
} judd_vocabulary;

void judd_vocabulary_free(judd_vocabulary *words);

/** All words of sets [n_sets] of texts, the same on every rank; the ranks share the reading.
 *  Collective. */
judd_status judd_vocabulary_build(judd_vocabulary *out, const judd_comm *comm,
                                  const judd_texts *sets, int64_t n_sets,
                                  const judd_tokens_options *options);

/** A word's number, -1 if it is not there. Local; any thread. */
int64_t judd_vocabulary_find(const judd_vocabulary *words, const char *word, int64_t bytes);

/** How often each word occurs in the texts, and in how many of them: [words->n] exact counts, the
 *  same on every rank. Collective. */
judd_status judd_vocabulary_count(int64_t *occurrences, int64_t *texts_with,
                                  const judd_vocabulary *words, const judd_comm *comm,
                                  const judd_texts *texts, const judd_tokens_options *options);

/** This rank's part [*first, *end) of n things that the ranks share. */
void judd_vocabulary_share(int64_t *first, int64_t *end, const judd_comm *comm, int64_t n);

#endif
