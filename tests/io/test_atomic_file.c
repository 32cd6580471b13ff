#include <judd/io/atomic_file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Every test runs inside a new folder. */
static int enter_folder(void **state) {
    char template[] = "judd-test-XXXXXX";
    if (!mkdtemp(template)) return -1;
    *state = realpath(template, NULL);
    return chdir(template);
}

static int leave_folder(void **state) {
    int failed = chdir("..") != 0 || judd_atomic_file_remove(*state) != JUDD_OK;
    failed = failed || access(*state, F_OK) == 0;
    free(*state);
    return failed;
}

static int entries(const char *folder) {
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

static void assert_content(const char *path, const char *text) {
    char *data = NULL;
    int64_t bytes = 0;
    assert_int_equal(judd_atomic_file_read(&data, &bytes, path, 1 << 20), JUDD_OK);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(data, text);
    free(data);
}

static void write_replaces(void **state) {
    (void)state;
    assert_int_equal(judd_atomic_file_write("a", "one", 3), JUDD_OK);
    assert_content("a", "one");
    assert_int_equal(judd_atomic_file_write("a", "four", 4), JUDD_OK);
    assert_content("a", "four");
    assert_int_equal(judd_atomic_file_write("a", NULL, 0), JUDD_OK);
    assert_content("a", "");
    assert_int_equal(entries("."), 1);
    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat("a", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
}

static void write_replaces_a_link_not_its_target(void **state) {
    (void)state;
    assert_int_equal(judd_atomic_file_write("target", "old", 3), JUDD_OK);
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(judd_atomic_file_write("link", "new", 3), JUDD_OK);
    assert_content("target", "old");
    assert_content("link", "new");
}

/* The limit makes the first write short and the second fail, as a full disk does. */
static void write_fails_whole(void **state) {
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof big);
    assert_int_equal(judd_atomic_file_write("a", "old", 3), JUDD_OK);
    struct rlimit kept, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    small = kept;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    judd_status status = judd_atomic_file_write("a", big, sizeof big);
    setrlimit(RLIMIT_FSIZE, &kept);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "a: cannot write: File too large; "));
    assert_content("a", "old");
    assert_int_equal(entries("."), 1);
}

static void write_into_nowhere(void **state) {
    (void)state;
    assert_int_equal(judd_atomic_file_write("no/such/a", "x", 1), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "no/such/a: cannot create: No such file"));
    assert_int_equal(mkdir("folder", 0777), 0);
    assert_int_equal(judd_atomic_file_write("folder", "x", 1), JUDD_E_IO);
    assert_int_equal(entries("."), 1);
}

/* A process killed at any point leaves one of the two whole contents. */
/* As root, rename() would make /dev/null a file for the whole machine. */
static void write_replaces_no_device(void **state) {
    (void)state;
    struct stat info;
    assert_int_equal(mkfifo("pipe", 0666), 0);
    assert_int_equal(symlink("pipe", "link"), 0);
    assert_int_equal(judd_atomic_file_write("new", "one", 3), JUDD_OK);
    assert_int_equal(judd_atomic_file_write("pipe", "one", 3), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "pipe: is a device"));
    assert_int_equal(judd_atomic_file_write("link", "one", 3), JUDD_E_IO);
    assert_int_equal(judd_atomic_file_commit("new", "pipe"), JUDD_E_IO);
    assert_int_equal(lstat("pipe", &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_content("new", "one");
    assert_int_equal(entries("."), 3);
}

static void kills_leave_whole_files(void **state) {
    (void)state;
    enum { N = 20000, KILLS = 25 };
    static char a[N], b[N];
    memset(a, 'a', N);
    memset(b, 'b', N);
    assert_int_equal(judd_atomic_file_write("f", a, N), JUDD_OK);
    for (int k = 0; k < KILLS; k++) {
        pid_t child = fork();
        if (child == 0)
            for (int i = 0;; i++)
                if (judd_atomic_file_write("f", i % 2 ? a : b, N) != JUDD_OK) _exit(1);
        const struct timespec t = {.tv_nsec = 1000000 + 700000 * k};
        nanosleep(&t, NULL);
        kill(child, SIGKILL);
        int how = 0;
        waitpid(child, &how, 0);
        assert_true(WIFSIGNALED(how));
        char *data = NULL;
        int64_t bytes = 0;
        assert_int_equal(judd_atomic_file_read(&data, &bytes, "f", N), JUDD_OK);
        assert_int_equal(bytes, N);
        assert_true(memcmp(data, a, N) == 0 || memcmp(data, b, N) == 0);
        free(data);
    }
}

static void folders_are_made(void **state) {
    (void)state;
    struct stat info;
    assert_int_equal(judd_atomic_file_make_folder("a//b/c/"), JUDD_OK);
    assert_true(stat("a/b/c", &info) == 0 && S_ISDIR(info.st_mode));
    assert_int_equal(judd_atomic_file_make_folder("a/b/c"), JUDD_OK);
    assert_int_equal(judd_atomic_file_make_folder("/"), JUDD_OK);
    assert_int_equal(judd_atomic_file_make_folder("."), JUDD_OK);
    assert_int_equal(symlink("a", "link"), 0);
    assert_int_equal(judd_atomic_file_make_folder("link/d"), JUDD_OK);
    assert_int_equal(access("a/d", F_OK), 0);
    assert_int_equal(judd_atomic_file_write("file", "", 0), JUDD_OK);
    assert_int_equal(judd_atomic_file_make_folder("file/x"), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "file: is a file"));
    assert_int_equal(judd_atomic_file_make_folder(""), JUDD_E_IO);
}

