/* The source itself with a small limit, so that the splitting of large calls is what is tested. */
#define JUDD_COMM_CALL_BYTES 1000
#include "comm/comm.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static judd_comm comm_of(void **state) {
    return *(judd_comm *)*state;
}

/* Every rank must hold the same words. */
static void assert_same_message(const judd_comm *comm) {
    char mine[JUDD_MESSAGE_SIZE] = "", first[JUDD_MESSAGE_SIZE];
    strncpy(mine, judd_status_message(), sizeof mine - 1);
    memcpy(first, mine, sizeof first);
    assert_int_equal(judd_comm_broadcast(comm, first, sizeof first), JUDD_OK);
    assert_string_equal(mine, first);
}

static void agree_on_ok(void **state) {
    judd_comm comm = comm_of(state);
    judd_status_set(JUDD_E_IO, "stale");
    for (int i = 0; i < 100; i++) assert_int_equal(judd_comm_agree(&comm, JUDD_OK), JUDD_OK);
}

static void agree_for_every_subset(void **state) {
    judd_comm comm = comm_of(state);
    for (int subset = 1; subset < 1 << comm.size; subset++) {
        judd_status own = JUDD_OK;
        if (subset >> comm.rank & 1) own = judd_status_set(JUDD_E_DATA, "file %d: bad", comm.rank);
        int lowest = __builtin_ctz((unsigned)subset);
        char expected[64];
        if (subset == (1 << comm.size) - 1)
            snprintf(expected, sizeof expected, "file 0: bad");
        else
            snprintf(expected, sizeof expected, "rank %d: file %d: bad", lowest, lowest);
        assert_int_equal(judd_comm_agree(&comm, own), JUDD_E_DATA);
        assert_string_equal(judd_status_message(), expected);
    }
}

static void agree_on_the_worst(void **state) {
    static const judd_status order[] = {JUDD_OK,     JUDD_E_AGAIN, JUDD_E_USAGE,   JUDD_E_CONFIG,
                                        JUDD_E_DATA, JUDD_E_IO,    JUDD_E_INTERNAL};
    judd_comm comm = comm_of(state);
    for (int a = 0; a < 7; a++)
        for (int b = 0; b < 7; b++) {
            const int last = comm.size - 1;
            judd_status own = comm.rank == last ? order[b] : order[a];
            if (own != JUDD_OK) judd_status_set(own, "status %d", (int)own);
            judd_status worst = comm.size == 1 || b > a ? order[b] : order[a];
            assert_int_equal(judd_comm_agree(&comm, own), worst);
            if (worst != JUDD_OK) {
                char words[32];
                snprintf(words, sizeof words, "status %d", (int)worst);
                assert_non_null(strstr(judd_status_message(), words));
                assert_same_message(&comm);
            }
        }
}

static void agree_keeps_long_messages_whole_lines(void **state) {
    judd_comm comm = comm_of(state);
    char text[2 * JUDD_MESSAGE_SIZE];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    judd_status own = comm.rank == comm.size - 1 ? judd_status_set(JUDD_E_IO, "%s", text) : JUDD_OK;
    assert_int_equal(judd_comm_agree(&comm, own), JUDD_E_IO);
    assert_int_equal(strlen(judd_status_message()), JUDD_MESSAGE_SIZE - 1);
    assert_same_message(&comm);
}

static void status_of_rank_0(void **state) {
    judd_comm comm = comm_of(state);
    judd_status own = JUDD_OK;
    if (comm.rank == 0) own = judd_status_set(JUDD_E_CONFIG, "job.cfg:3: unknown key");
    if (comm.rank == 1) own = judd_status_set(JUDD_E_IO, "ignored");
    assert_int_equal(judd_comm_broadcast_status(&comm, own), JUDD_E_CONFIG);
    assert_string_equal(judd_status_message(), "job.cfg:3: unknown key");
    own = comm.rank == 0 ? JUDD_OK : JUDD_E_IO;
    assert_int_equal(judd_comm_broadcast_status(&comm, own), JUDD_OK);
}

static void broadcast_bytes(void **state) {
    judd_comm comm = comm_of(state);
    static const int64_t sizes[] = {0, 1, 999, 1000, 1001, 12345};
    for (int s = 0; s < 6; s++) {
        unsigned char data[12345] = {0};
        for (int64_t i = 0; comm.rank == 0 && i < sizes[s]; i++)
            data[i] = (unsigned char)(i * 7 % 251 + 1);
        assert_int_equal(judd_comm_broadcast(&comm, data, sizes[s]), JUDD_OK);
        for (int64_t i = 0; i < sizes[s]; i++) assert_int_equal(data[i], i * 7 % 251 + 1);
        if (sizes[s] < 12345) assert_int_equal(data[sizes[s]], 0);
    }
}

static void broadcast_strings(void **state) {
    judd_comm comm = comm_of(state);
    char root[] = "d\xc3\xa9j\xc3\xa0 vu";
    char *text = comm.rank == 0 ? root : NULL;
    assert_int_equal(judd_comm_broadcast_string(&comm, &text), JUDD_OK);
    assert_string_equal(text, root);
    assert_true(comm.rank > 0 || text == root);
    if (comm.rank > 0) free(text);
    char empty[] = "";
    text = comm.rank == 0 ? empty : NULL;
    assert_int_equal(judd_comm_broadcast_string(&comm, &text), JUDD_OK);
    assert_string_equal(text, "");
    if (comm.rank > 0) free(text);
    text = NULL;
    assert_int_equal(judd_comm_broadcast_string(&comm, &text), JUDD_OK);
    assert_null(text);
}

