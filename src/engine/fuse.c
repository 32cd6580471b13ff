/* Rewrites of a net that change what is executed but not what is computed (beyond rounding). */
#include "engine/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is(const judd_step *step, const char *op) {
    return step->op && strcmp(step->op, op) == 0;
}

/* Number of readers of a value; the graph's output has one more. */
static int uses(const judd_net *net, int value) {
    int n = net->output == value;
    for (int i = 0; i < net->n_steps; i++) {
        const judd_step *step = &net->steps[i];
        if (!step->op) continue;
        for (int k = 0; k < step->n_inputs; k++) n += step->inputs[k] == value;
        n += step->residual == value;
    }
    return n;
}

/* The only step that reads what `step` makes, or -1. */
static int only_reader(const judd_net *net, const judd_step *step) {
    if (uses(net, step->output) != 1) return -1;
    for (int i = 0; i < net->n_steps; i++)
        for (int k = 0; net->steps[i].op && k < net->steps[i].n_inputs; k++)
            if (net->steps[i].inputs[k] == step->output) return i;
    return -1;
}

static const judd_step *producer(const judd_net *net, int value) {
    for (int i = 0; i < net->n_steps; i++)
        if (net->steps[i].op && net->steps[i].output == value) return &net->steps[i];
    return NULL;
}

static void kill(judd_step *step) {
    free(step->inputs);
    step->inputs = NULL;
    step->op = NULL;
}

/* `first` takes the place and the output of `then`, which disappears. Its operands are still there
 * at the later place; a residual may not be earlier. */
static void absorb(judd_net *net, int first, int then) {
    judd_step merged = net->steps[first];
    merged.output = net->steps[then].output;
    free(net->steps[then].inputs);
    net->steps[then] = merged;
    net->steps[first].inputs = NULL;
    net->steps[first].op = NULL;
}

/* ---- batch normalisation into the convolution before it -------------------------------------- */

/* y = (conv - mean) * scale / sqrt(variance + epsilon) + shift: Ioffe & Szegedy 2015, in double, so
 * that folding costs one rounding. */
static judd_status fold_norm(judd_net *net, int conv, int norm) {
    judd_status status = JUDD_OK;
    int weights = -1, bias = -1;
    float *w = NULL, *b = NULL;
    const judd_step *c = &net->steps[conv], *n = &net->steps[norm];
    const judd_net_value *old = judd_net_input(net, c, 1);
    int64_t dims[4], channels = old->dims[0], size = judd_net_elements(3, old->dims + 1);
    memcpy(dims, old->dims, sizeof dims);
    JUDD_TRY(judd_net_add_value(net, &weights, n->name, 4, dims, &w));
    JUDD_TRY(judd_net_add_value(net, &bias, n->name, 1, dims, &b));
    const float *old_w = judd_net_floats(net, c, 1), *old_b = judd_net_floats(net, c, 2);
    const float *p[5];
    for (int i = 1; i < 5; i++) p[i] = judd_net_floats(net, n, i);
    double epsilon = (double)judd_graph_attribute_float(n->node, "epsilon", 1e-5f);
    for (int64_t o = 0; o < channels; o++) {
        double scale = (double)p[1][o] / sqrt((double)p[4][o] + epsilon);
        double at = old_b ? (double)old_b[o] : 0.0;
        b[o] = (float)((at - (double)p[3][o]) * scale + (double)p[2][o]);
        for (int64_t i = 0; i < size; i++)
            w[o * size + i] = (float)((double)old_w[o * size + i] * scale);
    }
    int *inputs = NULL;
    JUDD_TRY(judd_memory_alloc(&inputs, 3, sizeof *inputs));
    inputs[0] = c->inputs[0];
    inputs[1] = weights;
    inputs[2] = bias;
    free(net->steps[conv].inputs);
    net->steps[conv].inputs = inputs;
    net->steps[conv].n_inputs = 3;
    absorb(net, conv, norm);
done:
    return status;
}

/* ---- what may follow a step -------------------------------------------------------------------
 */

