#include "engine/strided.h"

#include "engine/rewrite.h"
#include "engine/view.h"

#include <string.h>

static bool add_atom(judd_strided *v, int dim, int64_t size, int64_t stride) {
    if (size == 1) return true;
    if (v->n_atoms == JUDD_STRIDED_ATOMS) return false;
    v->dim[v->n_atoms] = dim;
    v->size[v->n_atoms] = size;
    v->stride[v->n_atoms++] = stride;
    return true;
}

void judd_strided_plain(judd_strided *v, int rank, const int64_t *dims) {
    int64_t stride[JUDD_GRAPH_MAX_RANK];
    *v = (judd_strided){.rank = rank};
    judd_view_strides(stride, rank, dims);
    for (int d = 0; d < rank; d++) (void)add_atom(v, d, dims[d], stride[d]); /* rank <= ATOMS */
}

/* Atoms are dealt out to the new dimensions in their order, and split where one ends. */
static bool reshape(judd_strided *v, int rank, const int64_t *dims) {
    judd_strided old = *v;
    *v = (judd_strided){.offset = old.offset, .rank = rank};
    int a = 0;
    for (int d = 0; d < rank; d++)
        for (int64_t missing = dims[d]; missing > 1;) {
            if (a == old.n_atoms) return false;
            int64_t size = old.size[a], outer = size > missing ? missing : size;
            if (size % outer != 0 || missing % outer != 0) return false;
            old.size[a] = size / outer;
            if (!add_atom(v, d, outer, old.stride[a] * old.size[a])) return false;
            a += old.size[a] == 1;
            missing /= outer;
        }
    return a == old.n_atoms;
}

static void transpose(judd_strided *v, const int64_t *perm) {
    judd_strided old = *v;
    v->n_atoms = 0;
    for (int d = 0; d < old.rank; d++)
        for (int a = 0; a < old.n_atoms; a++)
            if (old.dim[a] == perm[d]) (void)add_atom(v, d, old.size[a], old.stride[a]);
}

/* Where place i of dimension d is. */
static int64_t place_in(const judd_strided *v, int d, int64_t i) {
    int64_t offset = 0;
    for (int a = v->n_atoms - 1; a >= 0; a--)
        if (v->dim[a] == d) {
            offset += i % v->size[a] * v->stride[a];
            i /= v->size[a];
        }
    return offset;
}

/* Dimension d becomes `size` places from `start` on; all of it, one place, or part of one atom. */
static bool cut(judd_strided *v, int d, int64_t start, int64_t size) {
    int first = 0, n = 0;
    for (int a = 0; a < v->n_atoms; a++)
        if (v->dim[a] == d && n++ == 0) first = a;
    if (size == judd_strided_size(v, d, d + 1)) return start == 0;
    if (n > 1 && size > 1) return false;
    v->offset += place_in(v, d, start);
    judd_strided old = *v;
    old.size[first] = size;
    v->n_atoms = 0;
    for (int a = 0; a < old.n_atoms; a++)
        if (old.dim[a] != d || size > 1) (void)add_atom(v, old.dim[a], old.size[a], old.stride[a]);
    return true;
}

static bool slice(judd_strided *v, const judd_step *step, const judd_net_value *y) {
    const judd_graph_attribute *starts = judd_graph_attribute_of(step->node, "starts");
    const judd_graph_attribute *steps = judd_graph_attribute_of(step->node, "steps");
    if (!starts || !steps || starts->n != v->rank || steps->n != v->rank) return false;
    for (int d = 0; d < v->rank; d++)
        if (steps->ints[d] != 1 || !cut(v, d, starts->ints[d], y->dims[d])) return false;
    return true;
}

/* One index; the dimension disappears, as it does by a reshape. */
static bool gather(judd_strided *v, const judd_step *step, const judd_net_value *y) {
    const judd_graph_attribute *indices = judd_graph_attribute_of(step->node, "indices");
    int axis = (int)judd_graph_attribute_int(step->node, "axis", 0);
    if (!indices || indices->n != 1 || !cut(v, axis, indices->ints[0], 1)) return false;
    return reshape(v, y->rank, y->dims);
}

static bool pads_nothing(const judd_step *step) {
    const judd_graph_attribute *pads = judd_graph_attribute_of(step->node, "pads");
    for (int64_t i = 0; pads && i < pads->n; i++)
        if (pads->ints[i] != 0) return false;
    return pads != NULL;
}

bool judd_strided_follow(judd_strided *v, const judd_net *net, const judd_step *step) {
    const judd_net_value *y = judd_net_output(net, step);
    static const char *const reshapes[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    for (size_t i = 0; i < sizeof reshapes / sizeof *reshapes; i++)
        if (judd_rewrite_is(step, reshapes[i])) return reshape(v, y->rank, y->dims);
    if (judd_rewrite_is(step, "Slice")) return slice(v, step, y);
    if (judd_rewrite_is(step, "Gather")) return gather(v, step, y);
    if (judd_rewrite_is(step, "Pad")) return pads_nothing(step);
    const judd_graph_attribute *perm =
        judd_rewrite_is(step, "Transpose") ? judd_graph_attribute_of(step->node, "perm") : NULL;
    if (!perm || perm->n != v->rank) return false;
    transpose(v, perm->ints);
    return true;
}

void judd_strided_invert(judd_strided *out, const judd_strided *y, const int64_t *stride,
                         int x_rank, const int64_t *x_dims) {
    int64_t own[JUDD_GRAPH_MAX_RANK], inner = 1;
    judd_strided v = *y; /* with the numbers asked for, in x's order */
    *out = (judd_strided){.rank = x_rank};
    judd_view_strides(own, x_rank, x_dims);
    for (int a = y->n_atoms - 1; a >= 0; a--) {
        bool last = a == y->n_atoms - 1 || y->dim[a + 1] != y->dim[a];
        inner = last ? 1 : inner * y->size[a + 1];
        v.stride[a] = stride[y->dim[a]] * inner;
    }
    for (int d = 0; d < x_rank; d++)
        for (int64_t below = own[d] * x_dims[d];;) { /* x's strides, descending */
            int next = -1;
            for (int a = 0; a < y->n_atoms; a++)
                if (y->stride[a] < below && y->stride[a] >= own[d] &&
                    (next < 0 || y->stride[a] > y->stride[next]))
                    next = a;
            if (next < 0) break;
            (void)add_atom(out, d, v.size[next], v.stride[next]);
            below = y->stride[next];
        }
}

int64_t judd_strided_size(const judd_strided *v, int first, int end) {
    int64_t size = 1;
    for (int a = 0; a < v->n_atoms; a++)
        if (v->dim[a] >= first && v->dim[a] < end) size *= v->size[a];
    return size;
}

judd_status judd_strided_offsets(int64_t **offsets, const judd_strided *v, int first, int end) {
    int64_t n = judd_strided_size(v, first, end);
    judd_status status = judd_memory_alloc(offsets, n, sizeof **offsets);
    for (int64_t i = 0; status == JUDD_OK && i < n; i++) {
        int64_t rest = i;
        for (int a = v->n_atoms - 1; a >= 0; a--)
            if (v->dim[a] >= first && v->dim[a] < end) {
                (*offsets)[i] += rest % v->size[a] * v->stride[a];
                rest /= v->size[a];
            }
    }
    return status;
}
