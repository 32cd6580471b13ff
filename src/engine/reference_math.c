/* Plain loops for arithmetic and reductions. */
#include "engine/kernel.h"
#include "engine/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- activations ----------------------------------------------------------------------------- */

typedef struct unary_state {
    judd_operand out;
    judd_activation activation;
} unary_state;

static judd_status unary_create(void **out, const judd_kernel_binding *b) {
    unary_state *s = NULL;
    judd_status status = judd_memory_alloc(&s, 1, sizeof *s);
    *out = s;
    if (s) *s = (unary_state){b->out, b->step->activation};
    return status;
}

static judd_status unary_run(void *state, const float *const *in, float *out) {
    const unary_state *s = state;
    int64_t n = judd_net_bytes(&s->out) / (int64_t)sizeof *out;
    for (int64_t i = 0; i < n; i++) out[i] = judd_net_activate(s->activation, in[0][i]);
    judd_view_clear_padding(&s->out, out);
    return JUDD_OK;
}

/* ---- binary arithmetic with numpy's broadcasting --------------------------------------------- */

typedef struct binary_state {
    judd_operand out;
    judd_view view; /* all but the last dimension of the output, where `lanes` stands */
    int64_t lanes, lane_stride[2];
    char op;
    judd_activation activation;
} binary_state;

/* Strides of an operand seen with a blocked output: dimensions n, c/B, h, w, c%B. */
static void block_strides(int64_t strides[5], const judd_operand *out, const judd_operand *in,
                          const int64_t plain[4]) {
    int64_t b = out->block;
    if (in->layout == JUDD_PLAIN) {
        const int64_t s[5] = {plain[0], plain[1] * b, plain[2], plain[3], plain[1]};
        memcpy(strides, s, sizeof s);
        return;
    }
    int64_t blocks = (in->dims[1] + b - 1) / b, w = in->dims[3], h = in->dims[2];
    const int64_t s[5] = {in->dims[0] == 1 ? 0 : blocks * h * w * b,
                          in->dims[1] == 1 ? 0 : h * w * b, h == 1 ? 0 : w * b, w == 1 ? 0 : b,
                          in->dims[1] == 1 ? 0 : 1};
    memcpy(strides, s, sizeof s);
}

static void set_view(binary_state *s, const judd_operand *o,
                     const int64_t strides[2][JUDD_VIEW_RANK]) {
    int64_t dims[JUDD_VIEW_RANK] = {1};
    int rank = o->rank > 0 ? o->rank : 1;
    memcpy(dims, o->dims, (size_t)o->rank * sizeof *dims);
    if (o->layout == JUDD_BLOCKED) {
        rank = 5;
        dims[1] = (o->dims[1] + o->block - 1) / o->block;
        dims[4] = o->block;
    }
    s->view.rank = rank - 1;
    s->lanes = dims[rank - 1];
    for (int i = 0; i < 2; i++) {
        memcpy(s->view.stride[i], strides[i], sizeof strides[i]);
        s->lane_stride[i] = strides[i][rank - 1];
    }
    memcpy(s->view.dims, dims, sizeof dims);
}

static judd_status binary_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    binary_state *s = NULL;
    int64_t strides[2][JUDD_VIEW_RANK] = {{0}};
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->out = b->out;
    s->op = b->step->op[0]; /* Add, Sub, Mul, Div */
    s->activation = b->step->activation;
    for (int i = 0; i < 2; i++) {
        int64_t plain[JUDD_VIEW_RANK] = {0};
        JUDD_TRY(judd_view_broadcast(plain, &b->out, &b->in[i], b->step->name));
        if (b->out.layout == JUDD_BLOCKED)
            block_strides(strides[i], &b->out, &b->in[i], plain);
        else
            memcpy(strides[i], plain, sizeof plain);
    }
    set_view(s, &b->out, strides);
    *out = s;
    s = NULL;
done:
    free(s);
    return status;
}

static inline float binary_one(char op, float a, float b) {
    return op == 'A' ? a + b : op == 'S' ? a - b : op == 'M' ? a * b : a / b;
}

static judd_status binary_run(void *state, const float *const *in, float *out) {
    binary_state *s = state;
    bool blocked = s->out.layout == JUDD_BLOCKED;
    int64_t sa = s->lane_stride[0], sb = s->lane_stride[1], at = 0;
    judd_view_reset(&s->view);
    do {
        const float *a = in[0] + s->view.offset[0], *b = in[1] + s->view.offset[1];
        int64_t valid = s->lanes;
        if (blocked && s->out.dims[1] - s->view.index[1] * s->lanes < valid)
            valid = s->out.dims[1] - s->view.index[1] * s->lanes;
        for (int64_t l = 0; l < valid; l++)
            out[at + l] = judd_net_activate(s->activation, binary_one(s->op, a[l * sa], b[l * sb]));
        at += s->lanes;
    } while (judd_view_next(&s->view));
    judd_view_clear_padding(&s->out, out);
    return JUDD_OK;
}

