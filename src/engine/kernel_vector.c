/* Rows of the kernel table for what costs no more than moving its data: scaling of channels,
 * normalisation over channels or rows, functions of single numbers. Loops that compilers turn into
 * vectors; the same operations in the same order with every instruction set. */
#include "engine/activate.h"
#include "engine/kernel.h"
#include "engine/view.h"

#include <judd/base/clones.h>
#include <judd/base/integers.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCK = 16 };

static int64_t blocks_of(const judd_operand *o) {
    return (o->dims[1] + o->block - 1) / o->block;
}

static int64_t pixels_of(const judd_operand *o) {
    return o->dims[2] * o->dims[3];
}

/* ---- y = f(x * scale + shift) with numbers for every channel ----------------------------------
 */

/* y may be x. CLIP: the least and the most that can come out. */
#define SCALE_BLOCK(name, width)                                                                   \
    JUDD_CLONES static void name(const float *x, float *y, int64_t pixels, const float *scale,     \
                                 const float *shift, float low, float high) {                      \
        for (int64_t i = 0; i < pixels; i++, x += width, y += width)                               \
            for (int l = 0; l < width; l++) {                                                      \
                float z = x[l] * scale[l] + shift[l];                                              \
                z = z < low ? low : z;                                                             \
                y[l] = z > high ? high : z;                                                        \
            }                                                                                      \
    }
SCALE_BLOCK(scale_8, 8)
SCALE_BLOCK(scale_16, 16)

/* A block of channels; shift NULL: 0. */
static void scale_block(int block, judd_activation f, const float *x, float *y, int64_t pixels,
                        const float *scale, const float *shift) {
    static const float zeros[MAX_BLOCK] = {0};
    bool relu = f.kind == JUDD_ACTIVATION_RELU && f.alpha == 0.0f;
    bool clip = f.kind == JUDD_ACTIVATION_CLIP;
    (block == 8 ? scale_8 : scale_16)(x, y, pixels, scale, shift ? shift : zeros,
                                      relu   ? 0.0f
                                      : clip ? f.alpha
                                             : -INFINITY,
                                      clip ? f.beta : INFINITY);
    if (!relu && !clip) judd_activate(f, y, pixels * block);
}

/* Parts that stand behind each other in the channels: a concatenation that is never made. */
typedef struct affine_state {
    judd_operand out;
    int n_parts;
    int64_t *blocks;      /* [n_parts] */
    float *scale, *shift; /* [blocks of out * block], zeros behind the last channel */
    judd_activation activation;
} affine_state;

static void affine_destroy(void *state) {
    affine_state *s = state;
    if (!s) return;
    free(s->blocks);
    free(s->scale);
    free(s->shift);
    free(s);
}

static judd_status affine_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    affine_state *s = NULL;
    int64_t padded = blocks_of(&b->out) * b->out.block;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->out = b->out;
    s->n_parts = b->step->n_operands;
    s->activation = b->step->activation;
    JUDD_TRY(judd_memory_alloc(&s->blocks, s->n_parts, sizeof *s->blocks));
    JUDD_TRY(judd_memory_alloc(&s->scale, padded, sizeof *s->scale));
    JUDD_TRY(judd_memory_alloc(&s->shift, padded, sizeof *s->shift));
    for (int i = 0; i < s->n_parts; i++) s->blocks[i] = blocks_of(&b->in[i]);
    size_t bytes = (size_t)b->out.dims[1] * sizeof *s->scale;
    memcpy(s->scale, judd_net_floats(b->net, b->step, s->n_parts), bytes);
    memcpy(s->shift, judd_net_floats(b->net, b->step, s->n_parts + 1), bytes);
    *out = s;
    s = NULL;
done:
    affine_destroy(s);
    return status;
}

static judd_status affine_run(void *state, const float *const *in, float *out) {
    const affine_state *s = state;
    int64_t plane = pixels_of(&s->out) * s->out.block;
    float *y = out;
    for (int64_t n = 0; n < s->out.dims[0]; n++) {
        int64_t channel = 0;
        for (int i = 0; i < s->n_parts; i++)
            for (int64_t c = 0; c < s->blocks[i]; c++, y += plane, channel += s->out.block)
                scale_block(s->out.block, s->activation, in[i] + (n * s->blocks[i] + c) * plane, y,
                            pixels_of(&s->out), s->scale + channel, s->shift + channel);
    }
    judd_view_clear_padding(&s->out, out);
    return JUDD_OK;
}

