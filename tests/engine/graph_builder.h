/* Graphs made by hand, as judd_graph_load would give them; random numbers from a fixed stream. */
#ifndef JUDD_TESTS_ENGINE_GRAPH_BUILDER_H
#define JUDD_TESTS_ENGINE_GRAPH_BUILDER_H

#include <judd/base/rng.h>
#include <judd/engine/engine.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUILD_MAX = 128 };

typedef struct builder {
    judd_graph graph;
    judd_graph_value values[BUILD_MAX];
    judd_graph_node nodes[BUILD_MAX];
    uint64_t stream, drawn;
} builder;

static inline double build_normal(builder *b) {
    return judd_rng_normal(b->stream, JUDD_RNG_WEIGHTS, 7, b->drawn++);
}

static inline int64_t build_below(builder *b, int64_t n) {
    return (int64_t)(judd_rng_bits(b->stream, JUDD_RNG_WEIGHTS, 8, b->drawn++) % (uint64_t)n);
}

static inline int build_value(builder *b, int rank, const int64_t *dims) {
    int i = b->graph.n_values++;
    judd_graph_value *v = &b->values[i];
    char name[16];
    snprintf(name, sizeof name, "v%d", i);
    *v = (judd_graph_value){.name = strdup(name), .type = JUDD_F32, .rank = rank};
    if (rank > 0) memcpy(v->dims, dims, (size_t)rank * sizeof *dims);
    return i;
}

static inline int64_t build_size(const builder *b, int value) {
    int64_t n = 1;
    for (int i = 0; i < b->values[value].rank; i++) n *= b->values[value].dims[i];
    return n;
}

/* mean + scale * normal */
static inline int build_constant(builder *b, int rank, const int64_t *dims, double mean,
                                 double scale) {
    int i = build_value(b, rank, dims);
    int64_t n = build_size(b, i);
    float *data = malloc((size_t)n * sizeof *data);
    for (int64_t k = 0; k < n; k++) data[k] = (float)(mean + scale * build_normal(b));
    b->values[i].data = data;
    return i;
}

static inline builder *build_start(uint64_t stream, int rank, const int64_t *dims) {
    builder *b = calloc(1, sizeof *b);
    b->stream = stream;
    b->graph.values = b->values;
    b->graph.nodes = b->nodes;
    b->graph.opset = 17;
    b->graph.batch = dims[0];
    b->graph.n_inputs = 1;
    b->graph.inputs[0] = b->graph.output = build_value(b, rank, dims);
    return b;
}

/* Inputs end with -2; the node's output becomes the graph's output. */
static inline int build_node(builder *b, const char *op, const int *inputs, int rank,
                             const int64_t *dims) {
    judd_graph_node *n = &b->nodes[b->graph.n_nodes];
    char name[16];
    snprintf(name, sizeof name, "#%d", b->graph.n_nodes++);
    *n = (judd_graph_node){.name = strdup(name), .op = strdup(op), .n_outputs = 1};
    while (inputs[n->n_inputs] != -2) n->n_inputs++;
    n->inputs = malloc((size_t)n->n_inputs * sizeof(int));
    memcpy(n->inputs, inputs, (size_t)n->n_inputs * sizeof(int));
    n->outputs = malloc(sizeof(int));
    n->outputs[0] = b->graph.output = build_value(b, rank, dims);
    n->attributes = calloc(8, sizeof *n->attributes);
    return n->outputs[0];
}
#define INPUTS(...) ((const int[]){__VA_ARGS__, -2})
#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static inline judd_graph_attribute *build_attribute(builder *b, const char *name, int kind) {
    judd_graph_node *n = &b->nodes[b->graph.n_nodes - 1];
    judd_graph_attribute *a = &n->attributes[n->n_attributes++];
    *a = (judd_graph_attribute){.name = strdup(name), .kind = kind};
    return a;
}

static inline void build_int(builder *b, const char *name, int64_t i) {
    build_attribute(b, name, 'i')->i = i;
}

static inline void build_float(builder *b, const char *name, float f) {
    build_attribute(b, name, 'f')->f = f;
}

