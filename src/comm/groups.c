#include <judd/comm/groups.h>

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Cells of the window: the first two on every rank, the others on rank 0 only. */
enum { SIGN, STOP, FINISHED, WORTH, LISTS }; /* from LISTS on: taken [n_lists], users [n_lists] */
enum { LOOKED_AT = 8 }; /* leaders whose signs a waiting rank reads at a time */
enum { MEAN_WORTH = 1000000 };

static const double listen_s = 0.005; /* between two looks at what others say */
static const double look_s = 0.25;    /* between two looks for signs of life while waiting */
static const int pause_ns = 1000000;

struct judd_groups {
    const judd_comm *all; /* borrowed */
    judd_comm own;
    int n_groups, index;
    volatile sig_atomic_t stop;
    const volatile sig_atomic_t *signal;
    judd_progress *progress;
    int64_t n_before, n_told;
    bool waiting;
    int64_t taken; /* the group's item that is not finished; -1: none */
    double listened_s;
    /* the items by list, longest first */
    int64_t n_items, n_lists, list; /* list: the group's; -1: none */
    int64_t *items, *starts;        /* [n_items], [n_lists + 1] */
    double *left;                   /* [n_items] work of an item and those behind it in its list */
    int64_t *worth; /* [n_items] work by number of the item, on average MEAN_WORTH */
    int64_t *seen;  /* [2 n_lists] scratch: taken, users */
    int64_t *signs; /* [n_groups] of the leaders, as last read */
    int next_sign;
    MPI_Win window;
    int64_t *cells; /* this rank's */
};

static int first_rank(const judd_groups *g, int group) {
    return (int)((int64_t)group * g->all->size / g->n_groups);
}

static bool leads(const judd_groups *g) {
    return g->own.rank == 0;
}

/* ---- the queue ---------------------------------------------------------------------------------
 */

static judd_status add(judd_groups *g, int rank, int64_t cell, int64_t by, int64_t *before) {
    judd_status status = JUDD_OK;
    JUDD_TRY(
        judd_comm_check(MPI_Fetch_and_op(&by, before, MPI_INT64_T, rank, cell, MPI_SUM, g->window),
                        "MPI_Fetch_and_op"));
    JUDD_TRY(judd_comm_check(MPI_Win_flush(rank, g->window), "MPI_Win_flush"));
done:
    return status;
}

/* Each cell as it is at some moment. */
static judd_status fetch(judd_groups *g, int rank, int64_t cell, int n, int64_t *x) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_check(MPI_Get_accumulate(NULL, 0, MPI_INT64_T, x, n, MPI_INT64_T, rank, cell,
                                                n, MPI_INT64_T, MPI_NO_OP, g->window),
                             "MPI_Get_accumulate"));
    JUDD_TRY(judd_comm_check(MPI_Win_flush(rank, g->window), "MPI_Win_flush"));
done:
    return status;
}

static int64_t length_of(const judd_groups *g, int64_t list) {
    return g->starts[list + 1] - g->starts[list];
}

/* Most work left for each group that is there and this one; -1 if nothing is left. */
static int64_t choose(const judd_groups *g, const int64_t *taken, const int64_t *users) {
    int64_t best = -1;
    double most = -1.0;
    for (int64_t l = 0; l < g->n_lists; l++) {
        if (taken[l] >= length_of(g, l)) continue;
        double left = g->left[g->starts[l] + taken[l]] / (double)(users[l] + 1);
        if (left > most) {
            most = left;
            best = l;
        }
    }
    return best;
}

static judd_status join_list(judd_groups *g) {
    judd_status status = JUDD_OK;
    int64_t before = 0;
    JUDD_TRY(fetch(g, 0, LISTS, (int)(2 * g->n_lists), g->seen));
    g->list = choose(g, g->seen, g->seen + g->n_lists);
    if (g->list >= 0) JUDD_TRY(add(g, 0, LISTS + g->n_lists + g->list, 1, &before));
done:
    return status;
}

/* Leader: the next item, from the group's list as long as there is one. */
static judd_status take(judd_groups *g, int64_t *item) {
    judd_status status = JUDD_OK;
    int64_t k = 0, before = 0;
    *item = -1;
    for (;;) {
        if (g->list < 0) JUDD_TRY(join_list(g));
        if (g->list < 0) break;
        JUDD_TRY(add(g, 0, LISTS + g->list, 1, &k));
        if (k < length_of(g, g->list)) {
            *item = g->items[g->starts[g->list] + k];
            break;
        }
        JUDD_TRY(add(g, 0, LISTS + g->n_lists + g->list, -1, &before));
        g->list = -1;
    }
done:
    return status;
}

/* ---- what others say ---------------------------------------------------------------------------
 */

static void tell_progress(judd_groups *g) {
    if (g->all->rank != 0 || !g->progress || g->cells[FINISHED] == g->n_told) return;
    g->n_told = g->cells[FINISHED];
    judd_progress_weigh(g->progress, g->n_before + g->n_told,
                        (double)g->n_before + (double)g->cells[WORTH] / MEAN_WORTH);
}

