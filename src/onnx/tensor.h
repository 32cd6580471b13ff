/** Constants of the file -> values with data. */
#ifndef JUDD_SRC_ONNX_TENSOR_H
#define JUDD_SRC_ONNX_TENSOR_H

#include <judd/onnx/graph.h>

#include <onnx/onnx.pb-c.h>

typedef struct judd_tensor_reader judd_tensor_reader;

/** `path` (the model), `copy` (NULL is allowed) and `hash` (gets the external data) are borrowed;
 * at most `max_tensors` tensors may lie in external files. */
judd_status judd_tensor_reader_create(judd_tensor_reader **out, const char *path,
                                      judd_model_copy *copy, judd_hash *hash, int64_t max_tensors);
void judd_tensor_reader_destroy(judd_tensor_reader *reader);

/** Type, dims and data of `value` from a TensorProto. float32 and int64 stay; int32, and bool as 0
 *  and 1, become int64; everything else is refused, as are NaN, and infinite numbers except in
 *  single numbers (bounds). */
judd_status judd_tensor_read(judd_graph_value *value, judd_tensor_reader *reader,
                             const Onnx__TensorProto *tensor);

/** The reader's hash gets what judd_tensor_read would give it: bytes that lie in another file. */
judd_status judd_tensor_skim(int64_t *bytes, judd_tensor_reader *reader,
                             const Onnx__TensorProto *tensor);

/** Bytes that lie in another file become the tensor's own, freed with it. Of an element type that
 *  judd_tensor_read takes. */
judd_status judd_tensor_take_in(Onnx__TensorProto *tensor, judd_tensor_reader *reader);

#endif
