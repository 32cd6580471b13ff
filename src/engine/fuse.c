/* Rewrites of a net that change what is executed but not what is computed (beyond rounding). */
#include "engine/kernel.h"
#include "engine/rewrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- batch normalisation into the convolution before it -------------------------------------- */

/* y = (x - mean) * scale / sqrt(variance + epsilon) + shift = a x + b for a channel: Ioffe &
 * Szegedy 2015, in double, so that folding costs one rounding. */
static void norm_numbers(const judd_net *net, const judd_step *norm, int64_t channel, double *a,
                         double *b) {
    double p[5];
    for (int i = 1; i < 5; i++) p[i] = (double)judd_net_floats(net, norm, i)[channel];
    *a = p[1] / sqrt(p[4] + (double)norm->epsilon);
    *b = p[2] - p[3] * *a;
}

/* Constants for every channel of an image, given as [C, 1, 1] or with ones before. */
static const float *channel_constants(const judd_net *net, const judd_step *step, int input) {
    const judd_net_value *v = judd_net_input(net, step, input), *y = judd_net_output(net, step);
    const float *data = judd_net_floats(net, step, input);
    if (!data || y->rank != 4 || v->rank < 3 || v->dims[v->rank - 3] != y->dims[1] ||
        judd_net_elements(v->rank, v->dims) != y->dims[1])
        return NULL;
    return data;
}

static bool scales_channels(const judd_net *net, const judd_step *step) {
    return judd_rewrite_is(step, "Mul") && step->activation.kind == JUDD_ACTIVATION_NONE &&
           (channel_constants(net, step, 0) || channel_constants(net, step, 1));
}

/* The step after a convolution, batch normalisation or a product with a number for every channel,
 * goes into its weights. */
static judd_status fold_scale(judd_net *net, int conv, int after) {
    judd_status status = JUDD_OK;
    int weights = -1, bias = -1;
    float *w = NULL, *b = NULL;
    judd_step *c = &net->steps[conv];
    const judd_step *n = &net->steps[after];
    const judd_net_value *old = judd_net_input(net, c, 1);
    int64_t dims[4], channels = old->dims[0], size = judd_net_elements(3, old->dims + 1);
    memcpy(dims, old->dims, sizeof dims);
    const float *old_w = judd_net_floats(net, c, 1), *old_b = judd_net_floats(net, c, 2);
    JUDD_TRY(judd_net_add_weights(net, &weights, n->name, 4, dims, old_w, &w));
    JUDD_TRY(judd_net_add_value(net, &bias, n->name, 1, dims, &b));
    const float *factor = channel_constants(net, n, 0);
    if (!factor) factor = channel_constants(net, n, 1);
    for (int64_t o = 0; o < channels; o++) {
        double scale = 0.0, shift = 0.0;
        if (judd_rewrite_is(n, "Mul"))
            scale = (double)factor[o];
        else
            norm_numbers(net, n, o, &scale, &shift);
        b[o] = (float)((old_b ? (double)old_b[o] * scale : 0.0) + shift);
        for (int64_t i = 0; w && i < size; i++)
            w[o * size + i] = (float)((double)old_w[o * size + i] * scale);
    }
    JUDD_TRY(judd_rewrite_inputs(c, 1, 3, (int[]){c->inputs[0], weights, bias}));
    judd_rewrite_absorb(net, conv, after);
done:
    return status;
}

/* ---- what may follow a step -------------------------------------------------------------------
 */

/* May `after`, a function of single numbers, be computed where `step` writes? */
static bool takes_activation(const judd_step *step, const judd_step *after) {
    static const char *const ops[] = {"Conv", "Gemm", "MatMul", "Add",
                                      "Sub",  "Mul",  "Div",    "BatchNormalization"};
    judd_activation_kind kind = after->activation.kind;
    if (after->n_inputs != 1 || kind == JUDD_ACTIVATION_NONE || step->pooled ||
        step->activation.kind != JUDD_ACTIVATION_NONE)
        return false;
    bool ours = judd_rewrite_is(step, "Gemm") || judd_rewrite_is(step, "MatMul") ||
                (judd_rewrite_is(step, "Conv") && step->window.groups == 1);
    if (kind > JUDD_ACTIVATION_FUSED && !(ours && kind == JUDD_ACTIVATION_GELU)) return false;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (judd_rewrite_is(step, ops[i])) return true;
    return false;
}

static bool bare(const judd_step *step) {
    return step->activation.kind == JUDD_ACTIVATION_NONE && step->residual < 0 && !step->pooled;
}

static bool bare_convolution(const judd_step *step) {
    return judd_rewrite_is(step, "Conv") && bare(step);
}

/* May a sum go where it writes? */
static bool bare_sum(const judd_net *net, const judd_step *step) {
    return bare_convolution(step) || (judd_net_is_linear(net, step) && bare(step));
}

/* Convolution or product + residual of the same shape. When both operands are such, the later one
 * takes the sum, so that its input need not live longer. */
