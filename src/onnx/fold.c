/* Definitions of the operators: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
#include "onnx/fold.h"

#include "onnx/node.h"
#include "onnx/shapes.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = JUDD_GRAPH_MAX_RANK };

static size_t width_of(judd_element type) {
    return type == JUDD_F32 ? sizeof(float) : sizeof(int64_t);
}

static judd_graph_value *output_of(const judd_pass *pass, const judd_graph_node *node) {
    return &pass->graph->values[node->outputs[0]];
}

/* Memory for the output once its type and dims are set. A tiny file must not make much of it. */
static judd_status allocate(judd_graph_value **out, judd_pass *pass, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value *y = output_of(pass, node);
    int64_t n = judd_graph_size(y);
    pass->fold_budget -= n * (int64_t)width_of(y->type) + 64;
    if (pass->fold_budget < 0)
        JUDD_NODE_FAIL(pass, node, "computed constants take too much memory; simplify the model");
    JUDD_TRY(judd_memory_alloc(&y->data, n, width_of(y->type)));
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
    judd_status status = JUDD_OK;
    judd_graph_value *y = output_of(pass, node);
    y->type = type;
    JUDD_TRY(judd_pass_context(pass, node, judd_pass_set_dims(y, rank, dims)));
    JUDD_TRY(allocate(out, pass, node));
done:
    return status;
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
    memcpy(y->data, from, (size_t)judd_graph_size(y) * width_of(y->type));
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
        memcpy((char *)y->data + (size_t)i * width_of(y->type), fill ? fill->data : &zero,
               width_of(y->type));
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
    memcpy(y->data, x->data, (size_t)judd_graph_size(x) * width_of(x->type));
done:
    return status;
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

static float unary(const char *op, float x) {
    switch (op[0]) {
    case 'F':
        return floorf(x);
    case 'C':
        return ceilf(x);
    case 'S':
        return sqrtf(x);
    default:
        return -x;
    }
}

judd_status judd_fold_unary(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    bool negate = strcmp(node->op, "Neg") == 0;
    if (x->type != JUDD_F32 && !negate)
        JUDD_NODE_FAIL(pass, node, "of integers is not supported; export with constant folding");
    JUDD_TRY(allocate_as(&y, pass, node, x->type, x->rank, x->dims));
    for (int64_t i = 0, n = judd_graph_size(x); i < n; i++)
        if (x->type == JUDD_F32)
            ((float *)y->data)[i] = unary(node->op, ((const float *)x->data)[i]);
        else if (__builtin_sub_overflow((int64_t)0, ((const int64_t *)x->data)[i],
                                        &((int64_t *)y->data)[i]))
            JUDD_NODE_FAIL(pass, node, "integer overflow; export again");
done:
    return status;
}

/* strides[d]: how far a step along dimension d of y moves in x, 0 where x is broadcast. */
static void broadcast_strides(int64_t *strides, const judd_graph_value *x, int rank) {
    int64_t step = 1;
    for (int d = rank - 1, from = x->rank - 1; d >= 0; d--, from--) {
        int64_t n = from >= 0 ? x->dims[from] : 1;
        strides[d] = n == 1 ? 0 : step;
        step *= n;
    }
}

/* The index into x of element i of y. */
static int64_t strided(const judd_graph_value *y, int64_t i, const int64_t *strides) {
    int64_t at = 0;
    for (int d = y->rank - 1; d >= 0; d--) {
        at += i % y->dims[d] * strides[d];
        i /= y->dims[d];
    }
    return at;
}

/* False on overflow and division by zero. Integer division rounds towards zero. */
static bool integer_operation(int64_t *y, char op, int64_t a, int64_t b) {
    switch (op) {
    case 'A':
        return !__builtin_add_overflow(a, b, y);
    case 'S':
        return !__builtin_sub_overflow(a, b, y);
    case 'M':
        return !__builtin_mul_overflow(a, b, y);
    default:
        if (b == 0 || (a == INT64_MIN && b == -1)) return false;
        *y = a / b;
        return true;
    }
}

static float real_operation(char op, float a, float b) {
    return op == 'A' ? a + b : op == 'S' ? a - b : op == 'M' ? a * b : a / b;
}

judd_status judd_fold_arithmetic(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *a = judd_shapes_input(pass, node, 0);
    const judd_graph_value *b = judd_shapes_input(pass, node, 1);
    int64_t a_strides[MAX_RANK], b_strides[MAX_RANK];
    judd_graph_value *y = NULL;
    JUDD_TRY(judd_shapes_broadcast(pass, node));
    JUDD_TRY(allocate(&y, pass, node));
    broadcast_strides(a_strides, a, y->rank);
    broadcast_strides(b_strides, b, y->rank);
    for (int64_t i = 0, n = judd_graph_size(y); i < n; i++) {
        int64_t ia = strided(y, i, a_strides), ib = strided(y, i, b_strides);
        if (y->type == JUDD_F32)
            ((float *)y->data)[i] = real_operation(node->op[0], ((const float *)a->data)[ia],
                                                   ((const float *)b->data)[ib]);
        else if (!integer_operation(&((int64_t *)y->data)[i], node->op[0],
                                    ((const int64_t *)a->data)[ia], ((const int64_t *)b->data)[ib]))
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
    memcpy(y->data, x->data, (size_t)judd_graph_size(x) * width_of(x->type));
done:
    return status;
}

/* y[i] = x[offset + i . strides] */
static void gather_strided(judd_graph_value *y, const judd_graph_value *x, int64_t offset,
                           const int64_t *strides) {
    size_t width = width_of(x->type);
    for (int64_t i = 0, n = judd_graph_size(y); i < n; i++)
        memcpy((char *)y->data + (size_t)i * width,
               (const char *)x->data + (size_t)(offset + strided(y, i, strides)) * width, width);
}

/* Elements from one index of dimension d to the next. */
static int64_t stride_of(const judd_graph_value *x, int64_t d) {
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
    for (int64_t d = 0; d < n; d++) strides[d] = stride_of(x, perm[d]);
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
        offset += starts[d] * stride_of(x, d);
        steps[d] *= stride_of(x, d);
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
        JUDD_NODE_FAIL(pass, node, "dimensions %s and %s do not fit", judd_pass_dims(x).text,
                       judd_pass_dims(&target).text);
    JUDD_TRY(allocate_as(&y, pass, node, x->type, rank, out));
    broadcast_strides(strides, x, rank);
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
    size_t row = (size_t)(stride_of(y, axis) * y->dims[axis]) * width_of(y->type), at = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        const judd_graph_value *x = judd_shapes_input(pass, node, i);
        size_t part = (size_t)(stride_of(x, axis) * x->dims[axis]) * width_of(y->type);
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
    size_t inner = (size_t)stride_of(x, axis) * width_of(x->type);
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
