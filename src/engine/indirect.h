/** Convolutions of any shape, and products with constant weights, as one matrix product whose rows
 *  are pointers into the image: nothing is copied together first.
 *
 *  Dukhan 2019, "The indirect convolution algorithm". Results have the same bits for every
 *  instruction set, number of threads and place in the batch.
 */
#ifndef JUDD_SRC_ENGINE_INDIRECT_H
#define JUDD_SRC_ENGINE_INDIRECT_H

#include "engine/indirect_kernel.h"
#include "engine/net.h"

typedef struct judd_indirect judd_indirect;

/** One of the products that make an output: where its factors are. */
typedef struct judd_indirect_term {
    int32_t src;    /* floats from the row's first */
    int64_t weight; /* floats from the column's first */
} judd_indirect_term;

/** dst[row][column] = f(sum over terms of src * weight + bias [+ dst]). Row = image * pixels +
 *  pixel. */
typedef struct judd_indirect_problem {
    int64_t images, pixels, columns, n_terms;
    const int64_t *pixel_src;        /* [pixels] floats from the image's first; copied */
    int64_t image_src;               /* floats from an image to the next */
    const judd_indirect_term *terms; /* copied */
    const float *weights;            /* packed, not kept; NULL: the constant stays NULL */
    int64_t column_weight;           /* floats from a column to the next */
    const float *bias;               /* [columns] or NULL; copied */
    bool residual;                   /* add to what dst holds */
    judd_activation activation;
    judd_operand dst; /* blocked by the kernel's width, or row-major [rows, columns] */
} judd_indirect_problem;

/** The kernel for an instruction set (judd_onednn_isa). */
const judd_indirect_kernel *judd_indirect_kernel_of(int isa);

judd_status judd_indirect_create(judd_indirect **out, const judd_indirect_kernel *kernel,
                                 const judd_indirect_problem *problem);
void judd_indirect_destroy(judd_indirect *indirect);

/** visit(data, place of the packed weights, bytes). */
void judd_indirect_constants(judd_indirect *indirect,
                             void (*visit)(void *data, float **constant, int64_t bytes),
                             void *data);

/** Bytes of workspace a thread needs. */
int64_t judd_indirect_workspace(const judd_indirect *indirect);

/** Rows [first, end); src and dst are the first image's. */
void judd_indirect_run(const judd_indirect *indirect, const float *src, float *dst, int64_t first,
                       int64_t end, void *workspace);

#endif
