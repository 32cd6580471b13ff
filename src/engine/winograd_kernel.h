/** What winograd.c asks of an instruction set: the three stages on one block of tiles.
 *
 *  Layouts, W = width (channels of a block of the images, floats of a vector), P = 36 points:
 *
 *    src  [image][ic / W][in_h][in_w][W]        dst [image][oc / W][out_h][out_w][W]
 *    U    [panel of 2W output channels][P][ic][2W, or W in a last half panel]
 *    V    [P][group of tiles][ic / W][tile of the group][W]       planes v_plane floats apart
 *    M    [P][panel of the pass][block_tiles][2W or W]            planes m_plane floats apart
 *
 *  Every output is one chain of fused multiply-adds over the input channels in their order, and the
 *  transforms are the same operations in the same order in every kernel: all instruction sets,
 *  blockings and thread counts give the same bits.
 */
#ifndef JUDD_SRC_ENGINE_WINOGRAD_KERNEL_H
#define JUDD_SRC_ENGINE_WINOGRAD_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    JUDD_WINOGRAD_PATCH = 6, /* tile + kernel - 1: 4 + 3 - 1 or 2 + 5 - 1 */
    JUDD_WINOGRAD_POINTS = 36,
    JUDD_WINOGRAD_MOST_TILE = 4
};

typedef struct judd_winograd_layer {
    int64_t in_blocks, out_blocks;               /* of W channels */
    int64_t in_h, in_w, out_h, out_w, top, left; /* out before pooling */
    bool pool;    /* dst [image][oc / W][out_h / 2][out_w / 2][W]: the largest of 2 x 2, tile 4 */
    int64_t tile; /* outputs of a tile in each direction: 4 or 2 */
    int64_t tiles_y, tiles_x;    /* of an image */
    int64_t block_tiles;         /* most tiles of a block */
    int64_t v_plane, m_plane;    /* floats from one point to the next */
    const float *weights, *bias; /* U; [out_blocks * W], zeros behind the last channel */
    const uint32_t *keep;        /* [out_blocks * W]: all ones, zeros behind the last channel */
    float least, most;           /* results are clamped: ReLU, ReLU6, or infinities */
    bool residual;               /* dst holds what is added before the clamp */
    bool stream;                 /* dst is too large for the caches: write round them */
} judd_winograd_layer;

/* Some tiles, counted over all images in row-major order, and some panels, for one thread. */
typedef struct judd_winograd_work {
    const judd_winograd_layer *layer;
    const float *src;
    float *dst, *v, *m;
    int64_t first, n_tiles, first_panel, end_panel;
} judd_winograd_work;

typedef struct judd_winograd_kernel {
    const char *isa;
    int width, rows;                                  /* W; tiles of a group at most */
    void (*input)(const judd_winograd_work *work);    /* V from src */
    void (*products)(const judd_winograd_work *work); /* M = V U for panels [first, end) */
    void (*output)(const judd_winograd_work *work);   /* dst from M */
} judd_winograd_kernel;

/** The tables; NULL where the compiler's target has no such instructions. */
const judd_winograd_kernel *judd_winograd_generic(void);
const judd_winograd_kernel *judd_winograd_avx2(void);
const judd_winograd_kernel *judd_winograd_avx512(void);

#endif
