/* Definitions of the operators: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
#include "onnx/shapes.h"

#include "onnx/node.h"

#include <float.h>
#include <string.h>

enum { MAX_RANK = JUDD_GRAPH_MAX_RANK };

judd_graph_value *judd_shapes_input(const judd_pass *pass, const judd_graph_node *node, int index) {
    if (index >= node->n_inputs || node->inputs[index] < 0) return NULL;
    return &pass->graph->values[node->inputs[index]];
}

judd_status judd_shapes_output(judd_pass *pass, const judd_graph_node *node, int rank,
                               const int64_t *dims) {
    judd_graph_value *output = &pass->graph->values[node->outputs[0]];
    output->type = judd_shapes_input(pass, node, 0)->type;
    return judd_pass_context(pass, node, judd_pass_set_dims(output, rank, dims));
}

judd_status judd_shapes_int_input(const int64_t **values, int64_t *n, const judd_pass *pass,
                                  const judd_graph_node *node, int index) {
    judd_status status = JUDD_OK;
    const judd_graph_value *value = judd_shapes_input(pass, node, index);
    *values = NULL;
    *n = 0;
    if (!value) goto done;
    if (!value->data || value->type != JUDD_I64 || value->rank > 1)
        JUDD_NODE_FAIL(pass, node,
                       "input %d (%s) is not a constant list of integers; export with "
                       "constant folding",
                       index, value->name);
    *values = value->data;
    *n = judd_graph_size(value);
done:
    return status;
}

/* A list of axes in 0..rank-1, each once, sorted. */
static judd_status check_axes(int64_t *axes, int64_t n, const int64_t *given, int rank,
                              const judd_pass *pass, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    bool used[MAX_RANK] = {false};
    if (n > rank) JUDD_NODE_FAIL(pass, node, "%lld axes of %d", (long long)n, rank);
    for (int64_t i = 0; i < n; i++) {
        if (given[i] < -rank || given[i] >= rank)
            JUDD_NODE_FAIL(pass, node, "axis %lld of %d dimensions; export again",
                           (long long)given[i], rank);
        int64_t axis = given[i] < 0 ? given[i] + rank : given[i];
        if (used[axis])
            JUDD_NODE_FAIL(pass, node, "axis %lld is given twice; export again", (long long)axis);
        used[axis] = true;
    }
    for (int axis = 0, at = 0; axis < rank; axis++)
        if (used[axis]) axes[at++] = axis;
done:
    return status;
}

/* Axes from the attribute (older opsets) or from input 1 (newer ones): sorted, counted from 0, each
 * once; none: *n = 0. */
static judd_status list_axes(int64_t *axes, int64_t *n, int rank, const judd_pass *pass,
                             const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const int64_t *given = judd_node_ints(n, node, "axes");
    if (!given) JUDD_TRY(judd_shapes_int_input(&given, n, pass, node, 1));
    JUDD_TRY(check_axes(axes, *n, given, rank, pass, node));
done:
    return status;
}

judd_status judd_shapes_axis(int64_t *axis, int64_t absent, int rank, const judd_pass *pass,
                             const judd_graph_node *node) {
    int64_t given = judd_graph_attribute_int(node, "axis", absent);
    return check_axes(axis, 1, &given, rank, pass, node);
}

static judd_status need_rank(const judd_pass *pass, const judd_graph_node *node, int least,
                             int most) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    if (x->rank < least || x->rank > most)
        JUDD_NODE_FAIL(pass, node, "input %s has dimensions %s, but %d to %d are supported",
                       x->name, judd_pass_dims(x).text, least, most);
done:
    return status;
}

/* Output as input; the attributes of elementwise operators are set by their own functions. */
static judd_status same_dims(judd_pass *pass, judd_graph_node *node) {
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    return judd_shapes_output(pass, node, x->rank, x->dims);
}

static judd_status same(judd_pass *pass, judd_graph_node *node) {
    judd_node_clear(node);
    return same_dims(pass, node);
}

judd_status judd_shapes_identity(judd_pass *pass, judd_graph_node *node) {
    node->n_inputs = 1;
    return same(pass, node);
}

