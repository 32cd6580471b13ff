/** Convolution by a 3x3 or 5x5 kernel at stride 1 with Winograd's minimal filtering F(4x4, 3x3), 36
 *  products for 16 outputs where the direct way takes 144, or F(2x2, 5x5), 36 for 4 where it takes
 *  100. On the blocked layout, bias, residual and clamp included.
 *
 *  Lavin & Gray 2016, "Fast algorithms for convolutional neural networks". Results have the same
 *  bits for every instruction set, number of threads and place in the batch.
 */
#ifndef JUDD_SRC_ENGINE_WINOGRAD_H
#define JUDD_SRC_ENGINE_WINOGRAD_H

#include "engine/net.h"
#include "engine/winograd_kernel.h"

typedef struct judd_winograd judd_winograd;

/** What is computed. Both operands are blocked by the kernel's width; dst is as large as the
 *  padding makes it. */
typedef struct judd_winograd_problem {
    judd_operand src, dst;
    int64_t kernel;       /* 3 or 5: rows and columns of the weights */
    int64_t begin[2];     /* rows above, columns left of the image; zeros */
    const float *weights; /* [dst channels, src channels, kernel, kernel]; transformed, not kept.
                           * NULL: the constant stays NULL. */
    const float *bias;    /* [dst channels] or NULL; copied */
    bool residual;        /* add to what dst holds */
    bool pool;            /* dst has the largest of every 2 x 2 outputs; no residual */
    judd_activation activation;         /* one that judd_winograd_clamps */
    int64_t block_tiles, pass_channels; /* sizes of blocks; 0: by the caches. They change no bit */
} judd_winograd_problem;

/** Identity, ReLU and clipping. */
bool judd_winograd_clamps(judd_activation activation);

/** Is it faster than oneDNN's direct convolution? A rule of shape and width (8 with AVX2, 16 with
 *  AVX-512) alone, so that equal jobs choose alike everywhere. A new rule needs a new
 * JUDD_WINOGRAD_RULE. */
bool judd_winograd_wins(int width, int64_t kernel, const int64_t src_dims[4],
                        const int64_t dst_dims[4]);

/** The kernel for an instruction set (judd_onednn_isa), or NULL: without fused multiply-add in
 *  registers nothing is won. */
const judd_winograd_kernel *judd_winograd_kernel_of(int isa);

judd_status judd_winograd_create(judd_winograd **out, const judd_winograd_kernel *kernel,
                                 const judd_winograd_problem *problem);
void judd_winograd_destroy(judd_winograd *winograd);

/** visit(data, place of the transformed weights, bytes). */
void judd_winograd_constants(judd_winograd *winograd,
                             void (*visit)(void *data, float **constant, int64_t bytes),
                             void *data);

/** Bytes of workspace a thread needs. */
int64_t judd_winograd_workspace(const judd_winograd *winograd);

/** Share `part` of `parts` of the work: all of them make dst. Workspaces start at a multiple of 64
 *  bytes. */
void judd_winograd_run(const judd_winograd *winograd, const float *src, float *dst, void *workspace,
                       int part, int parts);

#endif
