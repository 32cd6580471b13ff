/* Definitions of the operators: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
#include "onnx/fold.h"

#include "onnx/node.h"
#include "onnx/shapes.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = JUDD_GRAPH_MAX_RANK };

static judd_graph_value *output_of(const judd_pass *pass, const judd_graph_node *node) {
    return &pass->graph->values[node->outputs[0]];
}

judd_status judd_fold_allocate(judd_graph_value **out, judd_pass *pass, const judd_graph_node *node,
                               int output, judd_element type, int rank, const int64_t *dims) {
    judd_status status = JUDD_OK;
    judd_graph_value *y = &pass->graph->values[node->outputs[output]];
    y->type = type;
    JUDD_TRY(judd_pass_context(pass, node, judd_pass_set_dims(y, rank, dims)));
    int64_t n = judd_graph_size(y);
    JUDD_TRY(judd_pass_charge(pass, node, n * (int64_t)judd_pass_width(type)));
    JUDD_TRY(judd_memory_alloc(&y->data, n, judd_pass_width(type)));
    for (int i = 0; i < node->n_inputs; i++) {
        const judd_graph_value *x = judd_shapes_input(pass, node, i);
        y->is_initializer = y->is_initializer || (x && x->data && x->is_initializer);
    }
    *out = y;
done:
    return status;
}

static judd_status allocate_as(judd_graph_value **out, judd_pass *pass, const judd_graph_node *node,
                               judd_element type, int rank, const int64_t *dims) {
    return judd_fold_allocate(out, pass, node, 0, type, rank, dims);
}

/* The output has its type and dims already. */
static judd_status allocate(judd_graph_value **out, judd_pass *pass, const judd_graph_node *node) {
    const judd_graph_value y = *output_of(pass, node);
    return allocate_as(out, pass, node, y.type, y.rank, y.dims);
}

judd_status judd_fold_constant(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value *y = NULL;
    if (node->n_attributes != 1) JUDD_NODE_FAIL(pass, node, "not one value; export again");
    const judd_graph_attribute *a = &node->attributes[0];
    if (a->kind == 't') { /* the data moves from the attribute to the output */
        judd_graph_value *x = &pass->graph->values[a->i];
        y = output_of(pass, node);
        y->type = x->type;
        JUDD_TRY(judd_pass_set_dims(y, x->rank, x->dims));
        y->data = x->data;
        x->data = NULL;
        goto done;
    }
    bool integer = a->kind == 'i' || a->kind == 'I', list = a->kind == 'I' || a->kind == 'F';
    if (a->kind == 's') JUDD_NODE_FAIL(pass, node, "strings are not supported; export again");
    JUDD_TRY(allocate_as(&y, pass, node, integer ? JUDD_I64 : JUDD_F32, list, &a->n));
    const void *from = a->kind == 'i'   ? (const void *)&a->i
                       : a->kind == 'f' ? (const void *)&a->f
                       : integer        ? (const void *)a->ints
                                        : (const void *)a->floats;
    memcpy(y->data, from, (size_t)judd_graph_size(y) * judd_pass_width(y->type));
done:
    return status;
}

judd_status judd_fold_constant_of_shape(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    static const float zero = 0;
    const judd_graph_attribute *a = judd_graph_attribute_of(node, "value");
    const judd_graph_value *fill = a && a->kind == 't' ? &pass->graph->values[a->i] : NULL;
    const int64_t *dims = NULL;
    int64_t n = 0;
    judd_graph_value *y = NULL;
    JUDD_TRY(judd_shapes_int_input(&dims, &n, pass, node, 0));
    if (n > MAX_RANK || (a && (!fill || judd_graph_size(fill) != 1)))
        JUDD_NODE_FAIL(pass, node, "needs at most %d dimensions and one value", MAX_RANK);
    JUDD_TRY(allocate_as(&y, pass, node, fill ? fill->type : JUDD_F32, (int)n, dims));
    for (int64_t i = 0, m = judd_graph_size(y); i < m; i++)
        memcpy((char *)y->data + (size_t)i * judd_pass_width(y->type), fill ? fill->data : &zero,
               judd_pass_width(y->type));
    y->is_initializer = false; /* only its shape came from the input */
done:
    return status;
}

