#include "sampled.h"

#include "learn/gradient.h"

#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/learn/loss.h>
#include <judd/learn/network.h>

#include "cli/made_up.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <smpi/smpi.h>

#undef clock_gettime /* the machine's clock, not the simulation's */

enum {
    MOST_COSTS = 1024,
    MOST_RANKS = 1 << 14,
    SAMPLES = 9, /* of a size that the table lacks; every step is one where it is made */
    KEPT = 99,
    PRIVATE = 1 << 16, /* bytes at the end of a large buffer that are each rank's own */
    LARGE = 1 << 20
};

typedef struct cost {
    char kernel[32];
    long long size[3];
    double seconds; /* median of the samples */
    int n;
    double samples[KEPT];
    double spent; /* of the calls since the last step began, where the table is made */
    int calls;
} cost;

/* Less than this waits for more, since each wait costs the simulation some microseconds. */
static const double LEAST_S = 10e-6;

/* Ranks are contexts of one thread, and globals are left alone (-no-privatize): one table for all.
 */
static struct {
    const char *file;
    bool measures, replaces, dedicated;
    int n;
    cost costs[MOST_COSTS];
    double debt[MOST_RANKS]; /* seconds each rank has spent and not yet waited for */
    bool inside;             /* a kernel is computed: those it calls are part of it */
} the;

/* ---- the table ----------------------------------------------------------------------------------
 */

static void read_table(FILE *f) {
    cost c = {.n = KEPT};
    while (the.n < MOST_COSTS && fscanf(f, "%31s %lld %lld %lld %lf", c.kernel, &c.size[0],
                                        &c.size[1], &c.size[2], &c.seconds) == 5)
        the.costs[the.n++] = c;
}

void sampled_begin(void) {
    if (the.file || !getenv("SCALE_COSTS")) return;
    the.file = getenv("SCALE_COSTS");
    the.dedicated = getenv("SCALE_DEDICATED") != NULL;
    FILE *f = fopen(the.file, "r");
    the.measures = true;
    the.replaces = f != NULL;
    if (!f) return;
    read_table(f);
    (void)fclose(f);
}

bool sampled_is_exact(void) {
    return !the.replaces;
}

