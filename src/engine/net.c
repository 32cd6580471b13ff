#include "engine/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t judd_net_elements(int rank, const int64_t *dims) {
    int64_t n = 1;
    for (int i = 0; i < rank; i++) n *= dims[i];
    return n;
}

int64_t judd_net_bytes(const judd_operand *o) {
    int64_t n = judd_net_elements(o->rank, o->dims);
    if (o->layout == JUDD_BLOCKED)
        n = n / o->dims[1] * ((o->dims[1] + o->block - 1) / o->block * o->block);
    if (judd_layout_is_bf16(o->layout)) n = (n + 1) / 2; /* copied as if it were float32 */
    return n * (int64_t)sizeof(float);
}

static bool has(const judd_step *step, int input) {
    return input < step->n_inputs && step->inputs[input] >= 0;
}

const judd_net_value *judd_net_input(const judd_net *net, const judd_step *step, int input) {
    return has(step, input) ? &net->values[step->inputs[input]] : NULL;
}

const judd_net_value *judd_net_output(const judd_net *net, const judd_step *step) {
    return &net->values[step->output];
}

const float *judd_net_floats(const judd_net *net, const judd_step *step, int input) {
    const judd_net_value *value = judd_net_input(net, step, input);
    return value && value->type == JUDD_F32 ? value->data : NULL;
}

const float *judd_net_weights(const judd_net *net, const judd_step *step) {
    return net->hollow ? NULL : judd_net_floats(net, step, 1);
}

static float activate_rarely(judd_activation f, float x) {
    switch (f.kind) {
    case JUDD_ACTIVATION_ABS:
        return fabsf(x);
    case JUDD_ACTIVATION_CEIL:
        return ceilf(x);
    case JUDD_ACTIVATION_CELU:
        return x < 0.0f ? f.alpha * expm1f(x / f.alpha) : x;
    case JUDD_ACTIVATION_ELU:
        return x < 0.0f ? f.alpha * expm1f(x) : x;
    case JUDD_ACTIVATION_ERF:
        return erff(x);
    case JUDD_ACTIVATION_EXP:
        return expf(x);
    case JUDD_ACTIVATION_FLOOR:
        return floorf(x);
    case JUDD_ACTIVATION_GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case JUDD_ACTIVATION_LOG:
        return logf(x);
    case JUDD_ACTIVATION_NEG:
        return -x;
    case JUDD_ACTIVATION_RECIPROCAL:
        return 1.0f / x;
    case JUDD_ACTIVATION_ROUND:
        return rintf(x);
    case JUDD_ACTIVATION_SELU:
        return f.beta * (x > 0.0f ? x : f.alpha * expm1f(x));
    case JUDD_ACTIVATION_SHRINK:
        return x < -f.beta ? x + f.alpha : x > f.beta ? x - f.alpha : 0.0f;
    case JUDD_ACTIVATION_SIGN:
        return (float)((x > 0.0f) - (x < 0.0f));
    case JUDD_ACTIVATION_SOFTPLUS:
        return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
    case JUDD_ACTIVATION_SOFTSIGN:
        return x / (1.0f + fabsf(x));
    case JUDD_ACTIVATION_SQRT:
        return sqrtf(x);
    case JUDD_ACTIVATION_TANH:
        return tanhf(x);
    case JUDD_ACTIVATION_THRESHOLD:
        return x > f.alpha ? x : 0.0f;
    default:
        return x;
    }
}

float judd_net_activate(judd_activation f, float x) {
    switch (f.kind) {
    case JUDD_ACTIVATION_NONE:
        return x;
    case JUDD_ACTIVATION_RELU:
        return x > 0.0f ? x : f.alpha * x;
    case JUDD_ACTIVATION_CLIP:
        return x < f.alpha ? f.alpha : x > f.beta ? f.beta : x; /* NaN stays */
    case JUDD_ACTIVATION_SIGMOID:
        return 1.0f / (1.0f + expf(-x));
    case JUDD_ACTIVATION_HARD_SIGMOID:
        return fminf(fmaxf(f.alpha * x + f.beta, 0.0f), 1.0f);
    case JUDD_ACTIVATION_HARD_SWISH:
        return x * fminf(fmaxf(x / 6.0f + 0.5f, 0.0f), 1.0f);
    case JUDD_ACTIVATION_SWISH:
        return x / (1.0f + expf(-x));
    default:
        return activate_rarely(f, x);
    }
}

