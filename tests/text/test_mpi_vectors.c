/* Files of vectors read by several ranks: every word's numbers on every rank, wherever the pieces
 * end that a file is read in (each is larger than one), and again from the same index; what is no
 * longer the file that was indexed is refused. */
#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/base/rng.h>
#include <judd/text/vectors.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)
enum { WORDS = 3000, DIM = 400, OWN = 10 };

static judd_comm world;
static char path[64];

/* The last columns are the same for all words: to be written quickly. */
static float number(int64_t word, int64_t column) {
    if (column >= OWN) word = 0;
    uint64_t bits = judd_rng_bits(5, JUDD_RNG_NOISE, (uint32_t)word, (uint64_t)column);
    return (float)((int64_t)(bits % 20001) - 10000) / 8192.0f;
}

static int word_of(char *to, int64_t i) {
    return sprintf(to, "%s%lld", i % 3 ? "w" : "\xd1\x81\xd0\xbb", (long long)i);
}

/* Half of the words, some unknown ones. */
static judd_status get(void *context, int64_t i, const char **text, int64_t *bytes) {
    static char word[32];
    (void)context;
    *bytes = i < WORDS / 2 ? word_of(word, 2 * i) : sprintf(word, "unknown%lld", (long long)i);
    *text = word;
    return JUDD_OK;
}

typedef enum form { BINARY, BINARY_NEWLINES, TEXT, GLOVE } form;

static void write_numbers(FILE *file, form f, int64_t word, int64_t first, int64_t end) {
    for (int64_t j = first; j < end; j++) {
        float x = number(word, j);
        if (f == TEXT || f == GLOVE)
            fprintf(file, " %.9g", (double)x);
        else
            fwrite(&x, sizeof x, 1, file);
    }
}

static void write_file(form f) {
    char word[32], *same = NULL;
    size_t n_same = 0;
    FILE *file = fopen(path, "wb"), *memory = open_memstream(&same, &n_same);
    assert_non_null(file);
    write_numbers(memory, f, 0, OWN, DIM);
    assert_int_equal(fclose(memory), 0);
    if (f != GLOVE) fprintf(file, "%d %d\n", WORDS + 1, DIM);
    for (int64_t i = 0; i <= WORDS; i++) {
        word_of(word, i < WORDS ? i : 40); /* word 40 twice: the first counts */
        fprintf(file, f == TEXT || f == GLOVE ? "%s" : "%s ", word);
        write_numbers(file, f, i, 0, OWN);
        fwrite(same, 1, n_same, file);
        if (f != BINARY) fputc('\n', file);
    }
    free(same);
    assert_int_equal(fclose(file), 0);
}

static void check_words(const judd_vocabulary *words, const judd_word_vectors *vectors) {
    char word[32];
    for (int64_t i = 0; i < WORDS; i++) {
        int n = word_of(word, i);
        int64_t w = judd_vocabulary_find(words, word, n);
        const float *x = judd_word_vectors_of(vectors, w);
        assert_int_equal(w >= 0, i % 2 == 0);
        assert_int_equal(x != NULL, i % 2 == 0);
        for (int64_t j = 0; x && j < DIM; j++) {
            float want = number(i, j);
            assert_memory_equal(&x[j], &want, sizeof want);
        }
    }
    assert_int_equal(judd_vocabulary_find(words, "unknown", 7), -1);
    assert_null(judd_word_vectors_of(vectors, judd_vocabulary_find(words, "unknown1600", 11)));
    assert_int_equal(judd_word_vectors_count(vectors), WORDS / 2);
    assert_int_equal(judd_word_vectors_repeated(vectors), 1);
}