static bool takes_sum(const judd_net *net, int conv, int add) {
    const judd_step *c = &net->steps[conv], *a = &net->steps[add];
    if (!judd_rewrite_is(a, "Add") || !bare_sum(net, c) ||
        a->activation.kind != JUDD_ACTIVATION_NONE)
        return false;
    int other = a->inputs[a->inputs[0] == c->output ? 1 : 0];
    const judd_net_value *x = &net->values[c->output], *y = &net->values[other];
    if (other == c->output || y->data || x->rank != y->rank ||
        memcmp(x->dims, y->dims, (size_t)x->rank * sizeof *x->dims) != 0)
        return false;
    const judd_step *rival = judd_rewrite_producer(net, other);
    return !(rival && rival > c && bare_sum(net, rival) && judd_rewrite_uses(net, other) == 1);
}

/* Winograd's output transform has 4 x 4 outputs in registers: pooling them there saves a pass over
 * the largest images there are. */
static bool takes_pool(const judd_net *net, const judd_step *step, const judd_step *after) {
    const judd_window *w = &after->window;
    if (!judd_rewrite_is(after, "MaxPool") || !judd_rewrite_is(step, "Conv") || step->pooled)
        return false;
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != 2 || w->stride[i] != 2 || w->dilation[i] != 1 || w->begin[i] ||
            w->end[i])
            return false;
    return step->residual < 0 && step->window.kernel[0] == 3 &&
           judd_kernel_find(net, step, true) == judd_winograd_kernels;
}

/* Lets step i take in the step after it; it is looked at again at its new place. */
static judd_status grow(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    int next = judd_rewrite_only_reader(net, &net->steps[i]);
    if (next < 0) goto done;
    judd_step *step = &net->steps[i], *after = &net->steps[next];
    bool scales = judd_rewrite_is(after, "BatchNormalization") || scales_channels(net, after);
    if (scales && bare_convolution(step)) {
        JUDD_TRY(fold_scale(net, i, next));
    } else if (takes_activation(step, after)) {
        step->activation = after->activation;
        judd_rewrite_absorb(net, i, next);
    } else if (takes_pool(net, step, after)) {
        step->pooled = true;
        judd_rewrite_absorb(net, i, next);
    } else if (takes_sum(net, i, next)) {
        step->residual = after->inputs[after->inputs[0] == step->output ? 1 : 0];
        judd_rewrite_absorb(net, i, next);
    }
done:
    return status;
}

/* ---- batch normalisation that stays -----------------------------------------------------------
 */

/* A concatenation of channels that only this step reads, in whole blocks: its parts can be read
 * where they are. */
static judd_step *concatenation(const judd_net *net, const judd_step *step) {
    judd_step *c = judd_rewrite_producer(net, step->inputs[0]);
    if (!c || !judd_rewrite_is(c, "Concat") || judd_rewrite_uses(net, c->output) != 1 ||
        judd_graph_attribute_int(c->node, "axis", 1) != 1)
        return NULL;
    for (int k = 0; k < c->n_inputs; k++) {
        const judd_net_value *part = judd_net_input(net, c, k);
        if (part->data || (k + 1 < c->n_inputs && part->dims[1] % net->block != 0)) return NULL;
    }
    return c;
}

/* Parts, scale, shift. */
static judd_status norm_to_affine(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    int scale = -1, shift = -1, *inputs = NULL;
    float *a = NULL, *b = NULL;
    judd_step *step = &net->steps[i];
    if (!judd_rewrite_is(step, "BatchNormalization") || judd_net_output(net, step)->rank != 4)
        return JUDD_OK;
    int64_t channels = judd_net_output(net, step)->dims[1];
    JUDD_TRY(judd_net_add_value(net, &scale, step->name, 1, &channels, &a));
    JUDD_TRY(judd_net_add_value(net, &shift, step->name, 1, &channels, &b));
    for (int64_t c = 0; c < channels; c++) {
        double s, t;
        norm_numbers(net, step, c, &s, &t);
        a[c] = (float)s;
        b[c] = (float)t;
    }
    judd_step *parts = concatenation(net, step);
    int n = parts ? parts->n_inputs : 1;
    JUDD_TRY(judd_memory_alloc(&inputs, n + 2, sizeof *inputs));
    memcpy(inputs, parts ? parts->inputs : step->inputs, (size_t)n * sizeof *inputs);
    inputs[n] = scale;
    inputs[n + 1] = shift;
    JUDD_TRY(judd_rewrite_inputs(step, n, n + 2, inputs));
    step->op = JUDD_OP_AFFINE;
    if (parts) judd_rewrite_kill(parts);
done:
    free(inputs);
    return status;
}

judd_status judd_fuse_net(judd_net *net) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_rewrite_patterns(net));
    for (int i = 0; i < net->n_steps; i++)
        if (net->steps[i].op) JUDD_TRY(grow(net, i));
    for (int i = 0; i < net->n_steps; i++)
        if (net->steps[i].op) JUDD_TRY(norm_to_affine(net, i));
done:
    judd_rewrite_compact(net);
    judd_net_mark_images(net);
    return status;
}
