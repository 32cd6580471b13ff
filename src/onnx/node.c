#include "onnx/node.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static void free_attribute(judd_graph_attribute *attribute) {
    free(attribute->name);
    free(attribute->s);
    free(attribute->ints);
    free(attribute->floats);
}

void judd_node_clear(judd_graph_node *node) {
    for (int i = 0; i < node->n_attributes; i++) free_attribute(&node->attributes[i]);
    free(node->attributes);
    node->attributes = NULL;
    node->n_attributes = 0;
}

void judd_node_free(judd_graph_node *node) {
    judd_node_clear(node);
    free(node->name);
    free(node->op);
    free(node->inputs);
    free(node->outputs);
}

judd_status judd_node_rename(judd_graph_node *node, const char *op) {
    char *copy = NULL;
    judd_status status = judd_memory_string(&copy, op);
    if (status != JUDD_OK) return status;
    free(node->op);
    node->op = copy;
    return JUDD_OK;
}

judd_status judd_node_add(judd_graph_attribute **out, judd_graph_node *node, const char *name) {
    judd_status status = JUDD_OK;
    judd_graph_attribute *grown = NULL;
    JUDD_TRY(judd_memory_alloc(&grown, node->n_attributes + 1, sizeof *grown));
    JUDD_TRY(judd_memory_string(&grown[node->n_attributes].name, name));
    if (node->n_attributes > 0)
        memcpy(grown, node->attributes, (size_t)node->n_attributes * sizeof *grown);
    free(node->attributes);
    node->attributes = grown;
    grown = NULL;
    *out = &node->attributes[node->n_attributes++];
done:
    free(grown);
    return status;
}

judd_status judd_node_set_int(judd_graph_node *node, const char *name, int64_t value) {
    judd_graph_attribute *attribute = NULL;
    judd_status status = judd_node_add(&attribute, node, name);
    if (status != JUDD_OK) return status;
    attribute->kind = 'i';
    attribute->i = value;
    return JUDD_OK;
}

judd_status judd_node_set_float(judd_graph_node *node, const char *name, float value) {
    judd_graph_attribute *attribute = NULL;
    judd_status status = judd_node_add(&attribute, node, name);
    if (status != JUDD_OK) return status;
    attribute->kind = 'f';
    attribute->f = value;
    return JUDD_OK;
}

judd_status judd_node_set_ints(judd_graph_node *node, const char *name, int64_t n,
                               const int64_t *values) {
    judd_status status = JUDD_OK;
    judd_graph_attribute *attribute = NULL;
    JUDD_TRY(judd_node_add(&attribute, node, name));
    attribute->kind = 'I';
    JUDD_TRY(judd_memory_alloc(&attribute->ints, n, sizeof *values));
    attribute->n = n;
    if (n > 0) memcpy(attribute->ints, values, (size_t)n * sizeof *values);
done:
    return status;
}

const int64_t *judd_node_ints(int64_t *n, const judd_graph_node *node, const char *name) {
    const judd_graph_attribute *attribute = judd_graph_attribute_of(node, name);
    bool is_list = attribute && attribute->kind == 'I';
    *n = is_list ? attribute->n : 0;
    return is_list ? attribute->ints : NULL;
}

const char *judd_node_string(const judd_graph_node *node, const char *name, const char *absent) {
    const judd_graph_attribute *attribute = judd_graph_attribute_of(node, name);
    return attribute && attribute->kind == 's' ? attribute->s : absent;
}
