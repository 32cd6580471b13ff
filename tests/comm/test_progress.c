#include <judd/comm/progress.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const judd_comm first = {.rank = 0, .size = 2};
static const judd_comm second = {.rank = 1, .size = 2};

static void sleep_ms(long ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static double worth = 1.0; /* of a unit that is done */

/* Runs a phase of `steps` updates with stderr going to `fd`. */
static void run_phase(int fd, const judd_comm *comm, int64_t total, int steps, long ms,
                      bool quiet) {
    judd_progress *progress = NULL;
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    judd_status status = judd_progress_create(&progress, comm, "features", "images", total, quiet);
    for (int i = 1; i <= steps && status == JUDD_OK; i++) {
        sleep_ms(ms);
        if (worth == 1.0)
            judd_progress_update(progress, i * 10);
        else
            judd_progress_weigh(progress, i * 10, worth * i * 10);
    }
    judd_progress_destroy(progress);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_int_equal(status, JUDD_OK);
}

/* What a phase writes into a log. */
static void log_of(char text[4096], const judd_comm *comm, int steps, long ms, bool quiet) {
    FILE *file = tmpfile();
    assert_non_null(file);
    run_phase(fileno(file), comm, 1000, steps, ms, quiet);
    ssize_t n = pread(fileno(file), text, 4095, 0);
    text[n > 0 ? n : 0] = 0;
    fclose(file);
}

static void short_phases_leave_no_line(void **state) {
    (void)state;
    char text[4096];
    log_of(text, &first, 100, 0, false);
    assert_string_equal(text, "");
}

static void a_log_gets_one_line(void **state) {
    (void)state;
    char text[4096];
    int64_t done = 0;
    log_of(text, &first, 11, 100, false);
    assert_int_equal(sscanf(text, "features: %ld of 1000 images in 1 s (", &done), 1);
    assert_int_equal(done, 110);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strchr(text, '\r'));
}

static void only_rank_0_prints(void **state) {
    (void)state;
    char text[4096];
    log_of(text, &second, 11, 100, false);
    assert_string_equal(text, "");
    log_of(text, &first, 11, 100, true);
    assert_string_equal(text, "");
    judd_progress_destroy(NULL);
    judd_progress_update(NULL, 1);
}

/* What a phase writes to a terminal. */
static void terminal_of(char text[8192], int64_t total, int steps, long ms) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) skip();
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    run_phase(slave, &first, total, steps, ms, false);
    close(slave);
    size_t used = 0;
    for (ssize_t n = 1; n > 0 && used<8191; used += n> 0 ? (size_t)n : 0)
        n = read(master, text + used, 8191 - used);
    text[used] = 0;
    close(master);
}

static void a_terminal_is_rewritten(void **state) {
    (void)state;
    char text[8192];
    terminal_of(text, 200, 40, 20); /* 0.8 s: at most 4 lines and the last */
    int lines = 0;
    for (const char *c = text; *c; c++) lines += c[0] == '\r' && c[1] == 'f';
    assert_in_range(lines, 2, 5);
    assert_non_null(strstr(text, " %, "));
    assert_non_null(strstr(text, " of 200 images, "));
    assert_non_null(strstr(text, " s left"));
    assert_null(strstr(text, "101 %")); /* 400 of 200: an estimate may run past the total */
    assert_non_null(strstr(text, "\rfeatures: 400 images in "));
    assert_string_equal(text + strlen(text) - 2, "\r\n");
}

/* What is finished first may be most of the work. */
static void percent_and_time_follow_the_worth(void **state) {
    (void)state;
    char text[8192];
    int lines = 0;
    worth = 5.0;
    terminal_of(text, 1000, 16, 40);
    worth = 1.0;
    for (const char *c = strchr(text, '\r'); c; c = strchr(c + 1, '\r')) {
        long percent = 0, done = 0, rate = 0, left = 0;
        if (sscanf(c, "\rfeatures: %ld %%, %ld of 1000 images, %ld/s, %ld s left", &percent, &done,
                   &rate, &left) != 4)
            continue;
        assert_int_equal(percent, 5 * done / 10);
        double rest = (1000.0 / 5.0 - (double)done) / (double)rate; /* seconds */
        assert_true((double)left >= rest - 0.6 && (double)left <= rest + 0.6);
        lines++;
    }
    assert_true(lines >= 2);
}

static void without_a_total(void **state) {
    (void)state;
    char text[8192];
    terminal_of(text, 0, 30, 10);
    assert_null(strstr(text, "%"));
    assert_null(strstr(text, "left"));
    assert_non_null(strstr(text, " images, "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_phases_leave_no_line),
        cmocka_unit_test(a_log_gets_one_line),
        cmocka_unit_test(only_rank_0_prints),
        cmocka_unit_test(a_terminal_is_rewritten),
        cmocka_unit_test(percent_and_time_follow_the_worth),
        cmocka_unit_test(without_a_total),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
