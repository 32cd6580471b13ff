/* Rows of the kernel table that run the indirect product: convolutions that oneDNN has no
 * generated code for, or slower, and products with constant weights. */
#include "engine/indirect.h"
#include "engine/kernel.h"

#include <judd/base/integers.h>

#include <stdlib.h>
#include <string.h>

typedef struct state {
    judd_indirect *indirect;
    judd_onednn *onednn;  /* threads and workspace */
    int64_t images, rows; /* rows of an image; of all if nothing is padded */
    /* A padded image has `planes` planes of lanes-wide pixels. */
    bool padded;
    int64_t planes, lanes, in[2], size[2], begin[2], image_src, image_dst;
    int64_t work_bytes; /* a thread's: the product's, then the padded image */
    const float *src;   /* of this run */
    float *dst;
} state;

static void destroy(void *data) {
    state *s = data;
    if (!s) return;
    judd_indirect_destroy(s->indirect);
    free(s);
}

static int64_t product_bytes(const state *s) {
    return judd_round_up(judd_indirect_workspace(s->indirect), 64);
}

/* Zeros around one image. */
static void pad_image(const state *s, const float *src, float *out) {
    int64_t row = s->size[1] * s->lanes, used = s->in[1] * s->lanes, left = s->begin[1] * s->lanes;
    for (int64_t p = 0; p < s->planes; p++)
        for (int64_t y = 0; y < s->size[0]; y++, out += row) {
            int64_t from = y - s->begin[0];
            if (from < 0 || from >= s->in[0]) {
                memset(out, 0, (size_t)row * sizeof *out);
                continue;
            }
            memset(out, 0, (size_t)left * sizeof *out);
            memcpy(out + left, src + (p * s->in[0] + from) * used, (size_t)used * sizeof *out);
            memset(out + left + used, 0, (size_t)(row - left - used) * sizeof *out);
        }
}

static void run_part(void *data, int part, int parts) {
    const state *s = data;
    char *workspace = (char *)judd_onednn_scratch(s->onednn) + part * s->work_bytes;
    if (!s->padded) {
        int64_t rows = s->images * s->rows;
        judd_indirect_run(s->indirect, s->src, s->dst, rows * part / parts,
                          rows * (part + 1) / parts, workspace);
        return;
    }
    float *image = (float *)(void *)(workspace + product_bytes(s));
    for (int64_t i = part; i < s->images; i += parts) {
        pad_image(s, s->src + i * s->image_src, image);
        judd_indirect_run(s->indirect, image, s->dst + i * s->image_dst, 0, s->rows, workspace);
    }
}

static judd_status run(void *data, const float *const *in, float *out) {
    state *s = data;
    s->src = in[0];
    s->dst = out;
    judd_onednn_parallel(s->onednn, run_part, s);
    return JUDD_OK;
}

static void visit_constants(void *data, judd_constant_visit *visit, void *visitor) {
    judd_indirect_constants(((state *)data)->indirect, visit, visitor);
}

static void reserve(state *s) {
    s->work_bytes = product_bytes(s);
    if (s->padded)
        s->work_bytes += judd_round_up(
            s->planes * s->size[0] * s->size[1] * s->lanes * (int64_t)sizeof(float), 64);
    judd_onednn_reserve(s->onednn, judd_onednn_threads(s->onednn) * s->work_bytes);
}

/* ---- making ---------------------------------------------------------------------------------- */

/* What a step asks of the product, while it is made. */
typedef struct recipe {
    state *s;
    judd_indirect_term *terms;
    int64_t *row_src;
    judd_indirect_problem p;
} recipe;

static judd_status allocate(recipe *r, int64_t n_terms) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&r->terms, n_terms, sizeof *r->terms));
    JUDD_TRY(judd_memory_alloc(&r->row_src, r->s->rows, sizeof *r->row_src));
    r->p.n_terms = n_terms;
    r->p.terms = r->terms;
    r->p.pixels = r->s->rows;
    r->p.pixel_src = r->row_src;
done:
    return status;
}

/* describe sets images and rows of the state, then allocates and fills the rest. */
static judd_status create(void **out, const judd_kernel_binding *b,
                          judd_status (*describe)(recipe *r, const judd_kernel_binding *b)) {
    judd_status status = JUDD_OK;
    recipe r = {.p = {.weights = judd_net_weights(b->net, b->step),
                      .bias = judd_net_floats(b->net, b->step, 2),
                      .residual = b->step->residual >= 0,
                      .activation = b->step->activation,
                      .dst = b->out}};
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&r.s, 1, sizeof *r.s));
    r.s->onednn = b->onednn;
    JUDD_TRY(describe(&r, b));
    r.p.images = r.s->images;
    JUDD_TRY(judd_indirect_create(&r.s->indirect,
                                  judd_indirect_kernel_of(judd_onednn_isa(JUDD_FLOAT32)), &r.p));
    reserve(r.s);
    *out = r.s;
    r.s = NULL;
done:
    free(r.terms);
    free(r.row_src);
    destroy(r.s);
    return status;
}

/* ---- convolutions ---------------------------------------------------------------------------- */