/* As many bytes as rank 0 went through, but others. */
static void change_is_refused(const judd_vocabulary *words, int64_t head) {
    judd_vectors *file = NULL;
    judd_word_vectors *vectors = NULL;
    OK(judd_vectors_open(&file, &world, path, "words", JUDD_VECTORS_WORDS));
    if (world.rank == 0) {
        FILE *change = fopen(path, "r+b");
        assert_non_null(change);
        assert_int_equal(fseek(change, head, SEEK_SET), 0);
        for (int i = 0; i < 100; i++) fputc('x', change);
        assert_int_equal(fclose(change), 0);
    }
    OK(judd_comm_agree(&world, JUDD_OK));
    assert_int_equal(judd_word_vectors_read(&vectors, file, words), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "changed while"));
    judd_vectors_close(file);
}

static void read_twice(form f, const judd_vocabulary *words) {
    judd_vectors *file = NULL;
    char sha256[JUDD_SHA256_HEX];
    int64_t bytes = 0;
    if (world.rank == 0) write_file(f);
    OK(judd_comm_agree(&world, JUDD_OK));
    OK(judd_hash_file(sha256, &bytes, path));
    for (int depth = JUDD_VECTORS_HEAD; depth <= JUDD_VECTORS_NUMBERS; depth++) {
        OK(judd_vectors_open(&file, &world, path, "words", (judd_vectors_depth)depth));
        const judd_vectors_info *info = judd_vectors_info_of(file);
        assert_int_equal(info->dim, DIM);
        assert_int_equal(info->file_bytes, bytes);
        assert_string_equal(info->sha256, depth == JUDD_VECTORS_HEAD ? "" : sha256);
        if (depth > JUDD_VECTORS_HEAD) assert_int_equal(info->n_words, WORDS + 1);
        for (int k = 0; k < 2 && depth == JUDD_VECTORS_WORDS; k++) {
            judd_word_vectors *vectors = NULL;
            OK(judd_word_vectors_read(&vectors, file, words));
            check_words(words, vectors);
            judd_word_vectors_destroy(vectors);
        }
        judd_vectors_close(file);
    }
    change_is_refused(words, f == GLOVE ? 0 : (int64_t)strlen("3001 400\n"));
}

static void every_form(void **state) {
    (void)state;
    const judd_tokens_options tokens = {.rule = "whitespace"};
    const judd_texts texts = {.n = WORDS / 2 + 200, .get = get};
    judd_vocabulary words = {0};
    OK(judd_vocabulary_build(&words, &world, &texts, 1, &tokens));
    assert_int_equal(words.n, texts.n);
    for (int64_t i = 1; i < words.n; i++) { /* in byte order on every rank */
        int64_t a = words.offsets[i - 1], b = words.offsets[i], c = words.offsets[i + 1];
        int64_t n = b - a < c - b ? b - a : c - b;
        int order = memcmp(words.bytes + a, words.bytes + b, (size_t)n);
        assert_true(order < 0 || (order == 0 && b - a < c - b));
    }
    for (int f = BINARY; f <= GLOVE; f++) read_twice((form)f, &words);
    judd_vocabulary_free(&words);
}

static void counts_are_exact(void **state) {
    (void)state;
    const judd_tokens_options tokens = {.rule = "whitespace"};
    const judd_texts texts = {.n = 100, .get = get};
    judd_vocabulary words = {0};
    int64_t occurrences[100], texts_with[100];
    OK(judd_vocabulary_build(&words, &world, &texts, 1, &tokens));
    OK(judd_vocabulary_count(occurrences, texts_with, &words, &world, &texts, &tokens));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(occurrences[i], 1);
        assert_int_equal(texts_with[i], 1);
    }
    judd_vocabulary_free(&words);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_form),
                                       cmocka_unit_test(counts_are_exact)};
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&world, MPI_COMM_WORLD) != JUDD_OK) return 1;
    snprintf(path, sizeof path, "/tmp/judd-vectors-%ld", (long)getpid());
    if (judd_comm_broadcast(&world, path, sizeof path) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (world.rank == 0) unlink(path);
    judd_comm_close(&world);
    MPI_Finalize();
    return failed;
}
