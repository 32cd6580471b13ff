/** Protobuf messages -> a judd_graph with nodes in topological order, nothing inferred yet. */
#ifndef JUDD_SRC_ONNX_IMPORT_H
#define JUDD_SRC_ONNX_IMPORT_H

#include "onnx/pass.h"

#include <onnx/onnx.pb-c.h>

/** Fills pass->graph (empty before), pass->file_batch and value_capacity. `hash` gets the external
 *  data. Whatever was built when it fails is freed with the graph. */
judd_status judd_import_model(judd_pass *pass, const Onnx__ModelProto *model, judd_hash *hash);

/** `hash` gets the external data alone, in judd_import_model's order; *bytes: how many. */
judd_status judd_import_skim(int64_t *bytes, const Onnx__ModelProto *model, const char *path,
                             judd_model_copy *copy, judd_hash *hash);

/** Whether an image of this shape [4] has its channels last: the rule stands at judd_graph_load. */
bool judd_import_has_channels_last(const Onnx__TensorShapeProto *shape);

#endif
