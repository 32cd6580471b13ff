/** Writes ONNX models: an existing model's layers up to some of its tensors, and others around
 * them.
 *
 *  Node types used by callers must mean the same in every opset from 9 on, since an existing model
 *  keeps its own; judd_onnx_builder_reduce hides the one that does not. All functions are local.
 */
#ifndef JUDD_ONNX_BUILDER_H
#define JUDD_ONNX_BUILDER_H

#include <judd/onnx/graph.h>

typedef struct judd_onnx_builder judd_onnx_builder;

/** An empty model, or (path) that of a file as judd_graph_load reads it, its external data taken
 * in: nodes that do not lead to `tensors` [n] are gone, and so are its inputs and outputs. Its
 * image is a tensor that the caller makes, called judd_onnx_builder_image. Owner: caller. */
judd_status judd_onnx_builder_open(judd_onnx_builder **out, const char *path,
                                   const char *const *tensors, int n);
void judd_onnx_builder_close(judd_onnx_builder *builder);

/** What a tensor of the file is called in the model: names that stand for something else there, or
 *  begin with "judd/", get "file/" in front. Owner: caller, free(). */
judd_status judd_onnx_builder_name(char **out, const char *name);
/** The tensor that the file's network takes, and whether it has channels last. Borrowed. */
const char *judd_onnx_builder_image(const judd_onnx_builder *builder);
bool judd_onnx_builder_channels_last(const judd_onnx_builder *builder);
/** Images a run, if the file fixes it; else 0. */
int64_t judd_onnx_builder_batch(const judd_onnx_builder *builder);

/** An input or output of the model, float32; dims[0] = 0: any batch. */
judd_status judd_onnx_builder_input(judd_onnx_builder *b, const char *name, int rank,
                                    const int64_t *dims);
judd_status judd_onnx_builder_output(judd_onnx_builder *b, const char *name, int rank,
                                     const int64_t *dims);

/** Constants. */
judd_status judd_onnx_builder_floats(judd_onnx_builder *b, const char *name, int rank,
                                     const int64_t *dims, const float *data);
judd_status judd_onnx_builder_integers(judd_onnx_builder *b, const char *name, int64_t n,
                                       const int64_t *data);

/** An attribute of one integer, or (n > 0) of several. */
typedef struct judd_onnx_attribute {
    const char *name;
    int64_t i;
    const int64_t *ints;
    int n;
} judd_onnx_attribute;

/** output = op(inputs); inputs end at the first NULL. attribute: NULL for none. */
judd_status judd_onnx_builder_node(judd_onnx_builder *b, const char *output, const char *op,
                                   const char *const inputs[4],
                                   const judd_onnx_attribute *attribute);
/** Nodes come in front of those of the file until this is called, and behind them after it. */
void judd_onnx_builder_follow(judd_onnx_builder *b);
/** ReduceMean or ReduceMax over axes [n], in the form that the model's opset wants. */
judd_status judd_onnx_builder_reduce(judd_onnx_builder *b, const char *output, const char *op,
                                     const char *input, const int64_t *axes, int n, bool keep);

/** A line of the model's metadata; those of the file have "file/" in front of their names. */
judd_status judd_onnx_builder_metadata(judd_onnx_builder *b, const char *name, const char *value);

/** Write the model; the file appears when it is whole. JUDD_E_DATA beyond protobuf's 2 GiB. */
judd_status judd_onnx_builder_write(judd_onnx_builder *b, const char *path);

#endif
