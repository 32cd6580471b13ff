#include <judd/comm/node_sum.h>

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/comm/node_memory.h>
#include <judd/comm/running_sum.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Numbers under one lock; looks at a lock that is held before another process may have the core. */
enum { RUN = 1 << 12, LOOKS = 256, LINE = 64 };

/* In a cache line of its own, or ranks that use neighbours would wait for each other. */
typedef struct lock {
    _Alignas(LINE) atomic_int held;
} lock;

typedef struct reached {
    _Alignas(LINE) _Atomic int64_t numbers; /* that a rank adds nothing more to */
} reached;

struct judd_node_sum {
    const judd_comm *comm;
    judd_node_memory *memory; /* of all arrays, if ranks share them; else NULL */
    int64_t n, *data;
    lock *locks;      /* [n / RUN, rounded up] */
    reached *reached; /* [ranks of the node] */
    judd_comm across; /* this rank and its like on other nodes; size 0: none */
    judd_running_sum total;
};

/* ---- room ---------------------------------------------------------------------------------------
 */

static int64_t n_locks(const judd_node_sum *s) {
    return judd_pieces(s->n, RUN);
}

static judd_status share_memory(judd_node_sum *s) {
    judd_status status = JUDD_OK;
    int64_t numbers = judd_round_up(s->n * (int64_t)sizeof *s->data, LINE);
    int64_t locks = n_locks(s) * (int64_t)sizeof *s->locks;
    int64_t most = s->comm->size * (int64_t)sizeof *s->reached; /* the same on every node */
    JUDD_TRY(judd_node_memory_create(&s->memory, s->comm, numbers + locks + most));
    char *memory = judd_node_memory_data(s->memory);
    s->data = (void *)memory;
    s->locks = (void *)(memory + numbers);
    s->reached = (void *)(memory + numbers + locks);
done:
    return status;
}

/* Ranks of the smallest node: that many of every node deal with the others. */
static judd_status smallest_node(int *out, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    double least = -comm->node_size;
    JUDD_TRY(judd_comm_max(comm, &least, 1));
    *out = (int)-least;
done:
    return status;
}

/* One rank of each node, with this one's number there. */
static judd_status connect_nodes(judd_node_sum *s) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = s->comm;
    int parts = 1, part = 0;
    if (s->memory) {
        JUDD_TRY(smallest_node(&parts, comm));
        part = comm->node_rank;
        JUDD_TRY(judd_comm_split(&s->across, comm, part < parts ? part : -1));
    } else {
        s->across = *comm; /* closed by its owner */
    }
    if (s->across.size > 0)
        JUDD_TRY(judd_running_sum_create(&s->total, s->data, s->n, &s->across, part, parts));
done:
    return status;
}

judd_status judd_node_sum_create(judd_node_sum **out, int64_t n, const judd_comm *comm,
                                 bool share) {
    judd_status status = JUDD_OK;
    judd_node_sum *s = NULL;
    int64_t shared = share && comm->node_size > 1;
    *out = NULL;
    JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(&s, 1, sizeof *s)));
    *s = (judd_node_sum){.comm = comm, .n = n};
    JUDD_TRY(judd_comm_sum(comm, &shared, 1));
    if (shared > 0) status = share_memory(s);
    if (shared > 0 && status != JUDD_OK && status != JUDD_E_IO) goto done;
    status = s->memory ? JUDD_OK : judd_memory_alloc(&s->data, n, sizeof *s->data);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_agree(comm, connect_nodes(s)));
    *out = s;
    s = NULL;
done:
    judd_node_sum_destroy(s);
    return status;
}

void judd_node_sum_destroy(judd_node_sum *s) {
    if (!s) return;
    judd_running_sum_destroy(&s->total);
    if (s->memory)
        judd_comm_close(&s->across);
    else
        free(s->data);
    judd_node_memory_destroy(s->memory);
    free(s);
}

int64_t *judd_node_sum_data(const judd_node_sum *s) {
    return s->data;
}

bool judd_node_sum_is_own(const judd_node_sum *s) {
    return s && !s->memory;
}

/* ---- adding -------------------------------------------------------------------------------------
 */

static void take(lock *l) {
    while (atomic_exchange_explicit(&l->held, 1, memory_order_acquire))
        for (int i = 0; atomic_load_explicit(&l->held, memory_order_relaxed); i++)
            if (i > LOOKS) (void)sched_yield();
}

/* From the first lock to the last, on every rank: so none waits for another in a circle. */
void judd_node_sum_lock(judd_node_sum *s, const int64_t *x, int64_t n) {
    if (!s || !s->memory || n < 1) return;
    int64_t at = x - s->data;
    for (int64_t i = at / RUN; i <= (at + n - 1) / RUN; i++) take(&s->locks[i]);
}

void judd_node_sum_unlock(judd_node_sum *s, const int64_t *x, int64_t n) {
    if (!s || !s->memory || n < 1) return;
    int64_t at = x - s->data;
    for (int64_t i = at / RUN; i <= (at + n - 1) / RUN; i++)
        atomic_store_explicit(&s->locks[i].held, 0, memory_order_release);
}

/* ---- totals -------------------------------------------------------------------------------------
 */

/* What no rank of the node adds anything more to. */
static int64_t reached_by_all(const judd_node_sum *s) {
    int64_t least = s->n;
    for (int r = 0; r < s->comm->node_size; r++)
        least =
            judd_least(least, atomic_load_explicit(&s->reached[r].numbers, memory_order_acquire));
    return least;
}

judd_status judd_node_sum_reach(judd_node_sum *s, int64_t final) {
    if (s->memory)
        atomic_store_explicit(&s->reached[s->comm->node_rank].numbers, final, memory_order_release);
    if (s->across.size < 2) return JUDD_OK;
    return judd_running_sum_reach(&s->total, s->memory ? reached_by_all(s) : final);
}

judd_status judd_node_sum_finish(judd_node_sum *s) {
    judd_status status = JUDD_OK;
    if (s->memory) JUDD_TRY(judd_comm_meet_node(s->comm)); /* all have added */
    if (s->memory)
        atomic_store_explicit(&s->reached[s->comm->node_rank].numbers, 0, memory_order_release);
    if (s->across.size > 1) JUDD_TRY(judd_running_sum_finish(&s->total));
    /* a node of all ranks has no others to wait for */
    if (s->memory && s->comm->node_size < s->comm->size) JUDD_TRY(judd_comm_meet_node(s->comm));
done:
    return status;
}

void judd_node_sum_clear(judd_node_sum *s) {
    int64_t parts = s->memory ? s->comm->node_size : 1, part = s->memory ? s->comm->node_rank : 0;
    int64_t first = judd_part_begin(s->n, parts, part);
    int64_t end = judd_part_begin(s->n, parts, part + 1);
    memset(s->data + first, 0, (size_t)(end - first) * sizeof *s->data);
}
