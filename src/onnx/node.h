/** Attributes and inputs of nodes under construction. */
#ifndef JUDD_SRC_ONNX_NODE_H
#define JUDD_SRC_ONNX_NODE_H

#include <judd/onnx/graph.h>

/** A node gets rid of all its attributes. */
void judd_node_clear(judd_graph_node *node);

/** Frees what a node owns. */
void judd_node_free(judd_graph_node *node);

/** A node becomes another operator. */
judd_status judd_node_rename(judd_graph_node *node, const char *op);

/** A new attribute, empty but for its name (copied). */
judd_status judd_node_add(judd_graph_attribute **out, judd_graph_node *node, const char *name);

judd_status judd_node_set_int(judd_graph_node *node, const char *name, int64_t value);
judd_status judd_node_set_float(judd_graph_node *node, const char *name, float value);
judd_status judd_node_set_ints(judd_graph_node *node, const char *name, int64_t n,
                               const int64_t *values);

/** A list of ints, or NULL and *n = 0. */
const int64_t *judd_node_ints(int64_t *n, const judd_graph_node *node, const char *name);

/** A string attribute, or `absent`. */
const char *judd_node_string(const judd_graph_node *node, const char *name, const char *absent);

#endif
