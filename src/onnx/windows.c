/* Conv, MaxPool, AveragePool: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
#include "onnx/windows.h"

#include "onnx/node.h"
#include "onnx/shapes.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

typedef struct window {
    int64_t kernel[2], strides[2], dilations[2];
    int64_t pads[4];     /* top, left, bottom, right, as asked for */
    int64_t overhang[2]; /* further rows and columns at the end that ceil_mode reaches */
    int64_t out[2];
} window;

enum { LARGEST = 65536 };

/* n numbers in least..LARGEST, or the default of all; kernel_shape of pools has none (absent 0). */
static judd_status read_numbers(int64_t *out, int n, const char *name, int64_t least,
                                int64_t absent, const judd_pass *pass,
                                const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    int64_t given = 0;
    const int64_t *values = judd_node_ints(&given, node, name);
    if (values && given != n)
        JUDD_NODE_FAIL(pass, node, "%s has %lld numbers, but images need %d", name,
                       (long long)given, n);
    for (int i = 0; i < n; i++) {
        out[i] = values ? values[i] : absent;
        if (out[i] < least || out[i] > LARGEST)
            JUDD_NODE_FAIL(pass, node, "%s holds %lld, not %lld to %d; export again", name,
                           (long long)out[i], (long long)least, LARGEST);
    }
done:
    return status;
}

/* SAME: out = ceil(in / stride), the odd row of padding at the end (UPPER) or beginning (LOWER). */
static judd_status resolve_auto_pad(window *w, const int64_t *in, const judd_pass *pass,
                                    const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const char *mode = judd_node_string(node, "auto_pad", "NOTSET");
    bool upper = strcmp(mode, "SAME_UPPER") == 0, lower = strcmp(mode, "SAME_LOWER") == 0;
    if (!upper && !lower) {
        if (strcmp(mode, "VALID") == 0)
            memset(w->pads, 0, sizeof w->pads);
        else if (strcmp(mode, "NOTSET") != 0)
            JUDD_NODE_FAIL(pass, node, "auto_pad %.32s is unknown; export with pads", mode);
        goto done;
    }
    for (int i = 0; i < 2; i++) {
        int64_t reach = w->dilations[i] * (w->kernel[i] - 1) + 1;
        int64_t out = (in[i] - 1) / w->strides[i] + 1;
        int64_t total = (out - 1) * w->strides[i] + reach - in[i];
        if (total < 0) total = 0;
        w->pads[i] = upper ? total / 2 : total - total / 2;
        w->pads[2 + i] = total - w->pads[i];
    }
done:
    return status;
}

/* ceil_mode: a last window must begin inside the image or its leading pads (as PyTorch defines it;
   ONNX before opset 22 left it open), or it would hold nothing but padding. */
static judd_status place_windows(window *w, const int64_t *in, bool ceil_mode,
                                 const judd_pass *pass, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    for (int i = 0; i < 2; i++) {
        int64_t reach = w->dilations[i] * (w->kernel[i] - 1) + 1;
        int64_t room = in[i] + w->pads[i] + w->pads[2 + i] - reach;
        int64_t stride = w->strides[i], out = room < 0 ? 0 : room / stride + 1;
        bool rest = room < 0 ? -room < stride : room % stride != 0;
        if (ceil_mode && rest && out * stride < in[i] + w->pads[i])
            w->overhang[i] = out++ * stride - room;
        if (out < 1)
            JUDD_NODE_FAIL(pass, node,
                           "a window of %lld does not fit %lld and its pads; use larger images",
                           (long long)reach, (long long)in[i]);
        w->out[i] = out;
    }
done:
    return status;
}

static judd_status read_window(window *w, const judd_pass *pass, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    if (x->rank != 4)
        JUDD_NODE_FAIL(pass, node, "input %s has dimensions %s, but an image of 4 is needed",
                       x->name, judd_pass_dims(x).text);
    JUDD_TRY(read_numbers(w->kernel, 2, "kernel_shape", 1, w->kernel[0], pass, node));
    JUDD_TRY(read_numbers(w->strides, 2, "strides", 1, 1, pass, node));
    JUDD_TRY(read_numbers(w->dilations, 2, "dilations", 1, 1, pass, node));
    JUDD_TRY(read_numbers(w->pads, 4, "pads", 0, 0, pass, node));
    JUDD_TRY(resolve_auto_pad(w, x->dims + 2, pass, node));
    JUDD_TRY(place_windows(w, x->dims + 2, judd_graph_attribute_int(node, "ceil_mode", 0) != 0,
                           pass, node));
done:
    return status;
}

