#include "engine/winograd.h"

#include "engine/onednn.h"

#include <judd/base/clones.h>
#include <judd/base/integers.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATCH = JUDD_WINOGRAD_PATCH,
    MOST_KERNEL = 5,
    POINTS = JUDD_WINOGRAD_POINTS,
    LINE = 16,              /* floats of a cache line */
    STREAM_BYTES = 16 << 20 /* outputs from this size on leave the caches before they are read */
};

struct judd_winograd {
    const judd_winograd_kernel *kernel;
    judd_winograd_layer layer;
    int64_t batch, n_tiles, pass_panels;
    float *weights, *bias;
    uint32_t *keep;
};

bool judd_winograd_clamps(judd_activation f) {
    return f.kind == JUDD_ACTIVATION_NONE || f.kind == JUDD_ACTIVATION_CLIP ||
           (f.kind == JUDD_ACTIVATION_RELU && f.alpha == 0.0f);
}

/* Work in multiplications per pair of channels: 36 a tile against 9 or 25 an output. The
 * transformed weights, 36 for every pair, must come from memory in every run, which takes as
 * long as the products of some 20 tiles. tests/engine/bench_winograd.c ("grid") measured it: with
 * AVX-512 as with AVX2 the rule loses nothing and leaves out little. 5x5 kernels of few channels
 * are left out: little time goes there, and three of Inception v3's took its features, from random
 * weights, from 8e-5 to 1.0e-4 of float64's. */
bool judd_winograd_wins(int width, int64_t kernel, const int64_t src_dims[4],
                        const int64_t dst_dims[4]) {
    enum { IMAGE_CHANNELS = 4, WEIGHTS_IN_TILES = 20, LEAST_FOR_5 = 64 };
    int64_t outputs = dst_dims[0] * dst_dims[2] * dst_dims[3];
    int64_t tile = PATCH + 1 - kernel;
    int64_t tiles = dst_dims[0] * judd_pieces(dst_dims[2], tile) * judd_pieces(dst_dims[3], tile);
    if (src_dims[1] <= IMAGE_CHANNELS) return false; /* oneDNN reads images as they come */
    if (kernel == 5 && src_dims[1] < LEAST_FOR_5) return false;
    if (src_dims[1] < width) return true; /* oneDNN generates no code for part of a block */
    return 36 * (tiles + WEIGHTS_IN_TILES) < kernel * kernel * outputs;
}

const judd_winograd_kernel *judd_winograd_kernel_of(int isa) {
    if (isa >= JUDD_ISA_AVX512) return judd_winograd_avx512();
    if (isa >= JUDD_ISA_AVX2) return judd_winograd_avx2();
#ifdef __FP_FAST_FMAF /* no x86, or compiled for one machine */
    return judd_winograd_generic();
#else
    return NULL;
#endif
}

/* ---- weights --------------------------------------------------------------------------------- */

/* The rows of G: (1, p, p^2, ..) / N(p) at the points p = 0, +-a, +-b with N the product of the
 * differences to the others, and (0, .., 0, 1) at infinity. */
static void weight_matrix(double g[PATCH][MOST_KERNEL], int64_t kernel) {
    const double a2 = 0.5, b2 = 2.0, points[5] = {0.0, sqrt(a2), -sqrt(a2), sqrt(b2), -sqrt(b2)};
    const double norm_a = 2.0 * a2 * (a2 - b2), norm_b = 2.0 * b2 * (b2 - a2);
    const double norms[5] = {a2 * b2, norm_a, norm_a, norm_b, norm_b};
    for (int i = 0; i < 5; i++)
        for (int64_t k = 0; k < kernel; k++)
            g[i][k] = k == 0 ? 1.0 / norms[i] : g[i][k - 1] * points[i];
    for (int64_t k = 0; k < kernel; k++) g[5][k] = k == kernel - 1 ? 1.0 : 0.0;
}

/* The weights of one input channel for up to MAX_COLUMNS output channels. */
enum { MAX_COLUMNS = 32 };
typedef double row[MAX_COLUMNS];

