/** Evaluation of operators on constants (judd_operator_fold): weights and the arithmetic on shapes
 *  that exporters write around Flatten, Reshape and Pad. */
#ifndef JUDD_SRC_ONNX_FOLD_H
#define JUDD_SRC_ONNX_FOLD_H

#include "onnx/pass.h"

judd_status judd_fold_constant(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_constant_of_shape(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_shape(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_copy(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_dropout(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_cast(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_unary(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_arithmetic(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_reshaped(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_transpose(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_concat(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_slice(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_gather(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_expand(judd_pass *pass, judd_graph_node *node);

/** Memory for an output of a node with type and dims. */
judd_status judd_fold_allocate(judd_graph_value **out, judd_pass *pass, const judd_graph_node *node,
                               int output, judd_element type, int rank, const int64_t *dims);

/** strides[d]: how far a step along dimension d of a value of `rank` dimensions moves in x, which
 * is broadcast to it: 0 where x is repeated. */
void judd_fold_strides(int64_t *strides, const judd_graph_value *x, int rank);

/** Where element i of y lies in a value with these strides. */
int64_t judd_fold_place(const judd_graph_value *y, int64_t i, const int64_t *strides);

/** Elements from one index of dimension d to the next. */
int64_t judd_fold_stride(const judd_graph_value *x, int64_t d);

#endif
