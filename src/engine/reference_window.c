/* Plain loops over images: the definitions of the ONNX operators, summed in double precision. They
 * are the oracle of the oneDNN kernels and what runs when oneDNN has none.
 */
#include "engine/kernel.h"
#include "engine/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct window_state {
    judd_operand in, out;
    judd_window window;
    judd_activation activation;
    bool residual, average, include_pad;
    float *weights, *bias;      /* Conv */
    double alpha, beta, offset; /* LRN */
    int64_t size;
} window_state;

static void window_destroy(void *state) {
    window_state *s = state;
    if (!s) return;
    free(s->weights);
    free(s->bias);
    free(s);
}

static judd_status window_create(void **out, const judd_kernel_binding *b) {
    window_state *s = NULL;
    judd_status status = judd_memory_alloc(&s, 1, sizeof *s);
    *out = s;
    if (status != JUDD_OK) return status;
    s->in = b->in[0];
    s->out = b->out;
    s->window = b->step->window;
    s->activation = b->step->activation;
    s->residual = b->step->residual >= 0;
    s->include_pad = s->window.include_pad;
    s->average = strstr(b->step->op, "Average") != NULL;
    return JUDD_OK;
}

static judd_status copy_floats(float **out, const float *from, int64_t n) {
    judd_status status = judd_memory_alloc(out, n, sizeof *from);
    if (status == JUDD_OK) memcpy(*out, from, (size_t)n * sizeof *from);
    return status;
}

/* ---- convolution ----------------------------------------------------------------------------- */

static judd_status conv_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    window_state *s = NULL;
    *out = NULL;
    JUDD_TRY(window_create((void **)&s, b));
    const judd_net_value *weights = judd_net_input(b->net, b->step, 1);
    const float *bias = judd_net_floats(b->net, b->step, 2);
    JUDD_TRY(copy_floats(&s->weights, weights->data, judd_net_elements(4, weights->dims)));
    if (bias) JUDD_TRY(copy_floats(&s->bias, bias, s->out.dims[1]));
    *out = s;
    s = NULL;
done:
    window_destroy(s);
    return status;
}

/* One output: in [ic, h, w] of the group, weights [ic, kh, kw], window corner at (y, x). */
static double conv_at(const window_state *s, const float *in, const float *weights, int64_t y,
                      int64_t x) {
    const judd_window *w = &s->window;
    int64_t height = s->in.dims[2], width = s->in.dims[3], ic = s->in.dims[1] / w->groups;
    double sum = 0.0;
    for (int64_t c = 0; c < ic; c++)
        for (int64_t i = 0; i < w->kernel[0]; i++)
            for (int64_t j = 0; j < w->kernel[1]; j++) {
                int64_t r = y + i * w->dilation[0], q = x + j * w->dilation[1];
                if (r < 0 || r >= height || q < 0 || q >= width) continue;
                sum += (double)in[(c * height + r) * width + q] *
                       (double)weights[(c * w->kernel[0] + i) * w->kernel[1] + j];
            }
    return sum;
}

static judd_status conv_run(void *state, const float *const *in, float *out) {
    const window_state *s = state;
    const judd_window *w = &s->window;
    const int64_t *xd = s->in.dims, *yd = s->out.dims;
    int64_t ic = xd[1] / w->groups, oc = yd[1] / w->groups, k = ic * w->kernel[0] * w->kernel[1];
    for (int64_t n = 0; n < yd[0]; n++)
        for (int64_t c = 0; c < yd[1]; c++) {
            const float *image = in[0] + (n * xd[1] + c / oc * ic) * xd[2] * xd[3];
            for (int64_t y = 0; y < yd[2]; y++)
                for (int64_t x = 0; x < yd[3]; x++, out++) {
                    double v = conv_at(s, image, s->weights + c * k, y * w->stride[0] - w->begin[0],
                                       x * w->stride[1] - w->begin[1]);
                    if (s->bias) v += (double)s->bias[c];
                    if (s->residual) v += (double)*out;
                    *out = judd_net_activate(s->activation, (float)v);
                }
        }
    return JUDD_OK;
}

/* ---- pooling --------------------------------------------------------------------------------- */

/* A window over one channel; an average counts the cells inside the image, or inside the padding
 * too when the operator says so. */
static float pool_at(const window_state *s, const float *in, int64_t y, int64_t x) {
    const judd_window *w = &s->window;
    double sum = 0.0;
    float max = -INFINITY;
    int64_t inside = 0;
    for (int64_t i = 0; i < w->kernel[0]; i++)
        for (int64_t j = 0; j < w->kernel[1]; j++) {
            int64_t r = y + i * w->dilation[0], q = x + j * w->dilation[1];
            if (r < 0 || r >= s->in.dims[2] || q < 0 || q >= s->in.dims[3]) continue;
            float v = in[r * s->in.dims[3] + q];
            sum += (double)v;
            if (v > max || isnan(v)) max = v;
            inside++;
        }
    if (!s->average) return max;
    int64_t count = s->include_pad ? w->kernel[0] * w->kernel[1] : inside;
    return count ? (float)(sum / (double)count) : 0.0f;
}

