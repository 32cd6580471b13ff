#include <judd/comm/node_memory.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void shared_by_the_node(void **state) {
    const judd_comm *comm = *state;
    enum { N = 300000 };
    judd_node_memory *memory = NULL;
    assert_int_equal(judd_node_memory_create(&memory, comm, N * 4), JUDD_OK);
    uint32_t *data = judd_node_memory_data(memory);
    assert_int_equal((uintptr_t)data % 64, 0);
    for (int i = 0; i < N; i++) assert_int_equal(data[i], 0);

    int64_t writers = judd_node_memory_is_writer(memory);
    assert_int_equal(judd_comm_sum(comm, &writers, 1), JUDD_OK);
    assert_int_equal(writers, 1); /* the tests run on one node */

    for (uint32_t round = 1; round < 4; round++) {
        /* all have read the last round before the writer goes on */
        assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);
        if (judd_node_memory_is_writer(memory))
            for (uint32_t i = 0; i < N; i++) data[i] = i * 2654435761u + round;
        assert_int_equal(judd_node_memory_publish(memory), JUDD_OK);
        for (uint32_t i = 0; i < N; i++) assert_true(data[i] == i * 2654435761u + round);
    }
    judd_node_memory_destroy(memory);
}

static void none_at_all(void **state) {
    const judd_comm *comm = *state;
    judd_node_memory *memory = NULL;
    assert_int_equal(judd_node_memory_create(&memory, comm, 0), JUDD_OK);
    assert_non_null(judd_node_memory_data(memory));
    assert_int_equal(judd_node_memory_publish(memory), JUDD_OK);
    judd_node_memory_destroy(memory);
    judd_node_memory_destroy(NULL);
}

static void many_at_once(void **state) {
    const judd_comm *comm = *state;
    enum { N = 20 };
    judd_node_memory *memory[N];
    for (int i = 0; i < N; i++) {
        assert_int_equal(judd_node_memory_create(&memory[i], comm, 4096 + i), JUDD_OK);
        if (judd_node_memory_is_writer(memory[i]))
            memset(judd_node_memory_data(memory[i]), i + 1, (size_t)(4096 + i));
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(judd_node_memory_publish(memory[i]), JUDD_OK);
        const char *data = judd_node_memory_data(memory[i]);
        assert_true(data[0] == i + 1 && data[4095 + i] == i + 1);
    }
    for (int i = 0; i < N; i++) judd_node_memory_destroy(memory[i]);
}

static void too_much(void **state) {
    const judd_comm *comm = *state;
    judd_node_memory *memory = NULL;
    judd_status status = judd_node_memory_create(&memory, comm, (int64_t)1 << 50);
    assert_null(memory);
    if (comm->size > 1) { /* one rank takes plain memory */
        assert_int_equal(status, JUDD_E_IO);
        assert_non_null(strstr(judd_status_message(), "/dev/shm"));
        assert_non_null(strstr(judd_status_message(), "--shm-size"));
    } else {
        assert_int_equal(status, JUDD_E_INTERNAL);
    }
    assert_int_equal(judd_node_memory_create(&memory, comm, -1), JUDD_E_INTERNAL);
    assert_int_equal(judd_node_memory_create(&memory, comm, INT64_MAX), JUDD_E_INTERNAL);
    assert_null(memory);
}

static void on_disk(void **state) {
    const judd_comm *comm = *state;
    enum { N = 300001 };
    judd_node_memory *memory = NULL;
    assert_int_equal(judd_node_memory_create_on_disk(&memory, comm, N), JUDD_OK);
    char *data = judd_node_memory_data(memory);
    for (int i = 0; i < N; i++) assert_int_equal(data[i], 0);
    assert_int_equal(judd_comm_agree(comm, JUDD_OK), JUDD_OK);
    if (judd_node_memory_is_writer(memory)) memset(data, 7, N);
    assert_int_equal(judd_node_memory_publish(memory), JUDD_OK);
    judd_node_memory_release(memory);
    for (int i = 0; i < N; i++) assert_int_equal(data[i], 7);
    judd_node_memory_destroy(memory);
    assert_int_equal(judd_node_memory_create_on_disk(&memory, comm, 0), JUDD_OK);
    judd_node_memory_destroy(memory);
    assert_int_equal(judd_node_memory_create_on_disk(&memory, comm, (int64_t)1 << 60), JUDD_E_IO);
    assert_null(memory);
}

/* What rank 0 has written, on every rank: more than one piece. */
static void shared_from_rank_0(void **state) {
    const judd_comm *comm = *state;
    const int64_t n = (9 << 20) + 5;
    judd_node_memory *memory = NULL;
    judd_scratch scratch = {0};
    if (comm->rank == 0) {
        assert_int_equal(judd_scratch_create(&scratch, n), JUDD_OK);
        for (int64_t i = 0; i < n; i++) ((uint8_t *)scratch.data)[i] = (uint8_t)(i * 7 >> 3);
    }
    assert_int_equal(judd_node_memory_share(&memory, comm, &scratch), JUDD_OK);
    assert_null(scratch.data);
    const uint8_t *data = judd_node_memory_data(memory);
    for (int64_t i = 0; i < n; i++) assert_true(data[i] == (uint8_t)(i * 7 >> 3));
    judd_node_memory_destroy(memory);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(shared_by_the_node, &comm),
        cmocka_unit_test_prestate(none_at_all, &comm),
        cmocka_unit_test_prestate(many_at_once, &comm),
        cmocka_unit_test_prestate(too_much, &comm),
        cmocka_unit_test_prestate(on_disk, &comm),
        cmocka_unit_test_prestate(shared_from_rank_0, &comm),
    };
    int failed = cmocka_run_group_tests_name("node_memory", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
