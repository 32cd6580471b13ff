#include "engine/view.h"

#include <string.h>

void judd_view_reset(judd_view *view) {
    memset(view->index, 0, sizeof view->index);
    view->offset[0] = view->offset[1] = view->offset[2] = 0;
}

bool judd_view_next(judd_view *view) {
    for (int d = view->rank - 1; d >= 0; d--) {
        for (int i = 0; i < 3; i++) view->offset[i] += view->stride[i][d];
        if (++view->index[d] < view->dims[d]) return true;
        for (int i = 0; i < 3; i++) view->offset[i] -= view->dims[d] * view->stride[i][d];
        view->index[d] = 0;
    }
    return false;
}

void judd_view_strides(int64_t *strides, int rank, const int64_t *dims) {
    int64_t stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= dims[d];
    }
}

void judd_view_clear_padding(const judd_operand *o, float *data) {
    if (o->layout != JUDD_BLOCKED || o->dims[1] % o->block == 0) return;
    int64_t blocks = o->dims[1] / o->block + 1, valid = o->dims[1] % o->block;
    int64_t pixels = o->dims[2] * o->dims[3];
    for (int64_t n = 0; n < o->dims[0]; n++) {
        float *last = data + ((n * blocks + blocks - 1) * pixels) * o->block;
        for (int64_t i = 0; i < pixels; i++)
            memset(last + i * o->block + valid, 0, (size_t)(o->block - valid) * sizeof *data);
    }
}

judd_status judd_view_broadcast(int64_t *strides, const judd_operand *out, const judd_operand *in,
                                const char *name) {
    int64_t own[JUDD_GRAPH_MAX_RANK];
    int shift = out->rank - in->rank;
    judd_view_strides(own, in->rank, in->dims);
    for (int d = 0; d < out->rank; d++) {
        int64_t dim = d < shift ? 1 : in->dims[d - shift];
        strides[d] = dim == 1 || d < shift ? 0 : own[d - shift];
        if (shift < 0 || (dim != 1 && dim != out->dims[d]))
            return judd_status_set(JUDD_E_DATA,
                                   "node %s: operands cannot be broadcast; export the "
                                   "model again",
                                   name);
    }
    return JUDD_OK;
}
