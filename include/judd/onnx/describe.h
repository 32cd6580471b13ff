/** What a graph costs and what can be asked of it, for people. */
#ifndef JUDD_ONNX_DESCRIBE_H
#define JUDD_ONNX_DESCRIBE_H

#include <judd/onnx/graph.h>

#include <stdio.h>

typedef struct judd_describe_cost {
    int64_t parameters; /* numbers of constants that came as weights; one that several nodes use
                           counts at the first of them */
    double flop;        /* of convolutions and matrix products, for the whole batch: 2 for each
                           multiply-add; everything else is left out */
} judd_describe_cost;

/** Cost of one node. Local. */
judd_describe_cost judd_describe_node(const judd_graph *graph, int node);

/** "64x112x112": the dimensions behind the batch. */
typedef struct judd_describe_text {
    char text[160];
} judd_describe_text;
judd_describe_text judd_describe_shape(const judd_graph_value *value);

/** All claimed operators with their opsets as a Markdown table. Local. JUDD_E_IO. */
judd_status judd_describe_operators(FILE *file);

#endif
