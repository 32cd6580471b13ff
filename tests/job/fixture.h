/** A small valid job, one thought a line, and files in a folder of their own. */
#ifndef JUDD_TESTS_JOB_FIXTURE_H
#define JUDD_TESTS_JOB_FIXTURE_H

#include <judd/job/job.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const good_lines[] = {
    "schema = 1;",                                                                       /* 1 */
    "name = \"fashion\";",                                                               /* 2 */
    "lanes = 16;",                                                                       /* 3 */
    "verdict = {",                                                                       /* 4 */
    "  margin = 0.005;",                                                                 /* 5 */
    "  seeds = 10;",                                                                     /* 6 */
    "};",                                                                                /* 7 */
    "limits = { checkpoint_s = 60.0; };",                                                /* 8 */
    "backbones = (",                                                                     /* 9 */
    "{ name = \"resnet\"; kind = \"onnx\"; file = \"models/x.onnx\";",                   /* 10 */
    "  input = { mean = [0.5]; std = [0.25]; }; },",                                     /* 11 */
    "{ name = \"random\"; kind = \"onnx\"; file = \"x.onnx\"; weights = \"random\"; },", /* 12 */
    "{ name = \"pixels\"; kind = \"pixels\"; } );",                                      /* 13 */
    "datasets = (",                                                                      /* 14 */
    "{ name = \"own\"; format = \"idx\";",                                               /* 15 */
    "  train = { images = \"i.gz\"; labels = \"l.gz\"; };",                              /* 16 */
    "  test = { images = \"ti.gz\"; labels = \"tl.gz\"; };",                             /* 17 */
    "  classes = [0, 2, 3]; } );",                                                       /* 18 */
    "heads = ( { name = \"linear\"; kind = \"softmax\";",                                /* 19 */
    "  optimizer = { momentum = 0.8; steps = 100; };",                                   /* 20 */
    "  l2 = [0.0001, 0.01]; } );",                                                       /* 21 */
    "experiments = ( { name = \"e1\"; source = \"fashion 0,2,3\"; target = \"own\";",    /* 22 */
    "  backbone = \"resnet\"; baseline = \"pixels\"; head = \"linear\";",                /* 23 */
    "  shots = [5, 20]; } );",                                                           /* 24 */
};
enum { GOOD_LINES = sizeof good_lines / sizeof *good_lines, GOOD_SIZE = 8192 };

/* The good job with line `number` (0: none) replaced. */
static inline void good_text(char text[GOOD_SIZE], int number, const char *replacement) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < GOOD_LINES; i++) {
        const char *line = i + 1 == number ? replacement : good_lines[i];
        assert_true(used + strlen(line) + 2 < GOOD_SIZE);
        used += (size_t)snprintf(text + used, GOOD_SIZE - used, "%s\n", line);
    }
}

static inline void write_bytes(const char *path, const void *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static inline void write_file(const char *path, const char *text) {
    write_bytes(path, text, strlen(text));
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info, (void)type, (void)walk;
    return remove(path);
}

/* A new working directory, so that messages hold short paths. */
static inline int enter_folder(void **state) {
    char name[] = "judd-job-XXXXXX";
    const char *base = getenv("TMPDIR");
    if (chdir(base ? base : P_tmpdir) != 0 || !mkdtemp(name) || chdir(name) != 0) return -1;
    *state = getcwd(NULL, 0);
    return 0;
}

static inline int leave_folder(void **state) {
    int bad = chdir("/") != 0 || nftw(*state, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0;
    free(*state);
    return bad;
}

/* Reading must fail with JUDD_E_CONFIG and exactly this message. */
static inline void expect_refusal(const char *path, const char *override, const char *message) {
    judd_job *job = NULL;
    judd_status status = judd_job_read(&job, path, &override, override ? 1 : 0);
    if (status == JUDD_OK) fail_msg("accepted, but expected: %s", message);
    assert_string_equal(judd_status_message(), message);
    assert_int_equal(status, JUDD_E_CONFIG);
    assert_null(job);
}

#endif
