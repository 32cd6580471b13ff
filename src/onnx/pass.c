#include "onnx/pass.h"

#include "onnx/node.h"

#include <judd/base/memory.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

judd_status judd_pass_context(const judd_pass *pass, const judd_graph_node *node,
                              judd_status status) {
    return judd_status_context(status, "%s: node %s (%s)", pass->path, node->name, node->op);
}

size_t judd_pass_width(judd_element type) {
    return type == JUDD_F32 ? sizeof(float) : sizeof(int64_t);
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

judd_status judd_pass_emit_inputs(judd_graph_node **out, judd_pass *pass,
                                  const judd_graph_node *node, const char *op, int n,
                                  const int *inputs, int rank, const int64_t *dims) {
    judd_status status = JUDD_OK;
    judd_graph_node *emitted = NULL;
    int value = -1;
    JUDD_TRY(another_node(&emitted, pass));
    JUDD_TRY(judd_memory_format(&emitted->name, "%s/%s#%d", node->name, op, pass->n_before));
    JUDD_TRY(judd_memory_string(&emitted->op, op));
    JUDD_TRY(judd_memory_alloc(&emitted->inputs, n, sizeof(int)));
    JUDD_TRY(judd_memory_alloc(&emitted->outputs, 1, sizeof(int)));
    JUDD_TRY(judd_pass_add_value(&value, pass, emitted->name));
    emitted->n_inputs = n;
    emitted->n_outputs = 1;
    memcpy(emitted->inputs, inputs, (size_t)n * sizeof *inputs);
    emitted->outputs[0] = value;
    JUDD_TRY(judd_pass_set_dims(&pass->graph->values[value], rank, dims));
    *out = emitted;
done:
    return judd_pass_context(pass, node, status);
}

judd_status judd_pass_emit(judd_graph_node **out, judd_pass *pass, const judd_graph_node *node,
                           const char *op, int input, int rank, const int64_t *dims) {
    return judd_pass_emit_inputs(out, pass, node, op, 1, &input, rank, dims);
}

judd_status judd_pass_reshape_after(judd_pass *pass, judd_graph_node *node, int rank,
                                    const int64_t *dims) {
    judd_status status = JUDD_OK;
    judd_graph_node *moved = NULL;
    const judd_graph_value *y = &pass->graph->values[node->outputs[0]];
    JUDD_TRY(judd_pass_emit_inputs(&moved, pass, node, node->op, node->n_inputs, node->inputs,
                                   y->rank, y->dims));
    moved->attributes = node->attributes;
    moved->n_attributes = node->n_attributes;
    node->attributes = NULL;
    node->n_attributes = 0;
    node->n_inputs = 1;
    node->inputs[0] = moved->outputs[0];
    JUDD_TRY(judd_node_rename(node, "Reshape"));
    JUDD_TRY(judd_pass_context(
        pass, node, judd_pass_set_dims(&pass->graph->values[node->outputs[0]], rank, dims)));
done:
    return status;
}

judd_status judd_pass_reshape_before(int *value, judd_pass *pass, const judd_graph_node *node,
                                     int rank, const int64_t *dims) {
    judd_status status = JUDD_OK;
    judd_graph_node *reshape = NULL;
    const judd_graph_value *from = &pass->graph->values[*value];
    if (from->data) {
        JUDD_TRY(judd_pass_constant(value, pass, node, from, rank, dims, false));
        goto done;
    }
    JUDD_TRY(judd_pass_emit(&reshape, pass, node, "Reshape", *value, rank, dims));
    *value = reshape->outputs[0];
done:
    return status;
}

judd_status judd_pass_charge(judd_pass *pass, const judd_graph_node *node, int64_t bytes) {
    judd_status status = JUDD_OK;
    pass->fold_budget -= bytes + 64;
    if (pass->fold_budget < 0)
        JUDD_NODE_FAIL(pass, node, "computed constants take too much memory; simplify the model");
done:
    return status;
}

judd_status judd_pass_constant(int *index, judd_pass *pass, const judd_graph_node *node,
                               const judd_graph_value *from, int rank, const int64_t *dims,
                               bool as_float) {
    judd_status status = JUDD_OK;
    bool convert = as_float && from->type != JUDD_F32;
    judd_element type = convert ? JUDD_F32 : from->type;
    int64_t n = judd_graph_size(from), width = (int64_t)judd_pass_width(type);
    judd_graph_value *value = NULL;
    JUDD_TRY(judd_pass_charge(pass, node, n * width));
    JUDD_TRY(judd_pass_add_value(index, pass, from->name));
    value = &pass->graph->values[*index];
    value->type = type;
    value->is_initializer = from->is_initializer;
    JUDD_TRY(judd_pass_set_dims(value, rank, dims));
    JUDD_TRY(judd_memory_alloc(&value->data, n, (size_t)width));
    if (!convert && n > 0) memcpy(value->data, from->data, (size_t)(n * width));
    for (int64_t i = 0; convert && i < n; i++)
        ((float *)value->data)[i] = (float)((const int64_t *)from->data)[i];
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