/* u[i * 6 + j] = (G w G^T)_ij in double, rounded once, for columns output channels. */
JUDD_CLONES static void transform_weights(const double g[PATCH][MOST_KERNEL], int64_t kernel,
                                          const row *w, int64_t columns, float *u, int64_t stride) {
    for (int i = 0; i < PATCH; i++) {
        row half[MOST_KERNEL] = {{0}}, sum;
        for (int64_t k = 0; k < kernel * kernel; k++)
            for (int o = 0; o < MAX_COLUMNS; o++) half[k % kernel][o] += g[i][k / kernel] * w[k][o];
        for (int j = 0; j < PATCH; j++, u += stride) {
            for (int o = 0; o < MAX_COLUMNS; o++) sum[o] = half[0][o] * g[j][0];
            for (int64_t k = 1; k < kernel; k++)
                for (int o = 0; o < MAX_COLUMNS; o++) sum[o] += half[k][o] * g[j][k];
            for (int64_t o = 0; o < columns; o++) u[o] = (float)sum[o];
        }
    }
}

static void place_weights(judd_winograd *w, const judd_winograd_problem *p) {
    double g[PATCH][MOST_KERNEL];
    row plain[MOST_KERNEL * MOST_KERNEL] = {{0}};
    int64_t width = w->kernel->width, in = p->src.dims[1], out = p->dst.dims[1];
    int64_t channels = w->layer.in_blocks * width;
    int64_t cells = p->kernel * p->kernel;
    weight_matrix(g, p->kernel);
    for (int64_t first = 0; first < out; first += 2 * width) {
        int64_t n = judd_least(2 * width, out - first);
        int64_t columns = judd_pieces(n, width) * width; /* a half panel at the end */
        float *panel = w->weights + first * POINTS * channels;
        for (int64_t c = 0; c < in; c++) {
            for (int64_t o = 0; o < columns; o++)
                for (int64_t k = 0; k < cells; k++)
                    plain[k][o] =
                        o < n ? (double)p->weights[((first + o) * in + c) * cells + k] : 0.0;
            transform_weights(g, p->kernel, plain, columns, panel + c * columns,
                              channels * columns);
        }
    }
}

/* ---- blocks ---------------------------------------------------------------------------------- */

/* Planes an odd number of cache lines apart: else the 36 streams of a transform share a set. */
static int64_t plane(int64_t floats) {
    return (judd_pieces(floats, LINE) | 1) * LINE;
}

/* Enough tiles to use the weights, which come from far, often; few enough that one plane of V stays
 * in the second-level cache. The optimum is flat. Results do not depend on it. */
static int64_t block_tiles(int64_t channels) {
    long cache = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
    cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    int64_t fits = (cache > 0 ? cache : 512 << 10) / 8 * 3 / (channels * (int64_t)sizeof(float));
    int64_t tiles = channels / 2 < 48 ? 48 : judd_least(channels / 2, 224);
    return judd_least(tiles, fits);
}

static void choose_blocks(judd_winograd *w, const judd_winograd_problem *p) {
    judd_winograd_layer *l = &w->layer;
    int64_t width = w->kernel->width, rows = w->kernel->rows,
            panels = judd_pieces(l->out_blocks, 2);
    int64_t tiles = p->block_tiles ? p->block_tiles : block_tiles(l->in_blocks * width);
    int64_t pass = (p->pass_channels ? p->pass_channels : 64) / (2 * width);
    l->block_tiles = (judd_least(tiles, w->n_tiles) + rows - 1) / rows * rows;
    w->pass_panels = pass < 1 ? 1 : judd_least(pass, panels);
    l->v_plane = plane(l->block_tiles * l->in_blocks * width);
    l->m_plane = plane(l->block_tiles * w->pass_panels * 2 * width);
}

/* ---- the object ------------------------------------------------------------------------------ */