judd_status judd_shapes_dropout(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *training = judd_shapes_input(pass, node, 2);
    const judd_graph_value *ratio = judd_shapes_input(pass, node, 1);
    bool nothing = ratio && ratio->data && ratio->type == JUDD_F32 && judd_graph_size(ratio) == 1 &&
                   *(const float *)ratio->data == 0.0f; /* is dropped, in any mode */
    if (training && !nothing &&
        (!training->data || training->type != JUDD_I64 || training->rank != 0 ||
         *(const int64_t *)training->data != 0))
        JUDD_NODE_FAIL(pass, node, "training mode; export the model in evaluation mode");
    JUDD_TRY(judd_shapes_identity(pass, node));
done:
    return status;
}

judd_status judd_shapes_cast(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    if (judd_graph_attribute_int(node, "to", 0) != JUDD_F32)
        JUDD_NODE_FAIL(pass, node, "computed values can only be float32; export in float32");
    JUDD_TRY(judd_shapes_identity(pass, node));
done:
    return status;
}

/* Until opset 10 attributes, from 11 on inputs, absent: no bound. */
judd_status judd_shapes_number(float *bound, const judd_pass *pass, const judd_graph_node *node,
                               const char *name, int index) {
    judd_status status = JUDD_OK;
    const judd_graph_value *value = judd_shapes_input(pass, node, index);
    *bound = judd_graph_attribute_float(node, name, *bound);
    if (!value) goto done;
    if (!value->data || value->type != JUDD_F32 || judd_graph_size(value) != 1)
        JUDD_NODE_FAIL(pass, node, "%s is not a constant number; export with constant folding",
                       name);
    *bound = *(const float *)value->data;
done:
    return status;
}

judd_status judd_shapes_clip(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    float low = -FLT_MAX, high = FLT_MAX;
    JUDD_TRY(judd_shapes_number(&low, pass, node, "min", 1));
    JUDD_TRY(judd_shapes_number(&high, pass, node, "max", 2));
    if (!(low <= high))
        JUDD_NODE_FAIL(pass, node, "min %g is not below max %g", (double)low, (double)high);
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_node_set_float(node, "min", low));
    JUDD_TRY(judd_node_set_float(node, "max", high));
    JUDD_TRY(same_dims(pass, node));
done:
    return status;
}

/* Elementwise operators with attributes, and the defaults of these. */
static const struct {
    const char *op, *names[2];
    float defaults[2];
} parameters[] = {
    {"Celu", {"alpha", NULL}, {1.0f, 0}},
    {"Elu", {"alpha", NULL}, {1.0f, 0}},
    {"HardSigmoid", {"alpha", "beta"}, {0.2f, 0.5f}},
    {"LeakyRelu", {"alpha", NULL}, {0.01f, 0}},
    {"Selu", {"alpha", "gamma"}, {1.67326319217681884765625f, 1.05070102214813232421875f}},
    {"Shrink", {"bias", "lambd"}, {0.0f, 0.5f}},
    {"ThresholdedRelu", {"alpha", NULL}, {1.0f, 0}}};

judd_status judd_shapes_unary(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    float numbers[2] = {0, 0};
    size_t row = 0, rows = sizeof parameters / sizeof *parameters;
    while (row < rows && strcmp(parameters[row].op, node->op) != 0) row++;
    for (int i = 0; row < rows && i < 2 && parameters[row].names[i]; i++)
        numbers[i] =
            judd_graph_attribute_float(node, parameters[row].names[i], parameters[row].defaults[i]);
    judd_node_clear(node);
    for (int i = 0; row < rows && i < 2 && parameters[row].names[i]; i++)
        JUDD_TRY(judd_node_set_float(node, parameters[row].names[i], numbers[i]));
    JUDD_TRY(same_dims(pass, node));
done:
    return status;
}

judd_status judd_shapes_lrn(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    float alpha = judd_graph_attribute_float(node, "alpha", 1e-4f);
    float beta = judd_graph_attribute_float(node, "beta", 0.75f);
    float bias = judd_graph_attribute_float(node, "bias", 1.0f);
    int64_t size = judd_graph_attribute_int(node, "size", 0);
    JUDD_TRY(need_rank(pass, node, 4, 4));
    if (size < 1 || size > 65536)
        JUDD_NODE_FAIL(pass, node, "size %lld is not between 1 and 65536", (long long)size);
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_int(node, "size", size));
    JUDD_TRY(judd_node_set_float(node, "alpha", alpha));
    JUDD_TRY(judd_node_set_float(node, "beta", beta));
    JUDD_TRY(judd_node_set_float(node, "bias", bias));
    JUDD_TRY(same_dims(pass, node));
