/* Rows of the kernel table for networks in bfloat16: convolutions and products with constant
 * weights, on oneDNN's convolutions with channels last, the layout AMX has code for. The source and
 * the weights are rounded, sums, bias and what is fused behind them are float32. What oneDNN has no
 * generated code for is left to the float32 rows.
 *
 * A product is a convolution 1x1 over one image whose pixels are the rows: oneDNN's inner product
 * and matmul may cut the inner dimension between threads, its convolutions do not. It writes
 * float32, so that the residual stream of a transformer is never rounded. */
#include "engine/kernel.h"

static judd_operand operand_of(const judd_net_value *v, judd_layout layout) {
    judd_operand o = {.rank = 4, .layout = layout};
    for (int i = 0; i < 4; i++) o.dims[i] = v->dims[i];
    return o;
}

static judd_onednn_post post_of(const judd_step *step) {
    return (judd_onednn_post){.sum = step->residual >= 0, .activation = step->activation};
}

static judd_onednn_convolution describe_convolution(const judd_net *net, const judd_step *step) {
    return (judd_onednn_convolution){
        .src = operand_of(judd_net_input(net, step, 0), JUDD_BF16_PIXELS),
        .dst = operand_of(judd_net_output(net, step), JUDD_BF16_PIXELS),
        .window = &step->window,
        .weights = judd_net_weights(net, step),
        .bias = judd_net_floats(net, step, 2),
        .post = post_of(step)};
}

static judd_onednn_convolution describe_product(const judd_net *net, const judd_step *step) {
    static const judd_window one = {
        .groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    const judd_net_value *y = judd_net_output(net, step), *w = judd_net_input(net, step, 1);
    bool rows_are_outputs = judd_graph_attribute_int(step->node, "transB", 0) != 0;
    int64_t rows = judd_net_elements(y->rank - 1, y->dims);
    return (judd_onednn_convolution){
        .src = {4, {1, w->dims[rows_are_outputs ? 1 : 0], 1, rows}, JUDD_BF16_PIXELS, 0},
        .dst = {4, {1, y->dims[y->rank - 1], 1, rows}, JUDD_PIXELS, 0},
        .window = &one,
        .weights = judd_net_weights(net, step),
        .turned = !rows_are_outputs,
        .bias = judd_net_floats(net, step, 2),
        .post = post_of(step)};
}

static bool convolution_accepts(const judd_net *net, const judd_step *step) {
    if (!net->bf16 || judd_net_input(net, step, 0)->data || step->pooled) return false;
    judd_onednn_convolution c = describe_convolution(net, step);
    return judd_onednn_convolves_fast(net->bf16, &c);
}

static bool product_accepts(const judd_net *net, const judd_step *step) {
    if (!net->bf16 || !judd_net_is_linear(net, step)) return false;
    judd_onednn_convolution c = describe_product(net, step);
    return judd_onednn_convolves_fast(net->bf16, &c);
}

static judd_status convolution_create(void **state, const judd_kernel_binding *b) {
    judd_onednn_convolution c = describe_convolution(b->net, b->step);
    return judd_onednn_convolve((judd_primitive **)state, b->onednn, &c);
}

static judd_status product_create(void **state, const judd_kernel_binding *b) {
    judd_onednn_convolution c = describe_product(b->net, b->step);
    return judd_onednn_convolve((judd_primitive **)state, b->onednn, &c);
}

static judd_status run(void *state, const float *const *in, float *out) {
    return judd_onednn_run(state, in, out);
}

static void visit_constants(void *state, judd_constant_visit *visit, void *data) {
    judd_onednn_constants(state, visit, data);
}

static void destroy(void *state) {
    judd_onednn_release(state);
}

#define PRODUCT(name)                                                                              \
    {                                                                                              \
        .op = name, .rounds = true, .accepts = product_accepts, .create = product_create,          \
        .run = run, .constants = visit_constants, .destroy = destroy                               \
    }

const judd_kernel_ops judd_bf16_kernels[] = {
    {.op = "Conv",
     .layout = JUDD_BF16_PIXELS,
     .accepts = convolution_accepts,
     .create = convolution_create,
     .run = run,
     .constants = visit_constants,
     .destroy = destroy},
    PRODUCT("Gemm"),
    PRODUCT("MatMul"),
    {.op = NULL},
};