static bool takes_activation(const judd_step *step) {
    static const char *const ops[] = {"Conv", "Gemm", "MatMul", "Add",
                                      "Sub",  "Mul",  "Div",    "BatchNormalization"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (is(step, ops[i])) return step->activation.kind == JUDD_ACTIVATION_NONE;
    return false;
}

static bool is_activation(const judd_step *step) {
    return step->n_inputs == 1 && step->activation.kind != JUDD_ACTIVATION_NONE &&
           step->activation.kind <= JUDD_ACTIVATION_FUSED;
}

static bool bare_convolution(const judd_step *step) {
    return is(step, "Conv") && step->activation.kind == JUDD_ACTIVATION_NONE && step->residual < 0;
}

/* conv + residual of the same shape. When both operands are such convolutions, the later one takes
 * the sum, so that its input need not live longer. */
static bool takes_sum(const judd_net *net, int conv, int add) {
    const judd_step *c = &net->steps[conv], *a = &net->steps[add];
    if (!is(a, "Add") || !bare_convolution(c) || a->activation.kind != JUDD_ACTIVATION_NONE)
        return false;
    int other = a->inputs[a->inputs[0] == c->output ? 1 : 0];
    const judd_net_value *x = &net->values[c->output], *y = &net->values[other];
    if (other == c->output || y->data || x->rank != y->rank ||
        memcmp(x->dims, y->dims, (size_t)x->rank * sizeof *x->dims) != 0)
        return false;
    const judd_step *rival = producer(net, other);
    return !(rival && rival > c && bare_convolution(rival) && uses(net, other) == 1);
}

/* Lets step i take in the step after it; it is looked at again at its new place. */
static judd_status grow(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    int next = only_reader(net, &net->steps[i]);
    if (next < 0) goto done;
    judd_step *step = &net->steps[i], *after = &net->steps[next];
    if (is(after, "BatchNormalization") && bare_convolution(step)) {
        JUDD_TRY(fold_norm(net, i, next));
    } else if (is_activation(after) && takes_activation(step)) {
        step->activation = after->activation;
        absorb(net, i, next);
    } else if (takes_sum(net, i, next)) {
        step->residual = after->inputs[after->inputs[0] == step->output ? 1 : 0];
        absorb(net, i, next);
    }
done:
    return status;
}

/* ---- patterns that exporters write for one operator -------------------------------------------
 */

/* Zeros around an image, then a convolution: the convolution pads. */
static void fold_pad(judd_net *net, int i) {
    const judd_step *pad = &net->steps[i];
    int next = is(pad, "Pad") ? only_reader(net, pad) : -1;
    if (next < 0 || !is(&net->steps[next], "Conv")) return;
    const judd_graph_attribute *pads = judd_graph_attribute_of(pad->node, "pads");
    if (!pads || pads->n != 8 || judd_graph_attribute_int(pad->node, "mode", 0) != 0 ||
        judd_graph_attribute_float(pad->node, "value", 0.0f) != 0.0f)
        return;
    const int64_t *p = pads->ints;
    if (p[0] || p[1] || p[4] || p[5] || p[2] < 0 || p[3] < 0 || p[6] < 0 || p[7] < 0) return;
    judd_step *conv = &net->steps[next];
    for (int d = 0; d < 2; d++) {
        conv->window.begin[d] += p[2 + d];
        conv->window.end[d] += p[6 + d];
    }
    conv->inputs[0] = pad->inputs[0];
    kill(&net->steps[i]);
}

/* Zero channels before and after, as in the shortcuts without weights of He et al. 2015, "Deep
 * residual learning", option A: a 1x1 convolution with a part of the identity. It stays in the
 * images' layout, strides if every s-th pixel was taken before, and can take the sum after it. */
static judd_status pad_to_convolution(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    judd_step *pad = &net->steps[i];
    const judd_graph_attribute *pads =
        is(pad, "Pad") ? judd_graph_attribute_of(pad->node, "pads") : NULL;
    if (!pads || pads->n != 8 || judd_graph_attribute_int(pad->node, "mode", 0) != 0 ||
        judd_graph_attribute_float(pad->node, "value", 0.0f) != 0.0f)
        goto done;
    for (int d = 0; d < 8; d++)
        if (d % 4 == 1 ? pads->ints[d] < 0 : pads->ints[d] != 0) goto done;
    int64_t in = judd_net_input(net, pad, 0)->dims[1], out = judd_net_output(net, pad)->dims[1];
    int weights = -1, *inputs = NULL;
    float *w = NULL;
    JUDD_TRY(judd_net_add_value(net, &weights, pad->name, 4, (int64_t[]){out, in, 1, 1}, &w));
    for (int64_t c = 0; c < in; c++) w[(c + pads->ints[1]) * in + c] = 1.0f;
    JUDD_TRY(judd_memory_alloc(&inputs, 2, sizeof *inputs));
    inputs[0] = pad->inputs[0];
    inputs[1] = weights;
    free(pad->inputs);
    pad->inputs = inputs;
    pad->n_inputs = 2;
    pad->op = "Conv";
    pad->window =
        (judd_window){.groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    for (int k = i - 1; k >= 0; k--) { /* exporters stride rows and columns one after the other */
        judd_step *pool = &net->steps[k];
        const judd_window *p = &pool->window;
        if (!is(pool, "MaxPool") || pool->output != inputs[0] || uses(net, pool->output) != 1 ||
            p->kernel[0] * p->kernel[1] != 1 || p->begin[0] + p->begin[1] + p->end[0] + p->end[1])
            continue;
        for (int d = 0; d < 2; d++) pad->window.stride[d] *= p->stride[d];
        inputs[0] = pool->inputs[0];
        kill(pool);
    }
done:
    return status;
}

/* The mean over height and width is a pooling, then perhaps a reshape. */
static judd_status mean_to_pool(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    judd_step *mean = &net->steps[i];
    const judd_net_value *x = judd_net_input(net, mean, 0);
    const judd_graph_attribute *axes =
        is(mean, "ReduceMean") ? judd_graph_attribute_of(mean->node, "axes") : NULL;
    if (!axes || axes->n != 2 || x->rank != 4 || axes->ints[0] + axes->ints[1] != 5 ||
        axes->ints[0] * axes->ints[1] != 6)
        goto done;
    mean->op = "GlobalAveragePool";
    if (judd_net_output(net, mean)->rank == 4) goto done;
    int64_t dims[4] = {x->dims[0], x->dims[1], 1, 1};
    int pooled = -1, *inputs = NULL;
    judd_step reshape = {.op = "Reshape",
                         .name = mean->name,
                         .node = mean->node,
                         .n_inputs = 1,
                         .n_operands = 1,
                         .output = mean->output,
                         .residual = -1};
    JUDD_TRY(judd_net_add_computed(net, &pooled, mean->name, 4, dims));
    JUDD_TRY(judd_memory_alloc(&inputs, 1, sizeof *inputs));
    inputs[0] = pooled;
    reshape.inputs = inputs;
    judd_step *steps = realloc(net->steps, ((size_t)net->n_steps + 1) * sizeof *steps);
    if (!steps) {
        free(inputs);
        JUDD_FAIL(JUDD_E_INTERNAL, "node %s: no memory for a step", reshape.name);
    }
    net->steps = steps;
    memmove(steps + i + 2, steps + i + 1, (size_t)(net->n_steps - i - 1) * sizeof *steps);
    net->n_steps++;
    steps[i].output = pooled;
    steps[i + 1] = reshape;
done:
    return status;
}

/* x * sigmoid(x): Ramachandran, Zoph, Le 2017, "Searching for activation functions". */
static void find_swish(judd_net *net, int i) {
    judd_step *sigmoid = &net->steps[i];
    int next = is(sigmoid, "Sigmoid") ? only_reader(net, sigmoid) : -1;
    if (next < 0 || !is(&net->steps[next], "Mul")) return;
    judd_step *mul = &net->steps[next];
    int x = mul->inputs[mul->inputs[0] == sigmoid->output ? 1 : 0];
    if (x != sigmoid->inputs[0]) return;
    mul->op = "Swish";
    mul->activation = (judd_activation){.kind = JUDD_ACTIVATION_SWISH};
    mul->inputs[0] = x;
    mul->n_inputs = mul->n_operands = 1;
    kill(sigmoid);
}

static void compact(judd_net *net) {
    int n = 0;
    for (int i = 0; i < net->n_steps; i++)
        if (net->steps[i].op) net->steps[n++] = net->steps[i];
    net->n_steps = n;
}

judd_status judd_fuse_net(judd_net *net) {
    judd_status status = JUDD_OK;
    for (int i = 0; i < net->n_steps; i++) {
        fold_pad(net, i);
        find_swish(net, i);
        JUDD_TRY(pad_to_convolution(net, i));
    }
    compact(net);
    for (int i = 0; i < net->n_steps; i++) JUDD_TRY(mean_to_pool(net, i));
    for (int i = 0; i < net->n_steps; i++)
        if (net->steps[i].op) JUDD_TRY(grow(net, i));
done:
    compact(net);
    return status;
}
