#include <judd/comm/placement.h>

#include <judd/base/memory.h>

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 64 }; /* of 64 threads of execution each: 4,096 a node */

/* What a rank tells the others of its node. */
typedef struct view {
    uint64_t mine[WORDS]; /* threads of execution that this rank may use */
    uint64_t
        allowed[WORDS]; /* that the job may use: a batch system may have fewer than there are */
} view;

static void to_words(uint64_t *words, hwloc_const_bitmap_t set) {
    for (unsigned i = 0; i < WORDS; i++) words[i] = hwloc_bitmap_to_ith_ulong(set, i);
}

static judd_status look(view *out, hwloc_topology_t *topology) {
    judd_status status = JUDD_OK;
    hwloc_bitmap_t mine = NULL;
    if (hwloc_topology_init(topology) != 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "hwloc_topology_init failed; look at hwloc's installation");
    (void)hwloc_topology_set_all_types_filter(*topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    (void)hwloc_topology_set_type_filter(*topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL);
    mine = hwloc_bitmap_alloc();
    if (!mine || hwloc_topology_load(*topology) != 0)
        JUDD_FAIL(JUDD_E_INTERNAL, "hwloc cannot see this machine; look at what lstopo says");
    hwloc_const_bitmap_t allowed = hwloc_topology_get_allowed_cpuset(*topology);
    if (hwloc_get_cpubind(*topology, mine, HWLOC_CPUBIND_PROCESS) != 0)
        hwloc_bitmap_copy(mine, allowed); /* not on this system: unbound */
    hwloc_bitmap_and(mine, mine, allowed);
    to_words(out->mine, mine);
    to_words(out->allowed, allowed);
done:
    hwloc_bitmap_free(mine);
    return status;
}

/* Cores with a thread of execution in the set. */
static int cores_in(hwloc_topology_t topology, const uint64_t *words) {
    int n = 0, all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
    hwloc_obj_type_t type = all > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    for (unsigned i = 0; set && i < WORDS; i++) hwloc_bitmap_set_ith_ulong(set, i, words[i]);
    all = hwloc_get_nbobjs_by_type(topology, type);
    for (int i = 0; set && i < all; i++) {
        hwloc_obj_t o = hwloc_get_obj_by_type(topology, type, (unsigned)i);
        n += hwloc_bitmap_intersects(o->cpuset, set) ? 1 : 0;
    }
    hwloc_bitmap_free(set);
    return n;
}

static bool meet(const uint64_t *x, const uint64_t *y) {
    for (int i = 0; i < WORDS; i++)
        if (x[i] & y[i]) return true;
    return false;
}

/* What the views of a node's ranks make of it. */
typedef struct node {
    int ranks, cores, share, idle;
    bool bound;
} node;

static node sum_up(hwloc_topology_t topology, const view *own, const view *views, int n) {
    node out = {.ranks = n};
    uint64_t all[WORDS] = {0};
    int sharers = 0;
    for (int r = 0; r < n; r++) {
        sharers += meet(views[r].mine, own->mine);
        out.bound = out.bound || memcmp(views[r].mine, own->allowed, sizeof all) != 0;
        for (int i = 0; i < WORDS; i++) all[i] |= views[r].mine[i];
    }
    out.cores = cores_in(topology, all);
    out.share = cores_in(topology, own->mine) / (sharers > 0 ? sharers : 1);
    out.idle = cores_in(topology, own->allowed) - out.cores;
    return out;
}

static judd_status look_at_node(node *out, MPI_Comm comm) {
    judd_status status = JUDD_OK;
    hwloc_topology_t topology = NULL;
    view own = {0}, *views = NULL;
    int n = 0;
    JUDD_TRY(judd_comm_check(MPI_Comm_size(comm, &n), "MPI_Comm_size"));
    JUDD_TRY(judd_memory_alloc(&views, n, sizeof *views));
    status = look(&own, &topology);
    int code = MPI_Allgather(&own, sizeof own, MPI_BYTE, views, sizeof own, MPI_BYTE, comm);
    JUDD_TRY(status);
    JUDD_TRY(judd_comm_check(code, "MPI_Allgather"));
    *out = sum_up(topology, &own, views, n);
done:
    if (topology) hwloc_topology_destroy(topology);
    free(views);
    return status;
}

/* Over all nodes. */
static judd_status combine(judd_placement *out, const node *own, bool leads,
                           const judd_comm *comm) {
    judd_status status = JUDD_OK;
    double largest[] = {own->ranks,  -own->ranks, own->cores,
                        -own->cores, -own->share, own->bound ? 1.0 : 0.0};
    int64_t sums[] = {leads, leads ? own->idle : 0, leads && own->ranks > own->cores};
    JUDD_TRY(judd_comm_max(comm, largest, 6));
    JUDD_TRY(judd_comm_sum(comm, sums, 3));
    *out = (judd_placement){.n_ranks = comm->size,
                            .n_nodes = (int)sums[0],
                            .fewest_ranks = (int)-largest[1],
                            .most_ranks = (int)largest[0],
                            .fewest_cores = (int)-largest[3],
                            .most_cores = (int)largest[2],
                            .cores = own->share > 1 ? own->share : 1,
                            .least_cores = (int)-largest[4],
                            .idle_cores = (int)sums[1],
                            .bound = largest[5] > 0.0,
                            .n_crowded = (int)sums[2]};
done:
    return status;
}

judd_status judd_placement_find(judd_placement *out, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    MPI_Comm on_node = MPI_COMM_NULL;
    node own = {0};
    int rank = 0;
    JUDD_TRY(judd_comm_check(
        MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &on_node),
        "MPI_Comm_split_type"));
    status = judd_comm_check(MPI_Comm_rank(on_node, &rank), "MPI_Comm_rank");
    if (status == JUDD_OK) status = look_at_node(&own, on_node);
    MPI_Comm_free(&on_node);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(combine(out, &own, rank == 0, comm));
done:
    return status;
}

