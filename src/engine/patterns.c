/* Patterns that exporters write for one operator. */
#include "engine/attention.h"
#include "engine/rewrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- zeros around an image --------------------------------------------------------------------
 */

/* Zeros around an image, then a convolution or a mean that counts them: the window pads. */
static void fold_pad(judd_net *net, int i) {
    const judd_step *pad = &net->steps[i];
    int next = judd_rewrite_is(pad, "Pad") ? judd_rewrite_only_reader(net, pad) : -1;
    if (next < 0) return;
    judd_step *after = &net->steps[next];
    judd_window *w = &after->window;
    const judd_graph_attribute *pads = judd_graph_attribute_of(pad->node, "pads");
    bool own = w->begin[0] || w->begin[1] || w->end[0] || w->end[1];
    bool pool = judd_rewrite_is(after, "AveragePool") && (w->include_pad || !own);
    if (!(pool || judd_rewrite_is(after, "Conv")) || !pads || pads->n != 8 ||
        judd_graph_attribute_int(pad->node, "mode", 0) != 0 ||
        judd_graph_attribute_float(pad->node, "value", 0.0f) != 0.0f)
        return;
    const int64_t *p = pads->ints;
    if (p[0] || p[1] || p[4] || p[5] || p[2] < 0 || p[3] < 0 || p[6] < 0 || p[7] < 0) return;
    for (int d = 0; pool && d < 2; d++) /* every window must touch the image */
        if (w->begin[d] + p[2 + d] >= w->kernel[d] || w->end[d] + p[6 + d] >= w->kernel[d]) return;
    for (int d = 0; d < 2; d++) {
        w->begin[d] += p[2 + d];
        w->end[d] += p[6 + d];
    }
    w->include_pad = pool;
    after->inputs[0] = pad->inputs[0];
    judd_rewrite_kill(&net->steps[i]);
}

/* Zero channels before and after, as in the shortcuts without weights of He et al. 2015, "Deep
 * residual learning", option A: a 1x1 convolution with a part of the identity. It stays in the
 * images' layout, strides if every s-th pixel was taken before, and can take the sum after it. */
static judd_status pad_to_convolution(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    judd_step *pad = &net->steps[i];
    const judd_graph_attribute *pads =
        judd_rewrite_is(pad, "Pad") ? judd_graph_attribute_of(pad->node, "pads") : NULL;
    if (!pads || pads->n != 8 || judd_graph_attribute_int(pad->node, "mode", 0) != 0 ||
        judd_graph_attribute_float(pad->node, "value", 0.0f) != 0.0f)
        goto done;
    for (int d = 0; d < 8; d++)
        if (d % 4 == 1 ? pads->ints[d] < 0 : pads->ints[d] != 0) goto done;
    int64_t in = judd_net_input(net, pad, 0)->dims[1], out = judd_net_output(net, pad)->dims[1];
    if (in == out) goto done;
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
        if (!judd_rewrite_is(pool, "MaxPool") || pool->output != inputs[0] ||
            judd_rewrite_uses(net, pool->output) != 1 || p->kernel[0] * p->kernel[1] != 1 ||
            p->begin[0] + p->begin[1] + p->end[0] + p->end[1])
            continue;
        for (int d = 0; d < 2; d++) pad->window.stride[d] *= p->stride[d];
        inputs[0] = pool->inputs[0];
        judd_rewrite_kill(pool);
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
        judd_rewrite_is(mean, "ReduceMean") ? judd_graph_attribute_of(mean->node, "axes") : NULL;
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
    int next = judd_rewrite_is(sigmoid, "Sigmoid") ? judd_rewrite_only_reader(net, sigmoid) : -1;
    if (next < 0 || !judd_rewrite_is(&net->steps[next], "Mul")) return;
    judd_step *mul = &net->steps[next];
    int x = mul->inputs[mul->inputs[0] == sigmoid->output ? 1 : 0];
    if (x != sigmoid->inputs[0]) return;
    mul->op = "Swish";
    mul->activation = (judd_activation){.kind = JUDD_ACTIVATION_SWISH};
    mul->inputs[0] = x;
    mul->n_inputs = mul->n_operands = 1;
    judd_rewrite_kill(sigmoid);
}

