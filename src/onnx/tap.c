#include "onnx/tap.h"

#include "onnx/node.h"
#include "onnx/sort.h"

#include <judd/base/memory.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct walk {
    const judd_pass *pass;
    const judd_graph *graph;
    int *producer;     /* per value */
    bool *constant;    /* per value: known without an image (shapes count as known) */
    int probabilities; /* value of a softmax that the graph did not have, or -1 */
} walk;

static judd_status start_walk(walk *w, const judd_pass *pass) {
    judd_status status = JUDD_OK;
    const judd_graph *graph = pass->graph;
    *w = (walk){.pass = pass, .graph = graph, .probabilities = -1};
    JUDD_TRY(judd_sort_producers(&w->producer, graph));
    JUDD_TRY(judd_memory_alloc(&w->constant, graph->n_values + JUDD_TAP_NODES, sizeof(bool)));
    for (int v = 0; v < graph->n_values; v++) w->constant[v] = graph->values[v].data != NULL;
    for (int i = 0; i < graph->n_nodes; i++) {
        const judd_graph_node *node = &graph->nodes[i];
        bool constant = true;
        for (int k = 0; k < node->n_inputs && strcmp(node->op, "Shape") != 0; k++)
            constant = constant && (node->inputs[k] < 0 || w->constant[node->inputs[k]]);
        for (int k = 0; k < node->n_outputs; k++)
            if (node->outputs[k] >= 0) w->constant[node->outputs[k]] = constant;
    }
done:
    return status;
}

static bool is_one_of(const char *op, const char *const *list) {
    for (; *list; list++)
        if (strcmp(op, *list) == 0) return true;
    return false;
}

static const judd_graph_node *producer_of(const walk *w, int value) {
    return w->producer[value] < 0 ? NULL : &w->graph->nodes[w->producer[value]];
}

/* The one computed input of a node, or -1. */
static int only_computed_input(const walk *w, const judd_graph_node *node) {
    int found = -1;
    for (int k = 0; k < node->n_inputs; k++) {
        int v = node->inputs[k];
        if (v < 0 || w->constant[v]) continue;
        if (found >= 0) return -1;
        found = v;
    }
    return found;
}

/* The softmax at the very end, or NULL. */
static const judd_graph_node *find_softmax(const walk *w, int value) {
    static const char *const transparent[] = {"Identity", "Dropout", "Flatten",
                                              "Reshape",  "Squeeze", NULL};
    static const char *const softmax[] = {"Softmax", "LogSoftmax", NULL};
    for (;;) {
        const judd_graph_node *node = producer_of(w, value);
        if (!node || node->n_inputs < 1 || node->inputs[0] < 0) return NULL;
        if (is_one_of(node->op, softmax)) return node;
        if (!is_one_of(node->op, transparent)) return NULL;
        value = node->inputs[0];
    }
}

/* What enters a softmax at the very end, else the value itself. */
static int find_logits(const walk *w, int value) {
    const judd_graph_node *softmax = find_softmax(w, value);
    return softmax ? softmax->inputs[0] : value;
}

/* A layer that maps a feature vector, or the vector at every place of a map, to class scores. */
static bool is_classifier(const walk *w, const judd_graph_node *node) {
    if (node->n_inputs < 2 || node->inputs[0] < 0 || node->inputs[1] < 0 ||
        w->constant[node->inputs[0]] || !w->constant[node->inputs[1]])
        return false;
    if (strcmp(node->op, "Gemm") == 0 || strcmp(node->op, "MatMul") == 0) return true;
    if (strcmp(node->op, "Conv") != 0) return false;
    const judd_graph_value *weights = &w->graph->values[node->inputs[1]];
    int64_t n = 0;
    const int64_t *kernel = judd_node_ints(&n, node, "kernel_shape");
    if (!kernel && weights->rank > 2) {
        kernel = weights->dims + 2;
        n = weights->rank - 2;
    }
    for (int64_t i = 0; i < n; i++)
        if (kernel[i] != 1) return false;
    return n > 0;
}

