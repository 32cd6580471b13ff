#include "engine/indirect.h"

#include <judd/base/integers.h>

#include "engine/activate.h"
#include "engine/onednn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A panel of weights for K_BLOCK terms stays in the first-level cache, what K_BLOCK terms read of
 * BLOCK_ROWS rows in the second; of up to RESIDENT_TERMS, all that is read of them. No bit depends
 * on these. */
enum { K_BLOCK = 256, BLOCK_ROWS = 96, RESIDENT_TERMS = 832, LINE = 16 };

struct judd_indirect {
    const judd_indirect_kernel *kernel;
    int64_t pixels, columns, n_terms, panels;
    int64_t *pixel_src, image_src;
    int32_t *offset;
    int64_t dst_image, dst_pixel, vector_step;
    float *weights; /* [panel][term][2W, or W in a last half panel], or so for blocks of terms */
    float *bias;    /* [panel][2W] */
    uint32_t *keep;
    bool blocked, clamps, residual, runs;
    float least, most;
    judd_activation activation;
};

/* Rows under way. */
typedef struct block {
    int64_t n;
    const float *src[BLOCK_ROWS];
    float *dst[BLOCK_ROWS];
} block;

const judd_indirect_kernel *judd_indirect_kernel_of(int isa) {
    const judd_indirect_kernel *kernel = isa >= JUDD_ISA_AVX512 ? judd_indirect_avx512()
                                         : isa >= JUDD_ISA_AVX2 ? judd_indirect_avx2()
                                                                : NULL;
    return kernel ? kernel : judd_indirect_generic();
}

/* ---- making ---------------------------------------------------------------------------------- */

static int vectors_of(const judd_indirect *d, int64_t panel) {
    return (2 * panel + 1) * d->kernel->width < d->columns ? 2 : 1;
}

/* Terms of one panel after the other, or panels for a block of terms? Then the sums of all panels
 * wait. */
static bool panels_first(const judd_indirect *d) {
    return d->n_terms <= RESIDENT_TERMS;
}

/* Where the weights of a panel for terms from k on, a multiple of K_BLOCK, begin: in the order in
 * which they are read. */
static int64_t place_of(const judd_indirect *d, int64_t panel, int64_t k) {
    int64_t width = d->kernel->width, column = panel * 2 * width;
    if (panels_first(d)) return column * d->n_terms + k * vectors_of(d, panel) * width;
    return (d->columns + width - 1) / width * width * k +
           column * judd_least(K_BLOCK, d->n_terms - k);
}

static void pack(judd_indirect *d, const judd_indirect_problem *p) {
    int64_t width = d->kernel->width;
    for (int64_t k = 0; k < d->n_terms; k += K_BLOCK)
        for (int64_t panel = 0; panel < d->panels; panel++) {
            int64_t first = panel * 2 * width, lanes = vectors_of(d, panel) * width;
            float *to = d->weights + place_of(d, panel, k);
            int64_t n = judd_least(lanes, d->columns - first);
            for (int64_t i = k; i < judd_least(k + K_BLOCK, d->n_terms); i++, to += lanes)
                for (int64_t c = 0; c < n; c++)
                    to[c] = p->weights[(first + c) * p->column_weight + p->terms[i].weight];
        }
}

static void describe(judd_indirect *d, const judd_indirect_problem *p) {
    judd_activation f = p->activation;
    int64_t width = d->kernel->width;
    d->pixels = p->pixels;
    d->columns = p->columns;
    d->n_terms = p->n_terms;
    d->panels = (p->columns + 2 * width - 1) / (2 * width);
    d->image_src = p->image_src;
    d->blocked = p->dst.layout == JUDD_BLOCKED;
    d->dst_pixel = d->blocked ? width : p->columns;
    d->vector_step = d->blocked ? p->pixels * width : width;
    d->dst_image = p->pixels * (d->blocked ? (p->columns + width - 1) / width * width : p->columns);
    d->residual = p->residual;
    d->activation = f;
    d->clamps = f.kind == JUDD_ACTIVATION_NONE || f.kind == JUDD_ACTIVATION_CLIP ||
                (f.kind == JUDD_ACTIVATION_RELU && f.alpha == 0.0f);
    d->least = f.kind == JUDD_ACTIVATION_CLIP   ? f.alpha
               : f.kind == JUDD_ACTIVATION_RELU ? 0.0f
                                                : -INFINITY;
    d->most = f.kind == JUDD_ACTIVATION_CLIP ? f.beta : INFINITY;
}