/* Attributes and output dims of the normalised node. */
static judd_status write_window(const window *w, judd_pass *pass, judd_graph_node *node,
                                int64_t channels) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    int64_t pads[4] = {w->pads[0], w->pads[1], w->pads[2] + w->overhang[0],
                       w->pads[3] + w->overhang[1]};
    int64_t dims[4] = {x->dims[0], channels, w->out[0], w->out[1]};
    judd_node_clear(node);
    JUDD_TRY(judd_node_set_ints(node, "kernel_shape", 2, w->kernel));
    JUDD_TRY(judd_node_set_ints(node, "strides", 2, w->strides));
    JUDD_TRY(judd_node_set_ints(node, "dilations", 2, w->dilations));
    JUDD_TRY(judd_node_set_ints(node, "pads", 4, pads));
    JUDD_TRY(judd_shapes_output(pass, node, 4, dims));
done:
    return status;
}

static judd_status conv(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const judd_graph_value *weights = judd_shapes_input(pass, node, 1);
    const judd_graph_value *bias = judd_shapes_input(pass, node, 2);
    int64_t group = judd_graph_attribute_int(node, "group", 1);
    window w = {.kernel = {1, 1}};
    if (!weights || !weights->data || weights->type != JUDD_F32 || weights->rank != 4)
        JUDD_NODE_FAIL(pass, node,
                       "the weights %s are not a float32 constant of 4 dimensions; export again",
                       weights ? weights->name : "");
    int64_t n_out = weights->dims[0], n_in = weights->dims[1];
    if (!judd_graph_attribute_of(node, "kernel_shape"))
        JUDD_TRY(judd_node_set_ints(node, "kernel_shape", 2, weights->dims + 2));
    JUDD_TRY(read_window(&w, pass, node));
    if (group < 1 || group > LARGEST || n_in < 1 || n_out < 1 || n_out % group != 0 ||
        x->dims[1] % group != 0 || x->dims[1] / group != n_in ||
        memcmp(w.kernel, weights->dims + 2, sizeof w.kernel) != 0)
        JUDD_NODE_FAIL(
            pass, node,
            "weights %s of %s do not fit input %s of %s in %lld groups; set channels, or "
            "export again",
            weights->name, judd_pass_dims(weights).text, x->name, judd_pass_dims(x).text,
            (long long)group);
    if (bias &&
        (!bias->data || bias->type != JUDD_F32 || bias->rank != 1 || bias->dims[0] != n_out))
        JUDD_NODE_FAIL(pass, node, "the bias %s is not a float32 constant of [%lld]; export again",
                       bias->name, (long long)n_out);
    JUDD_TRY(write_window(&w, pass, node, n_out));
    JUDD_TRY(judd_node_set_int(node, "group", group));
done:
    return status;
}

static judd_status read_pool(window *w, const judd_pass *pass, const judd_graph_node *node) {
    judd_status status = JUDD_OK;
    if (!judd_graph_attribute_of(node, "kernel_shape"))
        JUDD_NODE_FAIL(pass, node, "attribute kernel_shape is missing; export again");
    JUDD_TRY(read_window(w, pass, node));
    for (int i = 0; i < 2; i++) {
        int64_t reach = w->dilations[i] * (w->kernel[i] - 1) + 1;
        if (w->pads[i] >= reach || w->pads[2 + i] >= reach)
            JUDD_NODE_FAIL(pass, node, "pads reach a kernel's size, so a window would be empty");
    }
done:
    return status;
}

static judd_status max_pool(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    window w = {.kernel = {1, 1}};
    JUDD_TRY(read_pool(&w, pass, node));
    JUDD_TRY(write_window(&w, pass, node, judd_shapes_input(pass, node, 0)->dims[1]));
done:
    return status;
}

/* The mean over a window that ceil_mode pushes over the edge counts the pads but not the overhang:
   no single flag says that, so the pads become a Pad of zeros. */
static judd_status split_pads(window *w, judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    judd_graph_node *pad = NULL;
    int64_t pads[8] = {0, 0, w->pads[0], w->pads[1], 0, 0, w->pads[2], w->pads[3]};
    int64_t dims[4];
    for (int d = 0; d < 4; d++) dims[d] = x->dims[d] + pads[d] + pads[4 + d];
    JUDD_TRY(judd_pass_emit(&pad, pass, node, "Pad", node->inputs[0], 4, dims));
    JUDD_TRY(judd_node_set_ints(pad, "pads", 8, pads));
    JUDD_TRY(judd_node_set_float(pad, "value", 0.0f));
    JUDD_TRY(judd_node_set_int(pad, "mode", 0));
    node->inputs[0] = pad->outputs[0];
    memset(w->pads, 0, sizeof w->pads);
done:
    return status;
}

