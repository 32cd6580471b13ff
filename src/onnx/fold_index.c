/* Definitions of the operators: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
#include "onnx/fold_index.h"

#include "onnx/fold.h"
#include "onnx/moves.h"
#include "onnx/node.h"
#include "onnx/shapes.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = JUDD_GRAPH_MAX_RANK };

static void copy_element(judd_graph_value *y, int64_t to, const judd_graph_value *x, int64_t from) {
    size_t width = judd_pass_width(x->type);
    memcpy((char *)y->data + (size_t)to * width, (const char *)x->data + (size_t)from * width,
           width);
}

judd_status judd_fold_index_not(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    if (x->type != JUDD_I64) JUDD_NODE_FAIL(pass, node, "needs truth values; export again");
    JUDD_TRY(judd_fold_allocate(&y, pass, node, 0, JUDD_I64, x->rank, x->dims));
    for (int64_t i = 0, n = judd_graph_size(x); i < n; i++)
        ((int64_t *)y->data)[i] = !((const int64_t *)x->data)[i];
done:
    return status;
}

judd_status judd_fold_index_where(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *v[3];
    judd_graph_value sum, *y = NULL;
    int64_t strides[3][MAX_RANK], dims[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < 3; i++) v[i] = judd_shapes_input(pass, node, i);
    sum = *v[1];
    if (v[0]->type != JUDD_I64 || v[1]->type != v[2]->type ||
        !judd_shapes_broadcast_dims(&sum.rank, sum.dims, v[1], v[2]) ||
        !judd_shapes_broadcast_dims(&rank, dims, &sum, v[0]))
        JUDD_NODE_FAIL(pass, node, "dimensions %s, %s and %s do not fit; export again",
                       judd_pass_dims(v[0]).text, judd_pass_dims(v[1]).text,
                       judd_pass_dims(v[2]).text);
    JUDD_TRY(judd_fold_allocate(&y, pass, node, 0, v[1]->type, rank, dims));
    for (int i = 0; i < 3; i++) judd_fold_strides(strides[i], v[i], rank);
    for (int64_t i = 0, n = judd_graph_size(y); i < n; i++) {
        int k = ((const int64_t *)v[0]->data)[judd_fold_place(y, i, strides[0])] ? 1 : 2;
        copy_element(y, i, v[k], judd_fold_place(y, i, strides[k]));
    }
done:
    return status;
}

/* start, limit, delta: single numbers. */
judd_status judd_fold_index_range(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value *y = NULL;
    double v[3], most = (double)(INT64_C(1) << 32);
    judd_element type = judd_shapes_input(pass, node, 0)->type;
    for (int i = 0; i < 3; i++) {
        const judd_graph_value *x = judd_shapes_input(pass, node, i);
        if (judd_graph_size(x) != 1 || x->type != type)
            JUDD_NODE_FAIL(pass, node, "needs three single numbers of one type; export again");
        v[i] =
            type == JUDD_F32 ? (double)*(const float *)x->data : (double)*(const int64_t *)x->data;
    }
    double count = v[2] != 0 ? ceil((v[1] - v[0]) / v[2]) : -1;
    if (v[2] == 0 || !(fabs(v[0]) < most && fabs(v[2]) < most && count < most))
        JUDD_NODE_FAIL(pass, node, "from %g to %g by %g is too long; export again", v[0], v[1],
                       v[2]);
    int64_t n = count > 0 ? (int64_t)count : 0;
    JUDD_TRY(judd_fold_allocate(&y, pass, node, 0, type, 1, &n));
    for (int64_t i = 0; i < n; i++)
        if (type == JUDD_F32)
            ((float *)y->data)[i] = (float)(v[0] + (double)i * v[2]);
        else
            ((int64_t *)y->data)[i] = (int64_t)v[0] + i * (int64_t)v[2];
done:
    return status;
}

judd_status judd_fold_index_size(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value *y = NULL;
    JUDD_TRY(judd_fold_allocate(&y, pass, node, 0, JUDD_I64, 0, NULL));
    *(int64_t *)y->data = judd_graph_size(judd_shapes_input(pass, node, 0));
    y->is_initializer = false;
done:
    return status;
}

judd_status judd_fold_index_split(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value x = *judd_shapes_input(pass, node, 0);
    int64_t *sizes = NULL, axis = 0, at = 0, outer = 1;
    JUDD_TRY(judd_memory_alloc(&sizes, node->n_outputs, sizeof *sizes));
    JUDD_TRY(judd_moves_split_sizes(sizes, &axis, pass, node));
    int64_t length = x.dims[axis], inner = judd_fold_stride(&x, axis);
    for (int64_t d = 0; d < axis; d++) outer *= x.dims[d];
    for (int i = 0; i < node->n_outputs; i++) {
        judd_graph_value *y = NULL;
        x.dims[axis] = sizes[i];
        if (node->outputs[i] >= 0)
            JUDD_TRY(judd_fold_allocate(&y, pass, node, i, x.type, x.rank, x.dims));
        for (int64_t o = 0; y && o < outer; o++)
            for (int64_t k = 0; k < sizes[i] * inner; k++)
                copy_element(y, o * sizes[i] * inner + k, &x, (o * length + at) * inner + k);
        at += sizes[i];
    }
done:
    free(sizes);
    return status;
}