/* ---- functions --------------------------------------------------------------------------------
 */

/* The constant, if an input is one number. */
static bool number(const judd_net *net, const judd_step *step, int input, double *value) {
    const judd_net_value *v = judd_net_input(net, step, input);
    const float *data = judd_net_floats(net, step, input);
    if (!data || judd_net_elements(v->rank, v->dims) != 1) return false;
    *value = (double)data[0];
    return true;
}

/* Is it `op` of the value and this number, in either order? */
static bool with_number(const judd_net *net, const judd_step *step, const char *op, double wanted) {
    double value = 0.0;
    return judd_rewrite_is(step, op) && step->n_inputs == 2 &&
           (number(net, step, 0, &value) || number(net, step, 1, &value)) &&
           fabs(value - wanted) <= 1e-6 * wanted;
}

/* The reader of what step i makes, if it is the only one. */
static int next_of(const judd_net *net, int i) {
    return i < 0 ? -1 : judd_rewrite_only_reader(net, &net->steps[i]);
}

/* x/2 (1 + erf(x / sqrt(2))): Hendrycks & Gimpel 2016, in PyTorch's order. */
static judd_status find_gelu(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    if (!judd_rewrite_is(&net->steps[i], "Erf")) goto done;
    judd_step *scaled = judd_rewrite_producer(net, net->steps[i].inputs[0]);
    if (!scaled || judd_rewrite_uses(net, scaled->output) != 1) goto done;
    bool divided = with_number(net, scaled, "Div", sqrt(2.0)) && !judd_net_floats(net, scaled, 0);
    if (!divided && !with_number(net, scaled, "Mul", sqrt(0.5))) goto done;
    int x = scaled->inputs[judd_net_floats(net, scaled, 0) ? 1 : 0];
    int add = next_of(net, i), mul = next_of(net, add), half = next_of(net, mul);
    if (half < 0 || !with_number(net, &net->steps[add], "Add", 1.0) ||
        !judd_rewrite_is(&net->steps[mul], "Mul") ||
        !with_number(net, &net->steps[half], "Mul", 0.5))
        goto done;
    const judd_step *product = &net->steps[mul];
    if (product->inputs[product->inputs[0] == net->steps[add].output ? 1 : 0] != x) goto done;
    JUDD_TRY(judd_rewrite_inputs(&net->steps[half], 1, 1, &x));
    net->steps[half].op = "Gelu";
    net->steps[half].activation = (judd_activation){.kind = JUDD_ACTIVATION_GELU};
    judd_rewrite_kill(scaled);
    judd_rewrite_kill(&net->steps[i]);
    judd_rewrite_kill(&net->steps[add]);
    judd_rewrite_kill(&net->steps[mul]);
done:
    return status;
}

/* ---- layer normalisation ----------------------------------------------------------------------
 */

/* The mean over the last dimension, which stays. */
static bool row_mean(const judd_net *net, const judd_step *step) {
    if (!step || !judd_rewrite_is(step, "ReduceMean")) return false;
    const judd_graph_attribute *axes = judd_graph_attribute_of(step->node, "axes");
    const judd_net_value *x = judd_net_input(net, step, 0), *y = judd_net_output(net, step);
    return axes && axes->n == 1 && axes->ints[0] == x->rank - 1 && y->rank == x->rank;
}

