#include "engine/view.h"

#include <string.h>

void judd_view_reset(judd_view *view) {
    memset(view->index, 0, sizeof view->index);
    view->offset[0] = view->offset[1] = 0;
}

bool judd_view_next(judd_view *view) {
    for (int d = view->rank - 1; d >= 0; d--) {
        view->offset[0] += view->stride[0][d];
        view->offset[1] += view->stride[1][d];
        if (++view->index[d] < view->dims[d]) return true;
        view->offset[0] -= view->dims[d] * view->stride[0][d];
        view->offset[1] -= view->dims[d] * view->stride[1][d];
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
