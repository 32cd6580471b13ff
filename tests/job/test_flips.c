/* A bit flipped at any place, or an end cut off at every 512 bytes: a checkpoint, a feature cache,
 * a head, predictions and records are never taken for whole while they say something else.
 * JUDD_FLIPS: how many flips of each kind of file (600). */
#include "job/output.h"
#include "job/predictions.h"
#include "job/trial_files.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/features/cache.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/learn/checkpoint.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 40, DIM = 25, STEP = 512 };

static judd_comm comm;
static char folder[64];

typedef struct subject {
    const char *name;
    char path[256];
    /* What the file says, a hash; "" if it is refused. */
    void (*say)(char said[JUDD_SHA256_HEX]);
} subject;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != JUDD_OK) fail_msg("%s: %s", #call, judd_status_message());                   \
    } while (0)

/* ---- a checkpoint ------------------------------------------------------------------------------
 */

static judd_bank *make_bank(void) {
    static const judd_bank_head heads[] = {{.learning_rate = 0.1, .held_out = -1},
                                           {.learning_rate = 0.2, .held_out = -1}};
    judd_bank *bank = NULL;
    const judd_bank_options o = {
        .n_heads = 2, .n_outputs = 3, .heads = heads, .batch = 8, .steps = 10, .seed = 5};
    OK(judd_bank_create(&bank, DIM, &o));
    bank->step = 5;
    return bank;
}

static void say_checkpoint(char said[JUDD_SHA256_HEX]) {
    judd_bank *bank = make_bank();
    int64_t step = -1;
    char *skipped = NULL;
    OK(judd_checkpoint_restore(bank, &step, &skipped, folder, "00ff", &comm));
    said[0] = 0;
    if (step >= 0) OK(judd_bank_hash(said, bank));
    assert_true((step >= 0) == (skipped == NULL)); /* passed over, and named */
    free(skipped);
    judd_bank_destroy(bank);
}

/* ---- a cache -----------------------------------------------------------------------------------
 */

static char cache_file[256];

/* Damaged rows are found missing, and with them what they would say; the others are as before. */
static void say_cache(char said[JUDD_SHA256_HEX]) {
    judd_cache *cache = NULL;
    judd_id_set missing = {0}, all = {0};
    int64_t ids[ROWS], n_damaged = 0;
    float rows[ROWS * DIM];
    said[0] = 0;
    for (int i = 0; i < ROWS; i++) ids[i] = i;
    if (judd_cache_open_file(&cache, &comm, cache_file) != JUDD_OK) return;
    if (judd_cache_rows(cache) == ROWS && judd_cache_dim(cache) == DIM &&
        judd_id_set_add(&all, 0, ROWS) == JUDD_OK &&
        judd_cache_missing(&missing, &n_damaged, cache, &all) == JUDD_OK && missing.n == 0) {
        OK(judd_cache_read(cache, ids, ROWS, NULL, rows));
        OK(judd_hash_bytes(said, rows, sizeof rows));
    }
    judd_id_set_free(&missing);
    judd_id_set_free(&all);
    judd_cache_close(cache);
}

static void make_cache(void) {
    judd_cache *cache = NULL;
    char *warning = NULL;
    const char *key = "{\"flips\":1}";
    int64_t ids[ROWS];
    float rows[ROWS * DIM];
    const judd_cache_options o = {.folder = folder, .keys = &key, .n_views = 1, .n_samples = ROWS};
    for (int i = 0; i < ROWS; i++) ids[i] = i;
    for (int i = 0; i < ROWS * DIM; i++) rows[i] = (float)i * 0.25f;
    OK(judd_cache_open(&cache, &warning, &comm, &o));
    OK(judd_cache_create(cache, DIM));
    OK(judd_cache_write_begin(cache));
    OK(judd_cache_write_end(cache, judd_cache_write(cache, ids, ROWS, rows)));
    snprintf(cache_file, sizeof cache_file, "%s", judd_cache_path(cache, 0));
    judd_cache_close(cache);
}

/* ---- head and records --------------------------------------------------------------------------
 */

enum { TEST_ROWS = 7 };
static const char *const class_names[] = {"one", "two", "three"};

