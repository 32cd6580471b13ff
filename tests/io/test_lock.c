/* The source itself: processes without MPI take and release the lock, on machines that are made up
 * and on a file system without flock. */
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static bool has_flock = true;
static const char *this_host; /* NULL: the real one */

static int made_up_flock(int fd, int how);
static int made_up_host(char *name, size_t size);
#define flock made_up_flock
#define gethostname made_up_host
#include "io/lock.c"
#undef flock
#undef gethostname

#include <judd/base/clock.h>
#include <judd/io/atomic_file.h>

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

static int made_up_flock(int fd, int how) {
    if (has_flock) return flock(fd, how);
    errno = ENOLCK;
    return -1;
}

static int made_up_host(char *name, size_t size) {
    if (!this_host) return gethostname(name, size);
    snprintf(name, size, "%s", this_host);
    return 0;
}

static int make_folder(void **state) {
    char template[] = "judd-test-XXXXXX";
    if (!mkdtemp(template)) return -1;
    *state = realpath(template, NULL);
    return 0;
}

static int remove_folder(void **state) {
    int failed = judd_atomic_file_remove(*state) != JUDD_OK;
    free(*state);
    return failed;
}

static judd_status take_in(judd_lock **out, const char *folder) {
    judd_lock *lock = NULL;
    *out = NULL;
    judd_status status = create(&lock, folder);
    if (status == JUDD_OK) status = take(lock);
    if (status == JUDD_OK) status = start_beat(lock);
    if (status == JUDD_OK)
        *out = lock;
    else
        judd_lock_release(lock);
    return status;
}

/* A process that holds the lock until killed; returns once it has it. */
static pid_t start_owner(const char *folder) {
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        judd_lock *lock = NULL;
        setenv("SLURM_JOB_ID", "4711", 1);
        byte = take_in(&lock, folder) == JUDD_OK ? 1 : 2;
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void names_the_owner_and_is_recoverable(void **state) {
    const char *folder = *state;
    char path[256], words[64], host[256] = "";
    judd_lock *lock = NULL;
    pid_t holder = start_owner(folder);
    const double start = judd_clock_s(CLOCK_MONOTONIC);
    assert_int_equal(take_in(&lock, folder), JUDD_E_AGAIN);
    assert_true(judd_clock_s(CLOCK_MONOTONIC) - start < 1);
    assert_null(lock);
    snprintf(words, sizeof words, "process %ld, batch job 4711, since 20", (long)holder);
    assert_non_null(strstr(judd_status_message(), words));
    gethostname(host, sizeof host - 1);
    assert_non_null(strstr(judd_status_message(), host));

    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    snprintf(path, sizeof path, "%s/LOCK", folder);
    assert_int_equal(access(path, F_OK), 0); /* the dead owner's file is still there */
    assert_int_equal(take_in(&lock, folder), JUDD_OK);
    judd_lock_release(lock);
    assert_int_equal(access(path, F_OK), -1);
    judd_lock_release(NULL);
}

/* An owner that has not written its name: still refused within a second. */
static void silent_owner(void **state) {
    char path[256];
    judd_lock *lock = NULL;
    snprintf(path, sizeof path, "%s/LOCK", (const char *)*state);
    int fd = open(path, O_RDWR | O_CREAT, 0666);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    const double start = judd_clock_s(CLOCK_MONOTONIC);
    assert_int_equal(take_in(&lock, *state), JUDD_E_AGAIN);
    assert_true(judd_clock_s(CLOCK_MONOTONIC) - start < 1);
    assert_non_null(strstr(judd_status_message(), "an unknown process"));
    close(fd);
}

static void removed_and_replaced(void **state) {
    char path[256];
    judd_lock *mine = NULL, *other = NULL;
    snprintf(path, sizeof path, "%s/LOCK", (const char *)*state);
    assert_int_equal(take_in(&mine, *state), JUDD_OK);
    assert_int_equal(unlink(path), 0); /* a person removes the file: the lock is lost */
    assert_int_equal(take_in(&other, *state), JUDD_OK);
    judd_lock_release(mine); /* and must not remove the other's */
    assert_int_equal(access(path, F_OK), 0);
    judd_lock_release(other);
    assert_int_equal(access(path, F_OK), -1);
}

static void refuses_links_and_missing_folders(void **state) {
    char path[256];
    judd_lock *lock = NULL;
    assert_int_equal(take_in(&lock, "no/such/folder"), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "No such file"));
    snprintf(path, sizeof path, "%s/LOCK", (const char *)*state);
    assert_int_equal(symlink("elsewhere", path), 0);
    assert_int_equal(take_in(&lock, *state), JUDD_E_IO);
}

