/* The row of the kernel table that runs Winograd's algorithm. */
#include "engine/kernel.h"
#include "engine/winograd.h"

#include <stdlib.h>

typedef struct convolution {
    judd_winograd *winograd;
    judd_onednn *onednn; /* threads and workspace */
    const float *src;    /* of this run */
    float *dst;
} convolution;

/* By the instruction set the ranks agreed on, not by what this processor could do. */
static const judd_winograd_kernel *kernel_of(const judd_net *net) {
    const judd_winograd_kernel *kernel = judd_winograd_kernel_of(judd_onednn_isa(JUDD_FLOAT32));
    return kernel && kernel->width == net->block ? kernel : NULL;
}

static bool accepts(const judd_net *net, const judd_step *step) {
    const judd_window *w = &step->window;
    if (!net->winograd || w->groups != 1 || !judd_winograd_clamps(step->activation)) return false;
    int64_t dims[4];
    if (w->kernel[0] != 3 && w->kernel[0] != 5) return false;
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != w->kernel[0] || w->stride[i] != 1 || w->dilation[i] != 1) return false;
    judd_net_convolved(dims, net, step);
    return kernel_of(net) &&
           judd_winograd_wins(net->block, w->kernel[0], judd_net_input(net, step, 0)->dims, dims);
}

static void destroy(void *state) {
    convolution *c = state;
    judd_winograd_destroy(c->winograd);
    free(c);
}

static judd_status create(void **state, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    convolution *c = NULL;
    const judd_step *step = b->step;
    judd_winograd_problem p = {.src = b->in[0],
                               .dst = b->out,
                               .kernel = step->window.kernel[0],
                               .pool = step->pooled,
                               .begin = {step->window.begin[0], step->window.begin[1]},
                               .weights = judd_net_weights(b->net, step),
                               .bias = judd_net_floats(b->net, step, 2),
                               .residual = step->residual >= 0,
                               .activation = step->activation};
    JUDD_TRY(judd_memory_alloc(&c, 1, sizeof *c));
    c->onednn = b->onednn;
    JUDD_TRY(judd_winograd_create(&c->winograd, kernel_of(b->net), &p));
    judd_onednn_reserve(b->onednn,
                        judd_onednn_threads(b->onednn) * judd_winograd_workspace(c->winograd));
    *state = c;
    c = NULL;
done:
    if (c) destroy(c);
    return status;
}

static void visit_constants(void *state, judd_constant_visit *visit, void *data) {
    judd_winograd_constants(((convolution *)state)->winograd, visit, data);
}

static void run_part(void *data, int part, int parts) {
    const convolution *c = data;
    char *workspace = judd_onednn_scratch(c->onednn);
    judd_winograd_run(c->winograd, c->src, c->dst,
                      workspace + part * judd_winograd_workspace(c->winograd), part, parts);
}

static judd_status run(void *state, const float *const *in, float *out) {
    convolution *c = state;
    c->src = in[0];
    c->dst = out;
    judd_onednn_parallel(c->onednn, run_part, c);
    return JUDD_OK;
}

const judd_kernel_ops judd_winograd_kernels[] = {{.op = "Conv",
                                                  .layout = JUDD_BLOCKED,
                                                  .accepts = accepts,
                                                  .create = create,
                                                  .run = run,
                                                  .constants = visit_constants,
                                                  .destroy = destroy},
                                                 {.op = NULL}};