/* The only reader, if it is `op` with constants for every place of a row. */
static int with_row(const judd_net *net, int i, const char *op, int *constants) {
    int next = next_of(net, i);
    if (next < 0 || !judd_rewrite_is(&net->steps[next], op)) return -1;
    const judd_step *step = &net->steps[next];
    int other = step->inputs[0] == net->steps[i].output ? 1 : 0;
    const judd_net_value *v = judd_net_input(net, step, other), *y = judd_net_output(net, step);
    if (!judd_net_floats(net, step, other) || v->rank != 1 || v->dims[0] != y->dims[y->rank - 1])
        return -1;
    *constants = step->inputs[other];
    return next;
}

/* Ba, Kiros, Hinton 2016: (x - mean) / sqrt(mean of squares + epsilon) * scale + shift. */
static judd_status find_layer_norm(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    judd_step *div = &net->steps[i], *sub = NULL, *part[5] = {NULL};
    double epsilon = 0.0, power = 0.0;
    int scale = -1, shift = -1;
    if (!judd_rewrite_is(div, "Div")) goto done;
    static const char *const ops[] = {"Sqrt", "Add", "ReduceMean", "Pow"};
    int value = div->inputs[1];
    for (int k = 0; k < 4; k++) { /* backwards */
        part[k] = judd_rewrite_producer(net, value);
        if (!part[k] || !judd_rewrite_is(part[k], ops[k]) ||
            judd_rewrite_uses(net, part[k]->output) != 1)
            goto done;
        value = part[k]->inputs[judd_net_floats(net, part[k], 0) ? 1 : 0];
    }
    sub = judd_rewrite_producer(net, value);
    if (!sub || !judd_rewrite_is(sub, "Sub") || div->inputs[0] != sub->output ||
        judd_rewrite_uses(net, sub->output) != 2 || !row_mean(net, part[2]) ||
        !number(net, part[3], 1, &power) || power != 2.0 ||
        !(number(net, part[1], 0, &epsilon) || number(net, part[1], 1, &epsilon)))
        goto done;
    part[4] = judd_rewrite_producer(net, sub->inputs[1]);
    if (!row_mean(net, part[4]) || judd_rewrite_uses(net, part[4]->output) != 1 ||
        part[4]->inputs[0] != sub->inputs[0])
        goto done;
    int mul = with_row(net, i, "Mul", &scale);
    int add = mul < 0 ? -1 : with_row(net, mul, "Add", &shift);
    if (add < 0) goto done;
    judd_step *norm = &net->steps[add];
    JUDD_TRY(judd_rewrite_inputs(norm, 1, 3, (int[]){sub->inputs[0], scale, shift}));
    norm->op = "LayerNormalization";
    norm->axis = judd_net_output(net, norm)->rank - 1;
    norm->epsilon = (float)epsilon;
    for (int k = 0; k < 5; k++) judd_rewrite_kill(part[k]);
    judd_rewrite_kill(sub);
    judd_rewrite_kill(div);
    judd_rewrite_kill(&net->steps[mul]);
done:
    return status;
}

/* ---- products with constant weights -----------------------------------------------------------
 */

/* The weights are no operand; a sum with constants for every column becomes the third input. */
static judd_status find_linear(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    judd_step *step = &net->steps[i];
    int bias = -1;
    if (!judd_rewrite_is(step, "MatMul") || !judd_net_floats(net, step, 1) ||
        judd_net_input(net, step, 1)->rank != 2 || judd_net_input(net, step, 0)->data)
        goto done;
    step->n_operands = 1;
    int add = with_row(net, i, "Add", &bias);
    if (add < 0) goto done;
    JUDD_TRY(judd_rewrite_inputs(step, 1, 3, (int[]){step->inputs[0], step->inputs[1], bias}));
    judd_rewrite_absorb(net, i, add);
done:
    return status;
}

/* ---- channels moved last and back -------------------------------------------------------------
 */

static bool permutes(const judd_step *step, const int64_t perm[4]) {
    const judd_graph_attribute *a =
        judd_rewrite_is(step, "Transpose") ? judd_graph_attribute_of(step->node, "perm") : NULL;
    return a && a->n == 4 && memcmp(a->ints, perm, 4 * sizeof *perm) == 0;
}

