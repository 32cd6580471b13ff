/** Evaluation of operators on constants (judd_operator_fold) that choose, count and place: what
 *  exporters write for index arithmetic, masks and slices that are assigned to. */
#ifndef JUDD_SRC_ONNX_FOLD_INDEX_H
#define JUDD_SRC_ONNX_FOLD_INDEX_H

#include "onnx/pass.h"

judd_status judd_fold_index_not(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_index_where(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_index_range(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_index_size(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_index_split(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_index_tile(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_index_scatter_nd(judd_pass *pass, judd_graph_node *node);
judd_status judd_fold_index_reduce(judd_pass *pass, judd_graph_node *node);

#endif
