/** Evaluation of operators on constants (judd_operator_fold): weights and the arithmetic on shapes
 *  that exporters write around Flatten, Reshape and Pad. */
#ifndef JUDD_SRC_ONNX_FOLD_H
#define JUDD_SRC_ONNX_FOLD_H

#include "onnx/pass.h"

judd_status judd_fold_constant(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_constant_of_shape(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_shape(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_copy(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_cast(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_unary(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_arithmetic(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_reshaped(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_transpose(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_concat(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_slice(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_gather(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_expand(judd_pass *pass, judd_graph_node *node);

#endif
