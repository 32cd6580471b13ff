#include "onnx/simplify.h"

#include "onnx/node.h"
#include "onnx/operators.h"
#include "onnx/tap.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* An attribute of another kind would read as absent, and its default would be used silently. */
static judd_status check_kinds(const judd_pass *pass, const judd_graph_node *node) {
    static const struct {
        int kind;
        const char *names[14];
    } known[] = {{'i',
                  {"allowzero", "axis", "ceil_mode", "count_include_pad", "end", "group",
                   "keepdims", "size", "spatial", "start", "to", "training_mode"}},
                 {'i',
                  {"blocksize", "broadcast", "fmod", "noop_with_empty_axes", "stash_type", "transA",
                   "transB"}},
                 {'f', {"alpha", "beta", "bias", "epsilon", "gamma", "lambd", "max", "min"}},
                 {'s', {"auto_pad", "mode", "reduction"}},
                 {'I',
                  {"axes", "dilations", "ends", "kernel_shape", "pads", "perm", "split", "starts",
                   "strides"}}};
    judd_status status = JUDD_OK;
    for (int i = 0; i < node->n_attributes; i++)
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            for (const char *const *name = known[k].names; *name; name++)
                if (strcmp(node->attributes[i].name, *name) == 0 &&
                    node->attributes[i].kind != known[k].kind)
                    JUDD_NODE_FAIL(pass, node, "attribute %s has a wrong type; export again",
                                   *name);
done:
    return status;
}

static judd_status find_operator(const judd_operator **row, const judd_pass *pass,
                                 const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    *row = judd_operators_find(node->op, pass->graph->opset);
    if (!*row) {
        bool quantised = strstr(node->op, "Quantize") || strncmp(node->op, "QLinear", 7) == 0 ||
                         strstr(node->op, "Integer");
        JUDD_FAIL(JUDD_E_DATA, "%s: node %s: operator %s (opset %lld) is not supported; %s",
                  pass->path, node->name, node->op, (long long)pass->graph->opset,
                  quantised ? "export the model in float32, before it was quantised"
                            : "set a tap before it, or export the model without it");
    }
    if (node->n_inputs < (*row)->min_inputs ||
        ((*row)->max_inputs >= 0 && node->n_inputs > (*row)->max_inputs))
        JUDD_NODE_FAIL(pass, node, "%d inputs, but the operator has %d to %d; export again",
                       node->n_inputs, (*row)->min_inputs, (*row)->max_inputs);
    for (int i = 0; i < (*row)->min_inputs; i++)
        if (node->inputs[i] < 0) JUDD_NODE_FAIL(pass, node, "input %d is absent; export again", i);
    JUDD_TRY(check_kinds(pass, node));
    for (int i = 1; i < node->n_outputs && !((*row)->flags & JUDD_OPERATOR_OUTPUTS); i++)
        if (node->outputs[i] >= 0)
            JUDD_NODE_FAIL(pass, node,
                           "output %d is used, but only the first is supported; export "
                           "in evaluation mode",
                           i);
done:
    return status;
}

static bool all_constant(const judd_pass *pass, const judd_graph_node *node) {
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && !pass->graph->values[node->inputs[i]].data) return false;
    return true;
}

static judd_status fold(judd_pass *pass, judd_graph_node *node, const judd_operator *row) {
    judd_status status = JUDD_OK;
    if (!row->fold)
        JUDD_NODE_FAIL(pass, node, "of constants is not supported; export with constant folding");
    JUDD_TRY(row->fold(pass, node));
done:
    return status;
}

