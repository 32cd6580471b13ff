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

typedef enum binary_kind { ADD, DIV, MAX, MIN, MUL, POW, PRELU, SUB, N_BINARY } binary_kind;
static const char *const binary_names[N_BINARY] = {"Add", "Div", "Max",   "Min",
                                                   "Mul", "Pow", "PRelu", "Sub"};

typedef struct binary_state {
    judd_operand out;
    judd_view view; /* all but the last dimension of the output, where `lanes` stands */
    int64_t lanes, lane_stride[2];
    binary_kind op;
    judd_activation activation;
} binary_state;

static binary_kind binary_of(const char *op) {
    int i = 0;
    while (i < N_BINARY - 1 && strcmp(binary_names[i], op) != 0) i++;
    return (binary_kind)i;
}

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
    s->op = binary_of(b->step->op);
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

static inline float binary_one(binary_kind op, float a, float b) {
    switch (op) {
    case ADD:
        return a + b;
    case DIV:
        return a / b;
    case MAX:
        return a > b || isnan(a) ? a : b;
    case MIN:
        return a < b || isnan(a) ? a : b;
    case MUL:
        return a * b;
    case POW:
        return b == 2.0f ? a * a : powf(a, b);
    case PRELU:
        return a < 0.0f ? a * b : a;
    default:
        return a - b;
    }
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

/* ---- reductions ------------------------------------------------------------------------------ */

typedef enum reduction {
    L1,
    L2,
    LOG_SUM,
    LOG_SUM_EXP,
    LARGEST,
    MEAN,
    SMALLEST,
    PRODUCT,
    TOTAL,
    SQUARES,
    N_REDUCTIONS
} reduction;
static const char *const reduction_names[N_REDUCTIONS] = {
    "ReduceL1",   "ReduceL2",  "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd",   "ReduceSum",       "ReduceSumSquare"};

typedef struct reduce_state {
    judd_view kept, reduced; /* dimensions of the input, split */
    double count;
    reduction kind;
} reduce_state;

static judd_status reduce_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    reduce_state *s = NULL;
    const judd_graph_attribute *axes = judd_graph_attribute_of(b->step->node, "axes");
    int64_t strides[JUDD_GRAPH_MAX_RANK];
    int kind = 0;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    while (kind < N_REDUCTIONS - 1 && strcmp(reduction_names[kind], b->step->op) != 0) kind++;
    s->kind = (reduction)kind;
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

/* One step of a sum; `offset` is the largest number for LOG_SUM_EXP. */
static double reduce_add(reduction kind, double sum, double x, double offset) {
    switch (kind) {
    case L1:
        return sum + fabs(x);
    case L2:
    case SQUARES:
        return sum + x * x;
    case LOG_SUM_EXP:
        return sum + exp(x - offset);
    case LARGEST:
        return x > sum || isnan(x) ? x : sum;
    case SMALLEST:
        return x < sum || isnan(x) ? x : sum;
    case PRODUCT:
        return sum * x;
    default:
        return sum + x;
    }
}

static double reduce_all(reduction kind, judd_view *v, const float *x, double offset) {
    double sum = kind == LARGEST    ? -INFINITY
                 : kind == SMALLEST ? INFINITY
                 : kind == PRODUCT  ? 1.0
                                    : 0.0;
    judd_view_reset(v);
    do {
        sum = reduce_add(kind, sum, (double)x[v->offset[0]], offset);
    } while (judd_view_next(v));
    return sum;
}

static judd_status reduce_run(void *state, const float *const *in, float *out) {
    reduce_state *s = state;
    judd_view_reset(&s->kept);
    do {
        const float *x = in[0] + s->kept.offset[0];
        double offset = s->kind == LOG_SUM_EXP ? reduce_all(LARGEST, &s->reduced, x, 0.0) : 0.0;
        double sum = reduce_all(s->kind, &s->reduced, x, offset);
        if (s->kind == MEAN) sum /= s->count;
        if (s->kind == L2) sum = sqrt(sum);
        if (s->kind == LOG_SUM || s->kind == LOG_SUM_EXP) sum = log(sum) + offset;
        *out++ = (float)sum;
    } while (judd_view_next(&s->kept));
    return JUDD_OK;
}

/* ---- a choice of two --------------------------------------------------------------------------
 */

static judd_status where_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    judd_view *v = NULL;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&v, 1, sizeof *v));
    v->rank = b->out.rank;
    memcpy(v->dims, b->out.dims, sizeof b->out.dims);
    for (int i = 0; i < 3; i++)
        JUDD_TRY(judd_view_broadcast(v->stride[i], &b->out, &b->in[i], b->step->name));
    *out = v;
    v = NULL;
done:
    free(v);
    return status;
}

static judd_status where_run(void *state, const float *const *in, float *out) {
    judd_view *v = state;
    judd_view_reset(v);
    do {
        int k = in[0][v->offset[0]] != 0.0f ? 1 : 2;
        *out++ = in[k][v->offset[k]];
    } while (judd_view_next(v));
    return JUDD_OK;
}