judd_status judd_indirect_create(judd_indirect **out, const judd_indirect_kernel *kernel,
                                 const judd_indirect_problem *p) {
    judd_status status = JUDD_OK;
    judd_indirect *d = NULL;
    *out = NULL;
    if (p->dst.layout == JUDD_BLOCKED && p->dst.block != kernel->width)
        JUDD_FAIL(JUDD_E_INTERNAL, "indirect: blocks of %d channels for a kernel of %d",
                  p->dst.block, kernel->width);
    JUDD_TRY(judd_memory_alloc(&d, 1, sizeof *d));
    d->kernel = kernel;
    describe(d, p);
    int64_t padded = d->panels * 2 * kernel->width;
    JUDD_TRY(judd_memory_alloc(&d->pixel_src, p->pixels, sizeof *d->pixel_src));
    JUDD_TRY(judd_memory_alloc(&d->offset, p->n_terms, sizeof *d->offset));
    JUDD_TRY(judd_memory_alloc(&d->bias, padded, sizeof *d->bias));
    JUDD_TRY(judd_memory_alloc(&d->keep, padded, sizeof *d->keep));
    memcpy(d->pixel_src, p->pixel_src, (size_t)p->pixels * sizeof *d->pixel_src);
    for (int64_t i = 0; i < d->n_terms; i++) d->offset[i] = p->terms[i].src;
    if (p->bias) memcpy(d->bias, p->bias, (size_t)d->columns * sizeof *d->bias);
    memset(d->keep, 0xff, (size_t)d->columns * sizeof *d->keep);
    if (p->weights) {
        JUDD_TRY(judd_memory_alloc(&d->weights, padded * p->n_terms, sizeof *d->weights));
        pack(d, p);
    }
    d->runs = true;
    for (int64_t i = 1; i < d->n_terms; i++)
        d->runs = d->runs && (i % JUDD_INDIRECT_RUN == 0 || d->offset[i] == d->offset[i - 1] + 1);
    *out = d;
    d = NULL;
done:
    judd_indirect_destroy(d);
    return status;
}

void judd_indirect_destroy(judd_indirect *d) {
    if (!d) return;
    free(d->pixel_src);
    free(d->offset);
    free(d->weights);
    free(d->bias);
    free(d->keep);
    free(d);
}

void judd_indirect_constants(judd_indirect *d,
                             void (*visit)(void *data, float **constant, int64_t bytes),
                             void *data) {
    visit(data, &d->weights,
          d->panels * 2 * d->kernel->width * d->n_terms * (int64_t)sizeof *d->weights);
}

/* ---- running --------------------------------------------------------------------------------- */

int64_t judd_indirect_workspace(const judd_indirect *d) {
    int64_t panels = panels_first(d) ? 1 : d->panels;
    return panels * BLOCK_ROWS * 2 * d->kernel->width * (int64_t)sizeof(float);
}

static void place_rows(block *b, const judd_indirect *d, const float *src, float *dst,
                       int64_t first) {
    int64_t image = first / d->pixels, pixel = first % d->pixels;
    for (int64_t r = 0; r < b->n; r++) {
        b->src[r] = src + image * d->image_src + d->pixel_src[pixel];
        b->dst[r] = dst + image * d->dst_image + pixel * d->dst_pixel;
        if (++pixel == d->pixels) {
            pixel = 0;
            image++;
        }
    }
}

/* What the kernel left in its sums goes out without the places behind the last column. */
static void put_out(const judd_indirect *d, const judd_indirect_tile *t, int64_t rows,
                    int64_t column, int vectors) {
    int64_t lanes = vectors * d->kernel->width, valid = judd_least(lanes, d->columns - column);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < valid; c++) {
            float x = t->sums[r * lanes + c], *to = t->out[r] + t->panel_step + c;
            if (d->residual) x += *to;
            if (d->clamps) {
                x = x < d->least ? d->least : x;
                x = x > d->most ? d->most : x;
            }
            *to = x;
        }
}

