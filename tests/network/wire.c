/* wire DELAY_US MBIT_S LOSS_PERCENT TAP ...: a switch between network interfaces that it makes,
 * whose ports send every frame late, at that rate, and lose some of them (tc's netem does this too,
 * but few kernels have it). SIGUSR1 cuts the last port off, SIGUSR2 mends it. Ends with its parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PORTS = 8, FRAME = 1600, QUEUE = 1024, MOST_ADDRESSES = 64, ADDRESS = 6 };

typedef struct frame {
    int64_t due_ns;
    int n;
    unsigned char bytes[FRAME];
} frame;

typedef struct port {
    int fd;
    int64_t free_ns; /* when it has sent what waits */
    frame *queue;    /* [QUEUE], a ring */
    int first, n;
} port;

typedef struct wire {
    int64_t delay_ns;
    double ns_a_byte, loss;
    uint64_t random;
    int n_ports;
    port ports[MOST_PORTS];
    int n_addresses;
    unsigned char address[MOST_ADDRESSES][ADDRESS]; /* who has spoken, and at which port */
    int at[MOST_ADDRESSES];
} wire;

static volatile sig_atomic_t cut;

static void on_signal(int number) {
    cut = number == SIGUSR1;
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int open_tap(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0) return fd;
    fprintf(stderr, "wire: %s: %s\n", name, strerror(errno));
    exit(1);
}

static bool lost(wire *w) {
    w->random = w->random * 6364136223846793005U + 1442695040888963407U;
    return (double)(w->random >> 11) * 0x1p-53 * 100.0 < w->loss;
}

static void queue_frame(wire *w, port *p, const frame *f) {
    if (p->n == QUEUE || lost(w)) return;
    int64_t begin = now_ns() > p->free_ns ? now_ns() : p->free_ns;
    frame *place = &p->queue[(p->first + p->n++) % QUEUE];
    memcpy(place->bytes, f->bytes, (size_t)f->n);
    place->n = f->n;
    p->free_ns = begin + (int64_t)((double)f->n * w->ns_a_byte);
    place->due_ns = p->free_ns + w->delay_ns;
}

/* The port of an address, or -1; `from` >= 0: it is there from now on. */
static int find(wire *w, const unsigned char *address, int from) {
    int i = 0;
    while (i < w->n_addresses && memcmp(w->address[i], address, ADDRESS) != 0) i++;
    if (from >= 0 && i < MOST_ADDRESSES) {
        memcpy(w->address[i], address, ADDRESS);
        w->at[i] = from;
        if (i == w->n_addresses) w->n_addresses++;
    }
    return i < w->n_addresses ? w->at[i] : -1;
}

static bool is_cut(const wire *w, int i) {
    return cut && i == w->n_ports - 1;
}

static void take(wire *w, int from) {
    frame f;
    while ((f.n = (int)read(w->ports[from].fd, f.bytes, FRAME)) > 2 * ADDRESS) {
        if (is_cut(w, from)) continue;
        find(w, f.bytes + ADDRESS, from);
        int to = f.bytes[0] & 1 ? -1 : find(w, f.bytes, -1); /* odd: for all */
        for (int p = 0; p < w->n_ports; p++)
            if (p != from && (to < 0 || p == to) && !is_cut(w, p)) queue_frame(w, &w->ports[p], &f);
    }
}

/* What is due goes; how long until the next. */
static int64_t give(wire *w) {
    int64_t next = INT64_C(1000000000), now = now_ns();
    for (int i = 0; i < w->n_ports; i++) {
        port *p = &w->ports[i];
        for (; p->n > 0 && p->queue[p->first].due_ns <= now; p->n--) {
            const frame *f = &p->queue[p->first];
            if (!is_cut(w, i) && write(p->fd, f->bytes, (size_t)f->n) < 0 && errno == EAGAIN) break;
            p->first = (p->first + 1) % QUEUE;
        }
        if (p->n > 0 && p->queue[p->first].due_ns - now < next)
            next = p->queue[p->first].due_ns - now;
    }
    return next < 0 ? 0 : next;
}

int main(int argc, char **argv) {
    static wire w = {.random = 1};
    struct pollfd polled[MOST_PORTS];
    if (argc < 6 || argc - 4 > MOST_PORTS) return 64;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    w.delay_ns = atoll(argv[1]) * 1000;
    w.ns_a_byte = 8000.0 / atof(argv[2]);
    w.loss = atof(argv[3]);
    for (; w.n_ports < argc - 4; w.n_ports++) {
        port *p = &w.ports[w.n_ports];
        p->fd = open_tap(argv[4 + w.n_ports]);
        p->queue = calloc(QUEUE, sizeof *p->queue);
        if (!p->queue) return 1;
        polled[w.n_ports] = (struct pollfd){.fd = p->fd, .events = POLLIN};
    }
    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, on_signal);
    for (;;) {
        int64_t wait = give(&w);
        struct timespec t = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
        if (ppoll(polled, (nfds_t)w.n_ports, &t, NULL) <= 0) continue;
        for (int i = 0; i < w.n_ports; i++)
            if (polled[i].revents) take(&w, i);
    }
}
