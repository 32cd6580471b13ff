/* The engine's own view of a graph: values and steps that the passes of fuse.c may rewrite.
 *
 * A net lives only while an engine is being made; it borrows names, attributes and constants from
 * the judd_graph it came from.
 */
#ifndef JUDD_SRC_ENGINE_NET_H
#define JUDD_SRC_ENGINE_NET_H

#include <judd/base/memory.h>
#include <judd/onnx/graph.h>

/** How a value lies in memory: float32, row-major; float32 images in nChw{B}c, channels padded with
 *  zeros to a multiple of B, B = judd_onednn_block(); bfloat16, row-major; bfloat16 images,
 * channels last. Only 4-D values are images. What follows is no layout of a value: float32 images,
 * channels last, which products write (onednn.h); a kernel that takes the first two as they come.
 */
typedef enum judd_layout {
    JUDD_PLAIN,
    JUDD_BLOCKED,
    JUDD_BF16_PLAIN,
    JUDD_BF16_PIXELS,
    JUDD_LAYOUTS,
    JUDD_PIXELS = JUDD_LAYOUTS,
    JUDD_EITHER
} judd_layout;

static inline bool judd_layout_is_bf16(judd_layout layout) {
    return layout == JUDD_BF16_PLAIN || layout == JUDD_BF16_PIXELS;
}

/** Shape and layout of what a kernel reads or writes. */
typedef struct judd_operand {
    int rank;
    int64_t dims[JUDD_GRAPH_MAX_RANK];
    judd_layout layout;
    int block; /* B when blocked */
} judd_operand;

/** y = f(x), element by element. */
typedef enum judd_activation_kind {
    JUDD_ACTIVATION_NONE,
    JUDD_ACTIVATION_RELU,                          /* x > 0 ? x : alpha x */
    JUDD_ACTIVATION_CLIP,                          /* min(max(x, alpha), beta) */
    JUDD_ACTIVATION_SIGMOID,                       /* 1 / (1 + exp(-x)) */
    JUDD_ACTIVATION_HARD_SIGMOID,                  /* min(max(alpha x + beta, 0), 1) */
    JUDD_ACTIVATION_HARD_SWISH,                    /* x min(max(x / 6 + 1/2, 0), 1) */
    JUDD_ACTIVATION_SWISH,                         /* x / (1 + exp(-x)) */
    JUDD_ACTIVATION_FUSED = JUDD_ACTIVATION_SWISH, /* up to here oneDNN computes them as well */
    JUDD_ACTIVATION_ABS,
    JUDD_ACTIVATION_CEIL,
    JUDD_ACTIVATION_CELU, /* max(x, 0) + min(alpha (exp(x / alpha) - 1), 0) */
    JUDD_ACTIVATION_ELU,  /* x < 0 ? alpha (exp(x) - 1) : x */
    JUDD_ACTIVATION_ERF,
    JUDD_ACTIVATION_EXP,
    JUDD_ACTIVATION_FLOOR,
    JUDD_ACTIVATION_GELU, /* x/2 (1 + erf(x / sqrt(2))): Hendrycks & Gimpel 2016 */
    JUDD_ACTIVATION_LOG,
    JUDD_ACTIVATION_NEG,
    JUDD_ACTIVATION_RECIPROCAL,
    JUDD_ACTIVATION_ROUND,  /* halves to even */
    JUDD_ACTIVATION_SELU,   /* beta (x > 0 ? x : alpha (exp(x) - 1)) */
    JUDD_ACTIVATION_SHRINK, /* x < -beta ? x + alpha : x > beta ? x - alpha : 0 */
    JUDD_ACTIVATION_SIGN,
    JUDD_ACTIVATION_SOFTPLUS, /* log(1 + exp(x)) */
    JUDD_ACTIVATION_SOFTSIGN, /* x / (1 + |x|) */
    JUDD_ACTIVATION_SQRT,
    JUDD_ACTIVATION_TANH,
    JUDD_ACTIVATION_THRESHOLD /* x > alpha ? x : 0 */
} judd_activation_kind;

typedef struct judd_activation {
    judd_activation_kind kind;
    float alpha, beta;
} judd_activation;

float judd_net_activate(judd_activation f, float x);