judd_status judd_fold_shape(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t start = judd_graph_attribute_int(node, "start", 0);
    int64_t end = judd_graph_attribute_int(node, "end", x->rank);
    judd_graph_value *y = NULL;
    if (start < 0) start = start + x->rank < 0 ? 0 : start + x->rank;
    if (end < 0) end += x->rank;
    if (end > x->rank) end = x->rank;
    int64_t n = end > start ? end - start : 0;
    JUDD_TRY(allocate_as(&y, pass, node, JUDD_I64, 1, &n));
    if (n > 0) memcpy(y->data, x->dims + start, (size_t)n * sizeof(int64_t));
    y->is_initializer = false;
done:
    return status;
}

judd_status judd_fold_copy(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    JUDD_TRY(allocate_as(&y, pass, node, x->type, x->rank, x->dims));
    memcpy(y->data, x->data, (size_t)judd_graph_size(x) * judd_pass_width(x->type));
done:
    return status;
}

/* Refuses training mode. */
judd_status judd_fold_dropout(judd_pass *pass, judd_graph_node *node) {
    judd_status status = judd_shapes_dropout(pass, node);
    return status == JUDD_OK ? judd_fold_copy(pass, node) : status;
}

/* float32 <-> int64; int32 and bool, which the graph holds as int64, where the numbers allow. */
judd_status judd_fold_cast(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    enum { TO_INT32 = 6, TO_BOOL = 9 }; /* TensorProto.DataType */
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t to = judd_graph_attribute_int(node, "to", 0);
    judd_graph_value *y = NULL;
    if (to != JUDD_F32 && to != JUDD_I64 && to != TO_INT32 && to != TO_BOOL)
        JUDD_NODE_FAIL(pass, node, "type %lld is not supported; export in float32", (long long)to);
    JUDD_TRY(allocate_as(&y, pass, node, to == JUDD_F32 ? JUDD_F32 : JUDD_I64, x->rank, x->dims));
    for (int64_t i = 0, n = judd_graph_size(x); i < n; i++) {
        const float *f = (const float *)x->data + (x->type == JUDD_F32 ? i : 0);
        int64_t k = x->type == JUDD_I64 ? ((const int64_t *)x->data)[i] : 0;
        if (y->type == JUDD_F32) {
            ((float *)y->data)[i] = x->type == JUDD_F32 ? *f : (float)k;
            continue;
        }
        if (x->type == JUDD_F32) {
            if (!(fabsf(*f) < 0x1p63f)) JUDD_NODE_FAIL(pass, node, "%g is no integer", (double)*f);
            k = to == TO_BOOL ? *f != 0 : (int64_t)*f;
        }
        if (to == TO_INT32 && (k < INT32_MIN || k > INT32_MAX))
            JUDD_NODE_FAIL(pass, node, "%lld does not fit int32; export again", (long long)k);
        ((int64_t *)y->data)[i] = to == TO_BOOL ? k != 0 : k;
    }
done:
    return status;
}

static float absolute(float x) {
    return fabsf(x);
}
static float negated(float x) {
    return -x;
}
static float reciprocal(float x) {
    return 1.0f / x;
}
static float sign(float x) {
    return (float)((x > 0) - (x < 0));
}
static float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}
static float positive(float x) {
    return x < 0 ? 0.0f : x;
}

