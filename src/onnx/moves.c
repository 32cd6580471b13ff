/* Definitions of the operators: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
#include "onnx/moves.h"

#include "onnx/node.h"
#include "onnx/shapes.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = JUDD_GRAPH_MAX_RANK };

/* ---- slices -----------------------------------------------------------------------------------
 */

/* Every s-th row and column of an image, which is a MaxPool of kernel 1: it stays in the layout of
   convolutions. */
static bool subsamples(const judd_graph_value *x, const int64_t *starts, const int64_t *steps,
                       const int64_t *dims) {
    bool strided = x->rank == 4 && (steps[2] > 1 || steps[3] > 1);
    for (int d = 0; d < x->rank; d++)
        strided = strided && starts[d] == 0 && steps[d] > 0 && (d >= 2 || steps[d] == 1) &&
                  dims[d] == (x->dims[d] - 1) / steps[d] + 1;
    return strided;
}

judd_status judd_moves_slice(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    static const int64_t one[2] = {1, 1}, none[4] = {0, 0, 0, 0};
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t starts[MAX_RANK], steps[MAX_RANK], dims[MAX_RANK];
    JUDD_TRY(judd_shapes_slice_range(pass, node, starts, steps, dims));
    judd_node_clear(node);
    node->n_inputs = 1;
    if (subsamples(x, starts, steps, dims)) {
        JUDD_TRY(judd_node_set_ints(node, "kernel_shape", 2, one));
        JUDD_TRY(judd_node_set_ints(node, "strides", 2, steps + 2));
        JUDD_TRY(judd_node_set_ints(node, "dilations", 2, one));
        JUDD_TRY(judd_node_set_ints(node, "pads", 4, none));
        JUDD_TRY(judd_node_rename(node, "MaxPool"));
    } else {
        JUDD_TRY(judd_node_set_ints(node, "starts", x->rank, starts));
        JUDD_TRY(judd_node_set_ints(node, "steps", x->rank, steps));
    }
    JUDD_TRY(judd_shapes_output(pass, node, x->rank, dims));
done:
    return status;
}

judd_status judd_moves_split_sizes(int64_t *sizes, int64_t *axis, const judd_pass *pass,
                                   const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t n = 0, sum = 0;
    const int64_t *given = judd_node_ints(&n, node, "split");
    JUDD_TRY(judd_shapes_axis(axis, 0, x->rank, pass, node));
    if (!given) JUDD_TRY(judd_shapes_int_input(&given, &n, pass, node, 1));
    int64_t length = x->dims[*axis], equal = length / node->n_outputs;
    if (given ? n != node->n_outputs : length % node->n_outputs != 0)
        JUDD_NODE_FAIL(pass, node, "%lld sizes of %lld places for %d outputs; export again",
                       (long long)n, (long long)length, node->n_outputs);
    for (int i = 0; i < node->n_outputs; i++) {
        sizes[i] = given ? given[i] : equal;
        if (sizes[i] < 0 || sizes[i] > length - sum)
            JUDD_NODE_FAIL(pass, node, "part %d has %lld of %lld places; export again", i,
                           (long long)sizes[i], (long long)length);
        sum += sizes[i];
    }
done:
    return status;
}

/* One Slice for each output that is used; the last of them is the node itself. */
judd_status judd_moves_split(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    judd_graph_value x = *judd_shapes_input(pass, node, 0);
    int64_t *sizes = NULL, axis = 0, starts[MAX_RANK] = {0}, steps[MAX_RANK];
    int last = -1;
    JUDD_TRY(judd_memory_alloc(&sizes, node->n_outputs, sizeof *sizes));
    JUDD_TRY(judd_moves_split_sizes(sizes, &axis, pass, node));
    for (int d = 0; d < MAX_RANK; d++) steps[d] = 1;
    judd_node_clear(node);
    node->n_inputs = 1;
    for (int i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] >= 0) last = i;
    for (int i = 0; i <= last; i++) {
        judd_graph_node *part = node;
        x.dims[axis] = sizes[i];
        if (node->outputs[i] >= 0 && i < last) {
            JUDD_TRY(judd_pass_emit(&part, pass, node, "Slice", node->inputs[0], x.rank, x.dims));
            part->outputs[0] = node->outputs[i]; /* the value made for it is not used */
            judd_graph_value *y = &pass->graph->values[node->outputs[i]];
            JUDD_TRY(judd_pass_context(pass, node, judd_pass_set_dims(y, x.rank, x.dims)));
            if (sizes[i] == 0) JUDD_NODE_FAIL(pass, node, "part %d is empty; export again", i);
        }
        if (part != node || i == last) JUDD_TRY(judd_node_set_ints(part, "starts", x.rank, starts));
        if (part != node || i == last) JUDD_TRY(judd_node_set_ints(part, "steps", x.rank, steps));
        if (i < last) starts[axis] += sizes[i];
    }
    node->outputs[0] = node->outputs[last];
    node->n_outputs = 1;
    JUDD_TRY(judd_node_rename(node, "Slice"));
    JUDD_TRY(judd_shapes_output(pass, node, x.rank, x.dims));