/** The sliding window of a convolution or pooling, [0] height and [1] width. */
typedef struct judd_window {
    int64_t groups;
    int64_t kernel[2], stride[2], dilation[2], begin[2], end[2];
    bool include_pad; /* AveragePool: padding counts in the divisor */
} judd_window;

typedef struct judd_net_value {
    const char *name;
    judd_element type;
    int rank;
    int64_t dims[JUDD_GRAPH_MAX_RANK];
    const void *data; /* constant, or NULL */
    void *owned;      /* data, when a pass made it */
    bool images;      /* dimension 0 is known to be the image (judd_net_mark_images) */
} judd_net_value;

typedef struct judd_attention judd_attention; /* attention.h */

typedef struct judd_step {
    const char *op, *name;
    const judd_graph_node *node; /* attributes */
    int n_inputs, n_operands; /* inputs[0, n_operands) arrive at run time, the rest are constants */
    int *inputs;              /* owned; value indices, -1 = absent */
    int output;
    judd_window window;         /* Conv and pools */
    judd_activation activation; /* the operator itself, or fused behind it */
    int residual;               /* value added before the activation, or -1 */
    bool pooled;                /* Conv: then the largest of every 2 x 2 outputs */
    int axis;                   /* LayerNormalization */
    float epsilon;
    judd_attention *attention; /* owned; Attention */
} judd_step;

/* Operators that only passes make. Inputs of the first: images that stand behind each other in the
 * channels, then constants: a scale and a shift for every channel. Of the second: those of
 * LayerNormalization, but it runs over the channels of every pixel (axis 1). */
#define JUDD_OP_AFFINE "Affine"
#define JUDD_OP_CHANNEL_NORM "ChannelNormalization"

typedef struct judd_net {
    int n_values, n_steps;
    judd_net_value *values;
    judd_step *steps; /* in an order that can be run */
    int n_inputs, inputs[JUDD_GRAPH_MAX_INPUTS], output;
    int64_t batch; /* 0: none */
    int block;     /* channels of a block of the image layout; 0: everything is plain */
    bool winograd; /* where it wins */
    bool hollow;   /* kernels of constants that can be visited make none: they stay NULL */
    struct judd_onednn *bf16; /* whose products of bfloat16 are to be used; NULL: float32 */
} judd_net;

/** Check and copy. JUDD_E_DATA names the node that cannot be executed. */
judd_status judd_net_create(judd_net **out, const judd_graph *graph);
void judd_net_destroy(judd_net *net);

/** Another value with zeroed data (rank 0: 1 element); *data points to it. */
judd_status judd_net_add_value(judd_net *net, int *index, const char *name, int rank,
                               const int64_t *dims, float **data);
/** The same for weights made of another constant's, as many. In a hollow net those stand for them
 *  and *data is NULL: there is nothing to compute. */
judd_status judd_net_add_weights(judd_net *net, int *index, const char *name, int rank,
                                 const int64_t *dims, const float *from, float **data);
/** Another value that is computed. */
judd_status judd_net_add_computed(judd_net *net, int *index, const char *name, int rank,
                                  const int64_t *dims);

int64_t judd_net_elements(int rank, const int64_t *dims);
/** Constant data of an input of a step, or NULL when absent or computed. */
const float *judd_net_floats(const judd_net *net, const judd_step *step, int input);
/** Those of a kernel's weights (input 1) that it is to keep; NULL in a hollow net. */
const float *judd_net_weights(const judd_net *net, const judd_step *step);
/** The value of an input; NULL when absent. */
const judd_net_value *judd_net_input(const judd_net *net, const judd_step *step, int input);
const judd_net_value *judd_net_output(const judd_net *net, const judd_step *step);

/** Is it y = x W + c for all rows of x, W and c constants, c a number for every column or absent?
 */
bool judd_net_is_linear(const judd_net *net, const judd_step *step);

/** Finds values whose dimension 0 is the image: number i belongs to image i of the batch. */
void judd_net_mark_images(judd_net *net);

/** Images, channels, rows and columns that a convolution makes, before they are pooled. */
void judd_net_convolved(int64_t dims[4], const judd_net *net, const judd_step *step);

/** Bytes of an operand in its layout. */
int64_t judd_net_bytes(const judd_operand *operand);

/** Passes: fold, fuse, remove (fuse.c, patterns.c). */
judd_status judd_fuse_net(judd_net *net);

#endif
