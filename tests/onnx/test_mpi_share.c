/* Rank 0's graph on every rank against what each rank reads itself; every two ranks are a node. */
#include <judd/onnx/graph.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void __attribute__((constructor)) two_ranks_a_node(void) {
    setenv("JUDD_NODE_RANKS", "2", 1);
}

static char model[4096];

static void same_text(const char *a, const char *b) {
    assert_int_equal(a != NULL, b != NULL);
    if (a) assert_string_equal(a, b);
}

static void same_value(const judd_graph_value *a, const judd_graph_value *b) {
    same_text(a->name, b->name);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->rank, b->rank);
    assert_memory_equal(a->dims, b->dims, sizeof a->dims);
    assert_int_equal(a->is_initializer, b->is_initializer);
    assert_int_equal(a->in_file, b->in_file);
    assert_int_equal(a->data != NULL, b->data != NULL);
    if (!a->data) return;
    assert_int_equal((uintptr_t)a->data % 64, 0);
    assert_memory_equal(a->data, b->data,
                        (size_t)judd_graph_size(b) * (b->type == JUDD_F32 ? 4 : 8));
}

static void same_attribute(const judd_graph_attribute *a, const judd_graph_attribute *b) {
    same_text(a->name, b->name);
    same_text(a->s, b->s);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->i, b->i);
    assert_memory_equal(&a->f, &b->f, sizeof a->f);
    assert_int_equal(a->n, b->n);
    if (b->ints) assert_memory_equal(a->ints, b->ints, (size_t)b->n * sizeof *b->ints);
    if (b->floats) assert_memory_equal(a->floats, b->floats, (size_t)b->n * sizeof *b->floats);
}

static void same_node(const judd_graph_node *a, const judd_graph_node *b) {
    same_text(a->name, b->name);
    same_text(a->op, b->op);
    assert_int_equal(a->n_inputs, b->n_inputs);
    assert_int_equal(a->n_outputs, b->n_outputs);
    assert_int_equal(a->n_attributes, b->n_attributes);
    for (int i = 0; i < b->n_inputs; i++) assert_int_equal(a->inputs[i], b->inputs[i]);
    for (int i = 0; i < b->n_outputs; i++) assert_int_equal(a->outputs[i], b->outputs[i]);
    for (int i = 0; i < b->n_attributes; i++) same_attribute(&a->attributes[i], &b->attributes[i]);
}

static void same_graph(const judd_graph *a, const judd_graph *b) {
    assert_int_equal(a->n_values, b->n_values);
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_int_equal(a->n_taps, b->n_taps);
    for (int i = 0; i < b->n_values; i++) same_value(&a->values[i], &b->values[i]);
    for (int i = 0; i < b->n_nodes; i++) same_node(&a->nodes[i], &b->nodes[i]);
    for (int i = 0; i < b->n_taps; i++) {
        same_text(a->taps[i].name, b->taps[i].name);
        assert_int_equal(a->taps[i].rank, b->taps[i].rank);
    }
    assert_int_equal(a->n_inputs, b->n_inputs);
    for (int i = 0; i < b->n_inputs; i++) assert_int_equal(a->inputs[i], b->inputs[i]);
    assert_int_equal(a->output, b->output);
    assert_int_equal(a->batch, b->batch);
    assert_int_equal(a->opset, b->opset);
    assert_string_equal(a->producer, b->producer);
    assert_string_equal(a->sha256, b->sha256);
}

static judd_graph *load(void) {
    static const char *const taps[] = {"penultimate", "logits"};
    judd_graph_options o = {.batch = 2, .taps = taps, .n_taps = 2, .pool = JUDD_GRAPH_POOL_AVG};
    judd_graph *graph = NULL;
    if (judd_graph_load(&graph, model, &o) != JUDD_OK) fail_msg("%s", judd_status_message());
    return graph;
}

/* /proc has not a byte free. */
static void shared_or_copied(void **state) {
    const judd_comm *comm = *state;
    judd_graph *own = load();
    for (int room = 0; room < 2; room++) {
        judd_graph *graph = comm->rank == 0 ? load() : NULL;
        if (!room) setenv("JUDD_SHM", "/proc", 1);
        assert_int_equal(judd_graph_share(&graph, comm), JUDD_OK);
        unsetenv("JUDD_SHM");
        /* at three ranks the last is alone on its node, but that is one node of two */
        if (comm->size > 1) assert_int_equal(graph->shared != NULL, room == 1);
        same_graph(graph, own);
        judd_graph_destroy(graph);
    }
    judd_graph_destroy(own);
}

int main(int argc, char **argv) {
    const char *source = getenv("JUDD_SOURCE");
    if (!source) return 77;
    snprintf(model, sizeof model, "%s/jobs/models/fashion-resnet.onnx", source);
    MPI_Init(&argc, &argv);
    judd_comm comm;
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(shared_or_copied, &comm)};
    int failed = cmocka_run_group_tests_name("share", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