judd_status judd_fold_unary(judd_pass *pass, judd_graph_node *node) {
    static const struct {
        const char *op;
        float (*f)(float);
    } rows[] = {
        {"Abs", absolute},  {"Ceil", ceilf},  {"Erf", erff},        {"Exp", expf},
        {"Floor", floorf},  {"Log", logf},    {"Neg", negated},     {"Reciprocal", reciprocal},
        {"Relu", positive}, {"Round", rintf}, {"Sigmoid", sigmoid}, {"Sign", sign},
        {"Sqrt", sqrtf},    {"Tanh", tanhf}};
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    size_t row = 0;
    bool negate = strcmp(node->op, "Neg") == 0;
    if (x->type != JUDD_F32 && !negate)
        JUDD_NODE_FAIL(pass, node, "of integers is not supported; export with constant folding");
    while (strcmp(rows[row].op, node->op) != 0) row++; /* rows of the operator table */
    JUDD_TRY(allocate_as(&y, pass, node, x->type, x->rank, x->dims));
    for (int64_t i = 0, n = judd_graph_size(x); i < n; i++)
        if (x->type == JUDD_F32)
            ((float *)y->data)[i] = rows[row].f(((const float *)x->data)[i]);
        else if (__builtin_sub_overflow((int64_t)0, ((const int64_t *)x->data)[i],
                                        &((int64_t *)y->data)[i]))
            JUDD_NODE_FAIL(pass, node, "integer overflow; export again");
done:
    return status;
}

void judd_fold_strides(int64_t *strides, const judd_graph_value *x, int rank) {
    int64_t step = 1;
    for (int d = rank - 1, from = x->rank - 1; d >= 0; d--, from--) {
        int64_t n = from >= 0 ? x->dims[from] : 1;
        strides[d] = n == 1 ? 0 : step;
        step *= n;
    }
}

int64_t judd_fold_place(const judd_graph_value *y, int64_t i, const int64_t *strides) {
    int64_t at = 0;
    for (int d = y->rank - 1; d >= 0; d--) {
        at += i % y->dims[d] * strides[d];
        i /= y->dims[d];
    }
    return at;
}

/* Operators of two constants, in the order of the names. */
typedef enum operation {
    ADD,
    AND,
    DIV,
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    MAX,
    MIN,
    MOD,
    MUL,
    OR,
    POW,
    SUB,
    SUM,
    XOR,
    N_OPERATIONS
} operation;
static const char *const operation_names[N_OPERATIONS] = {
    "Add",  "And",         "Div", "Equal", "Greater", "GreaterOrEqual",
    "Less", "LessOrEqual", "Max", "Min",   "Mod",     "Mul",
    "Or",   "Pow",         "Sub", "Sum",   "Xor"};

static bool is_test(operation o) {
    return o == EQUAL || (o >= GREATER && o <= LESS_EQUAL);
}

/* False on overflow and division by zero. Division rounds towards zero, and the sign of Mod is that
   of the divisor, or as C's. Truth is 0 and 1. */
static bool integer_operation(int64_t *y, operation o, int64_t a, int64_t b, bool like_c) {
    *y = 0;
    switch (o) {
    case ADD:
    case SUM:
        return !__builtin_add_overflow(a, b, y);
    case SUB:
        return !__builtin_sub_overflow(a, b, y);
    case MUL:
        return !__builtin_mul_overflow(a, b, y);
    case DIV:
    case MOD:
        if (b == 0 || (a == INT64_MIN && b == -1)) return false;
        *y = o == DIV ? a / b : a % b;
        if (o == MOD && !like_c && *y != 0 && (*y < 0) != (b < 0)) *y += b;
        return true;
    case POW:
        for (*y = 1; b > 0; b--)
            if (b > 64 || __builtin_mul_overflow(*y, a, y)) return false;
        return b == 0;
    case MAX:
        *y = a > b ? a : b;
        break;
    case MIN:
        *y = a < b ? a : b;
        break;
    case EQUAL:
        *y = a == b;
        break;
    case GREATER:
        *y = a > b;
        break;
    case GREATER_EQUAL:
        *y = a >= b;
        break;
    case LESS:
        *y = a < b;
        break;
    case LESS_EQUAL:
        *y = a <= b;
        break;
    case AND:
        *y = a && b;
        break;
    case OR:
        *y = a || b;
        break;
    case XOR:
        *y = !a != !b;
        break;
    case N_OPERATIONS:
        return false;
    }
    return true;
}

static bool real_test(operation o, float a, float b) {
    return o == EQUAL           ? a == b
           : o == GREATER       ? a > b
           : o == LESS          ? a < b
           : o == GREATER_EQUAL ? a >= b
                                : a <= b;
}