/* ---- an image times one number for every channel ----------------------------------------------
 */

typedef struct gate_state {
    judd_operand out;
    judd_activation activation;
    int image; /* which operand is the image */
} gate_state;

static bool is_gate(const judd_net_value *gate, const judd_net_value *image) {
    return !gate->data && !image->data && gate->rank == 4 && image->rank == 4 &&
           gate->dims[0] == image->dims[0] && gate->dims[1] == image->dims[1] &&
           gate->dims[2] == 1 && gate->dims[3] == 1;
}

static bool gate_accepts(const judd_net *net, const judd_step *step) {
    const judd_net_value *a = judd_net_input(net, step, 0), *b = judd_net_input(net, step, 1);
    return net->block > 0 && (is_gate(a, b) || is_gate(b, a));
}

static judd_status gate_create(void **out, const judd_kernel_binding *b) {
    gate_state *s = NULL;
    judd_status status = judd_memory_alloc(&s, 1, sizeof *s);
    *out = s;
    if (s)
        *s = (gate_state){
            b->out, b->step->activation,
            is_gate(judd_net_input(b->net, b->step, 0), judd_net_input(b->net, b->step, 1))};
    return status;
}

static judd_status gate_run(void *state, const float *const *in, float *out) {
    const gate_state *s = state;
    int64_t plane = pixels_of(&s->out) * s->out.block;
    for (int64_t i = 0; i < s->out.dims[0] * blocks_of(&s->out); i++)
        scale_block(s->out.block, s->activation, in[s->image] + i * plane, out + i * plane,
                    pixels_of(&s->out), in[1 - s->image] + i * s->out.block, NULL);
    judd_view_clear_padding(&s->out, out);
    return JUDD_OK;
}

/* ---- layer normalisation: Ba, Kiros, Hinton 2016 ----------------------------------------------
 */

enum { LANES = 8 }; /* partial sums of a row, added in one order at the end */

typedef struct norm_state {
    judd_operand out;
    int64_t rows, n; /* of plain operands */
    double epsilon;
    float *scale, *shift; /* padded to whole blocks */
} norm_state;

static void norm_destroy(void *state) {
    norm_state *s = state;
    if (!s) return;
    free(s->scale);
    free(s->shift);
    free(s);
}

/* Over the last dimension. */
static bool norm_accepts(const judd_net *net, const judd_step *step) {
    return step->axis == judd_net_output(net, step)->rank - 1 && step->axis > 0;
}

static judd_status norm_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    norm_state *s = NULL;
    const float *scale = judd_net_floats(b->net, b->step, 1);
    const float *shift = judd_net_floats(b->net, b->step, 2);
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->out = b->out;
    s->n = b->out.dims[b->step->axis];
    s->rows = judd_net_elements(b->out.rank, b->out.dims) / s->n;
    s->epsilon = (double)b->step->epsilon;
    JUDD_TRY(judd_memory_alloc(&s->scale, s->n + MAX_BLOCK, sizeof *scale));
    JUDD_TRY(judd_memory_alloc(&s->shift, s->n + MAX_BLOCK, sizeof *shift));
    memcpy(s->scale, scale, (size_t)s->n * sizeof *scale);
    if (shift) memcpy(s->shift, shift, (size_t)s->n * sizeof *shift);
    *out = s;
    s = NULL;
done:
    norm_destroy(s);
    return status;
}

static double add_lanes(const double *lanes, int n) {
    double sum = 0.0;
    for (int l = 0; l < n; l++) sum += lanes[l];
    return sum;
}

