#include "onnx/pass.h"

#include <judd/base/memory.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

judd_status judd_pass_context(const judd_pass *pass, const judd_graph_node *node,
                              judd_status status) {
    return judd_status_context(status, "%s: node %s (%s)", pass->path, node->name, node->op);
}

judd_status judd_pass_add_value(int *index, judd_pass *pass, const char *name) {
    judd_graph *graph = pass->graph;
    if (graph->n_values == pass->value_capacity)
        return judd_status_set(JUDD_E_DATA, "%s: too many tensors; simplify the model", pass->path);
    judd_graph_value *value = &graph->values[graph->n_values];
    judd_status status = judd_memory_string(&value->name, name);
    if (status != JUDD_OK) return status;
    value->type = JUDD_F32;
    value->rank = -1;
    *index = graph->n_values++;
    return JUDD_OK;
}

static judd_status another_node(judd_graph_node **out, judd_pass *pass) {
    if (pass->n_before == pass->before_capacity) {
        int larger = pass->before_capacity ? 2 * pass->before_capacity : 16;
        judd_graph_node *moved = realloc(pass->before, (size_t)larger * sizeof *moved);
        if (!moved) return judd_status_set(JUDD_E_INTERNAL, "%s: no memory", pass->path);
        pass->before = moved;
        pass->before_capacity = larger;
    }
    *out = &pass->before[pass->n_before++];
    **out = (judd_graph_node){.name = NULL};
    return JUDD_OK;
}

judd_status judd_pass_emit(judd_graph_node **out, judd_pass *pass, const judd_graph_node *node,
                           const char *op, int input, int rank, const int64_t *dims) {
    judd_status status = JUDD_OK;
    judd_graph_node *emitted = NULL;
    int value = -1;
    JUDD_TRY(another_node(&emitted, pass));
    JUDD_TRY(judd_memory_format(&emitted->name, "%s/%s#%d", node->name, op, pass->n_before));
    JUDD_TRY(judd_memory_string(&emitted->op, op));
    JUDD_TRY(judd_memory_alloc(&emitted->inputs, 1, sizeof(int)));
    JUDD_TRY(judd_memory_alloc(&emitted->outputs, 1, sizeof(int)));
    JUDD_TRY(judd_pass_add_value(&value, pass, emitted->name));
    emitted->n_inputs = emitted->n_outputs = 1;
    emitted->inputs[0] = input;
    emitted->outputs[0] = value;
    JUDD_TRY(judd_pass_set_dims(&pass->graph->values[value], rank, dims));
    *out = emitted;
done:
    return judd_pass_context(pass, node, status);
}

judd_dims_text judd_pass_dims(const judd_graph_value *value) {
    judd_dims_text out = {"["};
    size_t at = 1;
    for (int d = 0; d < value->rank; d++)
        at += (size_t)snprintf(out.text + at, sizeof out.text - at, "%s%lld", d ? ", " : "",
                               (long long)value->dims[d]);
    snprintf(out.text + at, sizeof out.text - at, "]");
    return out;
}

judd_status judd_pass_set_dims(judd_graph_value *value, int rank, const int64_t *dims) {
    int64_t size = 1;
    if (rank < 0 || rank > JUDD_GRAPH_MAX_RANK)
        return judd_status_set(JUDD_E_DATA, "%d dimensions, but at most %d are supported", rank,
                               JUDD_GRAPH_MAX_RANK);
    for (int d = 0; d < rank; d++) {
        if (dims[d] < 0)
            return judd_status_set(JUDD_E_DATA, "dimension %d is %lld; export again", d,
                                   (long long)dims[d]);
        /* zeros are left out, so that [0, 2^62] is refused as well */
        if (__builtin_mul_overflow(size, dims[d] ? dims[d] : 1, &size) || size > JUDD_MAX_ELEMENTS)
            return judd_status_set(JUDD_E_DATA,
                                   "the product of the dimensions exceeds %lld elements; export "
                                   "again or use a smaller batch",
                                   (long long)JUDD_MAX_ELEMENTS);
    }
    value->rank = rank;
    for (int d = 0; d < JUDD_GRAPH_MAX_RANK; d++) value->dims[d] = d < rank ? dims[d] : 0;
    return JUDD_OK;
}