done:
    return status;
}

judd_status judd_shapes_batch_norm(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    float epsilon = judd_graph_attribute_float(node, "epsilon", 1e-5f);
    JUDD_TRY(need_rank(pass, node, 2, MAX_RANK));
    if (judd_graph_attribute_int(node, "spatial", 1) != 1)
        JUDD_NODE_FAIL(pass, node, "spatial = 0 is not supported; export with opset 9 or later");
    if (judd_graph_attribute_int(node, "training_mode", 0) != 0)
        JUDD_NODE_FAIL(pass, node, "training mode; export the model in evaluation mode");
    for (int i = 1; i < 5; i++) {
        const judd_graph_value *p = judd_shapes_input(pass, node, i);
        if (!p || !p->data || p->type != JUDD_F32 || p->rank != 1 || p->dims[0] != x->dims[1])
            JUDD_NODE_FAIL(pass, node,
                           "input %s is not a constant of [%lld] float32 numbers; export again",
                           p ? p->name : "", (long long)x->dims[1]);
    }
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_float(node, "epsilon", epsilon));
    JUDD_TRY(same_dims(pass, node));
done:
    return status;
}

bool judd_shapes_broadcast_dims(int *rank, int64_t *dims, const judd_graph_value *a,
                                const judd_graph_value *b) {
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int d = 0; d < *rank; d++) { /* from the last dimension */
        int64_t m = d < a->rank ? a->dims[a->rank - 1 - d] : 1;
        int64_t n = d < b->rank ? b->dims[b->rank - 1 - d] : 1;
        if (m != n && m != 1 && n != 1) return false;
        dims[*rank - 1 - d] = m == 1 ? n : m;
    }
    return true;
}

/* Before opset 7 the second operand has the dimensions of the first from `axis` on: it gets ones
   behind them, which numpy's rule needs. */
static judd_status align_legacy(judd_pass *pass, judd_graph_node *node, int64_t axis) {
    judd_status status = JUDD_OK;
    const judd_graph_value *a = judd_shapes_input(pass, node, 0);
    const judd_graph_value *b = judd_shapes_input(pass, node, 1);
    int64_t dims[MAX_RANK];
    if (axis < 0 || axis + b->rank > a->rank)
        JUDD_NODE_FAIL(pass, node, "axis %lld does not fit %d and %d dimensions; export again",
                       (long long)axis, a->rank, b->rank);
    int rank = a->rank - (int)axis;
    for (int d = 0; d < rank; d++) dims[d] = d < b->rank ? b->dims[d] : 1;
    if (rank > b->rank)
        JUDD_TRY(judd_pass_reshape_before(&node->inputs[1], pass, node, rank, dims));
done:
    return status;
}

judd_status judd_shapes_broadcast(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    int rank = 0;
    int64_t dims[MAX_RANK] = {0};
    if (pass->graph->opset < 7 && judd_graph_attribute_of(node, "axis"))
        JUDD_TRY(align_legacy(pass, node, judd_graph_attribute_int(node, "axis", 0)));
    const judd_graph_value *a = judd_shapes_input(pass, node, 0);
    const judd_graph_value *b = judd_shapes_input(pass, node, 1);
    if (strcmp(node->op, "Pow") == 0 && a->type == JUDD_F32 && b->data && b->type != JUDD_F32) {
        JUDD_TRY(judd_pass_constant(&node->inputs[1], pass, node, b, b->rank, b->dims, true));
        b = judd_shapes_input(pass, node, 1);
    }
    if (a->type != b->type)
        JUDD_NODE_FAIL(pass, node, "inputs of different types; export in float32");
    if (!judd_shapes_broadcast_dims(&rank, dims, a, b))
        JUDD_NODE_FAIL(pass, node, "dimensions %s of %s and %s of %s do not fit; export again",
                       judd_pass_dims(a).text, a->name, judd_pass_dims(b).text, b->name);
    judd_node_clear(node);
    JUDD_TRY(judd_shapes_output(pass, node, rank, dims));
done:
    return status;
}

