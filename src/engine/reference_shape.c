/* Plain loops that move numbers without changing them. */
#include "engine/kernel.h"
#include "engine/view.h"

#include <stdlib.h>
#include <string.h>

/* ---- transposes and slices ------------------------------------------------------------------- */

typedef struct stride_state {
    int64_t start;   /* of the input */
    judd_view view;  /* all dimensions of the output but the last */
    int64_t n, step; /* of the last */
} stride_state;

/* strides: of the input, for every dimension of the output. */
static void set_strides(stride_state *s, const judd_operand *out, const int64_t *strides) {
    s->n = out->rank > 0 ? out->dims[out->rank - 1] : 1;
    s->step = out->rank > 0 ? strides[out->rank - 1] : 0;
    s->view.rank = out->rank > 0 ? out->rank - 1 : 0;
    memcpy(s->view.dims, out->dims, (size_t)s->view.rank * sizeof *strides);
    memcpy(s->view.stride[0], strides, (size_t)s->view.rank * sizeof *strides);
}

static judd_status transpose_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    stride_state *s = NULL;
    const judd_graph_attribute *perm = judd_graph_attribute_of(b->step->node, "perm");
    int64_t strides[JUDD_GRAPH_MAX_RANK], turned[JUDD_GRAPH_MAX_RANK];
    *out = NULL;
    if (!perm || perm->n != b->in[0].rank || b->out.rank != b->in[0].rank)
        JUDD_FAIL(JUDD_E_DATA, "node %s (Transpose): attribute perm does not fit the operand",
                  b->step->name);
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    judd_view_strides(strides, b->in[0].rank, b->in[0].dims);
    for (int d = 0; d < b->out.rank; d++) turned[d] = strides[perm->ints[d]];
    set_strides(s, &b->out, turned);
    *out = s;
done:
    return status;
}

static judd_status slice_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    stride_state *s = NULL;
    const judd_graph_attribute *starts = judd_graph_attribute_of(b->step->node, "starts");
    const judd_graph_attribute *steps = judd_graph_attribute_of(b->step->node, "steps");
    int64_t strides[JUDD_GRAPH_MAX_RANK], stepped[JUDD_GRAPH_MAX_RANK];
    int rank = b->out.rank;
    *out = NULL;
    if (!starts || !steps || rank < 1 || starts->n != rank || steps->n != rank ||
        b->in[0].rank != rank)
        JUDD_FAIL(JUDD_E_DATA, "node %s (Slice): starts and steps do not fit", b->step->name);
    for (int d = 0; d < rank; d++) {
        int64_t last = starts->ints[d] + (b->out.dims[d] - 1) * steps->ints[d];
        if (starts->ints[d] < 0 || starts->ints[d] >= b->in[0].dims[d] || last < 0 ||
            last >= b->in[0].dims[d])
            JUDD_FAIL(JUDD_E_DATA, "node %s (Slice): dimension %d leaves the operand",
                      b->step->name, d);
    }
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    judd_view_strides(strides, rank, b->in[0].dims);
    for (int d = 0; d < rank; d++) {
        s->start += starts->ints[d] * strides[d];
        stepped[d] = steps->ints[d] * strides[d];
    }
    set_strides(s, &b->out, stepped);
    *out = s;
done:
    return status;
}

static judd_status stride_run(void *state, const float *const *in, float *out) {
    stride_state *s = state;
    judd_view_reset(&s->view);
    do {
        const float *x = in[0] + s->start + s->view.offset[0];
        if (s->step == 1)
            memcpy(out, x, (size_t)s->n * sizeof *out);
        else
            for (int64_t i = 0; i < s->n; i++) out[i] = x[i * s->step];
        out += s->n;
    } while (judd_view_next(&s->view));
    return JUDD_OK;
}

/* ---- gather ---------------------------------------------------------------------------------- */

typedef struct gather_state {
    int64_t outer, length, inner, n, *indices;
} gather_state;

static void gather_destroy(void *state) {
    gather_state *s = state;
    if (!s) return;
    free(s->indices);
    free(s);
}