/* False: not an operator of numbers. */
static bool real_operation(float *y, operation o, float a, float b) {
    switch (o) {
    case ADD:
    case SUM:
        *y = a + b;
        return true;
    case SUB:
        *y = a - b;
        return true;
    case MUL:
        *y = a * b;
        return true;
    case DIV:
        *y = a / b;
        return true;
    case POW:
        *y = powf(a, b);
        return true;
    case MAX:
        *y = a > b ? a : b;
        return true;
    case MIN:
        *y = a < b ? a : b;
        return true;
    case MOD:
        *y = fmodf(a, b);
        return true;
    default:
        return false;
    }
}

judd_status judd_fold_arithmetic(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    int64_t a_strides[MAX_RANK], b_strides[MAX_RANK];
    judd_graph_value *y = NULL;
    int o = 0;
    while (strcmp(operation_names[o], node->op) != 0) o++; /* rows of the operator table */
    if (node->n_inputs != 2)
        JUDD_NODE_FAIL(pass, node, "of %d constants is not supported; export with constant folding",
                       node->n_inputs);
    bool like_c = judd_graph_attribute_int(node, "fmod", 0) != 0;
    JUDD_TRY(judd_shapes_broadcast(pass, node));
    const judd_graph_value *a = judd_shapes_input(pass, node, 0); /* as broadcast left them */
    const judd_graph_value *b = judd_shapes_input(pass, node, 1);
    if (is_test((operation)o)) output_of(pass, node)->type = JUDD_I64;
    JUDD_TRY(allocate(&y, pass, node));
    judd_fold_strides(a_strides, a, y->rank);
    judd_fold_strides(b_strides, b, y->rank);
    for (int64_t i = 0, n = judd_graph_size(y); i < n; i++) {
        int64_t ia = judd_fold_place(y, i, a_strides), ib = judd_fold_place(y, i, b_strides);
        const float *af = a->data, *bf = b->data;
        if (a->type == JUDD_F32 && is_test((operation)o))
            ((int64_t *)y->data)[i] = real_test((operation)o, af[ia], bf[ib]);
        else if (a->type == JUDD_F32
                     ? !real_operation(&((float *)y->data)[i], (operation)o, af[ia], bf[ib])
                     : !integer_operation(&((int64_t *)y->data)[i], (operation)o,
                                          ((const int64_t *)a->data)[ia],
                                          ((const int64_t *)b->data)[ib], like_c))
            JUDD_NODE_FAIL(pass, node, "integer overflow or division by zero; export again");
    }
done:
    return status;
}

/* Operators that only change dims: the bytes stay. */
judd_status judd_fold_reshaped(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    judd_status (*infer)(judd_pass *, judd_graph_node *) =
        strcmp(node->op, "Reshape") == 0   ? judd_shapes_reshape
        : strcmp(node->op, "Flatten") == 0 ? judd_shapes_flatten
        : strcmp(node->op, "Squeeze") == 0 ? judd_shapes_squeeze
                                           : judd_shapes_unsqueeze;
    JUDD_TRY(infer(pass, node));
    JUDD_TRY(allocate(&y, pass, node));
    memcpy(y->data, x->data, (size_t)judd_graph_size(x) * judd_pass_width(x->type));
done:
    return status;
}

/* y[i] = x[offset + i . strides] */
static void gather_strided(judd_graph_value *y, const judd_graph_value *x, int64_t offset,
                           const int64_t *strides) {
    size_t width = judd_pass_width(x->type);
    for (int64_t i = 0, n = judd_graph_size(y); i < n; i++)
        memcpy((char *)y->data + (size_t)i * width,
               (const char *)x->data + (size_t)(offset + judd_fold_place(y, i, strides)) * width,
               width);
}

int64_t judd_fold_stride(const judd_graph_value *x, int64_t d) {
    int64_t stride = 1;
    for (int64_t i = d + 1; i < x->rank; i++) stride *= x->dims[i];
    return stride;
}

judd_status judd_fold_transpose(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    int64_t strides[MAX_RANK], n = 0;
    JUDD_TRY(judd_shapes_transpose(pass, node));
    JUDD_TRY(allocate(&y, pass, node));
    const int64_t *perm = judd_node_ints(&n, node, "perm");
    for (int64_t d = 0; d < n; d++) strides[d] = judd_fold_stride(x, perm[d]);
    gather_strided(y, x, 0, strides);
done:
    return status;
}