/* ---- what people are told -----------------------------------------------------------------------
 */

static const char *plural(int n) {
    return n == 1 ? "" : "s";
}

/* "4", or "3 to 4" */
static void range(char *text, size_t size, int least, int most) {
    if (least == most)
        (void)snprintf(text, size, "%d", most);
    else
        (void)snprintf(text, size, "%d to %d", least, most);
}

void judd_placement_line(char text[JUDD_PLACEMENT_TEXT], const judd_placement *p) {
    char ranks[32], cores[32], share[32] = "less than a core";
    range(ranks, sizeof ranks, p->fewest_ranks, p->most_ranks);
    range(cores, sizeof cores, p->fewest_cores, p->most_cores);
    if (p->least_cores > 0)
        (void)snprintf(share, sizeof share, "%d core%s", p->least_cores, plural(p->least_cores));
    (void)snprintf(text, JUDD_PLACEMENT_TEXT,
                   "placement: %d node%s, %s rank%s and %s core%s a node, %s a rank, %s",
                   p->n_nodes, plural(p->n_nodes), ranks, plural(p->most_ranks), cores,
                   plural(p->most_cores), share, p->bound ? "bound" : "not bound");
}

void judd_placement_advice(char text[JUDD_PLACEMENT_TEXT], const judd_placement *p) {
    text[0] = '\0';
    if (p->n_crowded > 0)
        (void)snprintf(
            text, JUDD_PLACEMENT_TEXT,
            "%d node%s with more ranks than cores; start at most %d rank%s a node (mpirun "
            "--map-by ppr:%d:node, srun --ntasks-per-node=%d): the results are the same",
            p->n_crowded, plural(p->n_crowded), p->fewest_cores, plural(p->fewest_cores),
            p->fewest_cores, p->fewest_cores);
    else if (p->least_cores < 1)
        (void)snprintf(text, JUDD_PLACEMENT_TEXT,
                       "ranks are bound to the same cores while others are free; bind each to its "
                       "own (mpirun --bind-to core, srun --cpu-bind=cores) or none");
    else if (p->idle_cores > 0)
        (void)snprintf(text, JUDD_PLACEMENT_TEXT,
                       "%d core%s that no rank may use; start more ranks, or give each more cores "
                       "(mpirun --map-by slot:PE=N, srun --cpus-per-task=N; mpirun --bind-to none "
                       "for one rank)",
                       p->idle_cores, plural(p->idle_cores));
}
