#include <judd/onnx/describe.h>

#include "onnx/operators.h"

#include <string.h>

static bool used_before(const judd_graph *graph, int node, int value) {
    for (int i = 0; i < node; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            if (graph->nodes[i].inputs[k] == value) return true;
    return false;
}

judd_describe_cost judd_describe_node(const judd_graph *graph, int index) {
    const judd_graph_node *node = &graph->nodes[index];
    judd_describe_cost cost = {0, 0.0};
    double out = (double)judd_graph_size(&graph->values[node->outputs[0]]), depth = 0.0;
    for (int k = 0; k < node->n_inputs; k++) {
        const judd_graph_value *v = node->inputs[k] < 0 ? NULL : &graph->values[node->inputs[k]];
        if (v && v->data && v->is_initializer && !used_before(graph, index, node->inputs[k]))
            cost.parameters += judd_graph_size(v);
    }
    const judd_graph_value *a = &graph->values[node->inputs[0]];
    if (strcmp(node->op, "Conv") == 0) {
        const int64_t *w = graph->values[node->inputs[1]].dims;
        depth = (double)(w[1] * w[2] * w[3]);
    } else if (strcmp(node->op, "MatMul") == 0) {
        depth = (double)a->dims[a->rank - 1];
    } else if (strcmp(node->op, "Gemm") == 0) {
        depth = (double)a->dims[judd_graph_attribute_int(node, "transA", 0) ? 0 : 1];
    }
    cost.flop = 2.0 * out * depth;
    return cost;
}

judd_describe_text judd_describe_shape(const judd_graph_value *value) {
    judd_describe_text out = {""};
    size_t at = 0;
    for (int d = 1; d < value->rank; d++)
        at += (size_t)snprintf(out.text + at, sizeof out.text - at, "%s%lld", d > 1 ? "x" : "",
                               (long long)value->dims[d]);
    return out;
}

/* Operators of one first opset, on computed values or on constants only. */
static void write_group(FILE *file, int since, bool computed) {
    int n = 0;
    for (int i = 0; i < judd_operators_count(); i++) {
        const judd_operator *row = judd_operators_row(i);
        if (row->since != since || (row->infer != NULL) != computed) continue;
        if (n++ == 0)
            fprintf(file, "| %d to %d | %s | ", since, row->until,
                    computed ? "images" : "shapes and constants");
        fprintf(file, "%s%s", n > 1 ? ", " : "", row->op);
    }
    if (n > 0) fprintf(file, " |\n");
}

judd_status judd_describe_operators(FILE *file) {
    fprintf(file, "| opsets | computed from | operators |\n| --- | --- | --- |\n");
    for (int computed = 1; computed >= 0; computed--)
        for (int since = JUDD_OPSET_FIRST; since <= JUDD_OPSET_LAST; since++)
            write_group(file, since, computed != 0);
    if (ferror(file)) return judd_status_set(JUDD_E_IO, "cannot write the table of operators");
    return JUDD_OK;
}