static cost *find(const char *kernel, long long a, long long b, long long c) {
    for (int i = 0; i < the.n; i++) {
        cost *x = &the.costs[i];
        if (x->size[0] == a && x->size[1] == b && x->size[2] == c && strcmp(x->kernel, kernel) == 0)
            return x;
    }
    if (the.n == MOST_COSTS) {
        (void)fprintf(stderr, "scale: more than %d sizes; raise MOST_COSTS\n", MOST_COSTS);
        abort();
    }
    cost *x = &the.costs[the.n++];
    *x = (cost){.size = {a, b, c}};
    (void)snprintf(x->kernel, sizeof x->kernel, "%s", kernel);
    return x;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void add_sample(cost *c, double seconds) {
    double sorted[KEPT];
    if (c->n == KEPT) return;
    c->samples[c->n++] = seconds;
    memcpy(sorted, c->samples, (size_t)c->n * sizeof *sorted);
    qsort(sorted, (size_t)c->n, sizeof *sorted, by_value);
    c->seconds = sorted[c->n / 2];
}

/* A step's calls find their operands in one cache or another, the first of a row of blocks mostly
 * in none: the mean over a step is what a call costs, the median over the steps is undisturbed. */
static void end_step(void) {
    for (int i = 0; i < the.n; i++) {
        cost *c = &the.costs[i];
        if (c->calls > 0) add_sample(c, c->spent / c->calls);
        c->spent = 0.0;
        c->calls = 0;
    }
}

/* ---- time ---------------------------------------------------------------------------------------
 */

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double *debt(void) {
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return &the.debt[rank];
}

void sampled_spend(double seconds) {
    *debt() += seconds;
}

/* Where every rank has a core of its own, to sleep is to compute, and is simulated faster. */
static void smpi_sleep_for(double seconds) {
    struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    (void)nanosleep(&t, NULL); /* SMPI's */
}

void sampled_pay(void) {
    double *d = debt(), seconds = *d;
    if (seconds < LEAST_S) return;
    *d = 0.0;
    if (the.dedicated)
        smpi_sleep_for(seconds);
    else
        smpi_execute(seconds);
}

/* ---- kernels ------------------------------------------------------------------------------------
 */

typedef struct call {
    cost *cost;
    double wall_s, cpu_s; /* when it began */
    bool computes;
} call;

/* Whether the kernel is to be computed this time; always: whether it must be. */
static call enter(const char *kernel, bool always, long long a, long long b, long long c) {
    call x = {.computes = true};
    if (!the.measures || the.inside) return x;
    x.cost = find(kernel, a, b, c);
    x.computes = always || !the.replaces || x.cost->n < SAMPLES;
    the.inside = x.computes;
    if (!x.computes) return x;
    x.cpu_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    x.wall_s = seconds_of(CLOCK_MONOTONIC); /* the inner one: it is the cheaper call */
    return x;
}

static void leave(call x) {
    if (!x.cost) return;
    if (x.computes) {
        double wall_s = seconds_of(CLOCK_MONOTONIC) - x.wall_s;
        double cpu_s = seconds_of(CLOCK_THREAD_CPUTIME_ID) - x.cpu_s;
        double seconds = wall_s < cpu_s ? wall_s : cpu_s;
        the.inside = false;
        x.cost->spent += seconds;
        x.cost->calls++;
        if (the.replaces) end_step();
    }
    sampled_spend(x.cost->seconds);
}

/* Defines __wrap_NAME: the kernel, or only its time. What else must happen is `otherwise`. */
#define KERNEL(type, name, parameters, arguments, always, a, b, c, otherwise)                      \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        type result = (type)0;                                                                     \
        call now = enter(#name, always, a, b, c);                                                  \
        if (now.computes) {                                                                        \
            result = __real_##name arguments;                                                      \
        } else {                                                                                   \
            otherwise;                                                                             \
        }                                                                                          \
        leave(now);                                                                                \
        return result;                                                                             \
    }

#define KERNEL_VOID(name, parameters, arguments, always, a, b, c, otherwise)                       \
    void __real_##name parameters;                                                                 \
    void __wrap_##name parameters;                                                                 \
    void __wrap_##name parameters {                                                                \
        call now = enter(#name, always, a, b, c);                                                  \
        if (now.computes) {                                                                        \
            __real_##name arguments;                                                               \
        } else {                                                                                   \
            otherwise;                                                                             \
        }                                                                                          \
        leave(now);                                                                                \
    }

KERNEL(judd_status, judd_gemm_multiply_rows,
       (judd_gemm * gemm, int64_t m, int64_t n, int64_t k, judd_gemm_matrix a,
        const int64_t *a_rows, judd_gemm_matrix b, const int64_t *b_rows, float *c, int64_t ldc,
        bool accumulate),
       (gemm, m, n, k, a, a_rows, b, b_rows, c, ldc, accumulate), false, m, n, k, )
KERNEL(judd_status, judd_network_forward_training, (judd_network * n, const judd_batch *batch),
       (n, batch), false, batch->n, judd_bank_width(n->bank), n->bank->dim, )
KERNEL(int64_t, judd_exact_sum_add,
       (int64_t * sum, const float *x, int64_t n, judd_exact_scale scale, uint32_t *largest),
       (sum, x, n, scale, largest), false, n, 0, 0, )
KERNEL_VOID(judd_lane_product_left,
            (judd_lane_product * p, const float *left, int64_t stride, int64_t rows,
             const int64_t *begin, int n_lanes),
            (p, left, stride, rows, begin, n_lanes), true, rows, begin[n_lanes], 0, )
KERNEL_VOID(judd_lane_product_add, (judd_lane_product * p, judd_lane_product_part *part), (p, part),
            false, part->groups[part->n_groups - 1].end, part->columns,
            judd_lane_product_samples(p), )

/* Any size, at the price a number has in JOINED of a buffer that is larger than the caches. */
enum { JOINED = 1 << 16, JOINED_OF = 20 };

void __real_judd_exact_sum_join(int64_t *sum, const int64_t *other, int64_t n);
void __wrap_judd_exact_sum_join(int64_t *sum, const int64_t *other, int64_t n);
void __wrap_judd_exact_sum_join(int64_t *sum, const int64_t *other, int64_t n) {
    if (!the.replaces)
        __real_judd_exact_sum_join(sum, other, n);
    else
        sampled_spend(find("judd_exact_sum_join", JOINED, 0, 0)->seconds * (double)n / JOINED);
}

/* One rank alone joins nothing. */
static void measure_joins(void) {
    int64_t *sums = NULL, *others = NULL;
    if (judd_memory_alloc(&sums, JOINED * JOINED_OF, sizeof *sums) == JUDD_OK &&
        judd_memory_alloc(&others, JOINED * JOINED_OF, sizeof *others) == JUDD_OK)
        for (int64_t i = 0; i < KEPT; i++) {
            int64_t at = i % JOINED_OF * JOINED;
            call now = enter("judd_exact_sum_join", true, JOINED, 0, 0);
            __real_judd_exact_sum_join(sums + at, others + at, JOINED);
            leave(now);
            end_step();
        }
    free(sums);
    free(others);
}
KERNEL(uint32_t, judd_exact_sum_magnitude, (const float *x, int64_t n), (x, n), false, n, 0, 0,
       result = 0x3F800000) /* 1.0f: finite */
KERNEL_VOID(judd_gradient_add_float, (judd_gradient * g), (g), false, g->sampler->batch.n,
            judd_bank_size(g->bank), 0, )
KERNEL_VOID(judd_loss_gradient, (const judd_bank *bank, float *scores, const judd_batch *batch),
            (bank, scores, batch), false, batch->n, judd_bank_width(bank), 0, )
KERNEL_VOID(judd_loss_count, (const judd_bank *bank, int64_t *count, const judd_batch *batch),
            (bank, count, batch), true, batch->n, bank->options.n_heads, 0, )

judd_status __real_judd_sampler_next(judd_sampler *s);
judd_status __wrap_judd_sampler_next(judd_sampler *s);
judd_status __wrap_judd_sampler_next(judd_sampler *s) { /* a step begins */
    if (!the.replaces) end_step();
    call now = enter("judd_sampler_next", true, s->capacity, 0, 0);
    judd_status status = __real_judd_sampler_next(s);
    leave(now);
    return status;
}
KERNEL(judd_status, judd_bank_update,
       (judd_bank * bank, const judd_bank_sums *sets, const judd_comm *comm), (bank, sets, comm),
       false, judd_bank_size(bank), 0, 0, bank->step++)

int sampled_end(void) {
    if (!the.file) return 0;
    if (!the.replaces) measure_joins();
    end_step();
    FILE *f = fopen(the.file, "w");
    if (!f) return errno;
    for (int i = 0; i < the.n; i++) {
        const cost *c = &the.costs[i];
        (void)fprintf(f, "%s %lld %lld %lld %.9g\n", c->kernel, c->size[0], c->size[1], c->size[2],
                      c->seconds);
    }
    return fclose(f) == 0 ? 0 : errno;
}

/* ---- memory -------------------------------------------------------------------------------------
 */

judd_status __real_judd_memory_alloc(void *out, int64_t count, size_t size);
judd_status __wrap_judd_memory_alloc(void *out, int64_t count, size_t size);
judd_status __wrap_judd_memory_alloc(void *out, int64_t count, size_t size) {
    size_t bytes = (size_t)count * size;
    if (!the.replaces || count < 0 || bytes < LARGE)
        return __real_judd_memory_alloc(out, count, size);
    bytes = (bytes + PRIVATE - 1) / PRIVATE * PRIVATE;
    const size_t shared[2] = {0, (count * size - PRIVATE) / PRIVATE * PRIVATE};
    void *p = SMPI_PARTIAL_SHARED_MALLOC(bytes, shared, 1);
    if (!p) return judd_status_set(JUDD_E_INTERNAL, "no %zu shared bytes", bytes);
    memcpy(out, &p, sizeof p);
    return JUDD_OK;
}

judd_status __wrap_judd_memory_zeros(void *out, int64_t count, size_t size);
judd_status __wrap_judd_memory_zeros(void *out, int64_t count, size_t size) {
    return __wrap_judd_memory_alloc(out, count, size);
}

/* What clears a large buffer clears what is each rank's own. */
void *__real_memset(void *p, int byte, size_t n);
void *__wrap_memset(void *p, int byte, size_t n);
void *__wrap_memset(void *p, int byte, size_t n) {
    if (n < LARGE) return __real_memset(p, byte, n);
    call x = enter("memset", false, (long long)n, 0, 0);
    size_t skipped = x.computes ? 0 : n - 2 * PRIVATE;
    __real_memset((char *)p + skipped, byte, n - skipped);
    leave(x);
    return p;
}

/* Nobody reads them. */
void __real_judd_made_up_fill(float *x, int32_t *labels, int64_t first, int64_t n, int64_t dim,
                              int n_classes);
void __wrap_judd_made_up_fill(float *x, int32_t *labels, int64_t first, int64_t n, int64_t dim,
                              int n_classes);
void __wrap_judd_made_up_fill(float *x, int32_t *labels, int64_t first, int64_t n, int64_t dim,
                              int n_classes) {
    if (!the.replaces) __real_judd_made_up_fill(x, labels, first, n, dim, n_classes);
}

/* ---- calls before which what was spent has to have passed ---------------------------------------
 */

#define PAYS(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        sampled_pay();                                                                             \
        return __real_##name arguments;                                                            \
    }

PAYS(double, MPI_Wtime, (void), ())
PAYS(int, MPI_Allreduce,
     (const void *x, void *y, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm),
     (x, y, n, type, op, comm))
PAYS(int, MPI_Isend,
     (const void *x, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *r),
     (x, n, type, to, tag, comm, r))
PAYS(int, MPI_Testsome, (int n, MPI_Request *r, int *out, int *indices, MPI_Status *s),
     (n, r, out, indices, s))
PAYS(int, MPI_Waitsome, (int n, MPI_Request *r, int *out, int *indices, MPI_Status *s),
     (n, r, out, indices, s))
