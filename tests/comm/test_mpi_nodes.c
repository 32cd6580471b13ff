/* Node memory where every two ranks are a node of their own. */
#include <judd/comm/node_memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void __attribute__((constructor)) two_ranks_a_node(void) {
    setenv("JUDD_NODE_RANKS", "2", 1);
}

static void spreads(void **state) {
    const judd_comm *comm = *state;
    const int64_t n = (9 << 20) + 5;
    judd_node_memory *memory = NULL;
    judd_scratch scratch = {0};
    if (comm->rank == 0) {
        assert_int_equal(judd_scratch_create(&scratch, n), JUDD_OK);
        for (int64_t i = 0; i < n; i++) ((uint8_t *)scratch.data)[i] = (uint8_t)(i * 7 >> 3);
    }
    assert_int_equal(judd_node_memory_share(&memory, comm, &scratch), JUDD_OK);
    const uint8_t *data = judd_node_memory_data(memory);
    for (int64_t i = 0; i < n; i++) assert_true(data[i] == (uint8_t)(i * 7 >> 3));
    int64_t writers = judd_node_memory_is_writer(memory);
    assert_int_equal(judd_comm_sum(comm, &writers, 1), JUDD_OK);
    assert_int_equal(writers, (comm->size + 1) / 2);
    judd_node_memory_destroy(memory);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(spreads, &comm)};
    int failed = cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