static judd_status find_penultimate(int *found, const walk *w, int value) {
    static const char *const transparent[] = {"Softmax",
                                              "LogSoftmax",
                                              "Sigmoid",
                                              "Identity",
                                              "Dropout",
                                              "Relu",
                                              "LeakyRelu",
                                              "Clip",
                                              "HardSigmoid",
                                              "HardSwish",
                                              "Flatten",
                                              "Reshape",
                                              "GlobalAveragePool",
                                              "GlobalMaxPool",
                                              "AveragePool",
                                              "MaxPool",
                                              "Squeeze",
                                              "Unsqueeze",
                                              "Transpose",
                                              "ReduceMean",
                                              "Add",
                                              "Sub",
                                              "Mul",
                                              "Div",
                                              "BatchNormalization",
                                              NULL};
    judd_status status = JUDD_OK;
    const char *path = w->pass->path;
    for (int v = value;;) {
        const judd_graph_node *node = producer_of(w, v);
        if (!node)
            JUDD_FAIL(JUDD_E_DATA,
                      "%s: no classifying layer between input and output, so no "
                      "penultimate layer; set tap to \"logits\" or to a tensor",
                      path);
        if (is_classifier(w, node)) {
            *found = node->inputs[0];
            goto done;
        }
        v = is_one_of(node->op, transparent) ? only_computed_input(w, node) : -1;
        if (v < 0)
            JUDD_NODE_FAIL(w->pass, node,
                           "no classifying layer (Gemm, MatMul, 1x1 Conv) between "
                           "this node and the output; set tap to \"logits\" or to a tensor");
    }
done:
    return status;
}

