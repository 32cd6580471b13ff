/* A tensor as a view into another one's memory: what steps that only move or cut make, without
 * moving. */
#ifndef JUDD_SRC_ENGINE_STRIDED_H
#define JUDD_SRC_ENGINE_STRIDED_H

#include "engine/net.h"

enum { JUDD_STRIDED_ATOMS = 16 };

/** Every dimension is a product of atoms, outermost first; none: one place. */
typedef struct judd_strided {
    int64_t offset; /* floats from the memory's first */
    int rank, n_atoms;
    int dim[JUDD_STRIDED_ATOMS]; /* of each atom; ascending */
    int64_t size[JUDD_STRIDED_ATOMS], stride[JUDD_STRIDED_ATOMS];
} judd_strided;

/** The whole of a row-major tensor. */
void judd_strided_plain(judd_strided *view, int rank, const int64_t *dims);

/** The output of a step as a view, if `view` is its first input: Transpose, Reshape, Flatten,
 *  Squeeze, Unsqueeze, Gather of one place, Slice, and Pad by nothing. False if it cannot be one.
 */
bool judd_strided_follow(judd_strided *view, const judd_net *net, const judd_step *step);

/** `y` is a view into a row-major x. If each place of dimension d of y has the number stride[d],
 *  `out` says for every place of x where it is by those numbers. */
void judd_strided_invert(judd_strided *out, const judd_strided *y, const int64_t *stride,
                         int x_rank, const int64_t *x_dims);

/** offsets of dimensions [first, end) of a view, row-major; without the view's own offset. */
judd_status judd_strided_offsets(int64_t **offsets, const judd_strided *view, int first, int end);

/** Elements of dimensions [first, end). */
int64_t judd_strided_size(const judd_strided *view, int first, int end);

#endif