static judd_status gather_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    gather_state *s = NULL;
    const judd_operand *x = &b->in[0];
    const judd_graph_attribute *indices = judd_graph_attribute_of(b->step->node, "indices");
    int64_t axis = judd_graph_attribute_int(b->step->node, "axis", 0);
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    if (!indices || axis < 0 || axis >= x->rank)
        JUDD_FAIL(JUDD_E_DATA, "node %s (Gather): indices or axis do not fit", b->step->name);
    s->outer = judd_net_elements((int)axis, x->dims);
    s->length = x->dims[axis];
    s->inner = judd_net_elements(x->rank - (int)axis - 1, x->dims + axis + 1);
    s->n = indices->n;
    JUDD_TRY(judd_memory_alloc(&s->indices, s->n, sizeof *s->indices));
    for (int64_t i = 0; i < s->n; i++) {
        s->indices[i] = indices->ints[i];
        if (s->indices[i] < 0 || s->indices[i] >= s->length)
            JUDD_FAIL(JUDD_E_DATA, "node %s (Gather): index out of range", b->step->name);
    }
    if (s->outer * s->n * s->inner != judd_net_elements(b->out.rank, b->out.dims))
        JUDD_FAIL(JUDD_E_DATA, "node %s (Gather): output shape does not fit", b->step->name);
    *out = s;
    s = NULL;
done:
    gather_destroy(s);
    return status;
}

static judd_status gather_run(void *state, const float *const *in, float *out) {
    const gather_state *s = state;
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t i = 0; i < s->n; i++, out += s->inner)
            memcpy(out, in[0] + (o * s->length + s->indices[i]) * s->inner,
                   (size_t)s->inner * sizeof *out);
    return JUDD_OK;
}

/* ---- expand ---------------------------------------------------------------------------------- */

static judd_status expand_create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    stride_state *s = NULL;
    int64_t strides[JUDD_GRAPH_MAX_RANK];
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    JUDD_TRY(judd_view_broadcast(strides, &b->out, &b->in[0], b->step->name));
    set_strides(s, &b->out, strides);
    *out = s;
    s = NULL;
done:
    free(s);
    return status;
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
    judd_view view; /* the output, with the strides of the input */
    int64_t begin[JUDD_GRAPH_MAX_RANK], in_dims[JUDD_GRAPH_MAX_RANK];
    float value;
    int64_t mode; /* 0 constant, 1 reflect, 2 edge */
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
    s->mode = judd_graph_attribute_int(b->step->node, "mode", 0);
    s->view.rank = b->out.rank;
    memcpy(s->view.dims, b->out.dims, sizeof b->out.dims);
    memcpy(s->in_dims, b->in[0].dims, sizeof s->in_dims);
    judd_view_strides(s->view.stride[0], b->in[0].rank, b->in[0].dims);
    for (int d = 0; d < b->out.rank; d++) s->begin[d] = pads->ints[d];
    *out = s;
done:
    return status;
}

/* Where the number at `at` comes from; outside and constant: -1. */
static int64_t pad_place(int64_t at, int64_t n, int64_t mode) {
    if (at >= 0 && at < n) return at;
    if (mode == 0) return -1;
    if (mode == 2) return at < 0 ? 0 : n - 1;
    return at < 0 ? -at : 2 * (n - 1) - at; /* pads are smaller than n */
}

static judd_status pad_run(void *state, const float *const *in, float *out) {
    pad_state *s = state;
    judd_view_reset(&s->view);
    do {
        bool inside = true;
        int64_t from = 0;
        for (int d = 0; d < s->view.rank; d++) {
            int64_t at = pad_place(s->view.index[d] - s->begin[d], s->in_dims[d], s->mode);
            inside = inside && at >= 0;
            from += at * s->view.stride[0][d];
        }
        *out++ = inside ? in[0][from] : s->value;
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
    {.op = "Transpose", .create = transpose_create, .run = stride_run, .destroy = free},
    {.op = "Slice", .create = slice_create, .run = stride_run, .destroy = free},
    {.op = "Gather", .create = gather_create, .run = gather_run, .destroy = gather_destroy},
    {.op = "Expand", .create = expand_create, .run = stride_run, .destroy = free},
    {.op = "Concat", .create = concat_create, .run = concat_run, .destroy = concat_destroy},
    {.op = "Pad", .create = pad_create, .run = pad_run, .destroy = free},
    {.op = NULL},
};
