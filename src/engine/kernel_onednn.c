/* Rows of the kernel table that run on oneDNN. */
#include "engine/kernel.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

static judd_status run_primitive(void *state, const float *const *in, float *out) {
    return judd_onednn_run(state, in, out);
}

static void release_primitive(void *state) {
    judd_onednn_release(state);
}

static void visit_primitive(void *state, judd_constant_visit *visit, void *data) {
    judd_onednn_constants(state, visit, data);
}

/* ---- convolution ----------------------------------------------------------------------------- */

static judd_onednn_convolution describe(const judd_kernel_binding *b) {
    const judd_step *step = b->step;
    return (judd_onednn_convolution){
        .src = b->in[0],
        .dst = b->out,
        .window = &step->window,
        .weights = judd_net_weights(b->net, step),
        .bias = judd_net_floats(b->net, step, 2),
        .post = {.sum = step->residual >= 0, .activation = step->activation}};
}

/* Channels as the blocked layout holds them: whole blocks, what is behind the last one zero. */
static int64_t stored_channels(const judd_operand *o) {
    if (o->layout != JUDD_BLOCKED) return o->dims[1];
    return (o->dims[1] + o->block - 1) / o->block * o->block;
}

/* The same convolution on the stored channels, with zero weights and bias behind the real ones:
 * oneDNN has generated kernels for whole blocks only, and its generic one is hundreds of times
 * slower. The stored channels of the output stay zero if the activation keeps zero. *memory holds
 * the copies. */
static judd_status widen(judd_onednn_convolution *c, float **memory) {
    int64_t oc = c->dst.dims[1], ic = c->src.dims[1];
    int64_t wide_oc = stored_channels(&c->dst), wide_ic = stored_channels(&c->src);
    int64_t cells = c->window->kernel[0] * c->window->kernel[1];
    if (judd_net_activate(c->post.activation, 0.0f) != 0.0f) wide_oc = oc;
    judd_status status = judd_memory_alloc(memory, wide_oc * (wide_ic * cells + 1), sizeof(float));
    if (status != JUDD_OK) return status;
    float *bias = *memory + wide_oc * wide_ic * cells;
    for (int64_t o = 0; c->weights && o < oc; o++)
        memcpy(*memory + o * wide_ic * cells, c->weights + o * ic * cells,
               (size_t)(ic * cells) * sizeof(float));
    if (c->bias) memcpy(bias, c->bias, (size_t)oc * sizeof(float));
    c->weights = c->weights ? *memory : NULL;
    c->bias = c->bias ? bias : NULL;
    c->src.dims[1] = wide_ic;
    c->dst.dims[1] = wide_oc;
    return JUDD_OK;
}

static judd_status conv_create(void **state, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    judd_onednn_convolution c = describe(b);
    float *memory = NULL;
    if (c.window->groups == 1 && !judd_onednn_convolves_fast(b->onednn, &c))
        JUDD_TRY(widen(&c, &memory));
    JUDD_TRY(judd_onednn_convolve((judd_primitive **)state, b->onednn, &c));
done:
    free(memory);
    return status;
}

/* Image-side convolutions: a few channels padded to a block would waste most of the work. */
static bool conv_takes_plain(const judd_kernel_binding *b) {
    judd_onednn_convolution c = describe(b);
    c.src.layout = JUDD_PLAIN;
    return c.src.dims[1] <= 4 && c.window->groups == 1 && judd_onednn_convolves_fast(b->onednn, &c);
}

/* ---- pooling --------------------------------------------------------------------------------- */

/* oneDNN wants every window to touch the image. */
static bool pool_accepts(const judd_net *net, const judd_step *step) {
    const judd_window *w = &step->window;
    (void)net;
    for (int i = 0; i < 2; i++)
        if (w->dilation[i] != 1 || w->begin[i] >= w->kernel[i] || w->end[i] >= w->kernel[i])
            return false;
    return true;
}

static judd_status pool_create(void **state, const judd_kernel_binding *b) {
    judd_onednn_pool_kind kind = b->step->op[0] == 'M'         ? JUDD_POOL_MAX
                                 : b->step->window.include_pad ? JUDD_POOL_AVERAGE_WITH_PADDING
                                                               : JUDD_POOL_AVERAGE;
    return judd_onednn_pool((judd_primitive **)state, b->onednn, kind, &b->in[0], &b->out,
                            &b->step->window);
}

static judd_status global_max_create(void **state, const judd_kernel_binding *b) {
    judd_window all = {.groups = 1,
                       .kernel = {b->in[0].dims[2], b->in[0].dims[3]},
                       .stride = {1, 1},
                       .dilation = {1, 1}};
    return judd_onednn_pool((judd_primitive **)state, b->onednn, JUDD_POOL_MAX, &b->in[0], &b->out,
                            &all);
}

/* ---- element by element ---------------------------------------------------------------------- */

static judd_status activation_create(void **state, const judd_kernel_binding *b) {
    return judd_onednn_activate((judd_primitive **)state, b->onednn, &b->out, b->step->activation);
}

