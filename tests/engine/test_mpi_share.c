/* Weights once a node, and once a rank where shared memory has no room: the same bits. */
#include "engine_check.h"

enum { BATCH = 2, CHANNELS = 48, TERMS = 384, ROWS = CHANNELS * 400 / TERMS };

static int product(builder *b, int x, int64_t n) {
    int w = build_constant(b, 2, DIMS(n, n), 0.0, 1.0 / sqrt((double)n));
    return build_node(b, "MatMul", INPUTS(x, w), b->values[x].rank, b->values[x].dims);
}

/* Every kernel whose weights a node has once: an image side, Winograd's, Strassen's, oneDNN's with
 * weights made of a product over channels and of a batch normalisation, a product. */
static builder *network(void) {
    builder *b = build_start(2000, 4, DIMS(BATCH, 3, 20, 20));
    conv_shape c = {.out = CHANNELS,
                    .groups = 1,
                    .kernel = {3, 3},
                    .stride = {1, 1},
                    .dilation = {1, 1},
                    .pads = {1, 1, 1, 1},
                    .bias = true};
    int x = build_same(b, "Relu", build_conv(b, 0, &c));
    x = build_same(b, "Relu", build_conv(b, x, &c));
    x = product(b, build_node(b, "Reshape", INPUTS(x), 3, DIMS(BATCH, ROWS, TERMS)), TERMS);
    x = build_node(b, "Reshape", INPUTS(x), 4, DIMS(BATCH, CHANNELS, 20, 20));
    x = build_node(b, "Transpose", INPUTS(x), 4, DIMS(BATCH, 20, 20, CHANNELS));
    build_ints(b, "perm", 4, DIMS(0, 2, 3, 1));
    x = build_node(b, "Transpose", INPUTS(product(b, x, CHANNELS)), 4,
                   DIMS(BATCH, CHANNELS, 20, 20));
    build_ints(b, "perm", 4, DIMS(0, 3, 1, 2));
    conv_shape one = {
        .out = 8, .groups = 1, .kernel = {1, 1}, .stride = {2, 2}, .dilation = {1, 1}};
    x = build_norm(b, build_conv(b, x, &one));
    x = build_node(b, "Reshape", INPUTS(x), 2, DIMS(BATCH, 800));
    int w = build_constant(b, 2, DIMS(800, 12), 0.0, 0.1);
    build_node(b, "MatMul", INPUTS(x, w), 2, DIMS(BATCH, 12));
    return b;
}

enum { SIZE = BATCH * 3 * 20 * 20, DIM = BATCH * 12 };

static void check_share(judd_engine *e, const judd_comm *comm, const float *in,
                        const float *alone) {
    float shared[DIM];
    if (judd_engine_share(e, comm) != JUDD_OK) fail_msg("%s", judd_status_message());
    for (int round = 0; round < 2; round++) {
        memset(shared, 0, sizeof shared);
        check_run(e, in, shared);
        assert_memory_equal(shared, alone, sizeof shared);
    }
}

/* /proc has not a byte free. */
static void test_share(void **state) {
    const judd_comm *comm = *state;
    float in[SIZE], alone[DIM];
    builder *b = network();
    for (int i = 0; i < SIZE; i++) in[i] = (float)build_normal(b);
    for (int room = 0; room < 2; room++) {
        judd_engine *e = check_engine(&b->graph, "onednn", 1);
        check_run(e, in, alone);
        if (!room) assert_int_equal(setenv("JUDD_SHM", "/proc", 1), 0);
        check_share(e, comm, in, alone);
        unsetenv("JUDD_SHM");
        check_share(e, comm, in, alone); /* again: now there is room, or they are shared already */
        judd_engine_destroy(e);
    }
    build_end(b);
}

static judd_engine *rank_engine(const judd_comm *comm, const judd_graph *graph) {
    judd_engine *e = NULL;
    judd_engine_options o = JUDD_ENGINE_DEFAULTS;
    o.hollow = comm->rank > 0;
    if (judd_engine_create(&e, graph, &o) != JUDD_OK) fail_msg("%s", judd_status_message());
    return e;
}

/* Only rank 0 makes weights; without room for them nobody can run. */
static void test_hollow(void **state) {
    const judd_comm *comm = *state;
    float in[SIZE], alone[DIM];
    builder *b = network();
    for (int i = 0; i < SIZE; i++) in[i] = (float)build_normal(b);
    judd_engine *whole = check_engine(&b->graph, "onednn", 1);
    check_run(whole, in, alone);
    judd_engine_destroy(whole);
    judd_engine *e = rank_engine(comm, &b->graph);
    bool winograd = false, strassen = false, transposes = false;
    for (int i = 0; i < judd_engine_n_layers(e); i++) {
        winograd = winograd || judd_engine_layer_at(e, i).winograd;
        strassen = strassen || judd_engine_layer_at(e, i).strassen;
        transposes = transposes || strcmp(judd_engine_layer_at(e, i).op, "Transpose") == 0;
    }
    assert_true(winograd && strassen && !transposes);
    if (comm->rank > 0)
        assert_int_equal(judd_engine_run(e, (const float *[]){in}, alone), JUDD_E_INTERNAL);
    assert_int_equal(setenv("JUDD_SHM", "/proc", 1), 0);
    assert_int_equal(judd_engine_share(e, comm), comm->size > 1 ? JUDD_E_IO : JUDD_OK);
    unsetenv("JUDD_SHM");
    check_share(e, comm, in, alone);
    judd_engine_destroy(e);
    build_end(b);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_share, &comm),
                                       cmocka_unit_test_prestate(test_hollow, &comm)};
    int failed = cmocka_run_group_tests_name("share", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
