#include <judd/io/read_queue.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* One by one: storage, and a kernel that copies from its cache, do more of several at once. */
enum { PLAIN_THREADS = 4 };

static void read_plainly(judd_read *r) {
    while (r->got < r->size && r->error == 0) {
        ssize_t n =
            pread(r->fd, (char *)r->to + r->got, r->size - r->got, r->offset + (int64_t)r->got);
        if (n == 0) return;
        if (n > 0)
            r->got += (size_t)n;
        else if (errno != EINTR)
            r->error = errno;
    }
}

#if JUDD_IO_URING

#include <liburing.h>

/* Threads that read at once; reads of each. */
enum { RINGS = 4, DEPTH = 64, MOST = 1 << 30 /* bytes of one read */ };

typedef struct ring {
    bool tried, works, taken;
    struct io_uring uring;
} ring;

struct judd_read_queue {
    pthread_mutex_t mutex; /* of tried, works, taken */
    ring rings[RINGS];
};

judd_status judd_read_queue_create(judd_read_queue **out) {
    judd_status status = judd_memory_alloc(out, 1, sizeof **out);
    if (status == JUDD_OK) pthread_mutex_init(&(*out)->mutex, NULL);
    return status;
}

void judd_read_queue_destroy(judd_read_queue *queue) {
    if (!queue) return;
    for (ring *r = queue->rings; r < queue->rings + RINGS; r++)
        if (r->works) io_uring_queue_exit(&r->uring);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}

/* Older kernels do not know the flag, which spares interrupts of whoever waits anyway. */
static bool open_ring(struct io_uring *uring) {
    return io_uring_queue_init(DEPTH, uring, IORING_SETUP_COOP_TASKRUN) == 0 ||
           io_uring_queue_init(DEPTH, uring, 0) == 0;
}

/* A ring of the caller's own, or NULL. */
static ring *take(judd_read_queue *queue) {
    ring *free_one = NULL;
    pthread_mutex_lock(&queue->mutex);
    for (ring *r = queue->rings; r < queue->rings + RINGS && !free_one; r++) {
        if (!r->tried) {
            r->tried = true;
            r->works = open_ring(&r->uring);
        }
        if (r->works && !r->taken) free_one = r;
    }
    if (free_one) free_one->taken = true;
    pthread_mutex_unlock(&queue->mutex);
    return free_one;
}

static void give_back(judd_read_queue *queue, ring *r) {
    pthread_mutex_lock(&queue->mutex);
    r->taken = false;
    pthread_mutex_unlock(&queue->mutex);
}

/* Takes what is done; returns how many reads. */
static unsigned collect(struct io_uring *uring) {
    struct io_uring_cqe *done;
    unsigned head, n = 0;
    io_uring_for_each_cqe(uring, head, done) {
        judd_read *r = io_uring_cqe_get_data(done);
        if (done->res > 0) r->got = (size_t)done->res;
        n++;
    }
    io_uring_cq_advance(uring, n);
    return n;
}

/* n <= DEPTH reads. What fails or ends early is left for a plain read to finish, or to say why. The
 * kernel writes to their memory until the last one is done: there is no way out before. */
static bool read_together(struct io_uring *uring, judd_read *reads, int64_t n) {
    unsigned left = (unsigned)n;
    bool works = true;
    for (judd_read *r = reads; r < reads + n; r++) {
        struct io_uring_sqe *entry = io_uring_get_sqe(uring);
        unsigned size = (unsigned)(r->size < MOST ? r->size : MOST);
        io_uring_prep_read(entry, r->fd, r->to, size, (uint64_t)r->offset);
        io_uring_sqe_set_data(entry, r);
    }
    while (left > 0 && works) {
        int taken = io_uring_submit_and_wait(uring, left);
        works = taken >= 0 || taken == -EINTR;
        left -= collect(uring);
    }
    for (left -= works ? 0 : io_uring_sq_ready(uring); left > 0; left -= collect(uring))
        sched_yield();
    return works;
}

/* A ring that failed is not given back. */
static void run_together(judd_read_queue *queue, judd_read *reads, int64_t n) {
    bool works = true;
    ring *r = take(queue);
    if (!r) return;
    for (int64_t i = 0; i < n && works; i += DEPTH)
        works = read_together(&r->uring, reads + i, judd_least(n - i, DEPTH));
    if (works) give_back(queue, r);
}

int judd_read_queue_threads(judd_read_queue *queue) {
    ring *r = take(queue);
    if (r) give_back(queue, r);
    return r ? 1 : PLAIN_THREADS;
}

#else

struct judd_read_queue {
    char nothing;
};

judd_status judd_read_queue_create(judd_read_queue **out) {
    return judd_memory_alloc(out, 1, sizeof **out);
}

void judd_read_queue_destroy(judd_read_queue *queue) {
    free(queue);
}

int judd_read_queue_threads(judd_read_queue *queue) {
    (void)queue;
    return PLAIN_THREADS;
}

static void run_together(judd_read_queue *queue, judd_read *reads, int64_t n) {
    (void)queue;
    (void)reads;
    (void)n;
}

#endif

void judd_read_queue_run(judd_read_queue *queue, judd_read *reads, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        reads[i].got = 0;
        reads[i].error = 0;
    }
    if (queue && n > 1) run_together(queue, reads, n);
    for (int64_t i = 0; i < n; i++) read_plainly(&reads[i]);
}
