/* He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers": weights ~ N(0, 2 / fan_in). */
#include <judd/onnx/graph.h>

#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a trained tensor is for; FIXED stays as it is in the file. */
typedef enum role_kind { NONE = 0, WEIGHT, ZERO, ONE, SLOPE, FIXED } role_kind;

typedef struct plan {
    const judd_graph *graph;
    role_kind *roles; /* per value */
    int64_t *fan_in;  /* per value, of weights */
    bool *trained;    /* per value: a trained layer lies between the image and it */
} plan;

/* A tensor that several nodes use must mean the same to all of them. */
static judd_status assign(plan *p, int value, role_kind role, int64_t fan_in,
                          const judd_graph_node *node) {
    if (value < 0 || !p->graph->values[value].data) return JUDD_OK;
    if (p->roles[value] != NONE && (p->roles[value] != role || p->fan_in[value] != fan_in))
        return judd_status_set(JUDD_E_DATA,
                               "weights = \"random\": tensor %s has two roles (node %s); use the "
                               "weights of the file",
                               p->graph->values[value].name, node->name);
    p->roles[value] = role;
    p->fan_in[value] = fan_in;
    return JUDD_OK;
}

static judd_status plan_product(plan *p, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    bool conv = strcmp(node->op, "Conv") == 0, gemm = strcmp(node->op, "Gemm") == 0;
    bool turned = judd_graph_attribute_int(node, "transB", 0) != 0;
    for (int k = 0; k < 2; k++) {
        const judd_graph_value *w = &p->graph->values[node->inputs[k]];
        int64_t fan_in = 1;
        if (!w->data) continue;
        if (conv)
            fan_in = w->dims[1] * w->dims[2] * w->dims[3];
        else if (gemm && k == 1)
            fan_in = w->dims[turned ? 1 : 0];
        else if (k == 1)
            fan_in = w->dims[w->rank > 1 ? w->rank - 2 : 0];
        else
            fan_in = w->dims[w->rank - 1];
        JUDD_TRY(assign(p, node->inputs[k], WEIGHT, fan_in, node));
    }
    if (node->n_inputs > 2) JUDD_TRY(assign(p, node->inputs[2], ZERO, 0, node));
done:
    return status;
}

static judd_status plan_batch_norm(plan *p, const judd_graph_node *node) {
    static const role_kind roles[5] = {NONE, ONE, ZERO, ZERO,
                                       ONE}; /* scale, shift, mean, variance */
    judd_status status = JUDD_OK;
    for (int k = 1; k < 5; k++) JUDD_TRY(assign(p, node->inputs[k], roles[k], 0, node));
done:
    return status;
}

/* Scales and shifts of layer and instance normalisation; slopes start at 1/4 (section 2.1); rows
   that join a sequence (class tokens) start at 0, as their authors have them: Dosovitskiy et al.
   2021. */
static judd_status plan_by_name(plan *p, const judd_graph_node *node, bool *known) {
    static const struct {
        const char *op;
        role_kind roles[3];
    } rows[] = {{"LayerNormalization", {NONE, ONE, ZERO}},
                {"InstanceNormalization", {NONE, ONE, ZERO}},
                {"PRelu", {NONE, SLOPE, NONE}}};
    judd_status status = JUDD_OK;
    *known = strcmp(node->op, "Concat") == 0;
    for (int k = 0; *known && k < node->n_inputs; k++)
        JUDD_TRY(assign(p, node->inputs[k], ZERO, 0, node));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(node->op, rows[i].op) != 0) continue;
        *known = true;
        for (int k = 1; k < node->n_inputs; k++)
            JUDD_TRY(assign(p, node->inputs[k], rows[i].roles[k], 0, node));
    }
done:
    return status;
}

/* Tensors added or multiplied elementwise are learned shifts and scales when they stand behind a
   trained layer; before one they normalise the image, and single numbers are arithmetic. */