/* The slope is broadcast to the input, never the other way; before opset 7 by channels. */
judd_status judd_shapes_prelu(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value x = *judd_shapes_input(pass, node, 0);
    const judd_graph_value *slope = judd_shapes_input(pass, node, 1);
    if (pass->graph->opset < 7 && slope->rank == 1 && x.rank > 1 && slope->dims[0] > 1)
        JUDD_TRY(align_legacy(pass, node, 1));
    JUDD_TRY(judd_shapes_broadcast(pass, node));
    const judd_graph_value *y = &pass->graph->values[node->outputs[0]];
    if (y->rank != x.rank || memcmp(y->dims, x.dims, (size_t)x.rank * sizeof *x.dims) != 0)
        JUDD_NODE_FAIL(pass, node, "the slope has more places than the input %s; export again",
                       judd_pass_dims(&x).text);
done:
    return status;
}

/* Max, Min and Sum of any number of tensors: two at a time, beginning with a computed one. */
judd_status judd_shapes_variadic(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const char *op = strcmp(node->op, "Sum") == 0 ? "Add" : node->op;
    int first = 0;
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] < 0) JUDD_NODE_FAIL(pass, node, "input %d is absent; export again", i);
    while (judd_shapes_input(pass, node, first)->data) first++; /* one is computed */
    int swap = node->inputs[0];
    node->inputs[0] = node->inputs[first];
    node->inputs[first] = swap;
    while (node->n_inputs > 2) {
        const judd_graph_value *a = judd_shapes_input(pass, node, 0);
        const judd_graph_value *b = judd_shapes_input(pass, node, 1);
        judd_graph_node *two = NULL;
        int rank = 0;
        int64_t dims[MAX_RANK];
        if (b->type != JUDD_F32 || !judd_shapes_broadcast_dims(&rank, dims, a, b))
            JUDD_NODE_FAIL(pass, node, "dimensions %s and %s do not fit; export again",
                           judd_pass_dims(a).text, judd_pass_dims(b).text);
        JUDD_TRY(judd_pass_emit_inputs(&two, pass, node, op, 2, node->inputs, rank, dims));
        node->inputs[0] = two->outputs[0];
        node->n_inputs--;
        memmove(node->inputs + 1, node->inputs + 2, (size_t)(node->n_inputs - 1) * sizeof(int));
    }
    JUDD_TRY(judd_node_rename(node, node->n_inputs == 1 ? "Identity" : op));
    JUDD_TRY(node->n_inputs == 1 ? same(pass, node) : judd_shapes_broadcast(pass, node));
done:
    return status;
}

/* The condition becomes a constant of 0 and 1 in float32. */
judd_status judd_shapes_where(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *c = judd_shapes_input(pass, node, 0);
    const judd_graph_value *a = judd_shapes_input(pass, node, 1);
    const judd_graph_value *b = judd_shapes_input(pass, node, 2);
    int rank = 0;
    judd_graph_value sum = *a;
    if (!c->data || c->type != JUDD_I64 || a->type != JUDD_F32 || b->type != JUDD_F32)
        JUDD_NODE_FAIL(pass, node,
                       "needs a constant condition and two float32 values; set a tap "
                       "before it");
    if (!judd_shapes_broadcast_dims(&sum.rank, sum.dims, a, b) ||
        !judd_shapes_broadcast_dims(&rank, sum.dims, &sum, c))
        JUDD_NODE_FAIL(pass, node, "dimensions %s, %s and %s do not fit; export again",
                       judd_pass_dims(c).text, judd_pass_dims(a).text, judd_pass_dims(b).text);
    JUDD_TRY(judd_pass_constant(&node->inputs[0], pass, node, c, c->rank, c->dims, true));
    pass->graph->values[node->inputs[0]].is_initializer = false; /* nobody trained it */
    judd_node_clear(node);
    JUDD_TRY(judd_shapes_output(pass, node, rank, sum.dims));
done:
    return status;
}

/* A float32 constant of n numbers. */
static judd_status need_constant(const judd_pass *pass, const judd_graph_node *node, int index,
                                 int64_t n) {
    judd_status status = JUDD_OK;
    const judd_graph_value *p = judd_shapes_input(pass, node, index);
    if (p && (!p->data || p->type != JUDD_F32 || judd_graph_size(p) != n))
        JUDD_NODE_FAIL(pass, node,
                       "input %d (%s) is not a constant of %lld float32 numbers; export again",
                       index, p->name, (long long)n);
done:
    return status;
}

