/* Sums that the ranks of a node make in one memory equal one sum of all: on one node, where ranks
 * are two to a node (the last may be alone on its), and where none shares. */
#include <judd/base/memory.h>
#include <judd/comm/node_sum.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

enum { PARTS = 3, ROUNDS = 3 };

static int64_t number(int64_t i, int rank, int part, int round) {
    return (int64_t)((uint64_t)(i + 1 + part) * 0x9E3779B97F4A7C15u >> 8) * (rank + 1) -
           round * 1000003;
}

/* PARTS times, in runs. */
static void add_range(judd_node_sum *sum, int64_t first, int64_t end, int64_t run, int rank,
                      int round) {
    int64_t *x = judd_node_sum_data(sum);
    for (int part = 0; part < PARTS; part++)
        for (int64_t at = first; at < end; at += run) {
            int64_t n = at + run < end ? run : end - at;
            judd_node_sum_lock(sum, x + at, n);
            for (int64_t i = at; i < at + n; i++) x[i] += number(i, rank, part, round);
            judd_node_sum_unlock(sum, x + at, n);
        }
}

/* Block after block; in each, every rank begins elsewhere and meets the others. Rank 1 says nothing
 * of a round until its end. */
static void add(judd_node_sum *sum, int64_t n, const judd_comm *comm, int round) {
    int64_t step = n / 7 + 1;
    for (int64_t block = 0; block < n; block += step) {
        int64_t end = block + step < n ? block + step : n;
        int64_t middle = block + (end - block) * comm->rank / comm->size;
        add_range(sum, middle, end, step / 5 + 1, comm->rank, round);
        add_range(sum, block, middle, step / 3 + 1, comm->rank, round);
        if (comm->rank != 1 || round != 1) OK(judd_node_sum_reach(sum, end));
    }
}

static void check(const judd_node_sum *sum, int64_t n, const judd_comm *comm, int round) {
    const int64_t *x = judd_node_sum_data(sum);
    for (int64_t i = 0; i < n; i++) {
        int64_t want = 0;
        for (int r = 0; r < comm->size; r++)
            for (int part = 0; part < PARTS; part++) want += number(i, r, part, round);
        if (x[i] != want) fail_msg("%d of %d in round %d", (int)i, (int)n, round);
    }
}

/* Sizes around those of a lock and of a chunk. */
static void totals(const judd_comm *comm, bool share, bool own) {
    static const int64_t sizes[] = {1, 5, 4096, 4097, 131073, 700000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        judd_node_sum *sum = NULL;
        OK(judd_node_sum_create(&sum, sizes[k], comm, share));
        assert_true(judd_node_sum_is_own(sum) == own);
        for (int round = 0; round < ROUNDS; round++) {
            add(sum, sizes[k], comm, round);
            OK(judd_node_sum_finish(sum));
            check(sum, sizes[k], comm, round);
            OK(judd_comm_meet_node(comm));
            judd_node_sum_clear(sum);
            OK(judd_comm_meet_node(comm));
        }
        judd_node_sum_destroy(sum);
    }
}

/* own: whether each rank is to have an array of its own, as one rank alone always does. */
static void with_nodes_of(const char *ranks, bool share, bool own) {
    judd_comm comm;
    if (ranks) setenv("JUDD_NODE_RANKS", ranks, 1);
    OK(judd_comm_open(&comm, MPI_COMM_WORLD));
    unsetenv("JUDD_NODE_RANKS");
    int most = ranks ? atoi(ranks) : comm.size;
    assert_true(comm.node_size <= most && comm.node_rank == comm.rank % most);
    totals(&comm, share, own || comm.size == 1);
    judd_comm_close(&comm);
}

static void one_node(void **state) {
    (void)state;
    with_nodes_of(NULL, true, false);
}

static void two_to_a_node(void **state) {
    (void)state;
    with_nodes_of("2", true, false);
}

static void each_its_own(void **state) {
    (void)state;
    with_nodes_of("1", true, true);
    with_nodes_of(NULL, false, true);
}

static void without_room(void **state) {
    (void)state;
    setenv("JUDD_SHM", "/proc", 1);
    with_nodes_of(NULL, true, true);
    unsetenv("JUDD_SHM");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_node),
        cmocka_unit_test(two_to_a_node),
        cmocka_unit_test(each_its_own),
        cmocka_unit_test(without_room),
    };
    MPI_Init(&argc, &argv);
    int failed = cmocka_run_group_tests_name("node_sum", tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