/* Levenshtein distance of the first 63 bytes. */
static int distance(const char *a, const char *b) {
    enum { LONGEST = 63 };
    int row[LONGEST + 1], n_a = (int)strnlen(a, LONGEST), n_b = (int)strnlen(b, LONGEST);
    for (int j = 0; j <= n_b; j++) row[j] = j;
    for (int i = 1; i <= n_a; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[n_b];
}

enum { NEAREST = 3 };

static void offer(const char *best[NEAREST], int score[NEAREST], const char *name, int new_score) {
    for (int i = 0; i < NEAREST; i++)
        if (best[i] && strcmp(best[i], name) == 0) return; /* a node named as its tensor */
    for (int i = 0; i < NEAREST; i++) {
        if (best[i] && score[i] <= new_score) continue;
        const char *moved = best[i];
        int moved_score = score[i];
        best[i] = name;
        score[i] = new_score;
        name = moved;
        new_score = moved_score;
        if (!name) return;
    }
}

static judd_status unknown_name(const judd_pass *pass, const char *tap) {
    const judd_graph *graph = pass->graph;
    const char *best[NEAREST] = {NULL};
    int score[NEAREST] = {0};
    for (int i = 0; i < graph->n_nodes; i++) {
        const judd_graph_node *node = &graph->nodes[i];
        for (int k = 0; k < node->n_outputs; k++)
            if (node->outputs[k] >= 0) {
                const char *name = graph->values[node->outputs[k]].name;
                offer(best, score, name, distance(tap, name));
            }
        if (node->name[0] != '#') offer(best, score, node->name, distance(tap, node->name));
    }
    return judd_status_set(JUDD_E_DATA,
                           "%s: no tensor or node is called '%.160s'; nearest: %.160s%s"
                           "%.160s%s%.160s",
                           pass->path, tap, best[0] ? best[0] : "none", best[1] ? ", " : "",
                           best[1] ? best[1] : "", best[2] ? ", " : "", best[2] ? best[2] : "");
}

static judd_status find_named(int *found, const judd_pass *pass, const char *tap) {
    judd_status status = JUDD_OK;
    const judd_graph *graph = pass->graph;
    *found = -1;
    for (int v = 0; v < graph->n_values; v++)
        if (strcmp(graph->values[v].name, tap) == 0) *found = v;
    if (*found >= 0) goto done;
    for (int i = 0; i < graph->n_nodes; i++) {
        const judd_graph_node *node = &graph->nodes[i];
        if (strcmp(node->name, tap) != 0 || node->outputs[0] < 0) continue;
        if (*found >= 0)
            JUDD_FAIL(JUDD_E_DATA, "%s: several nodes are called '%.160s'; name a tensor instead",
                      pass->path, tap);
        *found = node->outputs[0];
    }
    if (*found < 0) JUDD_TRY(unknown_name(pass, tap));
done:
    return status;
}

/* A node of one input and one output behind all others; sorting left room for JUDD_TAP_NODES. */
static judd_status append(judd_graph_node **out, judd_pass *pass, const char *name, const char *op,
                          int n, const int *inputs) {
    judd_status status = JUDD_OK;
    judd_graph *graph = pass->graph;
    judd_graph_node *node = &graph->nodes[graph->n_nodes++];
    *node = (judd_graph_node){.n_outputs = 1};
    JUDD_TRY(judd_memory_string(&node->name, name));
    JUDD_TRY(judd_memory_string(&node->op, op));
    JUDD_TRY(judd_memory_alloc(&node->inputs, n, sizeof(int)));
    JUDD_TRY(judd_memory_alloc(&node->outputs, 1, sizeof(int)));
    memcpy(node->inputs, inputs, (size_t)n * sizeof *inputs);
    node->n_inputs = n;
    JUDD_TRY(judd_pass_add_value(&node->outputs[0], pass, name));
    *out = node;
done:
    return status;
}

/* The graph's own softmax, or one over the classes of its logits. */
static judd_status find_probabilities(int *found, judd_pass *pass, walk *w) {
    judd_status status = JUDD_OK;
    judd_graph_node *node = NULL;
    const judd_graph_node *own = find_softmax(w, pass->graph->output);
    int logits = find_logits(w, pass->graph->output);
    if (own && strcmp(own->op, "Softmax") == 0) {
        *found = own->outputs[0];
        goto done;
    }
    if (w->probabilities < 0) {
        JUDD_TRY(append(&node, pass, "probabilities", "Softmax", 1, &logits));
        JUDD_TRY(judd_node_set_int(node, "axis", 1));
        w->probabilities = node->outputs[0];
        w->constant[w->probabilities] = w->constant[logits];
    }
    *found = w->probabilities;
done:
    return status;
}

static judd_status resolve(int *found, judd_pass *pass, walk *w, const char *tap) {
    judd_status status = JUDD_OK;
    const judd_graph *graph = pass->graph;
    if (!tap || !tap[0] || strcmp(tap, "logits") == 0)
        *found = find_logits(w, graph->output);
    else if (strcmp(tap, "penultimate") == 0)
        JUDD_TRY(find_penultimate(found, w, find_logits(w, graph->output)));
    else if (strcmp(tap, "probabilities") == 0)
        JUDD_TRY(find_probabilities(found, pass, w));
    else
        JUDD_TRY(find_named(found, pass, tap));
    if (w->constant[*found] && graph->batch > 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: %s does not depend on the image; set another tap", pass->path,
                  graph->values[*found].name);
done:
    return status;
}

judd_status judd_tap_resolve(judd_pass *pass) {
    static const char *const logits[] = {"logits"};
    judd_status status = JUDD_OK;
    judd_graph *graph = pass->graph;
    const judd_graph_options *o = pass->options;
    const char *const *names = o->n_taps > 0 ? o->taps : logits;
    int taps[JUDD_MAX_TAPS], n = o->n_taps > 0 ? o->n_taps : 1;
    walk w = {.pass = NULL};
    JUDD_TRY(start_walk(&w, pass));
    JUDD_TRY(judd_memory_alloc(&graph->taps, n, sizeof *graph->taps));
    for (int i = 0; i < n; i++) {
        JUDD_TRY(resolve(&taps[i], pass, &w, names[i]));
        JUDD_TRY(judd_memory_string(&graph->taps[i].name, graph->values[taps[i]].name));
        graph->n_taps++;
    }
    graph->output = taps[0];
    if (n > 1 || o->pool != JUDD_GRAPH_POOL_NONE) { /* judd_tap_join: once dimensions are known */
        judd_graph_node *features = NULL;
        JUDD_TRY(append(&features, pass, "features", JUDD_FEATURES_OP, n, taps));
        graph->output = features->outputs[0];
    }
done:
    free(w.producer);
    free(w.constant);
    return status;
}

/* ---- joining, once all dimensions are known ---------------------------------------------------
 */

/* Over height and width of an image, or over the tokens of a sequence. */
static judd_status pool(int *value, judd_pass *pass, const judd_graph_node *node, bool max) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = &pass->graph->values[*value];
    judd_graph_node *pooled = NULL;
    bool image = x->rank == 4;
    int64_t axes[2] = {image ? 2 : 1, 3}, dims[2] = {x->dims[0], x->dims[image ? 1 : 2]};
    JUDD_TRY(
        judd_pass_emit(&pooled, pass, node, max ? "ReduceMax" : "ReduceMean", *value, 2, dims));
    JUDD_TRY(judd_node_set_ints(pooled, "axes", image ? 2 : 1, axes));
    JUDD_TRY(judd_node_set_int(pooled, "keepdims", 0));
    *value = pooled->outputs[0];
done:
    return status;
}

