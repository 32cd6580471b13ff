/** Where features are taken: the rules stand at judd_graph_load. */
#ifndef JUDD_SRC_ONNX_TAP_H
#define JUDD_SRC_ONNX_TAP_H

#include "onnx/pass.h"

enum { JUDD_TAP_NODES = 2 }; /* the most that judd_tap_resolve appends to the graph's nodes */

/** Sets graph->output to the tapped value, or to that of a new node JUDD_FEATURES_OP behind all.
 * Needs names and topological order, no shapes. */
judd_status judd_tap_resolve(judd_pass *pass);

/** The node of several or pooled taps becomes Concat, behind the pools and reshapes it needs. */
judd_status judd_tap_join(judd_pass *pass, judd_graph_node *node);

#endif