static void commits(void **state) {
    (void)state;
    assert_int_equal(judd_atomic_file_write("t", "file", 4), JUDD_OK);
    assert_int_equal(judd_atomic_file_commit("t", "final"), JUDD_OK);
    assert_content("final", "file");
    assert_int_equal(access("t", F_OK), -1);
    assert_int_equal(judd_atomic_file_make_folder("step-1.tmp"), JUDD_OK);
    assert_int_equal(judd_atomic_file_write("step-1.tmp/x", "x", 1), JUDD_OK);
    assert_int_equal(judd_atomic_file_commit("step-1.tmp", "step-1"), JUDD_OK);
    assert_content("step-1/x", "x");
    assert_int_equal(judd_atomic_file_make_folder("step-2.tmp"), JUDD_OK);
    assert_int_equal(judd_atomic_file_commit("step-2.tmp", "step-1"), JUDD_E_IO);
    assert_content("step-1/x", "x"); /* never replaced */
    assert_int_equal(access("step-2.tmp", F_OK), 0);
    assert_int_equal(judd_atomic_file_commit("missing", "x"), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "missing: cannot open"));
}

static void reads_within_limits(void **state) {
    (void)state;
    char *data = NULL;
    int64_t bytes = 0;
    assert_int_equal(judd_atomic_file_write("a",
                                            "12\0"
                                            "45",
                                            5),
                     JUDD_OK);
    assert_int_equal(judd_atomic_file_read(&data, &bytes, "a", 5), JUDD_OK);
    assert_int_equal(bytes, 5);
    assert_memory_equal(data,
                        "12\0"
                        "45",
                        6);
    free(data);
    assert_int_equal(judd_atomic_file_read(&data, &bytes, "a", 4), JUDD_E_DATA);
    assert_null(data);
    assert_int_equal(judd_atomic_file_read(&data, &bytes, "b", 5), JUDD_E_IO);
    assert_int_equal(judd_atomic_file_read(&data, &bytes, ".", 5), JUDD_E_DATA);
    assert_int_equal(mkfifo("fifo", 0666), 0);
    assert_int_equal(judd_atomic_file_read(&data, &bytes, "fifo", 5), JUDD_E_DATA);
    /* a file whose size the system does not know, longer than the first buffer */
    assert_int_equal(judd_atomic_file_read(&data, &bytes, "/proc/cpuinfo", 1 << 24), JUDD_OK);
    assert_true(bytes > 0 && data[bytes] == 0 && memchr(data, 0, (size_t)bytes) == NULL);
    free(data);
    assert_int_equal(judd_atomic_file_read(&data, &bytes, "/proc/cpuinfo", 5), JUDD_E_DATA);
}

static void removes_without_following(void **state) {
    (void)state;
    assert_int_equal(judd_atomic_file_make_folder("keep"), JUDD_OK);
    assert_int_equal(judd_atomic_file_write("keep/x", "x", 1), JUDD_OK);
    assert_int_equal(judd_atomic_file_make_folder("tree/a/b"), JUDD_OK);
    assert_int_equal(judd_atomic_file_write("tree/a/b/f", "f", 1), JUDD_OK);
    assert_int_equal(symlink("../../keep", "tree/a/link"), 0);
    assert_int_equal(symlink("nowhere", "tree/dangling"), 0);
    assert_int_equal(mkfifo("tree/fifo", 0666), 0);
    assert_int_equal(symlink("keep", "link"), 0);
    assert_int_equal(judd_atomic_file_remove("tree"), JUDD_OK);
    assert_int_equal(judd_atomic_file_remove("link/"), JUDD_OK); /* not what it points to */
    struct stat info;
    assert_int_equal(lstat("tree", &info), -1);
    assert_int_equal(lstat("link", &info), -1);
    assert_content("keep/x", "x");
    assert_int_equal(judd_atomic_file_remove("keep/x"), JUDD_OK);
    assert_int_equal(judd_atomic_file_remove("keep/x"), JUDD_OK);
    assert_int_equal(judd_atomic_file_remove("no/such"), JUDD_OK);
    static const char *const refused[] = {"", "/", "///", ".", "..", "keep/..", "keep/./"};
    for (int i = 0; i < 7; i++)
        assert_int_equal(judd_atomic_file_remove(refused[i]), JUDD_E_INTERNAL);
    assert_int_equal(access("keep", F_OK), 0);
}

static void removes_many_and_deep(void **state) {
    (void)state;
    char path[2048] = "deep", name[64];
    for (int i = 0; i < 200; i++) strcat(path, "/d");
    assert_int_equal(judd_atomic_file_make_folder(path), JUDD_OK);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "deep/a-rather-long-file-name-%d", i);
        int fd = open(name, O_CREAT | O_WRONLY, 0666);
        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(judd_atomic_file_remove("deep"), JUDD_OK);
    assert_int_equal(entries("."), 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(write_replaces),           IN_FOLDER(write_replaces_a_link_not_its_target),
        IN_FOLDER(write_replaces_no_device), IN_FOLDER(write_fails_whole),
        IN_FOLDER(write_into_nowhere),       IN_FOLDER(kills_leave_whole_files),
        IN_FOLDER(folders_are_made),         IN_FOLDER(commits),
        IN_FOLDER(reads_within_limits),      IN_FOLDER(removes_without_following),
        IN_FOLDER(removes_many_and_deep),
    };
    return cmocka_run_group_tests_name("atomic_file", tests, NULL, NULL);
}