static void largest(void **state) {
    judd_comm comm = comm_of(state);
    double x = -1.0 - comm.rank;
    assert_int_equal(judd_comm_max(&comm, &x, 1), JUDD_OK);
    assert_true(x == -1.0);
    x = comm.rank == comm.size - 1 ? (double)INFINITY : (double)-INFINITY;
    assert_int_equal(judd_comm_max(&comm, &x, 1), JUDD_OK);
    assert_true(x == (double)INFINITY);
    x = comm.rank == comm.size - 1 ? (double)NAN : 5.0;
    assert_int_equal(judd_comm_max(&comm, &x, 1), JUDD_OK);
    assert_true(isnan(x));
    x = comm.rank % 2 ? 0.0 : -0.0;
    assert_int_equal(judd_comm_max(&comm, &x, 1), JUDD_OK);
    assert_true(x == 0 && !signbit(x));
    enum { N = 301 }; /* 125 fit into one call */
    double many[N];
    for (int i = 0; i < N; i++) many[i] = i % comm.size == comm.rank ? i : -i;
    many[7] = comm.rank == 0 ? (double)NAN : 1.0;
    assert_int_equal(judd_comm_max(&comm, many, N), JUDD_OK);
    for (int i = 0; i < N; i++) assert_true(i == 7 ? isnan(many[i]) : many[i] == i);
}

static void sums(void **state) {
    judd_comm comm = comm_of(state);
    enum { N = 1001 }; /* 125 fit into one call */
    int64_t x[N + 1];
    for (int i = 0; i <= N; i++) x[i] = ((int64_t)1 << 60) / 4 + (int64_t)i * (comm.rank + 1);
    const int64_t beyond = x[N];
    assert_int_equal(judd_comm_sum(&comm, x, N), JUDD_OK);
    const int64_t ranks = comm.size;
    for (int i = 0; i < N; i++)
        assert_true(x[i] == ranks * (((int64_t)1 << 60) / 4) + i * ranks * (ranks + 1) / 2);
    assert_true(x[N] == beyond);
    assert_int_equal(judd_comm_sum(&comm, NULL, 0), JUDD_OK);
}

typedef struct item {
    int32_t rank, index, square;
} item;

static void check_items(const judd_comm *comm, const item *all) {
    for (int r = 0; r < comm->size; r++)
        for (int i = 0; i < 400 * r; i++, all++) {
            assert_int_equal(all->rank, r);
            assert_int_equal(all->index, i);
            assert_int_equal(all->square, i * i);
        }
}

static void gathers(void **state) {
    judd_comm comm = comm_of(state);
    const int n = 400 * comm.rank; /* rank 0 has none; the others need several calls */
    item *local = calloc((size_t)n + 1, sizeof *local);
    for (int i = 0; i < n; i++) local[i] = (item){comm.rank, i, i * i};
    void *all = &comm;
    assert_int_equal(judd_comm_gather(&comm, &all, n ? local : NULL, n, sizeof *local), JUDD_OK);
    if (comm.rank == 0)
        check_items(&comm, all);
    else
        assert_null(all);
    free(all);
    assert_int_equal(judd_comm_allgather(&comm, &all, local, n, sizeof *local), JUDD_OK);
    check_items(&comm, all);
    free(all);
    free(local);
}

static void gather_refuses_overflow(void **state) {
    judd_comm comm = comm_of(state);
    void *all = NULL;
    const int64_t n = comm.rank == comm.size - 1 ? INT64_MAX / 4 : 0;
    assert_int_equal(judd_comm_gather(&comm, &all, NULL, n, 16), JUDD_E_INTERNAL);
    assert_null(all);
    assert_same_message(&comm);
    assert_int_equal(judd_comm_allgather(&comm, &all, NULL, -1, 16), JUDD_E_INTERNAL);
    assert_null(all);
}

static void mpi_errors_are_returned(void **state) {
    judd_comm comm = comm_of(state);
    int x = 0;
    int code = MPI_Bcast(&x, 1, MPI_INT, comm.size, comm.mpi); /* no such root */
    assert_int_equal(judd_comm_check(code, "MPI_Bcast"), JUDD_E_INTERNAL);
    assert_non_null(strstr(judd_status_message(), "MPI_Bcast: "));
    assert_int_equal(judd_comm_check(MPI_SUCCESS, "MPI_Bcast"), JUDD_OK);
}

static void close_twice(void **state) {
    (void)state;
    judd_comm comm = {0};
    judd_comm_close(&comm);
    assert_int_equal(judd_comm_open(&comm, MPI_COMM_SELF), JUDD_OK);
    assert_int_equal(comm.size, 1);
    judd_comm_close(&comm);
    judd_comm_close(&comm);
    judd_comm_close(NULL);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(agree_on_ok, &comm),
        cmocka_unit_test_prestate(agree_for_every_subset, &comm),
        cmocka_unit_test_prestate(agree_on_the_worst, &comm),
        cmocka_unit_test_prestate(agree_keeps_long_messages_whole_lines, &comm),
        cmocka_unit_test_prestate(status_of_rank_0, &comm),
        cmocka_unit_test_prestate(broadcast_bytes, &comm),
        cmocka_unit_test_prestate(broadcast_strings, &comm),
        cmocka_unit_test_prestate(largest, &comm),
        cmocka_unit_test_prestate(sums, &comm),
        cmocka_unit_test_prestate(gathers, &comm),
        cmocka_unit_test_prestate(gather_refuses_overflow, &comm),
        cmocka_unit_test_prestate(mpi_errors_are_returned, &comm),
        cmocka_unit_test(close_twice),
    };
    int failed = cmocka_run_group_tests_name("comm", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