static void make_head(void) {
    judd_bank *model = make_bank(), *one = NULL;
    float mean[DIM], scale[DIM];
    int64_t ids[] = {3, 5, 9};
    int32_t labels[] = {0, 1, 2};
    judd_task_samples samples = {.n = 3, .ids = ids, .labels = labels}, none = {0};
    judd_feature_map map = {.dim = DIM, .standard = {.dim = DIM, .mean = mean, .scale = scale}};
    json_t *hyper = json_pack("{s:f,s:s}", "l2", 0.5, "optimizer", "sgd");
    judd_trial_head head = {.kind = "softmax",
                            .n_classes = 3,
                            .class_names = class_names,
                            .map = &map,
                            .train = &samples,
                            .validation = &none,
                            .hyper = hyper,
                            .backbone_key = "{}",
                            .job_name = "flips"};
    for (int i = 0; i < DIM; i++) mean[i] = 1.0f / (float)(1 + i), scale[i] = (float)(1 + i);
    OK(judd_bank_extract(&one, model, 0));
    head.model = one;
    OK(judd_trial_files_write_head(folder, "t", &head));
    json_decref(hyper);
    judd_bank_destroy(one);
    judd_bank_destroy(model);
}

static void make_predictions(void) {
    int64_t ids[TEST_ROWS], confusion[9] = {2, 0, 0, 0, 2, 1, 1, 1, 0};
    int32_t labels[TEST_ROWS], predicted[TEST_ROWS];
    float score[TEST_ROWS * 3];
    for (int i = 0; i < TEST_ROWS; i++) ids[i] = i, labels[i] = i % 3, predicted[i] = i % 2;
    for (int i = 0; i < TEST_ROWS * 3; i++) score[i] = (float)i / 8.0f;
    judd_task_samples test = {.n = TEST_ROWS, .ids = ids, .labels = labels};
    judd_figures figures = {.n = TEST_ROWS,
                            .n_outputs = 3,
                            .list = {{.name = "accuracy"}},
                            .score = score,
                            .predicted = predicted,
                            .confusion = confusion};
    judd_predictions p = {&test, JUDD_CLASSIFICATION, &figures, class_names};
    OK(judd_predictions_write(folder, "t", &p));
}

/* All numbers and names of a file, through a hash. */
static void say_contents(char said[JUDD_SHA256_HEX], const char *path) {
    static const char *const numbers[] = {"weight",    "bias",      "feature_mean", "feature_scale",
                                          "train_ids", "sample_id", "label",        "train_labels",
                                          "predicted", "score",     "confusion"};
    static const char *const texts[] = {"parameters", "class_names", "output_names"};
    judd_hash *hash = NULL;
    hid_t file = 0;
    OK(judd_hash_create(&hash));
    OK(judd_h5_open_read(&file, path));
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        double values[TEST_ROWS * 3 * DIM] = {0};
        if (!judd_h5_exists(file, numbers[k])) continue;
        hid_t set = H5Dopen2(file, numbers[k], H5P_DEFAULT);
        assert_true(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
        judd_hash_add(hash, values, sizeof values);
        H5Dclose(set);
    }
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        char **list = NULL;
        int64_t n = 0;
        if (!judd_h5_exists(file, texts[k])) continue;
        OK(judd_h5_read_strings(file, texts[k], &list, &n));
        for (int64_t i = 0; i < n; i++) judd_hash_add(hash, list[i], strlen(list[i]) + 1);
        free(list);
    }
    OK(judd_h5_close(file, path));
    judd_hash_finish(hash, said);
    judd_hash_destroy(hash);
}

static char head_file[256], predictions_file[256];

static void say_head(char said[JUDD_SHA256_HEX]) {
    judd_trial_model model = {0};
    said[0] = 0;
    if (judd_trial_files_hash_head(said, folder, "t") == JUDD_OK)
        say_contents(said, head_file);
    else
        said[0] = 0;
    /* whoever starts from a head reads it without the hash */
    bool read = judd_trial_files_read_head(&model, folder, "t") == JUDD_OK;
    if (said[0]) assert_true(read);
    judd_trial_model_free(&model);
}

static void say_predictions(char said[JUDD_SHA256_HEX]) {
    said[0] = 0;
    if (judd_predictions_sound(folder, "t")) say_contents(said, predictions_file);
}

static char record_file[256];

static void say_record(char said[JUDD_SHA256_HEX]) {
    char *text = NULL, *line = NULL;
    int64_t bytes = 0;
    said[0] = 0;
    OK(judd_atomic_file_read(&text, &bytes, record_file, 1 << 20));
    size_t length = strcspn(text, "\n");
    json_t *record = text[length] == '\n' ? json_loadb(text, length, 0, NULL) : NULL;
    if (record && judd_output_is_whole(record)) {
        OK(judd_output_line(&line, record));
        OK(judd_hash_bytes(said, line, strlen(line)));
    }
    json_decref(record);
    free(line);
    free(text);
}