/* A function that is no clamp, where the results are. Of blocked ones: vectors of a panel, in runs
 * of rows that stand together. */
static void activate_panel(const judd_indirect *d, const block *b, int64_t column, int vectors) {
    int64_t width = d->kernel->width;
    for (int h = 0; h < vectors; h++)
        for (int64_t from = 0, end = 0; from < b->n; from = end) {
            float *first = b->dst[from] + (column / width + h) * d->vector_step;
            int64_t valid = d->columns - column - h * width;
            for (end = from + 1; end < b->n && b->dst[end] == b->dst[end - 1] + width;) end++;
            judd_activate(d->activation, first, (end - from) * width);
            for (int64_t r = 0; valid < width && r < end - from; r++)
                memset(first + r * width + valid, 0, (size_t)(width - valid) * sizeof *first);
        }
}

/* Share `part` of `parts` of what a panel reads next, on its way from the memory. */
static void fetch(const float *next, int64_t n, int64_t part, int64_t parts) {
    for (int64_t i = n * part / parts; i < n * (part + 1) / parts; i += LINE)
        __builtin_prefetch(next + i);
}

/* Groups as even as possible: full and half-empty groups cost the same. */
static void multiply_panel(const judd_indirect *d, const block *b, int64_t panel, int64_t k,
                           float *sums) {
    int64_t width = d->kernel->width, column = panel * 2 * width;
    int64_t groups = (b->n + JUDD_INDIRECT_ROWS - 1) / JUDD_INDIRECT_ROWS, row = 0;
    int vectors = vectors_of(d, panel);
    judd_indirect_tile t = {.k = judd_least(K_BLOCK, d->n_terms - k),
                            .offset = d->offset + k,
                            .runs = d->runs,
                            .weights = d->weights + place_of(d, panel, k),
                            .begin = k == 0,
                            .end = k + K_BLOCK >= d->n_terms,
                            .panel_step = 2 * panel * d->vector_step,
                            .vector_step = d->vector_step,
                            .bias = d->bias + column,
                            .keep = d->keep + column,
                            .least = d->least,
                            .most = d->most,
                            .residual = d->residual};
    t.direct = d->blocked || column + vectors * width <= d->columns;
    int64_t used = t.k * vectors * width;
    const float *next = t.weights + used;
    for (int64_t g = 0; g < groups; g++) {
        int64_t rows = b->n / groups + (g < b->n % groups);
        fetch(next, used, g, groups);
        t.rows = b->src + row;
        t.out = b->dst + row;
        t.sums = sums + row * vectors * width;
        d->kernel->multiply[rows - 1][vectors - 1](&t);
        if (t.end && !t.direct) put_out(d, &t, rows, column, vectors);
        row += rows;
    }
    if (t.end && d->blocked && !d->clamps) activate_panel(d, b, column, vectors);
}

static void multiply_block(const judd_indirect *d, const block *b, float *sums) {
    int64_t stride = BLOCK_ROWS * 2 * d->kernel->width;
    if (panels_first(d))
        for (int64_t panel = 0; panel < d->panels; panel++)
            for (int64_t k = 0; k < d->n_terms; k += K_BLOCK) multiply_panel(d, b, panel, k, sums);
    else
        for (int64_t k = 0; k < d->n_terms; k += K_BLOCK)
            for (int64_t panel = 0; panel < d->panels; panel++)
                multiply_panel(d, b, panel, k, sums + panel * stride);
    for (int64_t r = 0; !d->blocked && !d->clamps && r < b->n; r++)
        judd_activate(d->activation, b->dst[r], d->columns);
}

void judd_indirect_run(const judd_indirect *d, const float *src, float *dst, int64_t first,
                       int64_t end, void *workspace) {
    block b;
    int64_t blocks = (end - first + BLOCK_ROWS - 1) / BLOCK_ROWS;
    for (int64_t i = 0; i < blocks; i++) {
        int64_t from = first + (end - first) * i / blocks;
        b.n = first + (end - first) * (i + 1) / blocks - from;
        place_rows(&b, d, src, dst, from);
        multiply_block(d, &b, workspace);
    }
}