/* Ba, Kiros, Hinton 2016, "Layer normalization": over all dimensions from the axis on. */
judd_status judd_shapes_layer_norm(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    float epsilon = judd_graph_attribute_float(node, "epsilon", 1e-5f);
    int64_t axis = 0, n = 1;
    JUDD_TRY(need_rank(pass, node, 1, MAX_RANK));
    JUDD_TRY(judd_shapes_axis(&axis, -1, x->rank, pass, node));
    if (judd_graph_attribute_int(node, "stash_type", 1) != 1)
        JUDD_NODE_FAIL(pass, node, "only float32 statistics are supported; export in float32");
    for (int d = (int)axis; d < x->rank; d++) n *= x->dims[d];
    JUDD_TRY(need_constant(pass, node, 1, n));
    JUDD_TRY(need_constant(pass, node, 2, n));
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_int(node, "axis", axis));
    JUDD_TRY(judd_node_set_float(node, "epsilon", epsilon));
    JUDD_TRY(same_dims(pass, node));
done:
    return status;
}

/* Ulyanov, Vedaldi, Lempitsky 2016, "Instance normalization": over the places of each channel. */
judd_status judd_shapes_instance_norm(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    float epsilon = judd_graph_attribute_float(node, "epsilon", 1e-5f);
    JUDD_TRY(need_rank(pass, node, 3, MAX_RANK));
    JUDD_TRY(need_constant(pass, node, 1, x->dims[1]));
    JUDD_TRY(need_constant(pass, node, 2, x->dims[1]));
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_float(node, "epsilon", epsilon));
    JUDD_TRY(same_dims(pass, node));
done:
    return status;
}

judd_status judd_shapes_gemm(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *a = judd_shapes_input(pass, node, 0);
    const judd_graph_value *b = judd_shapes_input(pass, node, 1);
    const judd_graph_value *c = judd_shapes_input(pass, node, 2);
    float alpha = judd_graph_attribute_float(node, "alpha", 1.0f);
    float beta = judd_graph_attribute_float(node, "beta", 1.0f);
    bool a_t = judd_graph_attribute_int(node, "transA", 0) != 0;
    bool b_t = judd_graph_attribute_int(node, "transB", 0) != 0;
    if (a->rank != 2 || b->rank != 2 || a->data || !b->data || b->type != JUDD_F32)
        JUDD_NODE_FAIL(pass, node,
                       "needs a matrix and a constant matrix, not %s and %s; export again",
                       judd_pass_dims(a).text, judd_pass_dims(b).text);
    int64_t dims[2] = {a->dims[a_t], b->dims[!b_t]};
    if (a->dims[!a_t] != b->dims[b_t])
        JUDD_NODE_FAIL(pass, node, "matrices %s of %s and %s of %s do not fit; export again",
                       a->name, judd_pass_dims(a).text, b->name, judd_pass_dims(b).text);
    if (c) {
        judd_graph_value product = {.rank = 2, .dims = {dims[0], dims[1]}};
        int rank = 0;
        int64_t sum[MAX_RANK];
        if (!c->data || c->type != JUDD_F32 ||
            !judd_shapes_broadcast_dims(&rank, sum, &product, c) || rank != 2 ||
            sum[0] != dims[0] || sum[1] != dims[1])
            JUDD_NODE_FAIL(pass, node,
                           "bias %s is not a constant that fits [%lld, %lld]; export again",
                           judd_pass_dims(c).text, (long long)dims[0], (long long)dims[1]);
    }
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_float(node, "alpha", alpha));
    JUDD_TRY(judd_node_set_float(node, "beta", beta));
    JUDD_TRY(judd_node_set_int(node, "transA", a_t));
    JUDD_TRY(judd_node_set_int(node, "transB", b_t));
    JUDD_TRY(judd_shapes_output(pass, node, 2, dims));
done:
    return status;
}