/* Equal shapes that are both computed; the plain loops broadcast. */
static bool binary_accepts(const judd_net *net, const judd_step *step) {
    const judd_net_value *a = judd_net_input(net, step, 0), *b = judd_net_input(net, step, 1);
    return !a->data && !b->data && a->rank == b->rank && a->rank >= 1 && a->rank <= 5 &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static judd_status binary_create(void **state, const judd_kernel_binding *b) {
    return judd_onednn_binary((judd_primitive **)state, b->onednn,
                              b->step->op[0] == 'A' ? '+' : '*', &b->out, b->step->activation);
}

/* ---- concat, softmax, LRN -------------------------------------------------------------------- */

/* Images only, and whole blocks of channels except at the end: what oneDNN copies in place. */
static bool concat_accepts(const judd_net *net, const judd_step *step) {
    int64_t axis = judd_graph_attribute_int(step->node, "axis", 1);
    if (judd_net_output(net, step)->rank != 4) return false;
    for (int i = 0; i < step->n_operands; i++) {
        const judd_net_value *v = judd_net_input(net, step, i);
        if (v->data || (axis == 1 && i + 1 < step->n_operands && v->dims[1] % net->block != 0))
            return false;
    }
    return true;
}

static judd_status concat_create(void **state, const judd_kernel_binding *b) {
    int axis = (int)judd_graph_attribute_int(b->step->node, "axis", 1);
    return judd_onednn_concat((judd_primitive **)state, b->onednn, b->step->n_operands, b->in,
                              &b->out, axis);
}

static bool softmax_accepts(const judd_net *net, const judd_step *step) {
    return judd_net_output(net, step)->rank >= 1 && judd_net_output(net, step)->rank <= 5;
}

static judd_status softmax_create(void **state, const judd_kernel_binding *b) {
    int axis = (int)judd_graph_attribute_int(b->step->node, "axis", b->out.rank - 1);
    return judd_onednn_softmax((judd_primitive **)state, b->onednn, &b->out, axis,
                               b->step->op[0] == 'L');
}

/* oneDNN's window is symmetric. */
static bool lrn_accepts(const judd_net *net, const judd_step *step) {
    (void)net;
    return judd_graph_attribute_int(step->node, "size", 0) % 2 == 1;
}

static judd_status lrn_create(void **state, const judd_kernel_binding *b) {
    const judd_graph_node *node = b->step->node;
    return judd_onednn_lrn((judd_primitive **)state, b->onednn, &b->out,
                           judd_graph_attribute_int(node, "size", 1),
                           judd_graph_attribute_float(node, "alpha", 1e-4f),
                           judd_graph_attribute_float(node, "beta", 0.75f),
                           judd_graph_attribute_float(node, "bias", 1.0f));
}

static judd_status reorder_create(void **state, const judd_kernel_binding *b) {
    return judd_onednn_reorder((judd_primitive **)state, b->onednn, &b->in[0], &b->out);
}

const judd_kernel_ops judd_kernel_reorder = {
    .op = "reorder", .create = reorder_create, .run = run_primitive, .destroy = release_primitive};

#define ROW(name, where, any, test, make)                                                          \
    {                                                                                              \
        .op = name, .layout = where, .any_precision = any, .accepts = test, .create = make,        \
        .run = run_primitive, .destroy = release_primitive                                         \
    }

const judd_kernel_ops judd_onednn_kernels[] = {
    {.op = "Conv",
     .layout = JUDD_BLOCKED,
     .takes_plain = conv_takes_plain,
     .create = conv_create,
     .run = run_primitive,
     .constants = visit_primitive,
     .destroy = release_primitive},
    ROW("MaxPool", JUDD_BLOCKED, true, pool_accepts, pool_create),
    ROW("AveragePool", JUDD_BLOCKED, true, pool_accepts, pool_create),
    ROW("GlobalMaxPool", JUDD_BLOCKED, true, NULL, global_max_create),
    ROW("Relu", JUDD_BLOCKED, true, NULL, activation_create),
    ROW("LeakyRelu", JUDD_BLOCKED, true, NULL, activation_create),
    ROW("Clip", JUDD_BLOCKED, true, NULL, activation_create),
    ROW("Sigmoid", JUDD_BLOCKED, true, NULL, activation_create),
    ROW("HardSwish", JUDD_BLOCKED, true, NULL, activation_create),
    ROW("Swish", JUDD_BLOCKED, true, NULL, activation_create),
    ROW("Add", JUDD_BLOCKED, true, binary_accepts, binary_create),
    ROW("Mul", JUDD_BLOCKED, true, binary_accepts, binary_create),
    ROW("Concat", JUDD_BLOCKED, true, concat_accepts, concat_create),
    ROW("Softmax", JUDD_PLAIN, false, softmax_accepts, softmax_create),
    ROW("LogSoftmax", JUDD_PLAIN, false, softmax_accepts, softmax_create),
    ROW("LRN", JUDD_BLOCKED, false, lrn_accepts, lrn_create),
    {.op = NULL},
};
