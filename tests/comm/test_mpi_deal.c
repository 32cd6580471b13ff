/* Dealing: everything once, nothing after a stop, and no tail that a slow rank makes long. */
#include <judd/base/memory.h>
#include <judd/comm/deal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

static judd_comm world;

/* How often each item came to any rank. */
static void deal_all(int64_t n, int64_t unit, int64_t *times) {
    judd_deal *deal = NULL;
    int64_t first = 0, end = 0;
    OK(judd_deal_create(&deal, &world, n, unit));
    for (;;) {
        OK(judd_deal_next(deal, &first, &end));
        if (first == end) break;
        assert_true(first >= 0 && first < end && end <= n);
        assert_int_equal(first % unit, 0);
        if (end < n) assert_int_equal(end % unit, 0);
        for (int64_t i = first; i < end; i++) times[i]++;
        if (world.rank == world.size - 1) usleep(300); /* a slow one */
    }
    assert_int_equal(first, n);
    OK(judd_deal_next(deal, &first, &end)); /* and again */
    assert_int_equal(first, end);
    judd_deal_destroy(deal);
}

static void everything_once(void **state) {
    (void)state;
    static const int64_t cases[][2] = {{0, 1},     {1, 1},   {1, 32},   {31, 32},  {32, 32},
                                       {1000, 32}, {777, 1}, {5000, 7}, {9999, 64}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int64_t *times = NULL, n = cases[k][0];
        OK(judd_memory_alloc(&times, n, sizeof *times));
        deal_all(n, cases[k][1], times);
        OK(judd_comm_sum(&world, times, n));
        for (int64_t i = 0; i < n; i++) assert_int_equal(times[i], 1);
        free(times);
    }
}

static void nothing_after_a_stop(void **state) {
    (void)state;
    judd_deal *deal = NULL;
    int64_t first = 0, end = 0;
    OK(judd_deal_create(&deal, &world, 100000, 1));
    OK(judd_deal_next(deal, &first, &end));
    assert_true(first < end);
    OK(judd_comm_agree(&world, JUDD_OK));
    if (world.rank == world.size - 1) OK(judd_deal_stop(deal));
    OK(judd_comm_agree(&world, JUDD_OK));
    judd_deal_answer(deal);
    OK(judd_deal_next(deal, &first, &end));
    assert_int_equal(first, end);
    judd_deal_destroy(deal);
}

/* The chunks of this many ranks, taken by workers of which one has a third of the speed: the last
 * one ends within 1.15 times what the speeds together would take. A worker takes a chunk whenever
 * it is idle. */
static void a_slow_rank_holds_up_no_other(void **state) {
    (void)state;
    const int64_t unit = 32, n = 100 * unit * world.size;
    double *busy = NULL, total = (double)world.size - 2.0 / 3.0, last = 0.0;
    judd_deal *deal = NULL;
    OK(judd_memory_alloc(&busy, world.size, sizeof *busy));
    OK(judd_deal_create(&deal, &world, n, unit));
    OK(judd_comm_agree(&world, JUDD_OK));
    for (int64_t first = 0, end = 0; world.rank == 0;) {
        int idle = 0;
        OK(judd_deal_next(deal, &first, &end));
        if (first == end) break;
        for (int w = 1; w < world.size; w++)
            if (busy[w] < busy[idle]) idle = w;
        busy[idle] += (double)(end - first) * (idle == 0 ? 3.0 : 1.0);
    }
    for (int w = 0; w < world.size; w++) last = busy[w] > last ? busy[w] : last;
    if (world.rank == 0) assert_true(last <= 1.15 * (double)n / total);
    OK(judd_comm_agree(&world, JUDD_OK));
    judd_deal_destroy(deal);
    free(busy);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(everything_once),
    cmocka_unit_test(nothing_after_a_stop),
    cmocka_unit_test(a_slow_rank_holds_up_no_other),
};

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&world, MPI_COMM_WORLD) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests_name("deal", tests, NULL, NULL);
    judd_comm_close(&world);
    MPI_Finalize();
    return failed;
}
