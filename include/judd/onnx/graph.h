/** A neural network as read from an ONNX file: float32 inference graphs, checked and with all
 *  shapes known.
 *
 *  The file is not trusted: nesting, counts, sizes, dimensions and offsets are checked before
 * memory is allocated, and every message names the node or tensor.
 */
#ifndef JUDD_ONNX_GRAPH_H
#define JUDD_ONNX_GRAPH_H

#include <judd/base/hash.h>
#include <judd/comm/node_memory.h>
#include <judd/onnx/model_copy.h>

#include <stdbool.h>
#include <stdint.h>

enum { JUDD_GRAPH_MAX_RANK = 8, JUDD_GRAPH_MAX_INPUTS = 16 };

typedef enum judd_element { JUDD_F32 = 1, JUDD_I64 = 7 } judd_element; /* ONNX's numbers */

/** A constant, or the description (data NULL) of a value that is computed. */
typedef struct judd_graph_value {
    char *name;
    judd_element type;
    int rank; /* -1: not inferred yet */
    int64_t dims[JUDD_GRAPH_MAX_RANK];
    void *data;          /* the graph's; NULL unless constant */
    bool is_initializer; /* came as a weight in the file (for weights = "random") */
    bool in_file;        /* the file knows it by this name: it can be a tap */
} judd_graph_value;

typedef struct judd_graph_attribute {
    char *name;
    int kind; /* 'i', 'f', 's', 'I' (ints), 'F' (floats), 't' (tensor: value index in i) */
    int64_t i;
    float f;
    char *s;
    int64_t n;
    int64_t *ints;
    float *floats;
} judd_graph_attribute;

/** A node; inputs and outputs are indices into values, -1 for an optional input left out.
 *
 *  Nodes of a loaded graph are normalised, so that who runs them needs no defaults and no opset:
 *  - every node has exactly one output and at least one input that is computed; Identity, Dropout,
 *    Constant and everything that depends on constants and shapes only are gone;
 *  - inputs that only say a shape, axes, pads, indices or bounds are gone: Reshape, Squeeze,
 *    Unsqueeze, Flatten, Clip, Pad, Slice, Gather, Expand and Reduce... have one input; trailing
 *    absent inputs are cut off;
 *  - these attributes are always present (axes count from 0), all others are dropped:
 *      Conv               group; kernel_shape, strides, dilations [2]; pads [top left bottom right]
 *      MaxPool            kernel_shape, strides, dilations [2]; pads [4]
 *      AveragePool        the same, and count_include_pad
 *      BatchNormalization epsilon; scale, shift, mean and variance are constants of [channels]
 *      LayerNormalization axis, epsilon; scale and shift are constants
 *      InstanceNormalization  epsilon; scale and shift are constants of [channels]
 *      Clip               min, max            Elu, Celu, LeakyRelu, ThresholdedRelu   alpha
 *      HardSigmoid        alpha, beta         Selu   alpha, gamma       Shrink   bias, lambd
 *      Gemm               alpha, beta, transA, transB                   Transpose   perm [rank]
 *      Softmax, LogSoftmax, Concat, Flatten   axis (softmax: over that one axis)
 *      Squeeze, Unsqueeze axes                Reduce... (Mean, Sum, L2, ...)   axes, keepdims
 *      Pad                pads [2 rank: begins, then ends], value, mode (0 constant, 1 reflect,
 *                         2 edge)             LRN    size, alpha, beta, bias
 *      Slice              starts, steps [rank]                 Gather   axis, indices (flat)
 *    all others none: Relu, Sigmoid and other functions of one number, Add, Sub, Mul, Div, Pow, Max
 *    and Min (of two), PRelu, MatMul (of matrices), Reshape, Expand, GlobalAveragePool,
 *    GlobalMaxPool, and Where, whose condition is a float32 constant of 0 and 1;
 *  - Split, Tile, Sum, DepthToSpace, SpaceToDepth, and windows over sequences are written with
 * these;
 *  - auto_pad and ceil_mode are resolved into pads: for each axis, out = (in + begin + end -
 *    dilation * (kernel - 1) - 1) / stride + 1, rounded down, is the dimension of the output;
 *  - taking every s-th row and column of an image is a MaxPool of kernel 1 and stride s. */
typedef struct judd_graph_node {
    char *name; /* as in the file, or "#INDEX" */
    char *op;   /* as "Conv" */
    int n_inputs, n_outputs, n_attributes;
    int *inputs, *outputs;
    judd_graph_attribute *attributes;
} judd_graph_node;

/** A tensor of the file whose values are the features, or a part of them. */
typedef struct judd_graph_tap {
    char *name;
    int rank;
} judd_graph_tap;

