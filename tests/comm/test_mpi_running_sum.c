/* Sums that begin before the last number is there equal one sum of all. */
#include <judd/base/memory.h>
#include <judd/comm/running_sum.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

static judd_comm comm;

static int64_t number(int64_t i, int rank, int round) {
    return (int64_t)((uint64_t)(i + 1) * 0x9E3779B97F4A7C15u >> 8) * (rank + 1) - round * 1000003;
}

/* Many sizes around the chunk's, steps of any length, several rounds with one object; a rank that
 * announces nothing until the end takes part all the same. */
static void test_equal(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 1000, 131071, 131072, 131073, 300000, 1 << 20};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t n = sizes[k], *x = NULL;
        judd_running_sum sum;
        OK(judd_memory_alloc(&x, n, sizeof *x));
        OK(judd_running_sum_create(&sum, x, n, &comm, 0, 1));
        for (int round = 0; round < 3; round++) {
            bool silent = comm.rank == 1 && round == 1;
            for (int64_t i = 0; i < n; i++) {
                x[i] = number(i, comm.rank, round);
                if (!silent && i % 9973 == 0) OK(judd_running_sum_reach(&sum, i + 1));
            }
            OK(judd_running_sum_finish(&sum));
            for (int64_t i = 0; i < n; i++) {
                int64_t want = 0;
                for (int r = 0; r < comm.size; r++) want += number(i, r, round);
                if (x[i] != want) fail_msg("%d of %d in round %d", (int)i, (int)n, round);
            }
        }
        judd_running_sum_destroy(&sum);
        free(x);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equal)};
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests_name("running_sum", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