/* One tap as [batch, features] in parts[0], and the second pool of avgmax in parts[1]. */
static judd_status join_one(int parts[2], int *n, judd_pass *pass, const judd_graph_node *node,
                            int value) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = &pass->graph->values[value];
    judd_graph_pool kind =
        x->rank == 3 || x->rank == 4 ? pass->options->pool : JUDD_GRAPH_POOL_NONE;
    if (x->data || x->type != JUDD_F32 || x->rank < 1 || x->dims[0] != pass->options->batch)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: the tap %s has dimensions %s, not [%lld, ...]: no row for every image; set "
                  "another tap",
                  pass->path, x->name, judd_pass_dims(x).text, (long long)pass->options->batch);
    *n = 0;
    if (kind == JUDD_GRAPH_POOL_AVG || kind == JUDD_GRAPH_POOL_AVGMAX) {
        parts[*n] = value;
        JUDD_TRY(pool(&parts[(*n)++], pass, node, false));
    }
    if (kind == JUDD_GRAPH_POOL_MAX || kind == JUDD_GRAPH_POOL_AVGMAX) {
        parts[*n] = value;
        JUDD_TRY(pool(&parts[(*n)++], pass, node, true));
    }
    if (*n > 0) goto done;
    parts[(*n)++] = value;
    if (x->rank == 2) goto done;
    judd_graph_node *flat = NULL;
    int64_t dims[2] = {x->dims[0], judd_graph_size(x) / x->dims[0]};
    JUDD_TRY(judd_pass_emit(&flat, pass, node, "Reshape", value, 2, dims));
    parts[0] = flat->outputs[0];
done:
    return status;
}

judd_status judd_tap_join(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    int *parts = NULL, n_parts = 0;
    int64_t width = 0;
    if (pass->options->batch < 1)
        JUDD_FAIL(JUDD_E_USAGE, "%s: several taps or a pool need a batch", pass->path);
    JUDD_TRY(judd_memory_alloc(&parts, 2 * (int64_t)node->n_inputs, sizeof *parts));
    for (int i = 0; i < node->n_inputs; i++) {
        int n = 0;
        pass->graph->taps[i].rank = pass->graph->values[node->inputs[i]].rank;
        JUDD_TRY(join_one(parts + n_parts, &n, pass, node, node->inputs[i]));
        n_parts += n;
    }
    for (int i = 0; i < n_parts; i++) width += pass->graph->values[parts[i]].dims[1];
    free(node->inputs);
    node->inputs = parts;
    node->n_inputs = n_parts;
    parts = NULL;
    JUDD_TRY(judd_node_rename(node, "Concat"));
    JUDD_TRY(judd_node_set_int(node, "axis", 1));
    JUDD_TRY(judd_pass_context(pass, node,
                               judd_pass_set_dims(&pass->graph->values[node->outputs[0]], 2,
                                                  (int64_t[]){pass->options->batch, width})));
done:
    free(parts);
    return status;
}