static void describe(judd_winograd *w, const judd_winograd_problem *p) {
    judd_winograd_layer *l = &w->layer;
    const int64_t *src = p->src.dims, *dst = p->dst.dims, width = w->kernel->width;
    int64_t tile = PATCH + 1 - p->kernel, pool = p->pool ? 2 : 1;
    judd_activation f = p->activation;
    *l = (judd_winograd_layer){.in_blocks = judd_pieces(src[1], width),
                               .out_blocks = judd_pieces(dst[1], width),
                               .in_h = src[2],
                               .in_w = src[3],
                               .out_h = pool * dst[2],
                               .out_w = pool * dst[3],
                               .pool = p->pool,
                               .top = p->begin[0],
                               .left = p->begin[1],
                               .tile = tile,
                               .tiles_y = judd_pieces(pool * dst[2], tile),
                               .tiles_x = judd_pieces(pool * dst[3], tile),
                               .least = -INFINITY,
                               .most = INFINITY,
                               .residual = p->residual};
    if (f.kind == JUDD_ACTIVATION_RELU) l->least = 0.0f;
    if (f.kind == JUDD_ACTIVATION_CLIP) {
        l->least = f.alpha;
        l->most = f.beta;
    }
    w->n_tiles = dst[0] * l->tiles_y * l->tiles_x;
    /* Streaming pays for whole lines only: rows of an even number of half lines. */
    l->stream = judd_net_bytes(&p->dst) > STREAM_BYTES && dst[3] * width % LINE == 0;
    choose_blocks(w, p);
}

judd_status judd_winograd_create(judd_winograd **out, const judd_winograd_kernel *kernel,
                                 const judd_winograd_problem *p) {
    judd_status status = JUDD_OK;
    judd_winograd *w = NULL;
    int64_t width = kernel->width, channels = p->dst.dims[1];
    *out = NULL;
    if (p->src.block != width || p->dst.block != width || !judd_winograd_clamps(p->activation))
        JUDD_FAIL(JUDD_E_INTERNAL, "winograd: blocks of %d channels for a kernel of %d",
                  p->src.block, kernel->width);
    JUDD_TRY(judd_memory_alloc(&w, 1, sizeof *w));
    w->kernel = kernel;
    describe(w, p);
    int64_t padded = w->layer.out_blocks * width;
    if (p->weights)
        JUDD_TRY(judd_memory_alloc(&w->weights, padded * w->layer.in_blocks * width,
                                   POINTS * sizeof *w->weights));
    JUDD_TRY(judd_memory_alloc(&w->bias, padded, sizeof *w->bias));
    JUDD_TRY(judd_memory_alloc(&w->keep, padded, sizeof *w->keep));
    memset(w->keep, 0xff, (size_t)channels * sizeof *w->keep);
    if (p->bias) memcpy(w->bias, p->bias, (size_t)channels * sizeof *w->bias);
    if (p->weights) place_weights(w, p);
    w->layer.weights = w->weights;
    w->layer.bias = w->bias;
    w->layer.keep = w->keep;
    *out = w;
    w = NULL;
done:
    judd_winograd_destroy(w);
    return status;
}

void judd_winograd_destroy(judd_winograd *w) {
    if (!w) return;
    free(w->weights);
    free(w->bias);
    free(w->keep);
    free(w);
}

void judd_winograd_constants(judd_winograd *w,
                             void (*visit)(void *data, float **constant, int64_t bytes),
                             void *data) {
    int64_t width = w->kernel->width;
    visit(data, &w->weights,
          w->layer.out_blocks * width * w->layer.in_blocks * width * POINTS *
              (int64_t)sizeof *w->weights);
    w->layer.weights = w->weights;
}

int64_t judd_winograd_workspace(const judd_winograd *w) {
    return POINTS * (w->layer.v_plane + w->layer.m_plane) * (int64_t)sizeof(float);
}

void judd_winograd_run(const judd_winograd *w, const float *src, float *dst, void *workspace,
                       int part, int parts) {
    const judd_winograd_layer *l = &w->layer;
    int64_t panels = judd_pieces(l->out_blocks, 2);
    int64_t blocks =
        judd_pieces(judd_pieces(w->n_tiles, l->block_tiles), parts) * parts; /* even shares */
    judd_winograd_work work = {.layer = l, .src = src, .dst = dst, .v = workspace};
    work.m = work.v + POINTS * l->v_plane;
    for (int64_t b = part; b < blocks; b += parts) {
        work.first = w->n_tiles * b / blocks;
        work.n_tiles = w->n_tiles * (b + 1) / blocks - work.first;
        if (work.n_tiles == 0) continue;
        w->kernel->input(&work);
        for (int64_t p = 0; p < panels; p += w->pass_panels) {
            work.first_panel = p;
            work.end_panel = judd_least(p + w->pass_panels, panels);
            w->kernel->products(&work);
            w->kernel->output(&work);
        }
    }
}