/* Sum of (x - center)^power, power 1 or 2. */
static inline double row_moment(const float *x, int64_t n, double center, int power) {
    double lanes[LANES] = {0};
    int64_t whole = n / LANES * LANES;
    for (int64_t i = 0; i < whole; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double d = (double)x[i + l] - center;
            lanes[l] += power == 1 ? d : d * d;
        }
    for (int64_t i = whole; i < n; i++) {
        double d = (double)x[i] - center;
        lanes[i - whole] += power == 1 ? d : d * d;
    }
    return add_lanes(lanes, LANES);
}

JUDD_CLONES static void norm_rows(const norm_state *s, const float *x, float *y) {
    for (int64_t r = 0; r < s->rows; r++, x += s->n, y += s->n) {
        double mean = row_moment(x, s->n, 0.0, 1) / (double)s->n;
        double variance = row_moment(x, s->n, mean, 2) / (double)s->n;
        float center = (float)mean, factor = (float)(1.0 / sqrt(variance + s->epsilon));
        for (int64_t i = 0; i < s->n; i++)
            y[i] = (x[i] - center) * factor * s->scale[i] + s->shift[i];
    }
}

static judd_status norm_run(void *state, const float *const *in, float *out) {
    norm_rows(state, in[0], out);
    return JUDD_OK;
}

/* The same over the channels of every pixel of a blocked image, a strip of pixels at a time: it is
 * read three times, from the caches after the first. */
enum { STRIP = 32 };

typedef struct strip {
    int64_t pixels, blocks, plane, channels;
    double sum[STRIP][MAX_BLOCK];
    float center[STRIP], factor[STRIP];
} strip;

#define STRIP_MOMENT(name, width)                                                                  \
    JUDD_CLONES static void name(strip *t, const float *x, int power) {                            \
        memset(t->sum, 0, sizeof t->sum);                                                          \
        for (int64_t c = 0; c < t->blocks; c++, x += t->plane) {                                   \
            int64_t valid = judd_least(width, t->channels - c * width);                            \
            for (int64_t i = 0; i < t->pixels; i++)                                                \
                for (int l = 0; l < width; l++) {                                                  \
                    double d = (double)x[i * width + l];                                           \
                    if (power == 2) {                                                              \
                        d -= (double)t->center[i];                                                 \
                        d = l < valid ? d * d : 0.0;                                               \
                    }                                                                              \
                    t->sum[i][l] += d;                                                             \
                }                                                                                  \
        }                                                                                          \
    }
STRIP_MOMENT(moment_8, 8)
STRIP_MOMENT(moment_16, 16)

#define STRIP_APPLY(name, width)                                                                   \
    JUDD_CLONES static void name(const strip *t, const float *x, float *y, const float *scale,     \
                                 const float *shift) {                                             \
        for (int64_t c = 0; c < t->blocks; c++, x += t->plane, y += t->plane)                      \
            for (int64_t i = 0; i < t->pixels; i++)                                                \
                for (int l = 0; l < width; l++)                                                    \
                    y[i * width + l] =                                                             \
                        (x[i * width + l] - t->center[i]) * t->factor[i] * scale[c * width + l] +  \
                        shift[c * width + l];                                                      \
    }
STRIP_APPLY(apply_8, 8)
STRIP_APPLY(apply_16, 16)

static judd_status channels_run(void *state, const float *const *in, float *out) {
    const norm_state *s = state;
    int block = s->out.block;
    int64_t pixels = pixels_of(&s->out);
    strip t = {.blocks = blocks_of(&s->out), .plane = pixels * block, .channels = s->n};
    for (int64_t n = 0; n < s->out.dims[0]; n++)
        for (int64_t first = 0; first < pixels; first += STRIP) {
            int64_t at = n * t.blocks * t.plane + first * block;
            t.pixels = judd_least(STRIP, pixels - first);
            (block == 8 ? moment_8 : moment_16)(&t, in[0] + at, 1);
            for (int64_t i = 0; i < t.pixels; i++)
                t.center[i] = (float)(add_lanes(t.sum[i], block) / (double)s->n);
            (block == 8 ? moment_8 : moment_16)(&t, in[0] + at, 2);
            for (int64_t i = 0; i < t.pixels; i++)
                t.factor[i] =
                    (float)(1.0 / sqrt(add_lanes(t.sum[i], block) / (double)s->n + s->epsilon));
            (block == 8 ? apply_8 : apply_16)(&t, in[0] + at, out + at, s->scale, s->shift);
        }
    judd_view_clear_padding(&s->out, out);
    return JUDD_OK;
}

