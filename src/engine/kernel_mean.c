/* The row of the kernel table that takes the mean of every channel of an image. oneDNN sums its
 * pixels one after the other in float32, which costs more than one decimal digit at 112 x 112; and
 * every squeeze-and-excite gate of a network starts with such a mean. */
#include "engine/kernel.h"

#include <stdlib.h>

enum { MOST_LANES = 16 };

typedef struct mean {
    judd_onednn *onednn; /* threads */
    int64_t n_blocks;    /* of all images */
    int64_t pixels;
    int lanes;
    const float *in; /* of this run */
    float *out;
} mean;

static judd_status create(void **state, const judd_kernel_binding *b) {
    mean *m = NULL;
    const judd_operand *x = &b->in[0];
    judd_status status = judd_memory_alloc(&m, 1, sizeof *m);
    *state = m;
    if (status != JUDD_OK) return status;
    m->onednn = b->onednn;
    m->lanes = x->block;
    m->n_blocks = x->dims[0] * ((x->dims[1] + x->block - 1) / x->block);
    m->pixels = x->dims[2] * x->dims[3];
    return JUDD_OK;
}

/* [pixels, lanes] -> [lanes]: four pixels in float32, sums of four in float64. */
static inline void mean_of_block(const float *x, float *y, int64_t pixels, int lanes) {
    double sum[MOST_LANES] = {0};
    int64_t i = 0;
    for (; i + 4 <= pixels; i += 4, x += 4 * lanes)
        for (int l = 0; l < lanes; l++)
            sum[l] += (double)((x[l] + x[lanes + l]) + (x[2 * lanes + l] + x[3 * lanes + l]));
    for (; i < pixels; i++, x += lanes)
        for (int l = 0; l < lanes; l++) sum[l] += (double)x[l];
    for (int l = 0; l < lanes; l++) y[l] = (float)(sum[l] / (double)pixels);
}

static void run_part(void *data, int part, int parts) {
    const mean *m = data;
    int64_t step = m->pixels * m->lanes, end = m->n_blocks * (part + 1) / parts;
    for (int64_t k = m->n_blocks * part / parts; k < end; k++) /* constants make it fast */
        if (m->lanes == 8)
            mean_of_block(m->in + k * step, m->out + k * 8, m->pixels, 8);
        else
            mean_of_block(m->in + k * step, m->out + k * MOST_LANES, m->pixels, MOST_LANES);
}

static judd_status run(void *state, const float *const *in, float *out) {
    mean *m = state;
    m->in = in[0];
    m->out = out;
    judd_onednn_parallel(m->onednn, run_part, m);
    return JUDD_OK;
}

const judd_kernel_ops judd_mean_kernels[] = {{.op = "GlobalAveragePool",
                                              .layout = JUDD_BLOCKED,
                                              .create = create,
                                              .run = run,
                                              .destroy = free},
                                             {.op = NULL}};