done:
    free(sizes);
    return status;
}

/* ---- choosing and repeating -------------------------------------------------------------------
 */

/* The indices become an attribute, counted from 0. */
judd_status judd_moves_gather(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const judd_graph_value *indices = judd_shapes_input(pass, node, 1);
    int64_t axis = 0, dims[2 * MAX_RANK], *list = NULL, n = judd_graph_size(indices);
    int rank = 0;
    if (x->data || !indices->data || indices->type != JUDD_I64)
        JUDD_NODE_FAIL(pass, node, "needs constant indices; set a tap before it");
    JUDD_TRY(judd_shapes_axis(&axis, 0, x->rank, pass, node));
    for (int d = 0; d < axis; d++) dims[rank++] = x->dims[d];
    for (int d = 0; d < indices->rank; d++) dims[rank++] = indices->dims[d];
    for (int d = (int)axis + 1; d < x->rank; d++) dims[rank++] = x->dims[d];
    JUDD_TRY(judd_pass_charge(pass, node, n * (int64_t)sizeof *list));
    JUDD_TRY(judd_memory_alloc(&list, n, sizeof *list));
    for (int64_t i = 0; i < n; i++) {
        list[i] = ((const int64_t *)indices->data)[i];
        if (list[i] < -x->dims[axis] || list[i] >= x->dims[axis])
            JUDD_NODE_FAIL(pass, node, "index %lld of %lld; export again", (long long)list[i],
                           (long long)x->dims[axis]);
        if (list[i] < 0) list[i] += x->dims[axis];
    }
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_node_set_int(node, "axis", axis));
    JUDD_TRY(judd_node_set_ints(node, "indices", n, list));
    JUDD_TRY(judd_shapes_output(pass, node, rank, dims));
done:
    free(list);
    return status;
}

judd_status judd_moves_expand(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_value target = {.type = JUDD_F32};
    const int64_t *given = NULL;
    int64_t n = 0, dims[MAX_RANK];
    int rank = 0;
    JUDD_TRY(judd_shapes_int_input(&given, &n, pass, node, 1));
    if (n > MAX_RANK) JUDD_NODE_FAIL(pass, node, "more than %d dimensions", MAX_RANK);
    JUDD_TRY(judd_pass_context(pass, node, judd_pass_set_dims(&target, (int)n, given)));
    if (!judd_shapes_broadcast_dims(&rank, dims, x, &target))
        JUDD_NODE_FAIL(pass, node, "dimensions %s and %s do not fit; export again",
                       judd_pass_dims(x).text, judd_pass_dims(&target).text);
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_shapes_output(pass, node, rank, dims));
done:
    return status;
}

/* [.., d, ..] -> [.., 1, d, ..] -> [.., r, d, ..] -> [.., r d, ..] */
judd_status judd_moves_tile(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const int64_t *repeats = NULL;
    int64_t n = 0, apart[2 * MAX_RANK], wide[2 * MAX_RANK], dims[MAX_RANK];
    int rank = 0;
    judd_graph_node *expand = NULL;
    JUDD_TRY(judd_shapes_int_input(&repeats, &n, pass, node, 1));
    if (n != x->rank)
        JUDD_NODE_FAIL(pass, node, "%lld repeats for %d dimensions; export again", (long long)n,
                       x->rank);
    for (int d = 0; d < x->rank; d++) {
        if (repeats[d] < 1 || repeats[d] > 65536)
            JUDD_NODE_FAIL(pass, node, "%lld repeats of dimension %d; export again",
                           (long long)repeats[d], d);
        dims[d] = x->dims[d] * repeats[d];
        if (repeats[d] > 1) {
            apart[rank] = 1;
            wide[rank++] = repeats[d];
        }
        apart[rank] = wide[rank] = x->dims[d];
        rank++;
    }
    if (rank > MAX_RANK)
        JUDD_NODE_FAIL(pass, node, "repeats too many dimensions of %s", judd_pass_dims(x).text);
    JUDD_TRY(judd_pass_reshape_before(&node->inputs[0], pass, node, rank, apart));
    JUDD_TRY(judd_pass_emit(&expand, pass, node, "Expand", node->inputs[0], rank, wide));
    node->inputs[0] = expand->outputs[0];
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_node_rename(node, "Reshape"));
    JUDD_TRY(judd_shapes_output(pass, node, x->rank, dims));
done:
    return status;
}

/* ---- padding ----------------------------------------------------------------------------------
 */