/* ---- functions that oneDNN has not, or slower --------------------------------------------------
 */

typedef struct map_state {
    judd_operand out;
    float scale, shift; /* before the function */
    bool linear;        /* if they are used */
    judd_activation activation;
} map_state;

/* One number with every element: x * scale + shift, exactly one of them at work. x / c stays a
 * division unless 1 / c is exact. */
static bool number_accepts(const judd_net *net, const judd_step *step) {
    const judd_net_value *c = judd_net_input(net, step, 1);
    const float *data = judd_net_floats(net, step, 1);
    int exponent = 0;
    if (!data || judd_net_input(net, step, 0)->data || judd_net_elements(c->rank, c->dims) != 1 ||
        judd_net_input(net, step, 0)->rank != judd_net_output(net, step)->rank)
        return false;
    return step->op[0] != 'D' || fabsf(frexpf(data[0], &exponent)) == 0.5f;
}

static judd_status map_create(void **out, const judd_kernel_binding *b) {
    map_state *s = NULL;
    judd_status status = judd_memory_alloc(&s, 1, sizeof *s);
    *out = s;
    if (!s) return status;
    *s = (map_state){.out = b->out, .scale = 1.0f, .activation = b->step->activation};
    const float *c = judd_net_floats(b->net, b->step, 1);
    if (!c) return JUDD_OK;
    s->linear = true;
    switch (b->step->op[0]) {
    case 'A':
        s->shift = *c;
        break;
    case 'S':
        s->shift = -*c;
        break;
    case 'M':
        s->scale = *c;
        break;
    default:
        s->scale = 1.0f / *c;
    }
    return JUDD_OK;
}

JUDD_CLONES static void scale_all(float scale, float shift, const float *x, float *y, int64_t n) {
    if (shift == 0.0f)
        for (int64_t i = 0; i < n; i++) y[i] = x[i] * scale;
    else
        for (int64_t i = 0; i < n; i++) y[i] = x[i] + shift;
}

static judd_status map_run(void *state, const float *const *in, float *out) {
    const map_state *s = state;
    enum { AT_ONCE = 4096 }; /* copied and computed in the first-level cache */
    int64_t n = judd_net_bytes(&s->out) / (int64_t)sizeof *out;
    for (int64_t i = 0; i < n; i += AT_ONCE) {
        int64_t count = judd_least(AT_ONCE, n - i);
        if (s->linear)
            scale_all(s->scale, s->shift, in[0] + i, out + i, count);
        else
            memcpy(out + i, in[0] + i, (size_t)count * sizeof *out);
        judd_activate(s->activation, out + i, count);
    }
    judd_view_clear_padding(&s->out, out);
    return JUDD_OK;
}

#define NUMBER(name)                                                                               \
    {                                                                                              \
        .op = name, .layout = JUDD_EITHER, .accepts = number_accepts, .create = map_create,        \
        .run = map_run, .destroy = free                                                            \
    }

const judd_kernel_ops judd_vector_kernels[] = {
    {.op = JUDD_OP_AFFINE,
     .layout = JUDD_BLOCKED,
     .create = affine_create,
     .run = affine_run,
     .destroy = affine_destroy},
    {.op = "Mul",
     .layout = JUDD_BLOCKED,
     .accepts = gate_accepts,
     .create = gate_create,
     .run = gate_run,
     .destroy = free},
    {.op = "LayerNormalization",
     .accepts = norm_accepts,
     .create = norm_create,
     .run = norm_run,
     .destroy = norm_destroy},
    {.op = JUDD_OP_CHANNEL_NORM,
     .layout = JUDD_BLOCKED,
     .create = norm_create,
     .run = channels_run,
     .destroy = norm_destroy},
    {.op = "Gelu", .layout = JUDD_EITHER, .create = map_create, .run = map_run, .destroy = free},
    NUMBER("Add"),
    NUMBER("Sub"),
    NUMBER("Mul"),
    NUMBER("Div"),
    {.op = NULL},
};
