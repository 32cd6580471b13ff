/* Word vectors in any format: every number of the file, then the vectors of some words. */
#include "fuzz/fuzz.h"

#include <judd/text/pooling.h>

#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {"the cat", "a b w1 w2", "</s> ,",
                                    "unknown-word \xc3\xa9\xc3\xa9"};

static judd_status get(void *context, int64_t i, const char **text, int64_t *bytes) {
    (void)context;
    *text = texts[i];
    *bytes = (int64_t)strlen(texts[i]);
    return JUDD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    judd_vectors *file = NULL;
    judd_word_vectors *vectors = NULL;
    judd_pooling *pooling = NULL;
    static judd_vocabulary words; /* the same for every input: made once */
    const judd_texts all = {.n = sizeof texts / sizeof *texts, .get = get};
    judd_pooling_options o = {
        .rule = "sif", .smoothing = 1e-3, .tokens = {.rule = "whitespace"}, .words = &words};
    o.corpus = &all;
    const char *path = fuzz_file(data, n);
    if (judd_vectors_open(&file, fuzz_comm(), path, "words", JUDD_VECTORS_NUMBERS) == JUDD_OK)
        judd_vectors_close(file);
    file = NULL;
    if (words.n == 0) (void)judd_vocabulary_build(&words, fuzz_comm(), &all, 1, &o.tokens);
    if (judd_vectors_open(&file, fuzz_comm(), path, "words", JUDD_VECTORS_WORDS) == JUDD_OK &&
        judd_word_vectors_read(&vectors, file, &words) == JUDD_OK) {
        fuzz_taken();
        o.vectors = vectors;
        if (judd_word_vectors_dim(vectors) <= 64)
            (void)judd_pooling_create(&pooling, fuzz_comm(), &o);
    }
    judd_pooling_destroy(pooling);
    judd_word_vectors_destroy(vectors);
    judd_vectors_close(file);
    return 0;
}