judd_status judd_moves_pad(judd_pass *pass, judd_graph_node *node) {
    static const char *const modes[] = {"constant", "reflect", "edge"};
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t pads[2 * MAX_RANK], n = 0, dims[MAX_RANK];
    const int64_t *given = judd_node_ints(&n, node, "pads");
    const char *name = judd_node_string(node, "mode", modes[0]);
    float value = 0;
    int mode = 2;
    if (!given) JUDD_TRY(judd_shapes_int_input(&given, &n, pass, node, 1));
    JUDD_TRY(judd_shapes_number(&value, pass, node, "value", 2));
    while (mode >= 0 && strcmp(name, modes[mode]) != 0) mode--;
    if (mode < 0)
        JUDD_NODE_FAIL(pass, node, "mode %.32s is not supported; export with constant padding",
                       name);
    if (!given || n != 2 * x->rank)
        JUDD_NODE_FAIL(pass, node, "%lld pads for %d dimensions; export again", (long long)n,
                       x->rank);
    for (int d = 0; d < x->rank; d++) {
        int64_t begin = pads[d] = given[d], end = pads[x->rank + d] = given[x->rank + d];
        int64_t limit = mode == 1 ? x->dims[d] - 1 : 65536;
        if (begin > limit || end > limit || begin < -65536 || end < -65536)
            JUDD_NODE_FAIL(pass, node, "pads of dimension %d exceed %lld", d, (long long)limit);
        dims[d] = x->dims[d] + begin + end;
        if (dims[d] < 1) JUDD_NODE_FAIL(pass, node, "nothing is left of dimension %d", d);
    }
    judd_node_clear(node);
    node->n_inputs = 1;
    JUDD_TRY(judd_node_set_ints(node, "pads", n, pads));
    JUDD_TRY(judd_node_set_float(node, "value", value));
    JUDD_TRY(judd_node_set_int(node, "mode", mode));
    JUDD_TRY(judd_shapes_output(pass, node, x->rank, dims));
done:
    return status;
}

/* ---- blocks of pixels and channels ------------------------------------------------------------
 */

/* Reshape to `apart`, Transpose by `perm`, Reshape to `dims`. */
static judd_status shuffle(judd_pass *pass, judd_graph_node *node, const int64_t apart[6],
                           const int64_t perm[6], const int64_t dims[4]) {
    judd_status status = JUDD_OK;
    judd_graph_node *turned = NULL;
    int64_t permuted[6];
    for (int d = 0; d < 6; d++) permuted[d] = apart[perm[d]];
    JUDD_TRY(judd_pass_reshape_before(&node->inputs[0], pass, node, 6, apart));
    JUDD_TRY(judd_pass_emit(&turned, pass, node, "Transpose", node->inputs[0], 6, permuted));
    JUDD_TRY(judd_node_set_ints(turned, "perm", 6, perm));
    node->inputs[0] = turned->outputs[0];
    judd_node_clear(node);
    JUDD_TRY(judd_node_rename(node, "Reshape"));
    JUDD_TRY(judd_shapes_output(pass, node, 4, dims));
done:
    return status;
}

static judd_status read_block(int64_t *block, const judd_pass *pass, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    *block = judd_graph_attribute_int(node, "blocksize", 0);
    if (*block < 1 || *block > 4096 || x->rank != 4)
        JUDD_NODE_FAIL(pass, node, "needs an image and a blocksize, not %s and %lld; export again",
                       judd_pass_dims(x).text, (long long)*block);
done:
    return status;
}

judd_status judd_moves_depth_to_space(judd_pass *pass, judd_graph_node *node) {
    static const int64_t depth_first[6] = {0, 3, 4, 1, 5, 2}, column_first[6] = {0, 1, 4, 2, 5, 3};
    judd_status status = JUDD_OK;
    const int64_t *x = judd_shapes_input(pass, node, 0)->dims;
    int64_t b = 0;
    bool crd = strcmp(judd_node_string(node, "mode", "DCR"), "CRD") == 0;
    JUDD_TRY(read_block(&b, pass, node));
    if (x[1] % (b * b) != 0)
        JUDD_NODE_FAIL(pass, node, "%lld channels are no multiple of %lld squared; export again",
                       (long long)x[1], (long long)b);
    int64_t c = x[1] / (b * b), dims[4] = {x[0], c, x[2] * b, x[3] * b};
    const int64_t dcr_apart[6] = {x[0], b, b, c, x[2], x[3]};
    const int64_t crd_apart[6] = {x[0], c, b, b, x[2], x[3]};
    JUDD_TRY(
        shuffle(pass, node, crd ? crd_apart : dcr_apart, crd ? column_first : depth_first, dims));
done:
    return status;
}

judd_status judd_moves_space_to_depth(judd_pass *pass, judd_graph_node *node) {
    static const int64_t perm[6] = {0, 3, 5, 1, 2, 4};
    judd_status status = JUDD_OK;
    const int64_t *x = judd_shapes_input(pass, node, 0)->dims;
    int64_t b = 0;
    JUDD_TRY(read_block(&b, pass, node));
    if (x[2] % b != 0 || x[3] % b != 0)
        JUDD_NODE_FAIL(pass, node, "%lld x %lld pixels are no multiple of %lld; export again",
                       (long long)x[2], (long long)x[3], (long long)b);
    const int64_t apart[6] = {x[0], x[1], x[2] / b, b, x[3] / b, b};
    const int64_t dims[4] = {x[0], x[1] * b * b, x[2] / b, x[3] / b};
    JUDD_TRY(shuffle(pass, node, apart, perm, dims));
done:
    return status;
}
