/* Reads of many places at once: what arrives, where files end, what cannot be read, many threads,
 * between signals; and with a queue the same as without. */
#include <judd/base/integers.h>
#include <judd/base/rng.h>
#include <judd/io/read_queue.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { BYTES = 1 << 20, READS = 200, SIZE = 8192, THREADS = 7, TURNS = 50 };

static char path[] = "/tmp/judd-read-queue-XXXXXX";
static unsigned char *content;
static int fd;

static int make_file(void **state) {
    (void)state;
    content = malloc(BYTES);
    fd = mkstemp(path);
    if (!content || fd < 0) return -1;
    for (int64_t i = 0; i < BYTES; i++)
        content[i] = (unsigned char)judd_rng_bits(1, JUDD_RNG_ORDER, 0, (uint64_t)i);
    return write(fd, content, BYTES) == BYTES ? 0 : -1;
}

static int remove_file(void **state) {
    (void)state;
    free(content);
    close(fd);
    return unlink(path);
}

/* Anywhere in the file and a little beyond its end; turn by turn other places. */
static void plan(judd_read *reads, unsigned char *room, uint64_t turn) {
    for (int64_t i = 0; i < READS; i++) {
        uint64_t bits = judd_rng_bits(2, JUDD_RNG_ORDER, (uint32_t)turn, (uint64_t)i);
        reads[i] = (judd_read){.fd = fd,
                               .offset = (int64_t)(bits >> 32) % (BYTES + SIZE),
                               .size = (size_t)(bits % SIZE),
                               .to = room + i * SIZE,
                               .got = 77, /* run sets both */
                               .error = 77};
    }
}

static int n_wrong(const judd_read *reads) {
    int wrong = 0;
    for (const judd_read *r = reads; r < reads + READS; r++) {
        int64_t there = judd_most(0, BYTES - r->offset);
        size_t n = (size_t)judd_least((int64_t)r->size, there);
        wrong += r->error != 0 || r->got != n || memcmp(r->to, content + r->offset, r->got) != 0;
    }
    return wrong;
}

/* Returns the number of wrong reads. */
static void *read_often(void *queue) {
    judd_read reads[READS];
    unsigned char *room = malloc(READS * SIZE);
    intptr_t wrong = room ? 0 : 1;
    for (uint64_t turn = 0; room && turn < TURNS; turn++) {
        memset(room, 0, READS * SIZE);
        plan(reads, room, turn);
        judd_read_queue_run(queue, reads, READS);
        wrong += n_wrong(reads);
    }
    free(room);
    return (void *)wrong;
}

static void reads_what_is_there(void **state) {
    (void)state;
    judd_read_queue *queue = NULL;
    assert_int_equal(judd_read_queue_create(&queue), JUDD_OK);
    assert_null(read_often(queue));
    assert_null(read_often(NULL));
    judd_read_queue_run(queue, NULL, 0);
    judd_read_queue_destroy(queue);
    judd_read_queue_destroy(NULL);
}

static void says_what_cannot_be_read(void **state) {
    (void)state;
    judd_read_queue *queue = NULL;
    judd_read reads[READS];
    unsigned char *room = malloc(READS * SIZE);
    int only_written = open(path, O_WRONLY), folder = open("/tmp", O_RDONLY);
    assert_int_equal(judd_read_queue_create(&queue), JUDD_OK);
    plan(reads, room, 0);
    reads[3] = (judd_read){.fd = -1, .size = 9, .to = room};
    reads[5] = (judd_read){.fd = only_written, .size = 9, .to = room};
    reads[7] = (judd_read){.fd = folder, .size = 9, .to = room};
    reads[9] = (judd_read){.fd = fd, .offset = -5, .size = 9, .to = room};
    judd_read_queue_run(queue, reads, READS);
    assert_int_equal(reads[3].error, EBADF);
    assert_int_equal(reads[5].error, EBADF);
    assert_int_equal(reads[7].error, EISDIR);
    assert_int_equal(reads[9].error, EINVAL);
    for (int i = 3; i <= 9; i += 2) {
        assert_int_equal(reads[i].got, 0);
        reads[i] = reads[2];
    }
    assert_int_equal(n_wrong(reads), 0);
    judd_read_queue_destroy(queue);
    close(only_written);
    close(folder);
    free(room);
}

static void is_shared_by_threads(void **state) {
    (void)state;
    judd_read_queue *queue = NULL;
    pthread_t threads[THREADS];
    assert_int_equal(judd_read_queue_create(&queue), JUDD_OK);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, queue), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    judd_read_queue_destroy(queue);
}

static volatile sig_atomic_t n_signals;

static void count(int signal) {
    (void)signal;
    n_signals++;
}

/* No SA_RESTART: every wait may be cut short. */
static void goes_on_after_signals(void **state) {
    (void)state;
    struct sigaction old, action = {.sa_handler = count};
    struct itimerval often = {{0, 50}, {0, 50}}, never = {0};
    assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    judd_read_queue *queue = NULL;
    assert_int_equal(judd_read_queue_create(&queue), JUDD_OK);
    while (n_signals < 20) assert_null(read_often(queue));
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    sigaction(SIGALRM, &old, NULL);
    judd_read_queue_destroy(queue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_there), cmocka_unit_test(says_what_cannot_be_read),
        cmocka_unit_test(is_shared_by_threads), cmocka_unit_test(goes_on_after_signals)};
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
