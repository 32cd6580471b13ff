/** Shape functions (judd_operator_infer) of the operators without a window. */
#ifndef JUDD_SRC_ONNX_SHAPES_H
#define JUDD_SRC_ONNX_SHAPES_H

#include "onnx/pass.h"

judd_status judd_shapes_identity(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_dropout(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_cast(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_clip(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_unary(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_lrn(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_batch_norm(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_broadcast(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_prelu(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_variadic(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_where(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_layer_norm(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_instance_norm(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_gemm(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_matmul(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_softmax(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_reduce(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_concat(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_flatten(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_reshape(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_squeeze(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_unsqueeze(judd_pass *pass, judd_graph_node *node);
judd_status judd_shapes_transpose(judd_pass *pass, judd_graph_node *node);

/** starts, steps and dims of what a Slice takes, one entry per dimension of its input. */
judd_status judd_shapes_slice_range(judd_pass *pass, const judd_graph_node *node, int64_t *starts,
                                    int64_t *steps, int64_t *dims);

/** dims of a and b broadcast against each other (numpy's rule); false if they do not fit. */
bool judd_shapes_broadcast_dims(int *rank, int64_t *dims, const judd_graph_value *a,
                                const judd_graph_value *b);

/** The attribute "axis", counted from 0; not given: `absent`. */
judd_status judd_shapes_axis(int64_t *axis, int64_t absent, int rank, const judd_pass *pass,
                             const judd_graph_node *node);

/** A constant number from an attribute or an input; *number stays if both are absent. */
judd_status judd_shapes_number(float *number, const judd_pass *pass, const judd_graph_node *node,
                               const char *name, int index);

/** The value of an input, or NULL if it is absent. */
judd_graph_value *judd_shapes_input(const judd_pass *pass, const judd_graph_node *node, int index);

/** Sets the dims of the output, with the type of the first input. */
judd_status judd_shapes_output(judd_pass *pass, const judd_graph_node *node, int rank,
                               const int64_t *dims);

/** A constant list of integers given as an input; absent: *values = NULL, *n = 0. */
judd_status judd_shapes_int_input(const int64_t **values, int64_t *n, const judd_pass *pass,
                                  const judd_graph_node *node, int index);

#endif
