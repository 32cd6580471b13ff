/* One rank's graph on all of them. */
#include <judd/onnx/graph.h>

#include "onnx/pass.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

/* One walk over a graph and a run of bytes, in one of three ways. */
typedef struct tape {
    enum { COUNT, WRITE, READ } way; /* READ makes the graph */
    char *bytes;
    int64_t at;
} tape;

static void pass(tape *t, void *data, int64_t bytes) {
    if (bytes > 0 && t->way == WRITE) memcpy(t->bytes + t->at, data, (size_t)bytes);
    if (bytes > 0 && t->way == READ) memcpy(data, t->bytes + t->at, (size_t)bytes);
    t->at += bytes;
}

static judd_status make_room(const tape *t, void *array, int64_t n, size_t size) {
    return t->way == READ ? judd_memory_alloc(array, n, size) : JUDD_OK;
}

static judd_status pass_array(tape *t, void *array, int64_t n, size_t size) {
    judd_status status = make_room(t, array, n, size);
    if (status == JUDD_OK) pass(t, *(void **)array, n * (int64_t)size);
    return status;
}

/* NULL stays NULL. */
static judd_status pass_text(tape *t, char **text) {
    int64_t bytes = t->way != READ && *text ? (int64_t)strlen(*text) + 1 : 0;
    pass(t, &bytes, sizeof bytes);
    return bytes > 0 ? pass_array(t, text, bytes, 1) : JUDD_OK;
}

/* What is read of a struct holds the writer's pointers: they only say what follows. */
static judd_status pass_value(tape *t, judd_graph_value *value) {
    judd_status status = JUDD_OK;
    judd_graph_value v = *value;
    pass(t, &v, sizeof v);
    if (t->way == READ) {
        *value = v;
        value->name = NULL;
        value->data = NULL;
    }
    JUDD_TRY(pass_text(t, &value->name));
    if (!v.data) goto done;
    int64_t bytes = judd_graph_size(&v) * (int64_t)judd_pass_width(v.type);
    t->at = judd_round_up(t->at, ALIGNMENT);
    if (t->way == WRITE) memcpy(t->bytes + t->at, v.data, (size_t)bytes);
    if (t->way == READ) value->data = t->bytes + t->at;
    t->at += bytes;
done:
    return status;
}

static judd_status pass_attribute(tape *t, judd_graph_attribute *attribute) {
    judd_status status = JUDD_OK;
    judd_graph_attribute a = *attribute;
    pass(t, &a, sizeof a);
    if (t->way == READ)
        *attribute = (judd_graph_attribute){.kind = a.kind, .i = a.i, .f = a.f, .n = a.n};
    JUDD_TRY(pass_text(t, &attribute->name));
    JUDD_TRY(pass_text(t, &attribute->s));
    if (a.ints) JUDD_TRY(pass_array(t, &attribute->ints, a.n, sizeof *a.ints));
    if (a.floats) JUDD_TRY(pass_array(t, &attribute->floats, a.n, sizeof *a.floats));
done:
    return status;
}

static judd_status pass_node(tape *t, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_node n = *node;
    pass(t, &n, sizeof n);
    if (t->way == READ) *node = (judd_graph_node){.n_inputs = n.n_inputs, .n_outputs = n.n_outputs};
    JUDD_TRY(pass_text(t, &node->name));
    JUDD_TRY(pass_text(t, &node->op));
    JUDD_TRY(pass_array(t, &node->inputs, n.n_inputs, sizeof *n.inputs));
    JUDD_TRY(pass_array(t, &node->outputs, n.n_outputs, sizeof *n.outputs));
    JUDD_TRY(make_room(t, &node->attributes, n.n_attributes, sizeof *n.attributes));
    node->n_attributes = n.n_attributes;
    for (int i = 0; i < n.n_attributes; i++) JUDD_TRY(pass_attribute(t, &node->attributes[i]));
done:
    return status;
}

/* Counts are set when there is what they count: a graph half made can be destroyed. */
static judd_status pass_graph(tape *t, judd_graph *graph) {
    judd_status status = JUDD_OK;
    judd_graph g = *graph;
    pass(t, &g, sizeof g);
    if (t->way == READ) {
        *graph = g;
        graph->n_values = graph->n_nodes = graph->n_taps = 0;
        graph->values = NULL;
        graph->nodes = NULL;
        graph->taps = NULL;
    }
    JUDD_TRY(make_room(t, &graph->values, g.n_values, sizeof *g.values));
    graph->n_values = g.n_values;
    for (int i = 0; i < g.n_values; i++) JUDD_TRY(pass_value(t, &graph->values[i]));
    JUDD_TRY(make_room(t, &graph->nodes, g.n_nodes, sizeof *g.nodes));
    graph->n_nodes = g.n_nodes;
    for (int i = 0; i < g.n_nodes; i++) JUDD_TRY(pass_node(t, &graph->nodes[i]));
    JUDD_TRY(make_room(t, &graph->taps, g.n_taps, sizeof *g.taps));
    graph->n_taps = g.n_taps;
    for (int i = 0; i < g.n_taps; i++) {
        pass(t, &graph->taps[i].rank, sizeof graph->taps[i].rank);
        JUDD_TRY(pass_text(t, &graph->taps[i].name));
    }
done:
    return status;
}

/* Rank 0's graph as bytes: once a node, or where that has no room, *copy on every rank. */
static judd_status spread(judd_node_memory **shared, char **copy, judd_graph *from,
                          const judd_comm *comm) {
    judd_status status = JUDD_OK;
    tape t = {COUNT, NULL, 0};
    if (from) status = pass_graph(&t, from);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    int64_t bytes = t.at;
    JUDD_TRY(judd_comm_broadcast(comm, &bytes, sizeof bytes));
    status = judd_node_memory_create(shared, comm, bytes);
    if (status == JUDD_E_IO)
        JUDD_TRY(judd_comm_agree(comm, judd_memory_alloc(copy, bytes, 1)));
    else
        JUDD_TRY(status);
    t = (tape){WRITE, *shared ? judd_node_memory_data(*shared) : *copy, 0};
    if (from) status = pass_graph(&t, from);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(*shared ? judd_node_memory_spread(*shared) : judd_comm_broadcast(comm, *copy, bytes));
done:
    return status;
}

judd_status judd_graph_share(judd_graph **graph, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_graph *mine = NULL, *from = *graph;
    judd_node_memory *shared = NULL;
    char *copy = NULL;
    if (comm->size == 1) return JUDD_OK;
    *graph = NULL;
    JUDD_TRY(spread(&shared, &copy, from, comm));
    status = judd_memory_alloc(&mine, 1, sizeof *mine);
    if (status == JUDD_OK) {
        status = pass_graph(&(tape){READ, shared ? judd_node_memory_data(shared) : copy, 0}, mine);
        mine->shared = shared;
        mine->copy = copy;
        shared = NULL;
        copy = NULL;
    }
    JUDD_TRY(judd_comm_agree(comm, status));
    *graph = mine;
    mine = NULL;
done:
    judd_graph_destroy(from);
    judd_graph_destroy(mine);
    judd_node_memory_destroy(shared);
    free(copy);
    return status;
}