static judd_status average_pool(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    window w = {.kernel = {1, 1}};
    int64_t include = judd_graph_attribute_int(node, "count_include_pad", 0) != 0;
    JUDD_TRY(read_pool(&w, pass, node));
    if (include && (w.overhang[0] > 0 || w.overhang[1] > 0)) {
        if (w.pads[0] + w.pads[1] + w.pads[2] + w.pads[3] > 0) JUDD_TRY(split_pads(&w, pass, node));
        include = 0;
    }
    JUDD_TRY(write_window(&w, pass, node, judd_shapes_input(pass, node, 0)->dims[1]));
    JUDD_TRY(judd_node_set_int(node, "count_include_pad", include));
done:
    return status;
}

/* ---- sequences ------------------------------------------------------------------------------- */

/* A list of one number a dimension becomes one for height 1 and width; pads have two. */
static judd_status lift_list(judd_graph_node *node, const char *name, int64_t height) {
    judd_status status = JUDD_OK;
    judd_graph_attribute *list = NULL;
    for (int i = 0; i < node->n_attributes; i++)
        if (strcmp(node->attributes[i].name, name) == 0) list = &node->attributes[i];
    if (!list || list->kind != 'I' || list->n < 1 || list->n > 2) return JUDD_OK;
    int64_t *lifted = NULL;
    JUDD_TRY(judd_memory_alloc(&lifted, 2 * list->n, sizeof *lifted));
    for (int64_t i = 0; i < list->n; i++) {
        lifted[2 * i] = height;
        lifted[2 * i + 1] = list->ints[i];
    }
    free(list->ints);
    list->ints = lifted;
    list->n *= 2;
done:
    return status;
}

/* [n, c, length] is an image of height 1. */
static judd_status of_sequence(judd_pass *pass, judd_graph_node *node,
                               judd_status (*infer)(judd_pass *, judd_graph_node *)) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    const judd_graph_value *weights = judd_shapes_input(pass, node, 1);
    int64_t image[4] = {x->dims[0], x->dims[1], 1, x->dims[2]};
    JUDD_TRY(judd_pass_reshape_before(&node->inputs[0], pass, node, 4, image));
    if (weights && weights->rank == 3) {
        int64_t kernel[4] = {weights->dims[0], weights->dims[1], 1, weights->dims[2]};
        JUDD_TRY(judd_pass_reshape_before(&node->inputs[1], pass, node, 4, kernel));
    }
    JUDD_TRY(lift_list(node, "kernel_shape", 1));
    JUDD_TRY(lift_list(node, "strides", 1));
    JUDD_TRY(lift_list(node, "dilations", 1));
    JUDD_TRY(lift_list(node, "pads", 0));
    JUDD_TRY(infer(pass, node));
    const judd_graph_value *y = &pass->graph->values[node->outputs[0]];
    int64_t dims[3] = {y->dims[0], y->dims[1], y->dims[3]};
    JUDD_TRY(judd_pass_reshape_after(pass, node, 3, dims));
done:
    return status;
}

static judd_status of_any(judd_pass *pass, judd_graph_node *node,
                          judd_status (*infer)(judd_pass *, judd_graph_node *)) {
    if (judd_shapes_input(pass, node, 0)->rank == 3) return of_sequence(pass, node, infer);
    return infer(pass, node);
}

judd_status judd_windows_conv(judd_pass *pass, judd_graph_node *node) {
    return of_any(pass, node, conv);
}

judd_status judd_windows_max_pool(judd_pass *pass, judd_graph_node *node) {
    return of_any(pass, node, max_pool);
}

judd_status judd_windows_average_pool(judd_pass *pass, judd_graph_node *node) {
    return of_any(pass, node, average_pool);
}

/* Of anything but an image: the reduction that it is. */
judd_status judd_windows_global_pool(judd_pass *pass, judd_graph_node *node) {
    judd_status status = JUDD_OK;
    const judd_graph_value *x = judd_shapes_input(pass, node, 0);
    static const int64_t axes[] = {2, 3, 4, 5, 6, 7};
    if (x->rank < 3)
        JUDD_NODE_FAIL(pass, node, "input %s has dimensions %s, but 3 are needed", x->name,
                       judd_pass_dims(x).text);
    if (x->rank != 4) {
        judd_node_clear(node);
        JUDD_TRY(judd_node_rename(node, strcmp(node->op, "GlobalMaxPool") == 0 ? "ReduceMax"
                                                                               : "ReduceMean"));
        JUDD_TRY(judd_node_set_ints(node, "axes", x->rank - 2, axes));
        JUDD_TRY(judd_shapes_reduce(pass, node));
        goto done;
    }
    int64_t dims[4] = {x->dims[0], x->dims[1], 1, 1};
    judd_node_clear(node);
    JUDD_TRY(judd_shapes_output(pass, node, 4, dims));
done:
    return status;
}