/* numpy.matmul: a vector gets a dimension of 1 for the product and loses it afterwards. */
judd_status judd_shapes_matmul(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *a = judd_shapes_input(pass, node, 0);
    const judd_graph_value *b = judd_shapes_input(pass, node, 1);
    if (a->rank < 1 || b->rank < 1 || a->type != JUDD_F32 || b->type != JUDD_F32)
        JUDD_NODE_FAIL(pass, node, "needs two float32 matrices");
    bool row = a->rank == 1, column = b->rank == 1;
    if (row)
        JUDD_TRY(
            judd_pass_reshape_before(&node->inputs[0], pass, node, 2, (int64_t[]){1, a->dims[0]}));
    if (column)
        JUDD_TRY(
            judd_pass_reshape_before(&node->inputs[1], pass, node, 2, (int64_t[]){b->dims[0], 1}));
    a = judd_shapes_input(pass, node, 0);
    b = judd_shapes_input(pass, node, 1);
    judd_graph_value x = *a, y = *b;
    x.rank -= 2;
    y.rank -= 2;
    int rank = 0;
    int64_t dims[MAX_RANK + 2] = {0};
    if (a->dims[a->rank - 1] != b->dims[b->rank - 2] ||
        !judd_shapes_broadcast_dims(&rank, dims, &x, &y))
        JUDD_NODE_FAIL(pass, node, "matrices %s of %s and %s of %s do not fit; export again",
                       a->name, judd_pass_dims(a).text, b->name, judd_pass_dims(b).text);
    dims[rank++] = a->dims[a->rank - 2];
    dims[rank++] = b->dims[b->rank - 1];
    judd_node_clear(node);
    JUDD_TRY(judd_shapes_output(pass, node, rank, dims));
    if (!row && !column) goto done;
    int n = rank - 2;
    if (!row) dims[n++] = dims[rank - 2];
    if (!column) dims[n++] = dims[rank - 1];
    JUDD_TRY(judd_pass_reshape_after(pass, node, n, dims));
done:
    return status;
}

/* Until opset 12 softmax runs over all dimensions from the axis on: a matrix in between. */
static judd_status flatten_softmax(judd_pass *pass, judd_graph_node *node, int64_t axis) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_node *flat = NULL, *softmax = NULL;
    int64_t dims[2] = {1, 1};
    for (int d = 0; d < x->rank; d++) dims[d >= axis] *= x->dims[d];
    JUDD_TRY(judd_pass_emit(&flat, pass, node, "Reshape", node->inputs[0], 2, dims));
    JUDD_TRY(judd_pass_emit(&softmax, pass, node, node->op, flat->outputs[0], 2, dims));
    JUDD_TRY(judd_node_set_int(softmax, "axis", 1));
    node->inputs[0] = softmax->outputs[0];
    JUDD_TRY(judd_node_rename(node, "Reshape"));
done:
    return status;
}

judd_status judd_shapes_softmax(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    bool old = pass->graph->opset < 13;
    int64_t axis = 0, big = 0, n_big = 0;
    JUDD_TRY(need_rank(pass, node, 1, MAX_RANK));
    JUDD_TRY(judd_shapes_axis(&axis, old ? 1 : -1, x->rank, pass, node));
    judd_node_clear(node);
    JUDD_TRY(same_dims(pass, node));
    for (int d = (int)axis; d < x->rank; d++)
        if (x->dims[d] > 1) {
            big = d;
            n_big++;
        }
    if (old && n_big > 1)
        JUDD_TRY(flatten_softmax(pass, node, axis));
    else
        JUDD_TRY(judd_node_set_int(node, "axis", old && n_big == 1 ? big : axis));
done:
    return status;
}

judd_status judd_shapes_reduce(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t axes[MAX_RANK], n = 0, dims[MAX_RANK];
    int64_t keep = judd_graph_attribute_int(node, "keepdims", 1) != 0;
    int rank = 0;
    JUDD_TRY(list_axes(axes, &n, x->rank, pass, node));
    if (n == 0 && judd_graph_attribute_int(node, "noop_with_empty_axes", 0) != 0) {
        JUDD_TRY(judd_node_rename(node, "Identity"));
        JUDD_TRY(judd_shapes_identity(pass, node));
        goto done;
    }
    if (n == 0)
        while (n < x->rank) {
            axes[n] = n;
            n++;
        }
    for (int d = 0, at = 0; d < x->rank; d++) {
        bool reduced = at < n && axes[at] == d;
        at += reduced;
        if (!reduced || keep) dims[rank++] = reduced ? 1 : x->dims[d];
    }
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_node_set_ints(node, "axes", n, axes));
    JUDD_TRY(judd_node_set_int(node, "keepdims", keep));
    JUDD_TRY(judd_shapes_output(pass, node, rank, dims));
done:
    return status;
}