judd_status judd_net_add_computed(judd_net *net, int *index, const char *name, int rank,
                                  const int64_t *dims) {
    size_t bytes = ((size_t)net->n_values + 1) * sizeof *net->values;
    judd_net_value *values = realloc(net->values, bytes);
    if (!values) return judd_status_set(JUDD_E_INTERNAL, "%s: no memory for a value", name);
    net->values = values;
    *index = net->n_values++;
    judd_net_value *value = &values[*index];
    *value = (judd_net_value){.name = name, .type = JUDD_F32, .rank = rank};
    memcpy(value->dims, dims, (size_t)rank * sizeof *dims);
    return JUDD_OK;
}

judd_status judd_net_add_value(judd_net *net, int *index, const char *name, int rank,
                               const int64_t *dims, float **data) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_net_add_computed(net, index, name, rank, dims));
    JUDD_TRY(judd_memory_alloc(data, judd_net_elements(rank, dims), sizeof(float)));
    net->values[*index].owned = *data;
    net->values[*index].data = *data;
done:
    return status;
}

judd_status judd_net_add_weights(judd_net *net, int *index, const char *name, int rank,
                                 const int64_t *dims, const float *from, float **data) {
    if (!net->hollow) return judd_net_add_value(net, index, name, rank, dims, data);
    judd_status status = judd_net_add_computed(net, index, name, rank, dims);
    if (status == JUDD_OK) net->values[*index].data = from;
    *data = NULL;
    return status;
}

bool judd_net_is_linear(const judd_net *net, const judd_step *step) {
    if (strcmp(step->op, "MatMul") != 0 && strcmp(step->op, "Gemm") != 0) return false;
    const judd_net_value *x = judd_net_input(net, step, 0), *w = judd_net_input(net, step, 1);
    const judd_net_value *c = judd_net_input(net, step, 2), *y = judd_net_output(net, step);
    if (!judd_net_floats(net, step, 1) || w->rank != 2 || x->data ||
        judd_graph_attribute_int(step->node, "transA", 0) != 0)
        return false;
    if (step->op[0] == 'G' && (judd_graph_attribute_float(step->node, "alpha", 1.0f) != 1.0f ||
                               judd_graph_attribute_float(step->node, "beta", 1.0f) != 1.0f))
        return false;
    return !c || (judd_net_floats(net, step, 2) && c->rank >= 1 &&
                  c->dims[c->rank - 1] == y->dims[y->rank - 1] &&
                  judd_net_elements(c->rank, c->dims) == y->dims[y->rank - 1]);
}

/* Is value i of the net known to have image after image? */
static bool has_images(const judd_net *net, int i) {
    return i >= 0 && net->values[i].images;
}

/* Operators that leave dimension 0 what it is. */
static bool keeps_images(const judd_net *net, const judd_step *step) {
    static const char *const ops[] = {
        "Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Relu", "Gelu",
        "Sigmoid", "Swish", "HardSwish", "Clip", "Tanh", "Add", "Sub", "Mul", "Div",
        "LayerNormalization", JUDD_OP_CHANNEL_NORM, "BatchNormalization",
        /* row-major, and as many images of as many numbers */
        "Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    const judd_graph_attribute *perm = judd_graph_attribute_of(step->node, "perm");
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(step->op, ops[i]) == 0) return true;
    if (strcmp(step->op, "Transpose") == 0) return perm && perm->n > 0 && perm->ints[0] == 0;
    if (strcmp(step->op, "Concat") == 0) return judd_graph_attribute_int(step->node, "axis", 0) > 0;
    return judd_net_is_linear(net, step);
}

/* An output that belongs to one image, and is made of a number of image i, belongs to i; so one
 * operand of the output's rank is enough. */