enum { IMAGE_CHANNELS = 4 };

/* An image side, or a function that oneDNN does not fuse. */
static bool convolution_accepts(const judd_net *net, const judd_step *step) {
    const judd_net_value *x = judd_net_input(net, step, 0);
    if (step->window.groups != 1 ||
        judd_indirect_kernel_of(judd_onednn_isa(JUDD_FLOAT32))->width != net->block)
        return false;
    return x->dims[1] <= IMAGE_CHANNELS || step->activation.kind > JUDD_ACTIVATION_FUSED;
}

static bool convolution_takes_plain(const judd_kernel_binding *b) {
    return b->in[0].dims[1] <= IMAGE_CHANNELS;
}

static void describe_image(state *s, const judd_kernel_binding *b) {
    const judd_window *w = &b->step->window;
    const int64_t *src = b->in[0].dims;
    s->images = src[0];
    s->lanes = b->in[0].layout == JUDD_BLOCKED ? b->in[0].block : 1;
    s->planes = (src[1] + s->lanes - 1) / s->lanes;
    for (int i = 0; i < 2; i++) {
        s->in[i] = src[2 + i];
        s->begin[i] = w->begin[i];
        s->size[i] = src[2 + i] + w->begin[i] + w->end[i];
        s->padded = s->padded || w->begin[i] || w->end[i];
    }
    s->image_src = s->planes * s->in[0] * s->in[1] * s->lanes;
    s->image_dst = judd_net_bytes(&b->out) / (int64_t)sizeof(float) / s->images;
    s->rows = b->out.dims[2] * b->out.dims[3];
}

/* Blocks of channels, rows and columns of the window, channels of a block. */
static void list_terms(judd_indirect_term *t, const state *s, const judd_window *w,
                       int64_t channels) {
    for (int64_t p = 0; p < s->planes; p++)
        for (int64_t y = 0; y < w->kernel[0]; y++)
            for (int64_t x = 0; x < w->kernel[1]; x++)
                for (int64_t l = 0; l < s->lanes && p * s->lanes + l < channels; l++)
                    *t++ = (judd_indirect_term){
                        (int32_t)(((p * s->size[0] + y * w->dilation[0]) * s->size[1] +
                                   x * w->dilation[1]) *
                                      s->lanes +
                                  l),
                        ((p * s->lanes + l) * w->kernel[0] + y) * w->kernel[1] + x};
}

static judd_status describe_convolution(recipe *r, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    state *s = r->s;
    const judd_window *w = &b->step->window;
    int64_t channels = b->in[0].dims[1], n = channels * w->kernel[0] * w->kernel[1];
    describe_image(s, b);
    if (s->planes * s->size[0] * s->size[1] * s->lanes > INT32_MAX)
        JUDD_FAIL(JUDD_E_DATA, "an image of more than 2^31 numbers cannot be convolved");
    JUDD_TRY(allocate(r, n));
    list_terms(r->terms, s, w, channels);
    for (int64_t i = 0; i < s->rows; i++)
        r->row_src[i] =
            (i / b->out.dims[3] * w->stride[0] * s->size[1] + i % b->out.dims[3] * w->stride[1]) *
            s->lanes;
    r->p.columns = b->out.dims[1];
    r->p.image_src = s->image_src;
    r->p.column_weight = n;
done:
    return status;
}

static judd_status convolution_create(void **out, const judd_kernel_binding *b) {
    return create(out, b, describe_convolution);
}

/* ---- products with constant weights ---------------------------------------------------------- */

static judd_status describe_product(recipe *r, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    const int64_t *w = judd_net_input(b->net, b->step, 1)->dims;
    bool turned = judd_graph_attribute_int(b->step->node, "transB", 0) != 0;
    int64_t k = w[turned ? 1 : 0], n = w[turned ? 0 : 1];
    r->s->images = 1;
    r->s->rows = judd_net_elements(b->out.rank - 1, b->out.dims);
    JUDD_TRY(allocate(r, k));
    for (int64_t i = 0; i < k; i++)
        r->terms[i] = (judd_indirect_term){(int32_t)i, turned ? i : i * n};
    for (int64_t i = 0; i < r->s->rows; i++) r->row_src[i] = i * k;
    r->p.columns = n;
    r->p.column_weight = turned ? k : 1;
done:
    return status;
}

static judd_status product_create(void **out, const judd_kernel_binding *b) {
    return create(out, b, describe_product);
}

const judd_kernel_ops judd_indirect_kernels[] = {
    {.op = "Conv",
     .layout = JUDD_BLOCKED,
     .accepts = convolution_accepts,
     .takes_plain = convolution_takes_plain,
     .create = convolution_create,
     .run = run,
     .constants = visit_constants,
     .destroy = destroy},
    {.op = "Gemm",
     .accepts = judd_net_is_linear,
     .create = product_create,
     .run = run,
     .constants = visit_constants,
     .destroy = destroy},
    {.op = "MatMul",
     .accepts = judd_net_is_linear,
     .create = product_create,
     .run = run,
     .constants = visit_constants,
     .destroy = destroy},
    {.op = NULL},
};
