/** What the steps of loading a graph share: the graph under construction and its circumstances. */
#ifndef JUDD_SRC_ONNX_PASS_H
#define JUDD_SRC_ONNX_PASS_H

#include <judd/onnx/graph.h>

enum { JUDD_OPSET_FIRST = 6, JUDD_OPSET_LAST = 17 };
enum { JUDD_MAX_NODES = 1 << 16, JUDD_MAX_NAME = 256, JUDD_MAX_TAPS = 64 };

/** The node behind several or pooled taps while a graph is loaded; no file may contain it. */
#define JUDD_FEATURES_OP "judd.Features"

/** Largest number of elements of any value: 64 GiB of float32, beyond every real activation. */
#define JUDD_MAX_ELEMENTS (INT64_C(1) << 34)

typedef struct judd_pass {
    const char *path;                  /* borrowed; the model file, for messages */
    const judd_graph_options *options; /* borrowed */
    judd_graph *graph;                 /* borrowed */
    int value_capacity;                /* of graph->values: never reallocated */
    int64_t file_batch;                /* the batch the file fixes; 0: symbolic */
    int64_t fold_budget;               /* bytes that computed constants may still take */
    judd_graph_node *before;           /* owned; nodes that a rewritten node needs before itself */
    int n_before, before_capacity;
} judd_pass;

/** Fails with "FILE: node NAME (Op): ..." and leaves through `done:`. */
#define JUDD_NODE_FAIL(pass, node, ...)                                                            \
    do {                                                                                           \
        status = judd_status_set(JUDD_E_DATA, __VA_ARGS__);                                        \
        status = judd_pass_context(pass, node, status);                                            \
        goto done;                                                                                 \
    } while (0)

/** Puts the file and the node in front of the message. */
judd_status judd_pass_context(const judd_pass *pass, const judd_graph_node *node,
                              judd_status status);

/** Bytes of one number in memory. */
size_t judd_pass_width(judd_element type);

/** A new value without data; the name is copied. JUDD_E_DATA if the graph has no room. */
judd_status judd_pass_add_value(int *index, judd_pass *pass, const char *name);

/** A node before the one under way, with one input and one new output of these dims. *out stays
 *  valid until the next one is emitted. */
judd_status judd_pass_emit(judd_graph_node **out, judd_pass *pass, const judd_graph_node *node,
                           const char *op, int input, int rank, const int64_t *dims);

/** The same with any inputs, -1 for absent ones; at least one is computed. */
judd_status judd_pass_emit_inputs(judd_graph_node **out, judd_pass *pass,
                                  const judd_graph_node *node, const char *op, int n,
                                  const int *inputs, int rank, const int64_t *dims);

/** The node under way, normalised and with its dims, moves before itself; what stays in its place
 *  is a Reshape to these dims. */
judd_status judd_pass_reshape_after(judd_pass *pass, judd_graph_node *node, int rank,
                                    const int64_t *dims);

/** *value under other dims: a Reshape before the node, or another constant. */
judd_status judd_pass_reshape_before(int *value, judd_pass *pass, const judd_graph_node *node,
                                     int rank, const int64_t *dims);

/** A copy of a constant with these dims (as many numbers), float32 if `as_float`. */
judd_status judd_pass_constant(int *index, judd_pass *pass, const judd_graph_node *node,
                               const judd_graph_value *from, int rank, const int64_t *dims,
                               bool as_float);

/** Counts bytes of computed constants: a tiny file must not make much of them. */
judd_status judd_pass_charge(judd_pass *pass, const judd_graph_node *node, int64_t bytes);

/** "[1, 3, 32, 32]" for messages; at most JUDD_GRAPH_MAX_RANK dimensions. */
typedef struct judd_dims_text {
    char text[200];
} judd_dims_text;
judd_dims_text judd_pass_dims(const judd_graph_value *value);

/** Sets rank and dims after checking: 0 <= rank <= 8, no negative dimension, no overflow and at
 *  most JUDD_MAX_ELEMENTS elements. The message does not name the place. */
judd_status judd_pass_set_dims(judd_graph_value *value, int rank, const int64_t *dims);

#endif