void judd_net_mark_images(judd_net *net) {
    if (net->batch == 0) return;
    for (int i = 0; i < net->n_values; i++) net->values[i].images = false;
    net->values[net->inputs[0]].images = true;
    for (int i = 0; i < net->n_steps; i++) {
        const judd_step *step = &net->steps[i];
        judd_net_value *y = &net->values[step->output];
        if (y->rank < 1 || y->dims[0] != net->batch) continue;
        bool known = has_images(net, step->residual), keeps = keeps_images(net, step);
        for (int k = 0; keeps && k < step->n_operands; k++)
            known =
                known || (has_images(net, step->inputs[k]) &&
                          (step->n_operands == 1 || net->values[step->inputs[k]].rank == y->rank));
        y->images = known;
    }
}

void judd_net_convolved(int64_t dims[4], const judd_net *net, const judd_step *step) {
    const judd_window *w = &step->window;
    const int64_t *in = judd_net_input(net, step, 0)->dims;
    dims[0] = in[0];
    dims[1] = judd_net_output(net, step)->dims[1];
    for (int i = 0; i < 2; i++) {
        int64_t reach = w->dilation[i] * (w->kernel[i] - 1) + 1;
        dims[2 + i] = (in[2 + i] + w->begin[i] + w->end[i] - reach) / w->stride[i] + 1;
    }
}

/* ---- reading a graph ------------------------------------------------------------------------ */

/* What the operators need; their attributes are complete (graph.h), so absent ones are errors. */
typedef struct operator_rule {
    const char *op;
    int min_inputs, max_inputs; /* max 0: any number */
    int operands;               /* of these at run time; 0: all */
    bool window;
    int rank; /* of the first input; 0: any */
    judd_activation_kind activation;
} operator_rule;