/* Where locks do not reach: a live process of this host is known by its number and its start. */
static void without_flock(void **state) {
    char path[256], text[TEXT_SIZE], other[TEXT_SIZE];
    judd_lock *lock = NULL;
    struct stat info;
    has_flock = false;
    pid_t holder = start_owner(*state);
    assert_int_equal(take_in(&lock, *state), JUDD_E_AGAIN);
    assert_non_null(strstr(judd_status_message(), "batch job 4711, since 20"));
    assert_null(strchr(judd_status_message(), '['));
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    assert_int_equal(take_in(&lock, *state), JUDD_OK);
    judd_lock_release(lock);

    /* the same number, but another process: ours, as if it had begun at another time */
    snprintf(path, sizeof path, "%s/LOCK", (const char *)*state);
    describe_self(text);
    char *start = strstr(text, "[start ");
    snprintf(other, sizeof other, "%.*s[start 1%s", (int)(start - text), text, start + 7);
    assert_int_equal(judd_atomic_file_write(path, other, (int64_t)strlen(other)), JUDD_OK);
    assert_int_equal(take_in(&lock, *state), JUDD_OK);
    assert_int_equal(read_text(text, &info, path), JUDD_OK);
    assert_string_equal(text, lock->text);
    judd_lock_release(lock);
    has_flock = true;
}

/* An owner on another machine is known by its beats; one that is stopped for long is replaced, and
 * knows it when it wakes. */
static void elsewhere(void **state) {
    char path[256], text[TEXT_SIZE];
    judd_lock *mine = NULL, *other = NULL;
    struct stat info;
    has_flock = false;
    this_host = "node1";
    assert_int_equal(take_in(&mine, *state), JUDD_OK);
    assert_int_equal(judd_lock_check(mine), JUDD_OK);
    this_host = "node2";
    const double start = judd_clock_s(CLOCK_MONOTONIC);
    assert_int_equal(take_in(&other, *state), JUDD_E_AGAIN);
    assert_true(judd_clock_s(CLOCK_MONOTONIC) - start < 5);
    assert_non_null(strstr(judd_status_message(), "in use by host node1, process "));

    pthread_mutex_lock(&mine->mutex); /* no beat any more */
    assert_int_equal(take_in(&other, *state), JUDD_OK);
    pthread_mutex_unlock(&mine->mutex);
    assert_int_equal(judd_lock_check(other), JUDD_OK);
    assert_int_equal(judd_lock_check(mine), JUDD_E_AGAIN);
    assert_non_null(strstr(judd_status_message(), "taken over by host node2"));
    judd_lock_release(mine);
    snprintf(path, sizeof path, "%s/LOCK", (const char *)*state);
    assert_int_equal(read_text(text, &info, path), JUDD_OK);
    assert_string_equal(text, other->text);
    judd_lock_release(other);
    has_flock = true;
    this_host = NULL;
}

/* Six processes take and release as fast as they can while the file comes and goes; at no time may
 * two of them be inside. */
static void never_two_inside(void **state) {
    enum { PROCESSES = 6, WANTED = 150 };
    struct {
        int inside, worst, taken;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() != 0) continue;
        while (__atomic_load_n(&shared->taken, __ATOMIC_SEQ_CST) < WANTED) {
            judd_lock *lock = NULL;
            if (take_in(&lock, *state) != JUDD_OK) continue;
            if (__atomic_add_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST) > 1) shared->worst = 2;
            __atomic_add_fetch(&shared->taken, 1, __ATOMIC_SEQ_CST);
            sched_yield();
            __atomic_sub_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);
            judd_lock_release(lock);
        }
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int how = 0;
        wait(&how);
        assert_int_equal(how, 0);
    }
    assert_int_equal(shared->worst, 0);
    assert_true(shared->taken >= WANTED);
    munmap(shared, 4096);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(names_the_owner_and_is_recoverable),
        IN_FOLDER(silent_owner),
        IN_FOLDER(removed_and_replaced),
        IN_FOLDER(refuses_links_and_missing_folders),
        IN_FOLDER(without_flock),
        IN_FOLDER(elsewhere),
        IN_FOLDER(never_two_inside),
    };
    return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