static bool is_linear(const judd_step *step) {
    return judd_rewrite_is(step, "MatMul") && step->n_operands == 1;
}

/* From a transpose to channels last to the one back, if what is between works on channels or single
 * numbers; else -1. */
static int last_of_chain(const judd_net *net, int i) {
    static const int64_t there[4] = {0, 2, 3, 1}, back[4] = {0, 3, 1, 2};
    if (!permutes(&net->steps[i], there)) return -1;
    for (int k = next_of(net, i); k >= 0; k = next_of(net, k)) {
        const judd_step *step = &net->steps[k];
        if (permutes(step, back)) return k;
        bool norm = judd_rewrite_is(step, "LayerNormalization") && step->axis == 3;
        bool function = step->n_inputs == 1 && step->activation.kind != JUDD_ACTIVATION_NONE;
        if (!norm && !function && !is_linear(step)) return -1;
    }
    return -1;
}

/* x W over the channels of every pixel is a 1x1 convolution. */
static judd_status linear_to_convolution(judd_net *net, judd_step *step) {
    judd_status status = JUDD_OK;
    int weights = -1;
    float *to = NULL;
    const judd_net_value *w = judd_net_input(net, step, 1);
    int64_t in = w->dims[0], out = w->dims[1];
    const float *from = judd_net_floats(net, step, 1);
    JUDD_TRY(
        judd_net_add_weights(net, &weights, step->name, 4, (int64_t[]){out, in, 1, 1}, from, &to));
    for (int64_t o = 0; to && o < out; o++)
        for (int64_t k = 0; k < in; k++) to[o * in + k] = from[k * out + o];
    step->inputs[1] = weights;
    step->op = "Conv";
    step->window =
        (judd_window){.groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
done:
    return status;
}

/* As in ConvNeXt (Liu et al. 2022): everything stays in the images' layout. */
static judd_status find_channels_last(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    int last = last_of_chain(net, i), value = net->steps[i].inputs ? net->steps[i].inputs[0] : -1;
    if (last < 0 || next_of(net, i) == last) goto done;
    int end = net->steps[last].output;
    for (int k = next_of(net, i), next = -1; k != last; k = next) {
        judd_step *step = &net->steps[k];
        next = next_of(net, k);
        step->inputs[0] = value;
        if (is_linear(step)) JUDD_TRY(linear_to_convolution(net, step));
        if (judd_rewrite_is(step, "LayerNormalization")) {
            step->op = JUDD_OP_CHANNEL_NORM;
            step->axis = 1;
        }
        if (next == last) step->output = end;
        judd_net_value *y = &net->values[step->output];
        int64_t d[4] = {y->dims[0], y->dims[3], y->dims[1], y->dims[2]};
        if (next != last) memcpy(y->dims, d, sizeof d);
        value = step->output;
    }
    judd_rewrite_kill(&net->steps[last]);
    judd_rewrite_kill(&net->steps[i]);
done:
    return status;
}

judd_status judd_rewrite_patterns(judd_net *net) {
    judd_status status = JUDD_OK;
    static judd_status (*const finders[])(judd_net *, int) = {
        pad_to_convolution, find_gelu,          find_layer_norm,
        find_linear,        find_channels_last, judd_rewrite_attention};
    for (int i = 0; i < net->n_steps; i++) {
        fold_pad(net, i);
        find_swish(net, i);
    }
    for (size_t f = 0; f < sizeof finders / sizeof *finders; f++)
        for (int i = 0; i < net->n_steps; i++)
            if (net->steps[i].op) JUDD_TRY(finders[f](net, i));
    judd_rewrite_sweep(net);
    judd_rewrite_compact(net);
    for (int i = 0; i < net->n_steps; i++) JUDD_TRY(mean_to_pool(net, i));
done:
    return status;
}