/* ---- layer and instance normalisation ---------------------------------------------------------
 */

typedef struct norm_state {
    int64_t rows, n;  /* every row of n numbers gets mean 0 and variance 1 */
    int64_t channels; /* > 0: row r has scale[r % channels]; 0: scale[place in the row] */
    double epsilon;
    float *scale, *shift;
} norm_state;

static void norm_destroy(void *state) {
    norm_state *s = state;
    if (!s) return;
    free(s->scale);
    free(s->shift);
    free(s);
}

static judd_status norm_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    norm_state *s = NULL;
    const float *scale = judd_net_floats(b->net, b->step, 1);
    const float *shift = judd_net_floats(b->net, b->step, 2);
    bool layer = b->step->op[0] == 'L';
    int axis = layer ? (int)judd_graph_attribute_int(b->step->node, "axis", 0) : 2;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->rows = judd_net_elements(axis, b->out.dims);
    s->n = judd_net_elements(b->out.rank - axis, b->out.dims + axis);
    s->channels = layer ? 0 : b->out.dims[1];
    s->epsilon = (double)judd_graph_attribute_float(b->step->node, "epsilon", 1e-5f);
    int64_t n = layer ? s->n : s->channels;
    JUDD_TRY(judd_memory_alloc(&s->scale, n, sizeof *scale));
    JUDD_TRY(judd_memory_alloc(&s->shift, n, sizeof *shift));
    memcpy(s->scale, scale, (size_t)n * sizeof *scale);
    if (shift) memcpy(s->shift, shift, (size_t)n * sizeof *shift);
    *out = s;
    s = NULL;
done:
    norm_destroy(s);
    return status;
}

static judd_status norm_run(void *state, const float *const *in, float *out) {
    const norm_state *s = state;
    for (int64_t r = 0; r < s->rows; r++) {
        const float *x = in[0] + r * s->n;
        float *y = out + r * s->n;
        double mean = 0.0, variance = 0.0;
        for (int64_t i = 0; i < s->n; i++) mean += (double)x[i];
        mean /= (double)s->n;
        for (int64_t i = 0; i < s->n; i++)
            variance += ((double)x[i] - mean) * ((double)x[i] - mean);
        double factor = 1.0 / sqrt(variance / (double)s->n + s->epsilon);
        for (int64_t i = 0; i < s->n; i++) {
            int64_t k = s->channels ? r % s->channels : i;
            y[i] =
                (float)(((double)x[i] - mean) * factor * (double)s->scale[k] + (double)s->shift[k]);
        }
    }
    return JUDD_OK;
}

#define UNARY(name)                                                                                \
    {                                                                                              \
        .op = name, .layout = JUDD_BLOCKED, .create = unary_create, .run = unary_run,              \
        .destroy = free                                                                            \
    }
#define REDUCE(name)                                                                               \
    { .op = name, .create = reduce_create, .run = reduce_run, .destroy = free }
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
    UNARY("Gelu"),
    UNARY("Abs"),
    UNARY("Ceil"),
    UNARY("Celu"),
    UNARY("Elu"),
    UNARY("Erf"),
    UNARY("Exp"),
    UNARY("Floor"),
    UNARY("Log"),
    UNARY("Neg"),
    UNARY("Reciprocal"),
    UNARY("Round"),
    UNARY("Selu"),
    UNARY("Shrink"),
    UNARY("Sign"),
    UNARY("Softplus"),
    UNARY("Softsign"),
    UNARY("Sqrt"),
    UNARY("Tanh"),
    UNARY("ThresholdedRelu"),
    BINARY("Add"),
    BINARY("Sub"),
    BINARY("Mul"),
    BINARY("Div"),
    BINARY("Max"),
    BINARY("Min"),
    BINARY("Pow"),
    BINARY("PRelu"),
    {.op = "Softmax", .create = softmax_create, .run = softmax_run, .destroy = free},
    {.op = "LogSoftmax", .create = softmax_create, .run = softmax_run, .destroy = free},
    {.op = "Where", .create = where_create, .run = where_run, .destroy = free},
    {.op = "LayerNormalization", .create = norm_create, .run = norm_run, .destroy = norm_destroy},
    {.op = "InstanceNormalization",
     .create = norm_create,
     .run = norm_run,
     .destroy = norm_destroy},
    REDUCE("ReduceL1"),
    REDUCE("ReduceL2"),
    REDUCE("ReduceLogSum"),
    REDUCE("ReduceLogSumExp"),
    REDUCE("ReduceMax"),
    REDUCE("ReduceMean"),
    REDUCE("ReduceMin"),
    REDUCE("ReduceProd"),
    REDUCE("ReduceSum"),
    REDUCE("ReduceSumSquare"),
    {.op = NULL},
};
