#include "onnx/sort.h"

#include "onnx/node.h"
#include "onnx/tap.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

judd_status judd_sort_producers(int **producer, const judd_graph *graph) {
    judd_status status = judd_memory_alloc(producer, graph->n_values, sizeof **producer);
    if (status != JUDD_OK) return status;
    for (int v = 0; v < graph->n_values; v++) (*producer)[v] = -1;
    for (int i = 0; i < graph->n_nodes; i++)
        for (int k = 0; k < graph->nodes[i].n_outputs; k++)
            if (graph->nodes[i].outputs[k] >= 0) (*producer)[graph->nodes[i].outputs[k]] = i;
    return JUDD_OK;
}

/* Depth-first without recursion: the stack holds nodes whose inputs are being placed. */
typedef struct search {
    const judd_graph *graph;
    const int *producer;
    int *next_input; /* per node: -1 untouched, n_inputs + 1 placed */
    int *stack, *order, n_order;
} search;

/* Returns the node of a cycle, or -1. */
static int place(search *s, int root) {
    int top = 0;
    if (s->next_input[root] != -1) return -1;
    s->stack[top++] = root;
    s->next_input[root] = 0;
    while (top > 0) {
        int i = s->stack[top - 1];
        const judd_graph_node *node = &s->graph->nodes[i];
        if (s->next_input[i] == node->n_inputs) {
            s->next_input[i]++;
            s->order[s->n_order++] = i;
            top--;
            continue;
        }
        int value = node->inputs[s->next_input[i]++];
        int before = value < 0 ? -1 : s->producer[value];
        if (before < 0) continue;
        if (s->next_input[before] == -1) {
            s->next_input[before] = 0;
            s->stack[top++] = before;
        } else if (s->next_input[before] <= s->graph->nodes[before].n_inputs)
            return before; /* still on the stack */
    }
    return -1;
}

judd_status judd_sort_nodes(judd_pass *pass) {
    judd_status status = JUDD_OK;
    judd_graph *graph = pass->graph;
    int n = graph->n_nodes, *producer = NULL;
    search s = {.graph = graph};
    judd_graph_node *sorted = NULL;
    JUDD_TRY(judd_sort_producers(&producer, graph));
    s.producer = producer;
    JUDD_TRY(judd_memory_alloc(&s.next_input, n, sizeof(int)));
    JUDD_TRY(judd_memory_alloc(&s.stack, n, sizeof(int)));
    JUDD_TRY(judd_memory_alloc(&s.order, n, sizeof(int)));
    JUDD_TRY(judd_memory_alloc(&sorted, n + JUDD_TAP_NODES, sizeof *sorted));
    for (int i = 0; i < n; i++) s.next_input[i] = -1;
    for (int i = 0; i < n; i++) {
        int cycle = place(&s, i);
        if (cycle >= 0)
            JUDD_NODE_FAIL(pass, &graph->nodes[cycle],
                           "the graph has a cycle through this node; export again");
    }
    for (int i = 0; i < n; i++) sorted[i] = graph->nodes[s.order[i]];
    free(graph->nodes);
    graph->nodes = sorted;
    sorted = NULL;
done:
    free(producer);
    free(s.next_input);
    free(s.stack);
    free(s.order);
    free(sorted);
    return status;
}

static void cut_nodes(judd_graph *graph, bool *needed) {
    int kept = graph->n_nodes;
    needed[graph->output] = true;
    for (int i = 0; i < graph->n_inputs; i++) needed[graph->inputs[i]] = true;
    for (int i = graph->n_nodes - 1; i >= 0; i--) { /* users come after producers */
        judd_graph_node node = graph->nodes[i];
        bool leads = false;
        for (int k = 0; k < node.n_outputs; k++)
            leads = leads || (node.outputs[k] >= 0 && needed[node.outputs[k]]);
        if (!leads) {
            judd_node_free(&node);
            continue;
        }
        for (int k = 0; k < node.n_outputs; k++) /* of several outputs those that lead there */
            if (node.outputs[k] >= 0 && !needed[node.outputs[k]]) node.outputs[k] = -1;
        for (int k = 0; k < node.n_inputs; k++)
            if (node.inputs[k] >= 0) needed[node.inputs[k]] = true;
        for (int k = 0; k < node.n_attributes; k++)
            if (node.attributes[k].kind == 't') needed[node.attributes[k].i] = true;
        graph->nodes[--kept] = node;
    }
    graph->n_nodes -= kept;
    memmove(graph->nodes, graph->nodes + kept, (size_t)graph->n_nodes * sizeof *graph->nodes);
}

static void renumber(judd_graph *graph, const int *number) {
    for (int i = 0; i < graph->n_nodes; i++) {
        judd_graph_node *node = &graph->nodes[i];
        for (int k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] >= 0) node->inputs[k] = number[node->inputs[k]];
        for (int k = 0; k < node->n_outputs; k++)
            if (node->outputs[k] >= 0) node->outputs[k] = number[node->outputs[k]];
        for (int k = 0; k < node->n_attributes; k++)
            if (node->attributes[k].kind == 't')
                node->attributes[k].i = number[node->attributes[k].i];
    }
    for (int i = 0; i < graph->n_inputs; i++) graph->inputs[i] = number[graph->inputs[i]];
    graph->output = number[graph->output];
}

judd_status judd_sort_cut(judd_graph *graph) {
    judd_status status = JUDD_OK;
    bool *needed = NULL;
    int *number = NULL, n = 0;
    JUDD_TRY(judd_memory_alloc(&needed, graph->n_values, sizeof *needed));
    JUDD_TRY(judd_memory_alloc(&number, graph->n_values, sizeof *number));
    cut_nodes(graph, needed);
    for (int v = 0; v < graph->n_values; v++) {
        number[v] = -1;
        if (needed[v]) {
            number[v] = n;
            graph->values[n++] = graph->values[v];
        } else {
            free(graph->values[v].name);
            free(graph->values[v].data);
        }
    }
    memset(&graph->values[n], 0, (size_t)(graph->n_values - n) * sizeof *graph->values);
    graph->n_values = n;
    renumber(graph, number);
done:
    free(needed);
    free(number);
    return status;
}
