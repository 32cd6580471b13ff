/** One walk over the graph: constants are folded, shapes inferred, nodes normalised. */
#ifndef JUDD_SRC_ONNX_SIMPLIFY_H
#define JUDD_SRC_ONNX_SIMPLIFY_H

#include "onnx/pass.h"

/** Needs nodes in topological order, cut behind the tap. Afterwards the graph is as judd_graph_node
 *  describes it, but for values that nothing refers to any more. */
judd_status judd_simplify_graph(judd_pass *pass);

#endif