judd_status judd_shapes_concat(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value sum = *judd_shapes_input(pass, node, 0);
    int64_t axis = 0;
    if (!judd_graph_attribute_of(node, "axis"))
        JUDD_NODE_FAIL(pass, node, "attribute axis is missing; export again");
    JUDD_TRY(judd_shapes_axis(&axis, 0, sum.rank, pass, node));
    for (int i = 1; i < node->n_inputs; i++) {
        const judd_graph_value *x = judd_shapes_input(pass, node, i);
        bool fits = x && x->rank == sum.rank && x->type == sum.type;
        for (int d = 0; fits && d < sum.rank; d++) fits = d == axis || x->dims[d] == sum.dims[d];
        if (!fits)
            JUDD_NODE_FAIL(pass, node, "input %d of dimensions %s does not fit %s; export again", i,
                           x ? judd_pass_dims(x).text : "(absent)", judd_pass_dims(&sum).text);
        sum.dims[axis] += x->dims[axis]; /* < 2^34 each, at most 2^24 inputs */
    }
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_int(node, "axis", axis));
    JUDD_TRY(judd_shapes_output(pass, node, sum.rank, sum.dims));
done:
    return status;
}

judd_status judd_shapes_flatten(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t axis = judd_graph_attribute_int(node, "axis", 1), dims[2] = {1, 1};
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis > x->rank)
        JUDD_NODE_FAIL(pass, node, "axis %lld of %d dimensions; export again", (long long)axis,
                       x->rank);
    for (int d = 0; d < x->rank; d++) dims[d >= axis] *= x->dims[d];
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_int(node, "axis", axis));
    JUDD_TRY(judd_shapes_output(pass, node, 2, dims));
done:
    return status;
}

/* The rule for a batch that the file fixes stands at judd_graph_load. */
static bool is_fixed_batch(const judd_pass *pass, const judd_graph_value *x, int64_t first) {
    return pass->file_batch > 0 && first == pass->file_batch && !x->data && x->rank > 0 &&
           x->dims[0] == pass->options->batch;
}

judd_status judd_shapes_reshape(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const int64_t *target = NULL;
    int64_t n = 0, known = 1, size = judd_graph_size(x), dims[MAX_RANK] = {0};
    int open = -1;
    bool keep_zero = judd_graph_attribute_int(node, "allowzero", 0) != 0;
    JUDD_TRY(judd_shapes_int_input(&target, &n, pass, node, 1));
    if (!target || n > MAX_RANK)
        JUDD_NODE_FAIL(pass, node, "a target of %lld dimensions is not supported", (long long)n);
    for (int d = 0; d < n; d++) {
        dims[d] = target[d];
        if (d == 0 && is_fixed_batch(pass, x, target[0])) dims[d] = pass->options->batch;
        if (dims[d] == 0 && !keep_zero) dims[d] = d < x->rank ? x->dims[d] : -2;
        if (dims[d] < -1 || (dims[d] == -1 && open >= 0))
            JUDD_NODE_FAIL(pass, node, "target dimension %d is %lld; export again", d,
                           (long long)target[d]);
        if (dims[d] == -1)
            open = d;
        else if (__builtin_mul_overflow(known, dims[d], &known))
            JUDD_NODE_FAIL(pass, node, "the target dimensions overflow; export again");
    }
    if (open >= 0) dims[open] = known > 0 ? size / known : 0;
    if (open >= 0 ? known == 0 || size % known != 0 : known != size)
        JUDD_NODE_FAIL(pass, node,
                       "%s cannot become %lld dimensions of the target; export with a "
                       "dynamic batch (dynamic_axes)",
                       judd_pass_dims(x).text, (long long)n);
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_shapes_output(pass, node, (int)n, dims));
done:
    return status;
}

judd_status judd_shapes_squeeze(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t axes[MAX_RANK], n = 0, dims[MAX_RANK];
    int rank = 0;
    JUDD_TRY(list_axes(axes, &n, x->rank, pass, node));
    if (n == 0) {
        for (int d = 0; d < x->rank; d++)
            if (x->dims[d] == 1) axes[n++] = d;
        if (!x->data && pass->options->batch > 0 && n > 0 && axes[0] == 0)
            JUDD_NODE_FAIL(pass, node, "without axes it would drop a batch of 1; export with axes");
    }
    for (int d = 0, at = 0; d < x->rank; d++)
        if (at < n && axes[at] == d) {
            at++;
            if (x->dims[d] != 1)
                JUDD_NODE_FAIL(pass, node, "dimension %d of %s is not 1; export again", d,
                               judd_pass_dims(x).text);
        } else
            dims[rank++] = x->dims[d];
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_node_set_ints(node, "axes", n, axes));
    JUDD_TRY(judd_shapes_output(pass, node, rank, dims));
