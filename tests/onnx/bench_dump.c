/* Prints a loaded graph as lines that scripts compare: bench_dump FILE TAP BATCH [SEED]. Exit code
   and message as the program's. */
#include <judd/onnx/graph.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void print_value(const judd_graph_value *value) {
    printf("value\t%s\t%s\t", value->name, value->data ? "constant" : "computed");
    for (int d = 0; d < value->rank; d++) printf("%s%" PRId64, d ? "," : "", value->dims[d]);
    double sum = 0, squares = 0;
    if (value->data && value->type == JUDD_F32)
        for (int64_t i = 0, n = judd_graph_size(value); i < n; i++) {
            double x = ((const float *)value->data)[i];
            sum += x;
            squares += x * x;
        }
    printf("\t%.17g\t%.17g\n", sum, squares);
}

static void print_node(const judd_graph *graph, const judd_graph_node *node) {
    printf("node\t%s\t%s", node->op, node->name);
    for (int i = 0; i < node->n_inputs; i++)
        printf("\t%s", node->inputs[i] < 0 ? "" : graph->values[node->inputs[i]].name);
    printf("\t->\t%s", graph->values[node->outputs[0]].name);
    for (int i = 0; i < node->n_attributes; i++) {
        const judd_graph_attribute *a = &node->attributes[i];
        printf("\t%s=", a->name);
        if (a->kind == 'i') printf("%" PRId64, a->i);
        if (a->kind == 'f') printf("%.9g", (double)a->f);
        for (int64_t k = 0; a->kind == 'I' && k < a->n; k++)
            printf("%s%" PRId64, k ? "," : "", a->ints[k]);
    }
    printf("\n");
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: bench_dump FILE TAP BATCH [SEED]\n");
        return JUDD_E_USAGE;
    }
    judd_graph *graph = NULL;
    judd_graph_options options = {
        .batch = atoll(argv[3]), .taps = (const char *const[]){argv[2]}, .n_taps = 1};
    judd_status status = judd_graph_load(&graph, argv[1], &options);
    if (status == JUDD_OK && argc > 4)
        status = judd_graph_randomize(graph, strtoull(argv[4], NULL, 10));
    if (status == JUDD_OK) {
        printf("graph\t%s\t%s\t%s\n", graph->values[graph->inputs[0]].name,
               graph->values[graph->output].name, graph->sha256);
        for (int v = 0; v < graph->n_values; v++) print_value(&graph->values[v]);
        for (int i = 0; i < graph->n_nodes; i++) print_node(graph, &graph->nodes[i]);
    } else
        fprintf(stderr, "%s\n", judd_status_message());
    judd_graph_destroy(graph);
    return (int)status;
}
