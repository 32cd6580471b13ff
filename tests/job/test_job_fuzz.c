/* Seeded mutations of a good job and of overrides: every outcome is a job that survives its round
 * trip, or one JUDD_E_CONFIG line with a place. Run under the sanitizers for its full worth. */
#include "job/fixture.h"

#include <judd/base/rng.h>

enum { TEXTS = 6000, OVERRIDES = 3000, MUTATED = 2 * GOOD_SIZE };

typedef struct stream {
    uint64_t seed, next;
} stream;

static size_t draw(stream *s, size_t below) {
    return (size_t)(judd_rng_bits(s->seed, JUDD_RNG_ORDER, 1, s->next++) % below);
}

static const char *const pieces[] = {
    "{",          "}",
    "(",          ")",
    "[",          "]",
    "=",          ";",
    ",",          "\"",
    "\\",         "/*",
    "*/",         "#",
    "//",         "\n",
    "@include",   "\n@include \"a.cfg\"\n",
    "0",          "-",
    "1e999",      "1.5",
    "9999999999", "99999999999999999999",
    "0x",         "0xFFFFFFFFFFFFFFFFFF",
    "L",          "true",
    "name",       "heads",
    "\"x\"",      "{}",
    "()",         "\xff",
    "\x01",       ".",
    "[0].",       "\\x00",
    "e",          "+",
};

/* Replace, insert, delete or double a piece of the text. */
static void mutate(stream *s, char *text) {
    size_t n = strlen(text), at = draw(s, n + 1), cut = draw(s, 12), kind = draw(s, 5);
    const char *piece = pieces[draw(s, sizeof pieces / sizeof *pieces)];
    char copied[64], tail[MUTATED];
    if (cut > n - at) cut = n - at;
    if (n > MUTATED - 128) return;
    if (kind == 0) {
        if (at < n) text[at] = (char)(1 + draw(s, 255));
        return;
    }
    snprintf(copied, sizeof copied, "%.*s", (int)draw(s, 60), text + draw(s, n + 1));
    if (kind == 1) cut = 0;                           /* insert */
    if (kind == 2) piece = "", cut *= 1 + draw(s, 8); /* delete */
    if (kind == 3) piece = copied, cut = 0;           /* double */
    if (cut > n - at) cut = n - at;
    strcpy(tail, text + at + cut);
    snprintf(text + at, MUTATED - at, "%s%s", piece, tail);
}

static int check_outcome(judd_status status, judd_job *job) {
    char *text = NULL, *difference = NULL;
    judd_job *again = NULL;
    if (status != JUDD_OK) {
        const char *message = judd_status_message();
        assert_int_equal(status, JUDD_E_CONFIG);
        assert_null(job);
        assert_true(strncmp(message, "fuzz:", 5) == 0 || strncmp(message, "a.cfg:", 6) == 0 ||
                    strncmp(message, "--set ", 6) == 0);
        assert_true(strlen(message) > 12);
        return 0;
    }
    assert_int_equal(judd_job_write(job, &text), JUDD_OK);
    if (judd_job_read_text(&again, text, "again") != JUDD_OK)
        fail_msg("%s\n%s", judd_status_message(), text);
    assert_int_equal(judd_job_compare(job, again, &difference), JUDD_OK);
    assert_null(difference);
    free(text);
    judd_job_destroy(again);
    judd_job_destroy(job);
    return 1;
}

static void test_texts(void **state) {
    (void)state;
    int accepted = 0;
    char text[MUTATED];
    for (uint64_t seed = 0; seed < TEXTS; seed++) {
        stream s = {seed, 0};
        judd_job *job = NULL;
        good_text(text, 0, NULL);
        for (size_t n = 1 + draw(&s, 4); n > 0; n--) mutate(&s, text);
        judd_status status = judd_job_read_text(&job, text, "fuzz");
        accepted += check_outcome(status, job);
    }
    assert_in_range(accepted, TEXTS / 100, TEXTS / 2); /* both outcomes were met */
}

static void test_overrides(void **state) {
    (void)state;
    static const char *const bases[] = {
        "heads.linear.l2=0.5",     "backbones.[1].input.mean=[0, 1.5]",
        "limits={ threads = 3; }", "experiments.e1.shots=(1, 2)",
        "backbones.2.kind=pixels", "heads=({ name = \"linear\"; kind = \"softmax\"; })",
        "verdict.seeds=5",         "datasets.own.train={ images = \"i\"; labels = \"l\"; }",
    };
    int accepted = 0;
    char text[GOOD_SIZE], change[MUTATED];
    good_text(text, 0, NULL);
    write_file("a.cfg", text);
    for (uint64_t seed = 0; seed < OVERRIDES; seed++) {
        stream s = {seed, 1000};
        judd_job *job = NULL;
        strcpy(change, bases[draw(&s, sizeof bases / sizeof *bases)]);
        for (size_t n = 1 + draw(&s, 3); n > 0; n--) mutate(&s, change);
        const char *changes[] = {change, "lanes=8"};
        judd_status status = judd_job_read(&job, "a.cfg", changes, 2);
        accepted += check_outcome(status, job);
    }
    assert_in_range(accepted, OVERRIDES / 100, OVERRIDES / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_overrides),
    };
    setenv("JUDD_CACHE", "/big/cache", 1);
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
