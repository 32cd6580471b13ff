/* Plain loops that move numbers without changing them. */
#include "engine/kernel.h"
#include "engine/view.h"

#include <stdlib.h>
#include <string.h>

/* ---- transpose ------------------------------------------------------------------------------- */

static judd_status transpose_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    judd_view *v = NULL;
    const judd_graph_attribute *perm = judd_graph_attribute_of(b->step->node, "perm");
    int64_t strides[JUDD_GRAPH_MAX_RANK];
    *out = NULL;
    if (!perm || perm->n != b->in[0].rank || b->out.rank != b->in[0].rank)
        JUDD_FAIL(JUDD_E_DATA, "node %s (Transpose): attribute perm does not fit the operand",
                  b->step->name);
    JUDD_TRY(judd_memory_alloc(&v, 1, sizeof *v));
    judd_view_strides(strides, b->in[0].rank, b->in[0].dims);
    v->rank = b->out.rank;
    for (int d = 0; d < v->rank; d++) {
        v->dims[d] = b->out.dims[d];
        v->stride[0][d] = strides[perm->ints[d]];
    }
    *out = v;
done:
    return status;
}

static judd_status transpose_run(void *state, const float *const *in, float *out) {
    judd_view *v = state;
    judd_view_reset(v);
    do {
        *out++ = in[0][v->offset[0]];
    } while (judd_view_next(v));
    return JUDD_OK;
}

/* ---- concat ---------------------------------------------------------------------------------- */

typedef struct concat_state {
    int n;
    int64_t outer, *chunk; /* floats each operand gives per outer index */
} concat_state;

static void concat_destroy(void *state) {
    concat_state *s = state;
    if (!s) return;
    free(s->chunk);
    free(s);
}

static judd_status concat_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    concat_state *s = NULL;
    int axis = (int)judd_graph_attribute_int(b->step->node, "axis", 1);
    int64_t sum = 0;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->n = b->step->n_operands;
    s->outer = judd_net_elements(axis, b->out.dims);
    JUDD_TRY(judd_memory_alloc(&s->chunk, s->n, sizeof *s->chunk));
    for (int i = 0; i < s->n; i++) {
        s->chunk[i] = judd_net_elements(b->in[i].rank - axis, b->in[i].dims + axis);
        sum += s->chunk[i];
    }
    if (sum != judd_net_elements(b->out.rank - axis, b->out.dims + axis))
        JUDD_FAIL(JUDD_E_DATA, "node %s (Concat): operands do not add up to the output",
                  b->step->name);
    *out = s;
    s = NULL;
done:
    concat_destroy(s);
    return status;
}

static judd_status concat_run(void *state, const float *const *in, float *out) {
    const concat_state *s = state;
    for (int64_t o = 0; o < s->outer; o++)
        for (int i = 0; i < s->n; i++) {
            memcpy(out, in[i] + o * s->chunk[i], (size_t)s->chunk[i] * sizeof *out);
            out += s->chunk[i];
        }
    return JUDD_OK;
}

/* ---- padding --------------------------------------------------------------------------------- */

typedef struct pad_state {
    judd_view view; /* the output; offset 0 is where the input would be */
    int64_t begin[JUDD_GRAPH_MAX_RANK], in_dims[JUDD_GRAPH_MAX_RANK], start;
    float value;
} pad_state;

static judd_status pad_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    pad_state *s = NULL;
    const judd_graph_attribute *pads = judd_graph_attribute_of(b->step->node, "pads");
    *out = NULL;
    if (!pads || pads->n != 2 * b->out.rank)
        JUDD_FAIL(JUDD_E_DATA, "node %s (Pad): attribute pads does not fit the operand",
                  b->step->name);
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->value = judd_graph_attribute_float(b->step->node, "value", 0.0f);
    s->view.rank = b->out.rank;
    memcpy(s->view.dims, b->out.dims, sizeof b->out.dims);
    memcpy(s->in_dims, b->in[0].dims, sizeof s->in_dims);
    judd_view_strides(s->view.stride[0], b->in[0].rank, b->in[0].dims);
    for (int d = 0; d < b->out.rank; d++) {
        s->begin[d] = pads->ints[d];
        s->start -= s->begin[d] * s->view.stride[0][d];
    }
    *out = s;
done:
    return status;
}

static judd_status pad_run(void *state, const float *const *in, float *out) {
    pad_state *s = state;
    judd_view_reset(&s->view);
    do {
        bool inside = true;
        for (int d = 0; d < s->view.rank; d++) {
            int64_t at = s->view.index[d] - s->begin[d];
            inside = inside && at >= 0 && at < s->in_dims[d];
        }
        *out++ = inside ? in[0][s->start + s->view.offset[0]] : s->value;
    } while (judd_view_next(&s->view));
    return JUDD_OK;
}

/* ---- copy ------------------------------------------------------------------------------------ */

static judd_status copy_create(void **out, const judd_kernel_binding *b) {
    int64_t *bytes = NULL;
    judd_status status = judd_memory_alloc(&bytes, 1, sizeof *bytes);
    *out = bytes;
    if (bytes) *bytes = judd_net_bytes(&b->out);
    return status;
}

static judd_status copy_run(void *state, const float *const *in, float *out) {
    memcpy(out, in[0], (size_t) * (const int64_t *)state);
    return JUDD_OK;
}

const judd_kernel_ops judd_kernel_copy = {
    .op = "copy", .create = copy_create, .run = copy_run, .destroy = free};

const judd_kernel_ops judd_reference_shape_kernels[] = {
    {.op = "Flatten", .aliases = true},
    {.op = "Reshape", .aliases = true},
    {.op = "Squeeze", .aliases = true},
    {.op = "Unsqueeze", .aliases = true},
    {.op = "Transpose", .create = transpose_create, .run = transpose_run, .destroy = free},
    {.op = "Concat", .create = concat_create, .run = concat_run, .destroy = concat_destroy},
    {.op = "Pad", .create = pad_create, .run = pad_run, .destroy = free},
    {.op = NULL},
};