judd_status judd_fold_index_tile(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value *y = NULL;
    const int64_t *repeats = NULL;
    int64_t n = 0, dims[MAX_RANK];
    JUDD_TRY(judd_shapes_int_input(&repeats, &n, pass, node, 1));
    if (n != x->rank) JUDD_NODE_FAIL(pass, node, "repeats do not fit; export again");
    for (int d = 0; d < x->rank; d++)
        if (__builtin_mul_overflow(x->dims[d], repeats[d], &dims[d]))
            JUDD_NODE_FAIL(pass, node, "repeats overflow; export again");
    JUDD_TRY(judd_fold_allocate(&y, pass, node, 0, x->type, x->rank, dims));
    for (int64_t i = 0, m = judd_graph_size(y); i < m; i++) {
        int64_t from = 0, rest = i;
        for (int d = x->rank - 1; d >= 0; d--) {
            from += rest % y->dims[d] % x->dims[d] * judd_fold_stride(x, d);
            rest /= y->dims[d];
        }
        copy_element(y, i, x, from);
    }
done:
    return status;
}

/* y = data, then y[indices[i]] = updates[i] for every row i. */
judd_status judd_fold_index_scatter_nd(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const judd_graph_value *where = judd_shapes_input(pass, node, 1);
    const judd_graph_value *with = judd_shapes_input(pass, node, 2);
    judd_graph_value *y = NULL;
    if (where->type != JUDD_I64 || where->rank < 1 || with->type != x->type ||
        where->dims[where->rank - 1] > x->rank ||
        strcmp(judd_node_string(node, "reduction", "none"), "none") != 0)
        JUDD_NODE_FAIL(pass, node, "indices %s do not fit %s; export again",
                       judd_pass_dims(where).text, judd_pass_dims(x).text);
    int64_t depth = where->dims[where->rank - 1], rows = 1, row = 1;
    for (int d = 0; d < where->rank - 1; d++) rows *= where->dims[d];
    for (int64_t d = depth; d < x->rank; d++) row *= x->dims[d];
    if (judd_graph_size(with) != rows * row)
        JUDD_NODE_FAIL(pass, node, "updates %s do not fit; export again",
                       judd_pass_dims(with).text);
    JUDD_TRY(judd_fold_allocate(&y, pass, node, 0, x->type, x->rank, x->dims));
    for (int64_t i = 0, n = judd_graph_size(x); i < n; i++) copy_element(y, i, x, i);
    for (int64_t i = 0; i < rows; i++) {
        int64_t to = 0;
        for (int64_t d = 0; d < depth; d++) {
            int64_t k = ((const int64_t *)where->data)[i * depth + d];
            if (k < -x->dims[d] || k >= x->dims[d])
                JUDD_NODE_FAIL(pass, node, "index %lld of %lld; export again", (long long)k,
                               (long long)x->dims[d]);
            to += (k < 0 ? k + x->dims[d] : k) * judd_fold_stride(x, d);
        }
        for (int64_t k = 0; k < row; k++) copy_element(y, to + k, with, i * row + k);
    }
done:
    return status;
}

/* Sum, product, maximum and minimum of integers; the first element starts. */
static bool add_integer(int64_t *sum, const char *op, int64_t x, bool first) {
    if (first)
        *sum = x;
    else if (strcmp(op, "ReduceSum") == 0)
        return !__builtin_add_overflow(*sum, x, sum);
    else if (strcmp(op, "ReduceProd") == 0)
        return !__builtin_mul_overflow(*sum, x, sum);
    else if (strcmp(op, "ReduceMax") == 0 ? x > *sum : x < *sum)
        *sum = x;
    return true;
}

/* Arithmetic on shapes: integers only. */
judd_status judd_fold_index_reduce(judd_pass *pass, judd_graph_node *node) {
    static const char *const known[] = {"ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"};
    judd_status status = JUDD_OK;
    const judd_graph_value x = *judd_shapes_input(pass, node, 0);
    judd_graph_value kept = x, *y = NULL;
    int64_t strides[MAX_RANK] = {0}, step = 1, n = 0;
    bool simple = false, *seen = NULL;
    for (int i = 0; i < 4; i++) simple = simple || strcmp(node->op, known[i]) == 0;
    if (!simple || x.type != JUDD_I64 || judd_graph_size(&x) == 0)
        JUDD_NODE_FAIL(pass, node, "of constants is supported for integers only");
    JUDD_TRY(judd_shapes_reduce(pass, node));
    const int64_t *axes = judd_node_ints(&n, node, "axes");
    for (int64_t i = 0; i < n; i++) kept.dims[axes[i]] = 1;
    for (int d = x.rank - 1; d >= 0; d--) {
        strides[d] = kept.dims[d] == 1 ? 0 : step;
        step *= kept.dims[d];
    }
    const judd_graph_value out = pass->graph->values[node->outputs[0]];
    JUDD_TRY(judd_fold_allocate(&y, pass, node, 0, JUDD_I64, out.rank, out.dims));
    JUDD_TRY(judd_memory_alloc(&seen, judd_graph_size(y), sizeof *seen));
    for (int64_t i = 0, m = judd_graph_size(&x); i < m; i++) {
        int64_t at = judd_fold_place(&x, i, strides);
        if (!add_integer((int64_t *)y->data + at, node->op, ((const int64_t *)x.data)[i],
                         !seen[at]))
            JUDD_NODE_FAIL(pass, node, "integer overflow; export again");
        seen[at] = true;
    }
done:
    free(seen);
    return status;
}