/* At every beat: show a sign of life, and now and then look whether one is asked to stop. The probe
 * lets MPI answer the others, who may ask for the counters in rank 0's memory. */
static void listen(void *context) {
    judd_groups *g = context;
    int flag = 0;
    if (g->waiting) return;
    double now = MPI_Wtime();
    if (g->signal && *g->signal) g->stop = 1;
    if (now - g->listened_s < listen_s) return;
    g->listened_s = now;
    g->cells[SIGN]++;
    (void)MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, g->all->mpi, &flag, MPI_STATUS_IGNORE);
    (void)MPI_Win_sync(g->window);
    if (g->cells[STOP]) g->stop = 1;
    tell_progress(g);
}

/* Best effort: what cannot be told now is found out when all meet. */
static void stop_others(judd_groups *g) {
    int64_t before = 0;
    for (int k = 0; k < g->n_groups; k++)
        if (k != g->index) (void)add(g, first_rank(g, k), STOP, 1, &before);
}

/* Whether one of the next few leaders has worked since it was last looked at. */
static bool others_live(judd_groups *g) {
    bool live = false;
    int n = g->n_groups < LOOKED_AT ? g->n_groups : LOOKED_AT;
    for (int i = 0; i < n; i++) {
        int k = g->next_sign++ % g->n_groups;
        int64_t sign = 0;
        if (fetch(g, first_rank(g, k), SIGN, 1, &sign) != JUDD_OK) return false;
        live |= sign != g->signs[k];
        g->signs[k] = sign;
    }
    return live;
}