judd_status judd_fold_slice(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    int64_t starts[MAX_RANK], steps[MAX_RANK], dims[MAX_RANK], offset = 0;
    JUDD_TRY(judd_shapes_slice_range(pass, node, starts, steps, dims));
    JUDD_TRY(allocate_as(&y, pass, node, x->type, x->rank, dims));
    for (int d = 0; d < x->rank; d++) {
        offset += starts[d] * judd_fold_stride(x, d);
        steps[d] *= judd_fold_stride(x, d);
    }
    gather_strided(y, x, offset, steps);
done:
    return status;
}

judd_status judd_fold_expand(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value target = {.type = JUDD_F32}, *y = NULL;
    const int64_t *dims = NULL;
    int64_t n = 0, out[MAX_RANK], strides[MAX_RANK];
    int rank = 0;
    JUDD_TRY(judd_shapes_int_input(&dims, &n, pass, node, 1));
    if (n > MAX_RANK) JUDD_NODE_FAIL(pass, node, "more than %d dimensions", MAX_RANK);
    JUDD_TRY(judd_pass_context(pass, node, judd_pass_set_dims(&target, (int)n, dims)));
    if (!judd_shapes_broadcast_dims(&rank, out, x, &target))
        JUDD_NODE_FAIL(pass, node, "dimensions %s and %s do not fit; export again",
                       judd_pass_dims(x).text, judd_pass_dims(&target).text);
    JUDD_TRY(allocate_as(&y, pass, node, x->type, rank, out));
    judd_fold_strides(strides, x, rank);
    gather_strided(y, x, 0, strides);
done:
    return status;
}

judd_status judd_fold_concat(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value *y = NULL;
    JUDD_TRY(judd_shapes_concat(pass, node));
    JUDD_TRY(allocate(&y, pass, node));
    int64_t axis = judd_graph_attribute_int(node, "axis", 0), outer = 1;
    for (int64_t d = 0; d < axis; d++) outer *= y->dims[d];
    size_t row = (size_t)(judd_fold_stride(y, axis) * y->dims[axis]) * judd_pass_width(y->type),
           at = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        const judd_graph_value *x = judd_shapes_input(pass, node, i);
        size_t part =
            (size_t)(judd_fold_stride(x, axis) * x->dims[axis]) * judd_pass_width(y->type);
        for (size_t o = 0; o < (size_t)outer && part > 0; o++)
            memcpy((char *)y->data + o * row + at, (const char *)x->data + o * part, part);
        at += part;
    }
done:
    return status;
}

/* y = x[outer, indices, inner] */
judd_status judd_fold_gather(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const judd_graph_value *indices = judd_shapes_input(pass, node, 1);
    int64_t axis = judd_graph_attribute_int(node, "axis", 0), dims[2 * MAX_RANK], outer = 1;
    int rank = 0;
    judd_graph_value *y = NULL;
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis >= x->rank || indices->type != JUDD_I64)
        JUDD_NODE_FAIL(pass, node, "axis or indices are not valid; export again");
    for (int d = 0; d < axis; d++) outer *= dims[rank++] = x->dims[d];
    for (int d = 0; d < indices->rank; d++) dims[rank++] = indices->dims[d];
    for (int d = (int)axis + 1; d < x->rank; d++) dims[rank++] = x->dims[d];
    JUDD_TRY(allocate_as(&y, pass, node, x->type, rank, dims));
    int64_t n = judd_graph_size(indices), length = x->dims[axis];
    size_t inner = (size_t)judd_fold_stride(x, axis) * judd_pass_width(x->type);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++) {
            int64_t k = ((const int64_t *)indices->data)[i];
            if (k < -length || k >= length)
                JUDD_NODE_FAIL(pass, node, "index %lld of %lld; export again", (long long)k,
                               (long long)length);
            if (k < 0) k += length;
            memcpy((char *)y->data + (size_t)(o * n + i) * inner,
                   (const char *)x->data + (size_t)(o * length + k) * inner, inner);
        }
done:
    return status;
}