static judd_status plan_elementwise(plan *p, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    bool shift = strcmp(node->op, "Add") == 0 || strcmp(node->op, "Sub") == 0;
    for (int k = 0; k < 2; k++) {
        const judd_graph_value *w = &p->graph->values[node->inputs[k]];
        if (!w->data) continue;
        bool learned =
            w->is_initializer && judd_graph_size(w) > 1 && p->trained[node->inputs[1 - k]];
        JUDD_TRY(assign(p, node->inputs[k], !learned ? FIXED : shift ? ZERO : ONE, 0, node));
    }
done:
    return status;
}

static judd_status plan_node(plan *p, const judd_graph_node *node) {
    static const char *const products[] = {"Conv", "Gemm", "MatMul"};
    static const char *const elementwise[] = {"Add", "Sub", "Mul", "Div"};
    judd_status status = JUDD_OK;
    bool trained = false, known = false;
    for (int k = 0; k < node->n_inputs; k++)
        trained = trained || (node->inputs[k] >= 0 && p->trained[node->inputs[k]]);
    bool product = false, simple = false, norm = strcmp(node->op, "BatchNormalization") == 0;
    for (int i = 0; i < 3; i++) product = product || strcmp(node->op, products[i]) == 0;
    for (int i = 0; i < 4; i++) simple = simple || strcmp(node->op, elementwise[i]) == 0;
    if (product)
        JUDD_TRY(plan_product(p, node));
    else if (norm)
        JUDD_TRY(plan_batch_norm(p, node));
    else if (simple)
        JUDD_TRY(plan_elementwise(p, node));
    else
        JUDD_TRY(plan_by_name(p, node, &known));
    if (!product && !norm && !simple && !known)
        for (int k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] >= 0 && p->graph->values[node->inputs[k]].is_initializer &&
                judd_graph_size(&p->graph->values[node->inputs[k]]) > 1)
                JUDD_FAIL(JUDD_E_DATA,
                          "weights = \"random\": node %s (%s) has a trained tensor %s without a "
                          "rule; use the weights of the file",
                          node->name, node->op, p->graph->values[node->inputs[k]].name);
    p->trained[node->outputs[0]] = trained || product;
done:
    return status;
}

/* The counter holds the tensor's 64-bit name hash and the 32-bit place of the number in it. */
static void fill(judd_graph_value *value, role_kind role, int64_t fan_in, uint64_t seed) {
    float *x = value->data;
    int64_t n = judd_graph_size(value);
    uint64_t name = judd_hash_check(value->name, strlen(value->name), 0);
    double std = role == WEIGHT ? sqrt(2.0 / (double)fan_in) : 0.0;
    for (int64_t i = 0; i < n; i++)
        if (role == WEIGHT)
            x[i] = (float)(std * judd_rng_normal(seed, JUDD_RNG_WEIGHTS, (uint32_t)name,
                                                 (name >> 32 << 32) | (uint64_t)i));
        else
            x[i] = role == ONE ? 1.0f : role == SLOPE ? 0.25f : 0.0f;
}

judd_status judd_graph_randomize(judd_graph *graph, uint64_t seed) {
    judd_status status = JUDD_OK;
    plan p = {.graph = graph};
    JUDD_TRY(judd_memory_alloc(&p.roles, graph->n_values, sizeof *p.roles));
    JUDD_TRY(judd_memory_alloc(&p.fan_in, graph->n_values, sizeof *p.fan_in));
    JUDD_TRY(judd_memory_alloc(&p.trained, graph->n_values, sizeof *p.trained));
    for (int i = 0; i < graph->n_nodes; i++) JUDD_TRY(plan_node(&p, &graph->nodes[i]));
    for (int v = 0; v < graph->n_values; v++)
        if (p.roles[v] != NONE && p.roles[v] != FIXED)
            fill(&graph->values[v], p.roles[v], p.fan_in[v], seed);
done:
    free(p.roles);
    free(p.fan_in);
    free(p.trained);
    return status;
}
