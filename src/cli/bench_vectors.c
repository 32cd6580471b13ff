#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/dataset_argument.h"

#include <judd/base/clock.h>
#include <judd/base/memory.h>
#include <judd/features/lexicon.h>
#include <judd/text/pooling.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { REPEATS = 3 };

typedef struct bench {
    const judd_comm *comm;
    judd_vectors *file;
    judd_dataset *dataset; /* NULL: every number of the file is looked at, and none kept */
    judd_texts texts;
    judd_tokens_options tokens;
    judd_vocabulary words;
    judd_word_vectors *vectors;
    double seconds, rows_s, texts_s; /* seconds: with those of the rows */
} bench;

/* Every rank all texts, by the time it computes. */
static judd_status pool_all(bench *b, const judd_pooling *pooling, judd_tokens *tokens, float *x) {
    judd_status status = JUDD_OK;
    int64_t bytes = 0;
    const char *text = NULL;
    for (int r = 0; r < REPEATS; r++) {
        double start = judd_clock_s(CLOCK_THREAD_CPUTIME_ID);
        for (int64_t i = 0; i < b->texts.n; i++) {
            JUDD_TRY(b->texts.get(b->texts.context, i, &text, &bytes));
            JUDD_TRY(judd_pooling_run(pooling, tokens, text, bytes, x));
        }
        double took = judd_clock_s(CLOCK_THREAD_CPUTIME_ID) - start;
        if (r == 0 || (double)b->texts.n / took > b->texts_s)
            b->texts_s = (double)b->texts.n / took;
    }
done:
    return status;
}

static judd_status measure_texts(bench *b) {
    judd_status status = JUDD_OK;
    judd_pooling *pooling = NULL;
    judd_tokens *tokens = NULL;
    float *x = NULL;
    const judd_pooling_options o = {.rule = "fasttext",
                                    .tokens = b->tokens,
                                    .words = &b->words,
                                    .vectors = b->vectors,
                                    .corpus = &b->texts};
    JUDD_TRY(judd_pooling_create(&pooling, b->comm, &o));
    status = judd_tokens_create(&tokens, &b->tokens);
    if (status == JUDD_OK)
        status = judd_memory_alloc(&x, judd_word_vectors_dim(b->vectors), sizeof *x);
    if (status == JUDD_OK) status = pool_all(b, pooling, tokens, x);
    JUDD_TRY(judd_comm_agree(b->comm, status));
done:
    judd_pooling_destroy(pooling);
    judd_tokens_destroy(tokens);
    free(x);
    return status;
}

static judd_status measure(bench *b, const char *path) {
    judd_status status = JUDD_OK;
    const judd_vectors_depth depth = b->dataset ? JUDD_VECTORS_WORDS : JUDD_VECTORS_NUMBERS;
    if (b->dataset) JUDD_TRY(judd_vocabulary_build(&b->words, b->comm, &b->texts, 1, &b->tokens));
    JUDD_TRY(judd_comm_agree(b->comm, JUDD_OK)); /* all begin together */
    double start = MPI_Wtime();
    JUDD_TRY(judd_vectors_open(&b->file, b->comm, path, "words", depth));
    double opened = MPI_Wtime();
    if (b->dataset) JUDD_TRY(judd_word_vectors_read(&b->vectors, b->file, &b->words));
    b->rows_s = MPI_Wtime() - opened;
    b->seconds = MPI_Wtime() - start;
    JUDD_TRY(judd_comm_max(b->comm, &b->seconds, 1));
    JUDD_TRY(judd_comm_max(b->comm, &b->rows_s, 1));
    if (b->dataset) JUDD_TRY(measure_texts(b));
done:
    return status;
}

static judd_status print(bench *b, bool as_json) {
    judd_status status = JUDD_OK;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double peak = (double)usage.ru_maxrss / 1024.0;
    JUDD_TRY(judd_comm_max(b->comm, &peak, 1));
    const judd_vectors_info *info = judd_vectors_info_of(b->file);
    double mb = 1e-6 * (double)info->file_bytes;
    int64_t kept = b->vectors ? judd_word_vectors_count(b->vectors) : 0;
    json_t *record =
        json_pack("{s:s, s:i, s:I, s:I, s:f, s:f, s:f, s:f}", "format", info->format, "ranks",
                  b->comm->size, "dim", (json_int_t)info->dim, "words", (json_int_t)info->n_words,
                  "file_mb", mb, "seconds", b->seconds, "mb_s", mb / b->seconds, "peak_mib", peak);
    if (record && b->vectors) {
        json_object_set_new(record, "rows_s", json_real(b->rows_s));
        json_object_set_new(record, "words_of_texts", json_integer((json_int_t)b->words.n));
        json_object_set_new(record, "vectors_kept", json_integer((json_int_t)kept));
        json_object_set_new(record, "kept_mib",
                            json_real((double)(kept * info->dim * 4) / 1048576.0));
        json_object_set_new(record, "texts_s_core", json_real(b->texts_s));
    }
    status = judd_bench_print(record, as_json, b->comm);
done:
    return status;
}

static judd_status run(bench *b, const char *path, judd_dataset_argument *a, bool as_json) {
    judd_status status = JUDD_OK;
    judd_lexicon_texts all = {0};
    if (a->text) {
        JUDD_TRY(judd_dataset_argument_open(&b->dataset, a, b->comm));
        if (!judd_dataset_info_of(b->dataset)->text)
            JUDD_FAIL(JUDD_E_USAGE, "bench vectors: %s holds no texts", a->text);
        all.dataset = b->dataset;
        b->texts = judd_lexicon_texts_of(&all);
    }
    JUDD_TRY(measure(b, path));
    JUDD_TRY(print(b, as_json));
done:
    judd_word_vectors_destroy(b->vectors);
    judd_vocabulary_free(&b->words);
    judd_vectors_close(b->file);
    judd_dataset_close(b->dataset);
    return status;
}

judd_status judd_bench_vectors(const judd_comm *comm, judd_arguments *a,
                               const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    (void)stop; /* nothing to save */
    judd_dataset_argument texts = {0};
    bench b = {.comm = comm, .tokens = {.rule = "whitespace"}};
    JUDD_TRY(judd_dataset_argument_read(&texts, a, 1));
    status = run(&b, a->operands[0], &texts, judd_arguments_has(a, "--json"));
done:
    judd_dataset_argument_free(&texts);
    return status;
}