static judd_status pool_run(void *state, const float *const *in, float *out) {
    const window_state *s = state;
    const judd_window *w = &s->window;
    for (int64_t plane = 0; plane < s->out.dims[0] * s->out.dims[1]; plane++)
        for (int64_t y = 0; y < s->out.dims[2]; y++)
            for (int64_t x = 0; x < s->out.dims[3]; x++)
                *out++ = pool_at(s, in[0] + plane * s->in.dims[2] * s->in.dims[3],
                                 y * w->stride[0] - w->begin[0], x * w->stride[1] - w->begin[1]);
    return JUDD_OK;
}

static judd_status global_create(void **out, const judd_kernel_binding *b) {
    judd_status status = window_create(out, b);
    if (status != JUDD_OK) return status;
    window_state *s = *out;
    s->window = (judd_window){.groups = 1,
                              .kernel = {s->in.dims[2], s->in.dims[3]},
                              .stride = {1, 1},
                              .dilation = {1, 1}};
    return JUDD_OK;
}

/* ---- local response normalisation ------------------------------------------------------------ */

static judd_status lrn_create(void **out, const judd_kernel_binding *b) {
    judd_status status = window_create(out, b);
    if (status != JUDD_OK) return status;
    window_state *s = *out;
    s->size = judd_graph_attribute_int(b->step->node, "size", 1);
    s->alpha = (double)judd_graph_attribute_float(b->step->node, "alpha", 1e-4f);
    s->beta = (double)judd_graph_attribute_float(b->step->node, "beta", 0.75f);
    s->offset = (double)judd_graph_attribute_float(b->step->node, "bias", 1.0f);
    return JUDD_OK;
}

/* y = x / (bias + alpha/size sum x'^2)^beta over channels c - floor((size-1)/2) ... c +
 * ceil((size-1)/2): ONNX LRN; Krizhevsky et al. 2012, section 3.3. */
static judd_status lrn_run(void *state, const float *const *in, float *out) {
    const window_state *s = state;
    int64_t channels = s->in.dims[1], pixels = s->in.dims[2] * s->in.dims[3];
    int64_t below = (s->size - 1) / 2, above = s->size - 1 - below;
    for (int64_t n = 0; n < s->in.dims[0]; n++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < pixels; i++) {
                const float *x = in[0] + n * channels * pixels + i;
                double sum = 0.0;
                for (int64_t d = c - below; d <= c + above; d++)
                    if (d >= 0 && d < channels)
                        sum += (double)x[d * pixels] * (double)x[d * pixels];
                double scale = pow(s->offset + s->alpha / (double)s->size * sum, s->beta);
                *out++ = (float)((double)x[c * pixels] / scale);
            }
    return JUDD_OK;
}

/* ---- batch normalisation that no convolution took -------------------------------------------- */

static judd_status norm_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    window_state *s = NULL;
    *out = NULL;
    JUDD_TRY(window_create((void **)&s, b));
    int64_t channels = s->in.dims[1];
    double epsilon = (double)judd_graph_attribute_float(b->step->node, "epsilon", 1e-5f);
    const float *p[5];
    for (int i = 1; i < 5; i++) p[i] = judd_net_floats(b->net, b->step, i);
    JUDD_TRY(judd_memory_alloc(&s->weights, channels, sizeof(float)));
    JUDD_TRY(judd_memory_alloc(&s->bias, channels, sizeof(float)));
    for (int64_t c = 0; c < channels; c++) {
        double scale = (double)p[1][c] / sqrt((double)p[4][c] + epsilon);
        s->weights[c] = (float)scale;
        s->bias[c] = (float)((double)p[2][c] - scale * (double)p[3][c]);
    }
    *out = s;
    s = NULL;
done:
    window_destroy(s);
    return status;
}

/* Either layout: in blocks of B channels (B = 1 when plain) of `pixels` places each. */
static judd_status norm_run(void *state, const float *const *in, float *out) {
    const window_state *s = state;
    int64_t channels = s->in.dims[1], lanes = s->in.layout == JUDD_BLOCKED ? s->in.block : 1;
    int64_t pixels = judd_net_elements(s->in.rank - 2, s->in.dims + 2), at = 0;
    for (int64_t n = 0; n < s->in.dims[0]; n++)
        for (int64_t c = 0; c < channels; c += lanes) {
            int64_t valid = channels - c < lanes ? channels - c : lanes;
            for (int64_t i = 0; i < pixels; i++, at += lanes)
                for (int64_t l = 0; l < valid; l++)
                    out[at + l] = in[0][at + l] * s->weights[c + l] + s->bias[c + l];
        }
    if (s->activation.kind)
        for (int64_t i = 0; i < at; i++) out[i] = judd_net_activate(s->activation, out[i]);
    judd_view_clear_padding(&s->out, out);
    return JUDD_OK;
}

const judd_kernel_ops judd_reference_window_kernels[] = {
    {.op = "Conv", .create = conv_create, .run = conv_run, .destroy = window_destroy},
    {.op = "MaxPool", .create = window_create, .run = pool_run, .destroy = window_destroy},
    {.op = "AveragePool", .create = window_create, .run = pool_run, .destroy = window_destroy},
    {.op = "GlobalAveragePool",
     .create = global_create,
     .run = pool_run,
     .destroy = window_destroy},
    {.op = "GlobalMaxPool", .create = global_create, .run = pool_run, .destroy = window_destroy},
    {.op = "LRN", .create = lrn_create, .run = lrn_run, .destroy = window_destroy},
    {.op = "BatchNormalization",
     .layout = JUDD_BLOCKED,
     .create = norm_create,
     .run = norm_run,
     .destroy = window_destroy},
    {.op = NULL},
};