static inline void build_ints(builder *b, const char *name, int64_t n, const int64_t *ints) {
    judd_graph_attribute *a = build_attribute(b, name, 'I');
    a->n = n;
    a->ints = malloc((size_t)n * sizeof *ints);
    memcpy(a->ints, ints, (size_t)n * sizeof *ints);
}

static inline void build_end(builder *b) {
    for (int i = 0; i < b->graph.n_values; i++) {
        free(b->values[i].name);
        free(b->values[i].data);
    }
    for (int i = 0; i < b->graph.n_nodes; i++) {
        judd_graph_node *n = &b->nodes[i];
        for (int k = 0; k < n->n_attributes; k++) {
            free(n->attributes[k].name);
            free(n->attributes[k].ints);
        }
        free(n->attributes);
        free(n->name);
        free(n->op);
        free(n->inputs);
        free(n->outputs);
    }
    free(b);
}

/* ---- operators with all their attributes ------------------------------------------------------
 */

typedef struct conv_shape {
    int64_t out, groups, kernel[2], stride[2], dilation[2], pads[4];
    bool bias;
} conv_shape;

static inline void build_window(builder *b, const conv_shape *c) {
    build_ints(b, "kernel_shape", 2, c->kernel);
    build_ints(b, "strides", 2, c->stride);
    build_ints(b, "dilations", 2, c->dilation);
    build_ints(b, "pads", 4, c->pads);
}

static inline int64_t build_extent(const conv_shape *c, int64_t in, int d) {
    return (in + c->pads[d] + c->pads[d + 2] - c->dilation[d] * (c->kernel[d] - 1) - 1) /
               c->stride[d] +
           1;
}

static inline int build_conv(builder *b, int x, const conv_shape *c) {
    const int64_t *d = b->values[x].dims;
    int64_t y[4] = {d[0], c->out, build_extent(c, d[2], 0), build_extent(c, d[3], 1)};
    int64_t fan = d[1] / c->groups * c->kernel[0] * c->kernel[1];
    int w = build_constant(b, 4, DIMS(c->out, d[1] / c->groups, c->kernel[0], c->kernel[1]), 0.0,
                           1.0 / (double)fan * 2.0);
    int bias = c->bias ? build_constant(b, 1, &c->out, 0.0, 0.5) : -2;
    int out = build_node(b, "Conv", INPUTS(x, w, bias), 4, y);
    build_int(b, "group", c->groups);
    build_window(b, c);
    return out;
}

static inline int build_pool(builder *b, const char *op, int x, const conv_shape *c, bool include) {
    const int64_t *d = b->values[x].dims;
    int64_t y[4] = {d[0], d[1], build_extent(c, d[2], 0), build_extent(c, d[3], 1)};
    int out = build_node(b, op, INPUTS(x), 4, y);
    build_window(b, c);
    if (op[0] == 'A') build_int(b, "count_include_pad", include);
    return out;
}

static inline int build_norm(builder *b, int x) {
    int64_t c = b->values[x].dims[1];
    int scale = build_constant(b, 1, &c, 1.0, 0.2), shift = build_constant(b, 1, &c, 0.0, 0.3);
    int mean = build_constant(b, 1, &c, 0.0, 0.3), variance = build_constant(b, 1, &c, 1.0, 0.05);
    int y = build_node(b, "BatchNormalization", INPUTS(x, scale, shift, mean, variance),
                       b->values[x].rank, b->values[x].dims);
    build_float(b, "epsilon", 1e-3f);
    return y;
}

/* One operand, same shape. */
static inline int build_same(builder *b, const char *op, int x) {
    int y = build_node(b, op, INPUTS(x), b->values[x].rank, b->values[x].dims);
    if (strcmp(op, "LeakyRelu") == 0) build_float(b, "alpha", 0.1f);
    if (strcmp(op, "HardSigmoid") == 0) {
        build_float(b, "alpha", 0.25f);
        build_float(b, "beta", 0.4f);
    }
    if (strcmp(op, "Clip") == 0) { /* does not keep zero: padding must be cleared */
        build_float(b, "min", 0.1f);
        build_float(b, "max", 0.8f);
    }
    return y;
}

/* The output has the shape of `like`. */
static inline int build_binary(builder *b, const char *op, int x, int y, int like) {
    return build_node(b, op, INPUTS(x, y), b->values[like].rank, b->values[like].dims);
}

#endif