/* A barrier that can tell others that work from others that are dead. */
static judd_status wait_for_all(judd_groups *g) {
    judd_status status = JUDD_OK;
    const struct timespec pause = {.tv_nsec = pause_ns};
    MPI_Request request = MPI_REQUEST_NULL;
    int done = 0;
    double looked_s = MPI_Wtime();
    judd_watchdog_wait(g->all->watchdog);
    JUDD_TRY(judd_comm_check(MPI_Ibarrier(g->all->mpi, &request), "MPI_Ibarrier"));
    for (;;) {
        JUDD_TRY(judd_comm_check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test"));
        if (done) break;
        nanosleep(&pause, NULL);
        if (MPI_Wtime() - looked_s < look_s) continue;
        looked_s = MPI_Wtime();
        if (others_live(g)) judd_watchdog_wait(g->all->watchdog);
        tell_progress(g);
    }
    tell_progress(g);
done:
    judd_watchdog_beat(g->all->watchdog);
    return status;
}

/* ---- life --------------------------------------------------------------------------------------
 */

typedef struct entry {
    int64_t list, item;
    double work;
} entry;

static int compare_entries(const void *pa, const void *pb) {
    const entry *a = pa, *b = pb;
    if (a->list != b->list) return a->list < b->list ? -1 : 1;
    if (a->work != b->work) return a->work > b->work ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

static void weigh_items(judd_groups *g, const judd_groups_options *o) {
    double all = 0.0;
    for (int64_t i = 0; i < o->n_items; i++) all += o->work[i];
    for (int64_t i = 0; i < o->n_items; i++) {
        double share = all > 0.0 ? o->work[i] / all : 1.0 / (double)o->n_items;
        g->worth[i] = (int64_t)(share * (double)o->n_items * MEAN_WORTH);
    }
}

static judd_status fill_lists(judd_groups *g, const judd_groups_options *o) {
    judd_status status = JUDD_OK;
    entry *sorted = NULL;
    JUDD_TRY(judd_memory_alloc(&sorted, o->n_items, sizeof *sorted));
    JUDD_TRY(judd_memory_alloc(&g->items, o->n_items, sizeof *g->items));
    JUDD_TRY(judd_memory_alloc(&g->starts, o->n_items + 1, sizeof *g->starts));
    JUDD_TRY(judd_memory_alloc(&g->left, o->n_items, sizeof *g->left));
    JUDD_TRY(judd_memory_alloc(&g->worth, o->n_items, sizeof *g->worth));
    weigh_items(g, o);
    for (int64_t i = 0; i < o->n_items; i++) sorted[i] = (entry){o->list[i], i, o->work[i]};
    if (o->n_items > 0) qsort(sorted, (size_t)o->n_items, sizeof *sorted, compare_entries);
    for (int64_t i = 0; i < o->n_items; i++) {
        if (i == 0 || sorted[i].list != sorted[i - 1].list) g->starts[g->n_lists++] = i;
        g->items[i] = sorted[i].item;
    }
    g->starts[g->n_lists] = g->n_items = o->n_items;
    for (int64_t i = o->n_items - 1; i >= 0; i--) {
        bool last = i == o->n_items - 1 || sorted[i].list != sorted[i + 1].list;
        g->left[i] = sorted[i].work + (last ? 0.0 : g->left[i + 1]);
    }
    JUDD_TRY(judd_memory_alloc(&g->seen, 2 * g->n_lists, sizeof *g->seen));
    JUDD_TRY(judd_memory_alloc(&g->signs, g->n_groups, sizeof *g->signs));
done:
    free(sorted);
    return status;
}

/* As if the groups had come one after another: each where most work is left. */
static void assign_lists(judd_groups *g) {
    int64_t *users = g->seen + g->n_lists;
    for (int k = 0; k < g->n_groups && g->n_lists > 0; k++) {
        int64_t list = choose(g, g->seen, users);
        users[list]++;
        if (k == g->index) g->list = list;
    }
}

static judd_status open_window(judd_groups *g) {
    judd_status status = JUDD_OK;
    int64_t n = g->all->rank == 0 ? LISTS + 2 * g->n_lists : STOP + 1;
    JUDD_TRY(judd_comm_check(MPI_Win_allocate(n * (MPI_Aint)sizeof(int64_t), (int)sizeof(int64_t),
                                              MPI_INFO_NULL, g->all->mpi, &g->cells, &g->window),
                             "MPI_Win_allocate"));
    JUDD_TRY(judd_comm_check(MPI_Win_set_errhandler(g->window, MPI_ERRORS_RETURN),
                             "MPI_Win_set_errhandler"));
    JUDD_TRY(judd_comm_check(MPI_Win_lock_all(MPI_MODE_NOCHECK, g->window), "MPI_Win_lock_all"));
    memset(g->cells, 0, (size_t)n * sizeof *g->cells);
    if (g->all->rank == 0)
        memcpy(g->cells + LISTS, g->seen, (size_t)(2 * g->n_lists) * sizeof *g->seen);
    JUDD_TRY(judd_comm_check(MPI_Win_sync(g->window), "MPI_Win_sync"));
done:
    return status;
}

judd_status judd_groups_create(judd_groups **out, const judd_comm *comm,
                               const judd_groups_options *o) {
    judd_status status = JUDD_OK;
    judd_groups *g = NULL;
    *out = NULL;
    status = judd_memory_alloc(&g, 1, sizeof *g);
    if (status == JUDD_OK) {
        *g = (judd_groups){.all = comm,
                           .n_groups = o->n_groups,
                           .signal = o->stop,
                           .progress = o->progress,
                           .n_before = o->n_before,
                           .taken = -1,
                           .list = -1,
                           .window = MPI_WIN_NULL};
        while (first_rank(g, g->index + 1) <= comm->rank) g->index++;
        status = fill_lists(g, o);
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    assign_lists(g);
    JUDD_TRY(judd_comm_agree(comm, judd_comm_split(&g->own, comm, g->index)));
    JUDD_TRY(judd_comm_agree(comm, open_window(g)));
    judd_watchdog_members(comm->watchdog, first_rank(g, g->index), g->own.size);
    judd_watchdog_on_beat(comm->watchdog, listen, g);
    *out = g;
    g = NULL;
done:
    judd_groups_destroy(g);
    return status;
}

void judd_groups_destroy(judd_groups *g) {
    if (!g) return;
    judd_watchdog_on_beat(g->all->watchdog, NULL, NULL);
    judd_watchdog_members(g->all->watchdog, 0, g->all->size);
    if (g->window != MPI_WIN_NULL) {
        MPI_Win_unlock_all(g->window);
        MPI_Win_free(&g->window);
    }
    judd_comm_close(&g->own);
    free(g->items);
    free(g->starts);
    free(g->left);
    free(g->worth);
    free(g->seen);
    free(g->signs);
    free(g);
}

const judd_comm *judd_groups_comm(const judd_groups *g) {
    return &g->own;
}

int judd_groups_index(const judd_groups *g) {
    return g->index;
}

const volatile sig_atomic_t *judd_groups_stop(const judd_groups *g) {
    return &g->stop;
}

/* The group's item is finished: the worth first, so that it is there when the count is. */
static judd_status tell_finished(judd_groups *g) {
    int64_t before = 0, item = g->taken;
    g->taken = -1;
    if (item < 0 || !leads(g)) return JUDD_OK;
    judd_status status = add(g, 0, WORTH, g->worth[item], &before);
    return status == JUDD_OK ? add(g, 0, FINISHED, 1, &before) : status;
}

judd_status judd_groups_next(judd_groups *g, int64_t *item) {
    *item = -1;
    judd_status status = tell_finished(g);
    g->listened_s = 0.0;
    listen(g);
    if (status == JUDD_OK && g->stop)
        status = judd_status_set(JUDD_E_AGAIN, "stopped by a signal; run the same command again");
    JUDD_TRY(judd_comm_agree(&g->own, status));
    JUDD_TRY(judd_comm_broadcast_status(&g->own, leads(g) ? take(g, item) : JUDD_OK));
    JUDD_TRY(judd_comm_broadcast(&g->own, item, sizeof *item));
    g->taken = *item;
done:
    return status;
}

judd_status judd_groups_finish(judd_groups *g, judd_status status) {
    judd_watchdog_phase(g->all->watchdog, "waiting for other groups");
    if (status != JUDD_OK && leads(g)) stop_others(g);
    g->waiting = true;
    judd_watchdog_members(g->all->watchdog, 0, g->all->size);
    judd_status waited = wait_for_all(g);
    return judd_comm_agree(g->all, status == JUDD_OK ? waited : status);
}