static judd_status infer(judd_pass *pass, judd_graph_node *node, const judd_operator *row) {
    judd_status status = JUDD_OK;
    if (!row->infer)
        JUDD_NODE_FAIL(pass, node,
                       "of computed values is not supported, only of constants; set "
                       "another tap or export the model without it");
    const judd_graph_value *x = &pass->graph->values[node->inputs[0]];
    if (x->type != JUDD_F32 && !x->data)
        JUDD_NODE_FAIL(pass, node, "input %s is not float32; export in float32", x->name);
    JUDD_TRY(row->infer(pass, node));
    const judd_graph_value *y = &pass->graph->values[node->outputs[0]];
    if (judd_graph_size(y) == 0)
        JUDD_NODE_FAIL(pass, node, "the output %s is empty; export again", judd_pass_dims(y).text);
    node->n_outputs = 1;
    while (node->n_inputs > 0 && node->inputs[node->n_inputs - 1] < 0) node->n_inputs--;
done:
    return status;
}

static bool is_transparent(const judd_graph_node *node) {
    return strcmp(node->op, "Identity") == 0 || strcmp(node->op, "Dropout") == 0 ||
           strcmp(node->op, "Cast") == 0;
}

/* What the walk carries: where removed nodes pass their input through, and the nodes that stay. */
typedef struct rewriting {
    int *alias; /* per value: itself, or the value that stands for it */
    judd_graph_node *kept;
    int n_kept, capacity;
} rewriting;

/* Room for the node under way and those it needs. */
static judd_status reserve(rewriting *r, int more) {
    if (r->n_kept + more <= r->capacity) return JUDD_OK;
    int larger = 2 * r->capacity + more;
    judd_graph_node *moved = realloc(r->kept, (size_t)larger * sizeof *moved);
    if (!moved) return judd_status_set(JUDD_E_INTERNAL, "no memory for %d nodes", larger);
    r->kept = moved;
    r->capacity = larger;
    return JUDD_OK;
}

/* Takes the node out of the graph: it is kept or freed. */
static judd_status rewrite(rewriting *r, judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_operator *row = NULL;
    bool keep = false;
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0) node->inputs[i] = r->alias[node->inputs[i]];
    pass->n_before = 0;
    if (strcmp(node->op, JUDD_FEATURES_OP) == 0) {
        JUDD_TRY(judd_tap_join(pass, node));
        JUDD_TRY(reserve(r, pass->n_before + 1));
        keep = true;
        goto done;
    }
    JUDD_TRY(find_operator(&row, pass, node));
    if (row->flags & JUDD_OPERATOR_ON_DIMS || all_constant(pass, node)) {
        JUDD_TRY(fold(pass, node, row));
        goto done;
    }
    JUDD_TRY(infer(pass, node, row));
    if (is_transparent(node))
        r->alias[node->outputs[0]] = node->inputs[0];
    else {
        JUDD_TRY(reserve(r, pass->n_before + 1));
        keep = true;
    }
done:
    for (int i = 0; i < pass->n_before; i++)
        if (keep)
            r->kept[r->n_kept++] = pass->before[i];
        else
            judd_node_free(&pass->before[i]);
    pass->n_before = 0;
    if (keep)
        r->kept[r->n_kept++] = *node;
    else
        judd_node_free(node);
    memset(node, 0, sizeof *node);
    return status;
}

judd_status judd_simplify_graph(judd_pass *pass) {
    judd_status status = JUDD_OK;
    judd_graph *graph = pass->graph;
    rewriting r = {.alias = NULL};
    JUDD_TRY(judd_memory_alloc(&r.alias, pass->value_capacity, sizeof(int)));
    JUDD_TRY(reserve(&r, graph->n_nodes + 1));
    for (int v = 0; v < pass->value_capacity; v++) r.alias[v] = v;
    for (int i = 0; i < graph->n_nodes; i++) JUDD_TRY(rewrite(&r, pass, &graph->nodes[i]));
    for (int i = 0; i < graph->n_nodes; i++) judd_node_free(&graph->nodes[i]);
    free(graph->nodes);
    graph->nodes = r.kept;
    graph->n_nodes = r.n_kept;
    r.kept = NULL;
    graph->output = r.alias[graph->output];
done:
    for (int i = 0; r.kept && i < r.n_kept; i++) judd_node_free(&r.kept[i]);
    free(r.kept);
    free(r.alias);
    return status;
}
