/* Groups of ranks and their queue: every item once, to neighbours in rank; lists stay together; a
 * group that fails or is asked to stop ends all with one status; a busy rank 0 holds nobody up. */
#include <judd/base/memory.h>
#include <judd/comm/groups.h>
#include <judd/comm/watchdog.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

static judd_comm world;

enum { MOST = 200 };
static double work[MOST];
static int64_t list[MOST];

/* n items in lists of very different lengths. */
static judd_groups_options make_items(int n_groups, int64_t n, int64_t n_lists) {
    for (int64_t i = 0; i < n; i++) {
        list[i] = i * i % n_lists;
        work[i] = (double)(1 + i * 7 % 13);
    }
    return (judd_groups_options){.n_groups = n_groups, .n_items = n, .work = work, .list = list};
}

/* Work through a queue; times counts what leaders got. Returns how often the list changed here. */
static int64_t work_through(const judd_groups_options *o, int64_t *times) {
    judd_groups *groups = NULL;
    int64_t item = 0, changes = 0, before = -1;
    OK(judd_groups_create(&groups, &world, o));
    const judd_comm *own = judd_groups_comm(groups);
    assert_true(judd_groups_index(groups) >= 0 && judd_groups_index(groups) < o->n_groups);
    int64_t size = own->size, same = judd_groups_index(groups);
    OK(judd_comm_broadcast(own, &same, sizeof same));
    assert_int_equal(same, judd_groups_index(groups));
    assert_true(size == world.size / o->n_groups || size == world.size / o->n_groups + 1);
    for (double last = 1e9;;) {
        OK(judd_groups_next(groups, &item));
        if (item < 0) break;
        int64_t check = item; /* the same on the whole group */
        OK(judd_comm_broadcast(own, &check, sizeof check));
        assert_int_equal(check, item);
        if (own->rank == 0) times[item]++;
        changes += list[item] != before;
        if (list[item] == before) assert_true(work[item] <= last); /* longest first */
        last = work[item];
        before = list[item];
        usleep(200 * (unsigned)work[item]);
    }
    OK(judd_groups_next(groups, &item)); /* and again */
    assert_int_equal(item, -1);
    OK(judd_groups_finish(groups, JUDD_OK));
    judd_groups_destroy(groups);
    return changes;
}

static void everything_once(void **state) {
    (void)state;
    static const int64_t cases[][2] = {{0, 1}, {1, 1}, {3, 3}, {40, 1}, {60, 7}, {100, 100}};
    for (int n_groups = 1; n_groups <= world.size; n_groups++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            int64_t times[MOST] = {0}, n = cases[k][0];
            judd_groups_options o = make_items(n_groups, n, cases[k][1]);
            work_through(&o, times);
            OK(judd_comm_sum(&world, times, n));
            for (int64_t i = 0; i < n; i++) assert_int_equal(times[i], 1);
        }
}

/* With many lists, one is joined by a second group only when no other is left. */
static void lists_stay_together(void **state) {
    (void)state;
    int64_t times[MOST] = {0}, lists[MOST] = {0}, n_lists = 0;
    judd_groups_options o = make_items(world.size, 120, 12);
    for (int64_t i = 0; i < o.n_items; i++) lists[list[i]] = 1;
    for (int64_t l = 0; l < o.n_items; l++) n_lists += lists[l];
    int64_t changes = work_through(&o, times);
    OK(judd_comm_sum(&world, &changes, 1));
    assert_true(changes >= n_lists && changes <= n_lists + 2 * world.size);
}

static void first_failure_ends_all(void **state) {
    (void)state;
    judd_groups *groups = NULL;
    judd_groups_options o = make_items(world.size, MOST, 5);
    int64_t item = 0;
    judd_status status = JUDD_OK;
    OK(judd_groups_create(&groups, &world, &o));
    for (int k = 0; status == JUDD_OK && k < MOST; k++) {
        status = judd_groups_next(groups, &item);
        if (status != JUDD_OK) break;
        assert_true(item >= 0); /* the queue is not empty */
        if (world.rank == world.size - 1 && k == 2)
            status = judd_status_set(JUDD_E_IO, "the disk is full");
        for (int ms = 0; ms < 200 && status == JUDD_OK && !*judd_groups_stop(groups); ms++) {
            usleep(1000);
            judd_watchdog_beat(world.watchdog);
        }
    }
    status = judd_groups_finish(groups, status);
    assert_int_equal(status, JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), "the disk is full"));
    judd_groups_destroy(groups);
}

static void signal_stops_all(void **state) {
    (void)state;
    static volatile sig_atomic_t stop;
    judd_groups *groups = NULL;
    judd_groups_options o = make_items(world.size, MOST, 5);
    int64_t item = 0;
    judd_status status = JUDD_OK;
    o.stop = &stop;
    stop = 0;
    OK(judd_groups_create(&groups, &world, &o));
    while ((status = judd_groups_next(groups, &item)) == JUDD_OK && item >= 0) {
        usleep(3000);
        if (world.rank == world.size / 2) stop = 1; /* one rank hears it, the others are told */
    }
    assert_int_equal(judd_groups_finish(groups, status), JUDD_E_AGAIN);
    judd_groups_destroy(groups);
}

/* A rank 0 that computes for long between two beats does not keep the others from the queue. */
static void busy_rank_0_holds_nobody_up(void **state) {
    (void)state;
    judd_groups *groups = NULL;
    judd_groups_options o = make_items(world.size, 50, 1);
    int64_t item = 0, n = 0, others = 0;
    OK(judd_groups_create(&groups, &world, &o));
    for (;;) {
        OK(judd_groups_next(groups, &item));
        if (item < 0) break;
        n++;
        usleep(world.rank == 0 ? 300000 : 2000);
    }
    OK(judd_groups_finish(groups, JUDD_OK));
    others = world.rank == 0 ? 0 : n;
    OK(judd_comm_sum(&world, &others, 1));
    if (world.size > 1) assert_true(others >= 45);
    judd_groups_destroy(groups);
}

int main(int argc, char **argv) {
    int threads = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &threads);
    judd_watchdog *watchdog = NULL;
    if (judd_comm_open(&world, MPI_COMM_WORLD) != JUDD_OK) return 1;
    if (judd_watchdog_create(&watchdog, &world, "/nonexistent", 0.0) != JUDD_OK) return 1;
    world.watchdog = watchdog;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_once), cmocka_unit_test(lists_stay_together),
        cmocka_unit_test(first_failure_ends_all), cmocka_unit_test(signal_stops_all)};
    const struct CMUnitTest slow[] = {cmocka_unit_test(busy_rank_0_holds_nobody_up)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (world.size > 1) failed += cmocka_run_group_tests(slow, NULL, NULL);
    judd_watchdog_destroy(watchdog);
    judd_comm_close(&world);
    MPI_Finalize();
    return failed;
}
