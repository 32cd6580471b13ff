/** Order and selection of nodes. */
#ifndef JUDD_SRC_ONNX_SORT_H
#define JUDD_SRC_ONNX_SORT_H

#include "onnx/pass.h"

/** Topological order, the file's order where that is one; a cycle is refused by a node's name. */
judd_status judd_sort_nodes(judd_pass *pass);

/** Drops nodes that do not lead to graph->output, then values that nothing refers to (the input
 *  stays), and renumbers the rest. Needs nodes in topological order. */
judd_status judd_sort_cut(judd_graph *graph);

/** producer[value] = node, or -1 for inputs and constants; n_values entries. Owner: caller. */
judd_status judd_sort_producers(int **producer, const judd_graph *graph);

#endif