static const operator_rule rules[] = {
    {"Conv", 2, 3, 1, true, 4, JUDD_ACTIVATION_NONE},
    {"MaxPool", 1, 1, 1, true, 4, JUDD_ACTIVATION_NONE},
    {"AveragePool", 1, 1, 1, true, 4, JUDD_ACTIVATION_NONE},
    {"BatchNormalization", 5, 5, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Relu", 1, 1, 1, false, 0, JUDD_ACTIVATION_RELU},
    {"LeakyRelu", 1, 1, 1, false, 0, JUDD_ACTIVATION_RELU},
    {"Clip", 1, 1, 1, false, 0, JUDD_ACTIVATION_CLIP},
    {"Sigmoid", 1, 1, 1, false, 0, JUDD_ACTIVATION_SIGMOID},
    {"HardSigmoid", 1, 1, 1, false, 0, JUDD_ACTIVATION_HARD_SIGMOID},
    {"HardSwish", 1, 1, 1, false, 0, JUDD_ACTIVATION_HARD_SWISH},
    {"Gelu", 1, 1, 1, false, 0, JUDD_ACTIVATION_GELU},
    {"Abs", 1, 1, 1, false, 0, JUDD_ACTIVATION_ABS},
    {"Ceil", 1, 1, 1, false, 0, JUDD_ACTIVATION_CEIL},
    {"Celu", 1, 1, 1, false, 0, JUDD_ACTIVATION_CELU},
    {"Elu", 1, 1, 1, false, 0, JUDD_ACTIVATION_ELU},
    {"Erf", 1, 1, 1, false, 0, JUDD_ACTIVATION_ERF},
    {"Exp", 1, 1, 1, false, 0, JUDD_ACTIVATION_EXP},
    {"Floor", 1, 1, 1, false, 0, JUDD_ACTIVATION_FLOOR},
    {"Log", 1, 1, 1, false, 0, JUDD_ACTIVATION_LOG},
    {"Neg", 1, 1, 1, false, 0, JUDD_ACTIVATION_NEG},
    {"Reciprocal", 1, 1, 1, false, 0, JUDD_ACTIVATION_RECIPROCAL},
    {"Round", 1, 1, 1, false, 0, JUDD_ACTIVATION_ROUND},
    {"Selu", 1, 1, 1, false, 0, JUDD_ACTIVATION_SELU},
    {"Shrink", 1, 1, 1, false, 0, JUDD_ACTIVATION_SHRINK},
    {"Sign", 1, 1, 1, false, 0, JUDD_ACTIVATION_SIGN},
    {"Softplus", 1, 1, 1, false, 0, JUDD_ACTIVATION_SOFTPLUS},
    {"Softsign", 1, 1, 1, false, 0, JUDD_ACTIVATION_SOFTSIGN},
    {"Sqrt", 1, 1, 1, false, 0, JUDD_ACTIVATION_SQRT},
    {"Tanh", 1, 1, 1, false, 0, JUDD_ACTIVATION_TANH},
    {"ThresholdedRelu", 1, 1, 1, false, 0, JUDD_ACTIVATION_THRESHOLD},
    {"Add", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Max", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Min", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"PRelu", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Pow", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Where", 3, 3, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"LayerNormalization", 2, 3, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"InstanceNormalization", 3, 3, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Slice", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Gather", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Expand", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Sub", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Mul", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Div", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"GlobalAveragePool", 1, 1, 1, false, 4, JUDD_ACTIVATION_NONE},
    {"GlobalMaxPool", 1, 1, 1, false, 4, JUDD_ACTIVATION_NONE},
    {"Flatten", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Reshape", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Squeeze", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Unsqueeze", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Transpose", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Gemm", 2, 3, 1, false, 2, JUDD_ACTIVATION_NONE},
    {"MatMul", 2, 2, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Concat", 1, 0, 0, false, 0, JUDD_ACTIVATION_NONE},
    {"Pad", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceL1", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceL2", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceLogSum", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceLogSumExp", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceMax", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceMean", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceMin", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceProd", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceSum", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"ReduceSumSquare", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"Softmax", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"LogSoftmax", 1, 1, 1, false, 0, JUDD_ACTIVATION_NONE},
    {"LRN", 1, 1, 1, false, 4, JUDD_ACTIVATION_NONE},
};

static judd_status read_activation(judd_step *step, judd_activation_kind kind) {
    const judd_graph_node *node = step->node;
    judd_activation *f = &step->activation;
    f->kind = kind;
    f->alpha = judd_graph_attribute_float(node, "alpha", 0.0f); /* Relu has none */
    f->beta = judd_graph_attribute_float(node, "beta", 0.0f);
    if (kind == JUDD_ACTIVATION_SELU) {
        f->beta = judd_graph_attribute_float(node, "gamma", 1.0f);
    } else if (kind == JUDD_ACTIVATION_SHRINK) {
        f->alpha = judd_graph_attribute_float(node, "bias", 0.0f);
        f->beta = judd_graph_attribute_float(node, "lambd", 0.5f);
    } else if (kind == JUDD_ACTIVATION_CLIP) {
        f->alpha = judd_graph_attribute_float(node, "min", -INFINITY);
        f->beta = judd_graph_attribute_float(node, "max", INFINITY);
    }
    return JUDD_OK;
}

static judd_status read_pair(int64_t pair[2], const judd_step *step, const char *name,
                             int64_t offset, int64_t count) {
    const judd_graph_attribute *a = judd_graph_attribute_of(step->node, name);
    if (!a || a->kind != 'I' || a->n != count)
        return judd_status_set(JUDD_E_DATA,
                               "node %s (%s): attribute %s needs %lld integers; only 2-D windows "
                               "over images can be executed",
                               step->name, step->op, name, (long long)count);
    pair[0] = a->ints[offset];
    pair[1] = a->ints[offset + 1];
    return JUDD_OK;
}

/* Shapes come from another module: a wrong one here would be a write past a buffer. */
static judd_status check_window(const judd_net *net, const judd_step *step) {
    const judd_window *w = &step->window;
    const judd_net_value *in = judd_net_input(net, step, 0), *out = judd_net_output(net, step);
    for (int i = 0; i < 2; i++) {
        int64_t reach = w->dilation[i] * (w->kernel[i] - 1) + 1;
        int64_t room = in->dims[i + 2] + w->begin[i] + w->end[i] - reach;
        if (w->kernel[i] < 1 || w->stride[i] < 1 || w->dilation[i] < 1 || w->begin[i] < 0 ||
            w->end[i] < 0 || room < 0 || out->rank != 4 ||
            room / w->stride[i] + 1 != out->dims[i + 2])
            return judd_status_set(JUDD_E_DATA,
                                   "node %s (%s): window and padding do not give the output shape; "
                                   "export the model again",
                                   step->name, step->op);
    }
    return JUDD_OK;
}

static judd_status read_window(judd_net *net, judd_step *step) {
    judd_status status = JUDD_OK;
    judd_window *w = &step->window;
    w->groups = judd_graph_attribute_int(step->node, "group", 1);
    w->include_pad = judd_graph_attribute_int(step->node, "count_include_pad", 0) != 0;
    JUDD_TRY(read_pair(w->kernel, step, "kernel_shape", 0, 2));
    JUDD_TRY(read_pair(w->stride, step, "strides", 0, 2));
    JUDD_TRY(read_pair(w->dilation, step, "dilations", 0, 2));
    JUDD_TRY(read_pair(w->begin, step, "pads", 0, 4));
    JUDD_TRY(read_pair(w->end, step, "pads", 2, 4));
    JUDD_TRY(check_window(net, step));
done:
    return status;
}

static judd_status check_convolution(const judd_net *net, const judd_step *step) {
    const judd_net_value *x = judd_net_input(net, step, 0), *k = judd_net_input(net, step, 1);
    const judd_net_value *b = judd_net_input(net, step, 2), *y = judd_net_output(net, step);
    int64_t g = step->window.groups;
    if (!judd_net_floats(net, step, 1) || (b && !judd_net_floats(net, step, 2)))
        return judd_status_set(JUDD_E_DATA,
                               "node %s (Conv): weights and bias must be constants of the file",
                               step->name);
    if (g < 1 || k->rank != 4 || k->dims[0] != y->dims[1] || k->dims[1] * g != x->dims[1] ||
        y->dims[1] % g != 0 || x->dims[0] != y->dims[0] || k->dims[2] != step->window.kernel[0] ||
        k->dims[3] != step->window.kernel[1] || (b && (b->rank != 1 || b->dims[0] != y->dims[1])))
        return judd_status_set(JUDD_E_DATA,
                               "node %s (Conv): the shape of the weights does not fit the image; "
                               "export the model again",
                               step->name);
    return JUDD_OK;
}

static judd_status check_product(const judd_net *net, const judd_step *step) {
    const judd_net_value *a = judd_net_input(net, step, 0), *b = judd_net_input(net, step, 1);
    bool gemm = strcmp(step->op, "Gemm") == 0;
    if (gemm &&
        (!judd_net_floats(net, step, 1) || (has(step, 2) && !judd_net_floats(net, step, 2))))
        return judd_status_set(JUDD_E_DATA, "node %s (Gemm): B and C must be constants of the file",
                               step->name);
    if (a->rank < 2 || b->rank < 2)
        return judd_status_set(JUDD_E_DATA,
                               "node %s (%s): operands of rank %d and %d; matrices are needed",
                               step->name, step->op, a->rank, b->rank);
    int64_t k =
        judd_graph_attribute_int(step->node, "transA", 0) ? a->dims[0] : a->dims[a->rank - 1];
    bool turned = judd_graph_attribute_int(step->node, "transB", 0) != 0;
    if (k != b->dims[turned ? b->rank - 1 : b->rank - 2])
        return judd_status_set(JUDD_E_DATA, "node %s (%s): inner dimensions differ", step->name,
                               step->op);
    return JUDD_OK;
}

static judd_status check_norm(const judd_net *net, const judd_step *step) {
    const judd_net_value *x = judd_net_input(net, step, 0);
    for (int i = 1; i < 5; i++) {
        const judd_net_value *p = judd_net_input(net, step, i);
        if (!judd_net_floats(net, step, i) || x->rank < 2 || p->rank != 1 ||
            p->dims[0] != x->dims[1])
            return judd_status_set(JUDD_E_DATA,
                                   "node %s (BatchNormalization): input %d must be a constant with "
                                   "one number a channel",
                                   step->name, i);
    }
    return JUDD_OK;
}

static judd_status check_inputs(const judd_net *net, const judd_step *step,
                                const operator_rule *rule) {
    if (step->n_inputs < rule->min_inputs ||
        (rule->max_inputs && step->n_inputs > rule->max_inputs))
        return judd_status_set(JUDD_E_DATA, "node %s (%s): %d inputs cannot be executed",
                               step->name, step->op, step->n_inputs);
    for (int i = 0; i < step->n_inputs; i++) {
        const judd_net_value *value = judd_net_input(net, step, i);
        if (!value && i >= rule->min_inputs) continue;
        if (!value || value->type != JUDD_F32 || value->rank < 0)
            return judd_status_set(JUDD_E_DATA,
                                   "node %s (%s): input %d is not a float32 tensor of known shape",
                                   step->name, step->op, i);
    }
    const judd_net_value *first = judd_net_input(net, step, 0), *out = judd_net_output(net, step);
    if (out->type != JUDD_F32 || out->rank < 0 || (rule->rank && first->rank != rule->rank))
        return judd_status_set(JUDD_E_DATA,
                               "node %s (%s): an input of rank %d cannot be executed, rank %d can",
                               step->name, step->op, first->rank, rule->rank);
    return JUDD_OK;
}

static judd_status read_step(judd_net *net, judd_step *step, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const operator_rule *rule = NULL;
    *step = (judd_step){.op = node->op, .name = node->name, .node = node, .residual = -1};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].op, node->op) == 0) rule = &rules[i];
    if (!rule)
        JUDD_FAIL(JUDD_E_DATA, "node %s: operator %s cannot be executed; tap a value before it",
                  node->name, node->op);
    if (node->n_outputs != 1)
        JUDD_FAIL(JUDD_E_DATA, "node %s (%s): %d outputs, one can be executed", node->name,
                  node->op, node->n_outputs);
    step->output = node->outputs[0];
    JUDD_TRY(judd_memory_alloc(&step->inputs, node->n_inputs, sizeof(int)));
    step->n_inputs = node->n_inputs;
    memcpy(step->inputs, node->inputs, (size_t)node->n_inputs * sizeof(int));
    step->n_operands = rule->operands ? rule->operands : node->n_inputs;
    JUDD_TRY(check_inputs(net, step, rule));
    if (rule->activation) JUDD_TRY(read_activation(step, rule->activation));
    if (rule->window) JUDD_TRY(read_window(net, step));
    step->axis = (int)judd_graph_attribute_int(node, "axis", 0);
    step->epsilon = judd_graph_attribute_float(node, "epsilon", 1e-5f);
    if (strcmp(step->op, "Conv") == 0) JUDD_TRY(check_convolution(net, step));
    if (strcmp(step->op, "BatchNormalization") == 0) JUDD_TRY(check_norm(net, step));
    if (strcmp(step->op, "Gemm") == 0 || strcmp(step->op, "MatMul") == 0)
        JUDD_TRY(check_product(net, step));
done:
    return status;
}

judd_status judd_net_create(judd_net **out, const judd_graph *graph) {
    judd_status status = JUDD_OK;
    judd_net *net = NULL;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&net, 1, sizeof *net));
    net->n_inputs = graph->n_inputs;
    memcpy(net->inputs, graph->inputs, sizeof net->inputs);
    net->batch = graph->batch;
    net->output = graph->output;
    JUDD_TRY(judd_memory_alloc(&net->values, graph->n_values, sizeof *net->values));
    net->n_values = graph->n_values;
    for (int i = 0; i < graph->n_values; i++) {
        const judd_graph_value *from = &graph->values[i];
        net->values[i] = (judd_net_value){
            .name = from->name, .type = from->type, .rank = from->rank, .data = from->data};
        memcpy(net->values[i].dims, from->dims, sizeof from->dims);
    }
    JUDD_TRY(judd_memory_alloc(&net->steps, graph->n_nodes, sizeof *net->steps));
    for (int i = 0; i < graph->n_nodes; i++) {
        net->n_steps++;
        JUDD_TRY(read_step(net, &net->steps[i], &graph->nodes[i]));
    }
    *out = net;
    net = NULL;
done:
    judd_net_destroy(net);
    return status;
}

void judd_net_destroy(judd_net *net) {
    if (!net) return;
    for (int i = 0; i < net->n_values; i++) free(net->values[i].owned);
    for (int i = 0; i < net->n_steps; i++) {
        free(net->steps[i].inputs);
        free(net->steps[i].attention);
    }
    free(net->values);
    free(net->steps);
    free(net);
}
