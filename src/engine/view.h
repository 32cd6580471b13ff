/* Walking over tensors: one odometer, offsets into three of them. */
#ifndef JUDD_SRC_ENGINE_VIEW_H
#define JUDD_SRC_ENGINE_VIEW_H

#include "engine/net.h"

enum { JUDD_VIEW_RANK = JUDD_GRAPH_MAX_RANK + 1 };

typedef struct judd_view {
    int rank;
    int64_t dims[JUDD_VIEW_RANK], index[JUDD_VIEW_RANK];
    int64_t stride[3][JUDD_VIEW_RANK], offset[3];
} judd_view;

/** Back to the first place. */
void judd_view_reset(judd_view *view);
/** To the next place, last dimension fastest; false after the last one (the view is then reset). */
bool judd_view_next(judd_view *view);

/** Row-major strides of a plain tensor. */
void judd_view_strides(int64_t *strides, int rank, const int64_t *dims);

/** Set the places of a blocked tensor that are no channel to zero: kernels that write whole blocks
 *  end with this, because convolutions multiply those places. */
void judd_view_clear_padding(const judd_operand *operand, float *data);

/** Strides of an operand seen with the plain output's dimensions; 0 where it is repeated.
 *  JUDD_E_DATA names the node when numpy's rules do not allow it. */
judd_status judd_view_broadcast(int64_t *strides, const judd_operand *out, const judd_operand *in,
                                const char *name);

#endif