typedef struct judd_graph {
    int n_values, n_nodes; /* nodes are in topological order */
    judd_graph_value *values;
    judd_graph_node *nodes;
    int n_inputs, inputs[JUDD_GRAPH_MAX_INPUTS]; /* value indices; images: [0] alone */
    int output;                                  /* value index: the tapped value, or features */
    judd_graph_tap *taps;                        /* [n_taps], in the order of the options */
    int n_taps;
    int64_t batch; /* 0: there is none, see judd_graph_options */
    int64_t opset;
    char producer[32];            /* what the file says wrote it ("pytorch", "tf2onnx"), cut */
    char sha256[JUDD_SHA256_HEX]; /* of the file (and of its external data, if any) */
    judd_node_memory *shared;     /* where the constants are after judd_graph_share, read-only; */
    void *copy;                   /* without room for that, the rank's own; else each by itself */
} judd_graph;

/** What becomes of a tapped map [batch, channels, height, width] or tokens [batch, tokens,
 *  channels]; values of two dimensions stay as they are. */
typedef enum judd_graph_pool {
    JUDD_GRAPH_POOL_NONE,  /* all places side by side */
    JUDD_GRAPH_POOL_AVG,   /* the mean over all places */
    JUDD_GRAPH_POOL_MAX,   /* the largest number of each channel */
    JUDD_GRAPH_POOL_AVGMAX /* the mean, then the largest */
} judd_graph_pool;

/** What the caller decides. */
typedef struct judd_graph_options {
    int64_t batch; /* images [batch, channels, height, width]; 0: inputs of any number and rank
                      with the dimensions of the file, any output */
    int channels, height, width; /* 0: as in the file; must agree with what the file fixes */
    const char *const *taps; /* "penultimate", "logits" (""), "probabilities", tensor or node names:
                                 judd_graph_load */
    int n_taps;              /* 0: logits */
    judd_graph_pool pool;
    judd_model_copy *copy; /* what is in it is not read from the files; borrowed, NULL is allowed */
} judd_graph_options;

/** graph->sha256 of the graph that this file would give, without making it, and the bytes that it
 * is of. The identity of a model: where its bytes are in one file, that file's SHA-256. Local.
 * What was read goes into `copy` (NULL is allowed). Errors as judd_graph_load's. */
judd_status judd_graph_identify(char sha256[JUDD_SHA256_HEX], int64_t *bytes, const char *path,
                                judd_model_copy *copy);

/** Read, check, fold constants, infer all shapes, cut everything that does not lead to a tap.
 *  `output` is the tapped value afterwards; with several taps or a pool the taps as [batch,
 *  features], side by side in the order given. Local. Errors: JUDD_E_DATA (file, node, fact,
 * remedy), JUDD_E_IO.
 *
 *  Taps. "logits" or "": the first graph output, or what enters a softmax at the very end.
 *  "probabilities": the graph's own softmax there, or the softmax of its logits over the classes;
 * so what the source head says of an image is the features of taps "logits" and "probabilities".
 *  "penultimate": from there backwards through activations, pooling, reshaping and additions or
 *  multiplications of constants to the first Gemm, MatMul or 1x1 Conv with constant weights; its
 *  data input, a map if that layer classifies at every place (SqueezeNet). Otherwise a tensor, or
 *  else a node (its first output). Only nodes that lead to the tap must be supported.
 *
 *  Layout. A file that fixes the last dimension of its image at 1 or 3 and the second not at 4 or
 *  less takes channels last (Keras, by tf2onnx): the graph transposes, images come as everywhere.
 *
 *  Batch. Symbolic or fixed, the first dimension of the input becomes options->batch. If the file
 *  fixes it at B, a constant Reshape target that starts with B, applied to a value whose first
 *  dimension is the batch, starts with options->batch instead. */
judd_status judd_graph_load(judd_graph **out, const char *path, const judd_graph_options *options);
/** Rank 0's graph on every rank (others pass NULL in *graph), so that one rank of a job reads and
 *  checks a file; the ranks of a node share its constants, and where /dev/shm is too small for
 *  them, each has a copy. Collective over comm, which must outlive the graph. After an error
 *  *graph is NULL. */
judd_status judd_graph_share(judd_graph **graph, const judd_comm *comm);
/** Collective over the comm of judd_graph_share if that was called, else local. */
void judd_graph_destroy(judd_graph *graph);

/** An attribute of a node, or NULL. */
const judd_graph_attribute *judd_graph_attribute_of(const judd_graph_node *node, const char *name);
int64_t judd_graph_attribute_int(const judd_graph_node *node, const char *name, int64_t absent);
float judd_graph_attribute_float(const judd_graph_node *node, const char *name, float absent);

/** weights = "random": every trained tensor gets new values, a function of (seed, its name) only:
 *  He-normal (std sqrt(2/fan_in)) for the weights of Conv, Gemm and MatMul, 0 for biases and class
 *  tokens; normalisations scale 1, shift 0, mean 0, variance 1; slopes of PRelu 1/4. He et al.
 * 2015, "Delving deep into rectifiers". Tensors that Add, Sub, Mul and Div apply behind a trained
 * layer are shifts (0) and scales (1); in front of one they normalise the image and stay, as single
 * numbers do. Local. JUDD_E_DATA names a trained tensor without a rule, or with two; the graph is
 * unchanged then. */
judd_status judd_graph_randomize(judd_graph *graph, uint64_t seed);

/** Number of elements of a value. */
int64_t judd_graph_size(const judd_graph_value *value);

#endif