static void make_record(void) {
    char *line = NULL, *text = NULL;
    json_t *r = json_pack("{s:i,s:s,s:{s:f},s:n}", "schema", 1, "trial", "t", "metrics", "accuracy",
                          0.62, "head_sha256");
    OK(judd_output_add_check(r));
    OK(judd_output_line(&line, r));
    OK(judd_memory_format(&text, "%s\n", line));
    OK(judd_atomic_file_write(record_file, text, (int64_t)strlen(text)));
    json_decref(r);
    free(line);
    free(text);
}

/* ---- flips -------------------------------------------------------------------------------------
 */

typedef struct outcome {
    int64_t tried, refused, harmless, silent;
} outcome;

static void judge(outcome *o, const subject *s, const char *whole) {
    char said[JUDD_SHA256_HEX];
    s->say(said);
    o->tried++;
    if (!said[0])
        o->refused++;
    else if (strcmp(said, whole) == 0)
        o->harmless++; /* bytes that nothing is read from: the values are the right ones */
    else
        o->silent++;
}

static void put(const subject *s, const char *bytes, int64_t n) {
    FILE *file = fopen(s->path, "wb");
    assert_true(file && fwrite(bytes, 1, (size_t)n, file) == (size_t)n && fclose(file) == 0);
}

static void damage(const subject *s, int64_t flips) {
    char whole[JUDD_SHA256_HEX], *bytes = NULL;
    int64_t n = 0;
    outcome o = {0};
    OK(judd_atomic_file_read(&bytes, &n, s->path, 1 << 26));
    s->say(whole);
    assert_true(whole[0]);
    for (int64_t i = 0; i < flips; i++) { /* every bit in turn if there are enough */
        uint64_t bit = flips >= 8 * n ? (uint64_t)(i % (8 * n))
                                      : judd_hash_check(&i, sizeof i, 7) % (uint64_t)(8 * n);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        put(s, bytes, n);
        judge(&o, s, whole);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
    }
    int64_t cuts = 0;
    for (int64_t end = 0; end < n; end += STEP, cuts++) {
        put(s, bytes, end);
        judge(&o, s, whole);
    }
    put(s, bytes, n);
    free(bytes);
    printf("%-12s %lld bytes: %lld flips, %lld cuts: %lld refused, %lld said the same, %lld "
           "something else\n",
           s->name, (long long)n, (long long)flips, (long long)cuts, (long long)o.refused,
           (long long)o.harmless, (long long)o.silent);
    assert_int_equal(o.silent, 0);
}

static void test_flips(void **state) {
    (void)state;
    const char *wanted = getenv("JUDD_FLIPS");
    const int64_t flips = wanted ? atoll(wanted) : 600;
    char path[128];
    judd_bank *bank = make_bank();
    OK(judd_checkpoint_save(folder, "00ff", bank, &comm));
    judd_bank_destroy(bank);
    make_cache();
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%s", folder, k ? "predictions" : "heads");
        OK(judd_atomic_file_make_folder(path));
    }
    snprintf(head_file, sizeof head_file, "%s/heads/t.h5", folder);
    snprintf(predictions_file, sizeof predictions_file, "%s/predictions/t.h5", folder);
    make_head();
    make_predictions();
    snprintf(record_file, sizeof record_file, "%s/results.jsonl", folder);
    make_record();
    subject subjects[] = {{"state", "step-5/state.h5", say_checkpoint},
                          {"MANIFEST", "step-5/MANIFEST", say_checkpoint},
                          {"cache", "", say_cache},
                          {"head", "heads/t.h5", say_head},
                          {"predictions", "predictions/t.h5", say_predictions},
                          {"record", "results.jsonl", say_record}};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        subject *s = &subjects[i];
        char name[64];
        snprintf(name, sizeof name, "%.60s", s->path);
        snprintf(s->path, sizeof s->path, "%s/%s", folder, name);
        if (s->say == say_cache) snprintf(s->path, sizeof s->path, "%s", cache_file);
        damage(s, flips);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flips)};
    if (judd_h5_init() != JUDD_OK) return 1;
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &(int){0});
    snprintf(folder, sizeof folder, "/tmp/judd-flips-XXXXXX");
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK || !mkdtemp(folder)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)judd_atomic_file_remove(folder);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
