/** Shape functions (judd_operator_infer) of convolution and pooling. */
#ifndef JUDD_SRC_ONNX_WINDOWS_H
#define JUDD_SRC_ONNX_WINDOWS_H

#include "onnx/pass.h"

judd_status judd_windows_conv(judd_pass *pass, judd_graph_node *node);
judd_status judd_windows_max_pool(judd_pass *pass, judd_graph_node *node);
judd_status judd_windows_average_pool(judd_pass *pass, judd_graph_node *node);
judd_status judd_windows_global_pool(judd_pass *pass, judd_graph_node *node);

#endif
