/** Shape functions (judd_operator_infer) of operators that move numbers without changing them.
 *  They become Slice, Gather, Expand, Pad, Transpose, Reshape and Concat. */
#ifndef JUDD_SRC_ONNX_MOVES_H
#define JUDD_SRC_ONNX_MOVES_H

#include "onnx/pass.h"

judd_status judd_moves_slice(judd_pass *pass, judd_graph_node *node);
judd_status judd_moves_split(judd_pass *pass, judd_graph_node *node);
judd_status judd_moves_gather(judd_pass *pass, judd_graph_node *node);
judd_status judd_moves_expand(judd_pass *pass, judd_graph_node *node);
judd_status judd_moves_tile(judd_pass *pass, judd_graph_node *node);
judd_status judd_moves_pad(judd_pass *pass, judd_graph_node *node);
judd_status judd_moves_depth_to_space(judd_pass *pass, judd_graph_node *node);
judd_status judd_moves_space_to_depth(judd_pass *pass, judd_graph_node *node);

/** Sizes of the parts of a Split and its axis; `sizes` has room for every output. */
judd_status judd_moves_split_sizes(int64_t *sizes, int64_t *axis, const judd_pass *pass,
                                   const judd_graph_node *node);

#endif