static bool image_output(const judd_net *net, const judd_step *step) {
    return judd_net_output(net, step)->rank == 4;
}

/* ---- softmax --------------------------------------------------------------------------------- */

typedef struct softmax_state {
    int64_t outer, n, inner;
    bool logarithm;
} softmax_state;

static judd_status softmax_create(void **out, const judd_kernel_binding *b) {
    softmax_state *s = NULL;
    judd_status status = judd_memory_alloc(&s, 1, sizeof *s);
    *out = s;
    if (!s) return status;
    int axis = (int)judd_graph_attribute_int(b->step->node, "axis", b->out.rank - 1);
    s->outer = judd_net_elements(axis, b->out.dims);
    s->n = b->out.dims[axis];
    s->inner = judd_net_elements(b->out.rank - axis - 1, b->out.dims + axis + 1);
    s->logarithm = b->step->op[0] == 'L';
    return JUDD_OK;
}

static judd_status softmax_run(void *state, const float *const *in, float *out) {
    const softmax_state *s = state;
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t i = 0; i < s->inner; i++) {
            const float *x = in[0] + o * s->n * s->inner + i;
            float *y = out + o * s->n * s->inner + i, max = -INFINITY;
            double sum = 0.0;
            for (int64_t k = 0; k < s->n; k++) max = fmaxf(max, x[k * s->inner]);
            for (int64_t k = 0; k < s->n; k++) sum += exp((double)(x[k * s->inner] - max));
            for (int64_t k = 0; k < s->n; k++) {
                double d = (double)(x[k * s->inner] - max);
                y[k * s->inner] = (float)(s->logarithm ? d - log(sum) : exp(d) / sum);
            }
        }
    return JUDD_OK;
}

/* ---- mean ------------------------------------------------------------------------------------ */

typedef struct mean_state {
    judd_view kept, reduced; /* dimensions of the input, split */
    double count;
} mean_state;

static judd_status mean_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    mean_state *s = NULL;
    const judd_graph_attribute *axes = judd_graph_attribute_of(b->step->node, "axes");
    int64_t strides[JUDD_GRAPH_MAX_RANK];
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->count = 1.0;
    judd_view_strides(strides, b->in[0].rank, b->in[0].dims);
    for (int d = 0; d < b->in[0].rank; d++) {
        bool gone = !axes;
        for (int64_t i = 0; axes && i < axes->n; i++) gone = gone || axes->ints[i] == d;
        judd_view *v = gone ? &s->reduced : &s->kept;
        v->dims[v->rank] = b->in[0].dims[d];
        v->stride[0][v->rank++] = strides[d];
        if (gone) s->count *= (double)b->in[0].dims[d];
    }
    *out = s;
done:
    return status;
}

static judd_status mean_run(void *state, const float *const *in, float *out) {
    mean_state *s = state;
    judd_view_reset(&s->kept);
    do {
        double sum = 0.0;
        judd_view_reset(&s->reduced);
        do {
            sum += (double)in[0][s->kept.offset[0] + s->reduced.offset[0]];
        } while (judd_view_next(&s->reduced));
        *out++ = (float)(sum / s->count);
    } while (judd_view_next(&s->kept));
    return JUDD_OK;
}

#define UNARY(name)                                                                                \
    {                                                                                              \
        .op = name, .layout = JUDD_BLOCKED, .create = unary_create, .run = unary_run,              \
        .destroy = free                                                                            \
    }
/* On images in the images' layout; on anything else plain. */
#define BINARY(name)                                                                               \
    {.op = name,                                                                                   \
     .layout = JUDD_BLOCKED,                                                                       \
     .accepts = image_output,                                                                      \
     .create = binary_create,                                                                      \
     .run = binary_run,                                                                            \
     .destroy = free},                                                                             \
    {                                                                                              \
        .op = name, .create = binary_create, .run = binary_run, .destroy = free                    \
    }

const judd_kernel_ops judd_reference_math_kernels[] = {
    UNARY("Relu"),
    UNARY("LeakyRelu"),
    UNARY("Clip"),
    UNARY("Sigmoid"),
    UNARY("HardSigmoid"),
    UNARY("HardSwish"),
    UNARY("Swish"),
    BINARY("Add"),
    BINARY("Sub"),
    BINARY("Mul"),
    BINARY("Div"),
    {.op = "Softmax", .create = softmax_create, .run = softmax_run, .destroy = free},
    {.op = "LogSoftmax", .create = softmax_create, .run = softmax_run, .destroy = free},
    {.op = "ReduceMean", .create = mean_create, .run = mean_run, .destroy = free},
    {.op = NULL},
};