done:
    return status;
}

judd_status judd_shapes_unsqueeze(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t axes[MAX_RANK], n = 0, dims[MAX_RANK];
    const int64_t *given = judd_node_ints(&n, node, "axes");
    if (!given) JUDD_TRY(judd_shapes_int_input(&given, &n, pass, node, 1));
    if (!given || n + x->rank > MAX_RANK)
        JUDD_NODE_FAIL(pass, node, "needs axes, and at most %d dimensions", MAX_RANK);
    int rank = x->rank + (int)n;
    JUDD_TRY(check_axes(axes, n, given, rank, pass, node));
    for (int d = 0, at = 0, from = 0; d < rank; d++)
        if (at < n && axes[at] == d) {
            dims[d] = 1;
            at++;
        } else
            dims[d] = x->dims[from++];
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_node_set_ints(node, "axes", n, axes));
    JUDD_TRY(judd_shapes_output(pass, node, rank, dims));
done:
    return status;
}

judd_status judd_shapes_transpose(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t perm[MAX_RANK], sorted[MAX_RANK], dims[MAX_RANK], n = 0;
    const int64_t *given = judd_node_ints(&n, node, "perm");
    if (given && n != x->rank)
        JUDD_NODE_FAIL(pass, node, "perm has %lld entries for %d dimensions; export again",
                       (long long)n, x->rank);
    for (int d = 0; d < x->rank; d++) perm[d] = given ? given[d] : x->rank - 1 - d;
    JUDD_TRY(check_axes(sorted, x->rank, perm, x->rank, pass, node));
    for (int d = 0; d < x->rank; d++) {
        if (perm[d] < 0) perm[d] += x->rank;
        dims[d] = x->dims[perm[d]];
    }
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_ints(node, "perm", x->rank, perm));
    JUDD_TRY(judd_shapes_output(pass, node, x->rank, dims));
done:
    return status;
}

/* Attributes until opset 9, inputs 1..4 from 10 on. */
static judd_status read_slice(const int64_t *list[4], int64_t n[4], const judd_pass *pass,
                              const judd_graph_node *node) {
    static const char *const names[3] = {"starts", "ends", "axes"};
    judd_status status = JUDD_OK;
    for (int i = 0; i < 4; i++) {
        list[i] = i < 3 ? judd_node_ints(&n[i], node, names[i]) : NULL;
        if (!list[i]) JUDD_TRY(judd_shapes_int_input(&list[i], &n[i], pass, node, i + 1));
    }
    if (!list[0] || !list[1] || n[1] != n[0] || (list[2] && n[2] != n[0]) ||
        (list[3] && n[3] != n[0]))
        JUDD_NODE_FAIL(pass, node, "starts, ends, axes and steps are not of one length");
done:
    return status;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

judd_status judd_shapes_slice_range(judd_pass *pass, const judd_graph_node *node, int64_t *starts,
                                    int64_t *steps, int64_t *dims) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const int64_t *list[4];
    int64_t n[4], sorted[MAX_RANK];
    JUDD_TRY(read_slice(list, n, pass, node));
    if (list[2])
        JUDD_TRY(check_axes(sorted, n[2], list[2], x->rank, pass, node)); /* valid, each once */
    else if (n[0] > x->rank)
        JUDD_NODE_FAIL(pass, node, "%lld starts for %d dimensions", (long long)n[0], x->rank);
    for (int d = 0; d < x->rank; d++) {
        starts[d] = 0;
        steps[d] = 1;
        dims[d] = x->dims[d];
    }
    for (int64_t i = 0; i < n[0]; i++) {
        int64_t d = list[2] ? list[2][i] : i, step = list[3] ? list[3][i] : 1;
        if (d < 0) d += x->rank;
        int64_t length = x->dims[d], start = list[0][i], end = list[1][i];
        if (step == 0 || step < -INT32_MAX || step > INT32_MAX)
            JUDD_NODE_FAIL(pass, node, "step %lld is not supported", (long long)step);
        start = clamp(start < 0 ? start + length : start, 0, step > 0 ? length : length - 1);
        end = clamp(end < 0 ? end + length : end, step > 0 ? 0 : -1, length);
        int64_t count =
            step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
        starts[d] = start;
        steps[d] = step;
        dims[d] = count > 0 && length > 0 ? count : 0;
    }
done:
    return status;
}
