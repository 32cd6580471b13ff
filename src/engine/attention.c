#include "engine/attention.h"

#include "engine/rewrite.h"
#include "engine/view.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_CHAIN = 16 }; /* steps between two products */

/* ---- steps that only move ---------------------------------------------------------------------
 */

static bool moves(const judd_step *step) {
    static const char *const ops[] = {"Reshape", "Flatten", "Squeeze",   "Unsqueeze",
                                      "Slice",   "Gather",  "Transpose", "Pad"};
    for (size_t i = 0; step && i < sizeof ops / sizeof *ops; i++)
        if (judd_rewrite_is(step, ops[i])) return true;
    return false;
}

/* x * c or x / c with one number: the value x, else -1. */
static int scaled(const judd_net *net, const judd_step *step, double *factor) {
    bool divides = step && judd_rewrite_is(step, "Div");
    if (!step || (!divides && !judd_rewrite_is(step, "Mul")) || step->n_inputs != 2) return -1;
    for (int i = divides ? 1 : 0; i < 2; i++) {
        const judd_net_value *c = judd_net_input(net, step, i);
        const judd_net_value *x = judd_net_input(net, step, 1 - i);
        const float *data = judd_net_floats(net, step, i);
        if (!data || x->data || judd_net_elements(c->rank, c->dims) != 1 || c->rank > x->rank)
            continue;
        *factor = divides ? 1.0 / (double)*data : (double)*data;
        return step->inputs[1 - i];
    }
    return -1;
}

/* The earliest value that this one is a view of, times *scale; scale NULL: no factors. */
static int source_of(const judd_net *net, int value, judd_strided *view, double *scale, int depth) {
    const judd_net_value *v = &net->values[value];
    const judd_step *step = judd_rewrite_producer(net, value);
    double factor = 1.0;
    int x = moves(step) ? step->inputs[0] : scale ? scaled(net, step, &factor) : -1;
    if (x >= 0 && depth < LONGEST_CHAIN) {
        int source = source_of(net, x, view, scale, depth + 1);
        if (!moves(step) || judd_strided_follow(view, net, step)) {
            if (scale) *scale *= factor;
            return source;
        }
    }
    judd_strided_plain(view, v->rank, v->dims);
    if (scale) *scale = 1.0;
    return value;
}

/* ---- products and moves change places ---------------------------------------------------------
 */

/* Does it move whole rows, those of the last dimension? */
static bool moves_rows(const judd_net *net, const judd_step *step) {
    if (!moves(step)) return false;
    const judd_net_value *x = judd_net_input(net, step, 0), *y = judd_net_output(net, step);
    const judd_graph_attribute *perm = judd_graph_attribute_of(step->node, "perm");
    if (judd_rewrite_is(step, "Transpose")) return perm && perm->ints[perm->n - 1] == perm->n - 1;
    return x->rank >= 2 && y->rank >= 2 && x->dims[x->rank - 1] == y->dims[y->rank - 1] &&
           judd_net_elements(x->rank, x->dims) == judd_net_elements(y->rank, y->dims);
}

/* Two steps in a row, `first` read by `then` alone, in the other order. The value between them has
 * the rows of `rows`, the last dimension of `columns`. */
static void exchange(judd_net *net, int first, int then, int rows, int columns) {
    judd_step *a = &net->steps[first], *b = &net->steps[then];
    int between = a->output, in = a->inputs[0], out = b->output;
    const judd_net_value *r = &net->values[rows], *c = &net->values[columns];
    judd_net_value *v = &net->values[between];
    int64_t last = c->dims[c->rank - 1];
    v->rank = r->rank;
    memcpy(v->dims, r->dims, sizeof v->dims);
    v->dims[v->rank - 1] = last;
    b->inputs[0] = in;
    b->output = between;
    a->inputs[0] = between;
    a->output = out;
    judd_step swap = *a;
    *a = *b;
    *b = swap;
}

static int index_of(const judd_net *net, const judd_step *step) {
    return (int)(step - net->steps);
}

/* Products with constant weights that make `value` go before what moves their rows. */
static void product_first(judd_net *net, int value) {
    for (int n = 0; n < LONGEST_CHAIN; n++) {
        judd_step *product = judd_rewrite_producer(net, value);
        if (!product || !judd_net_is_linear(net, product) || product->residual >= 0) return;
        judd_step *move = judd_rewrite_producer(net, product->inputs[0]);
        if (!move || !moves_rows(net, move) || judd_rewrite_uses(net, move->output) != 1) return;
        exchange(net, index_of(net, move), index_of(net, product), move->inputs[0],
                 product->output);
        value = net->steps[index_of(net, move)].output;
    }
}

/* The other way round, for the product that reads what is made of `value`. */
static void product_last(judd_net *net, int value) {
    judd_step *step = judd_rewrite_producer(net, value);
    int next = -1;
    for (int n = 0; n < LONGEST_CHAIN && (n == 0 || moves(step)); n++) {
        next = judd_rewrite_only_reader(net, step);
        if (next < 0) return;
        step = &net->steps[next];
    }
    for (int n = 0; n < LONGEST_CHAIN && judd_net_is_linear(net, step); n++) {
        int product = index_of(net, step), move = judd_rewrite_only_reader(net, step);
        if (move < 0 || step->residual >= 0 || !moves_rows(net, &net->steps[move])) return;
        exchange(net, product, move, net->steps[move].output, step->inputs[0]);
        step = &net->steps[move];
    }
}

/* ---- finding ---------------------------------------------------------------------------------
 */

/* What stands between the product of q and k and the softmax, from behind. */
typedef struct chain {
    int n, steps[LONGEST_CHAIN];
    int product; /* step */
    double scale;
} chain;

/* The constant operand of an addition, or -1. */
static int mask_of(const judd_net *net, const judd_step *step) {
    if (!judd_rewrite_is(step, "Add") || step->activation.kind != JUDD_ACTIVATION_NONE) return -1;
    for (int i = 0; i < 2; i++)
        if (judd_net_floats(net, step, i) && !judd_net_input(net, step, 1 - i)->data) return i;
    return -1;
}

/* Masks may come behind the scale only. */
static bool find_scores(const judd_net *net, int value, chain *c) {
    *c = (chain){.product = -1, .scale = 1.0};
    while (c->n < LONGEST_CHAIN) {
        const judd_step *step = judd_rewrite_producer(net, value);
        double factor = 1.0;
        if (!step || judd_rewrite_uses(net, value) != 1) return false;
        if (judd_rewrite_is(step, "MatMul") && step->n_operands == 2) {
            c->product = index_of(net, step);
            return !judd_net_input(net, step, 0)->data && !judd_net_input(net, step, 1)->data;
        }
        int mask = mask_of(net, step), x = scaled(net, step, &factor);
        if (x >= 0) {
            c->scale *= factor;
            value = x;
        } else if (mask >= 0 && c->scale == 1.0) {
            value = step->inputs[1 - mask];
        } else if (moves(step)) {
            value = step->inputs[0];
        } else {
            return false;
        }
        c->steps[c->n++] = index_of(net, step);
    }
    return false;
}

/* A mask by the places of the scores; `view`: what it is added to, as a view of them. */
static bool add_mask(judd_attention *a, const judd_net *net, const judd_step *step,
                     const judd_strided *view, const judd_net_value *scores, int mask) {
    int64_t stride[JUDD_GRAPH_MAX_RANK];
    const judd_net_value *m = judd_net_input(net, step, mask), *y = judd_net_output(net, step);
    judd_operand out = {.rank = y->rank}, in = {.rank = m->rank};
    memcpy(out.dims, y->dims, sizeof out.dims);
    memcpy(in.dims, m->dims, sizeof in.dims);
    if (a->n_masks == JUDD_ATTENTION_MAX_MASKS || view->rank != y->rank ||
        judd_view_broadcast(stride, &out, &in, step->name) != JUDD_OK)
        return false;
    judd_strided_invert(&a->view[JUDD_ATTENTION_MASK + a->n_masks++], view, stride, scores->rank,
                        scores->dims);
    return true;
}

/* From the scores to the softmax: masks, and what must end where it began. */
static bool follow_scores(judd_attention *a, int *masks, const judd_net *net, const chain *c) {
    judd_strided view;
    const judd_net_value *scores = judd_net_output(net, &net->steps[c->product]);
    judd_strided_plain(&view, scores->rank, scores->dims);
    for (int i = c->n - 1; i >= 0; i--) {
        const judd_step *step = &net->steps[c->steps[i]];
        int mask = mask_of(net, step);
        if (mask >= 0) {
            if (!add_mask(a, net, step, &view, scores, mask)) return false;
            masks[a->n_masks - 1] = step->inputs[mask];
        } else if (moves(step) && !judd_strided_follow(&view, net, step)) {
            return false;
        }
    }
    for (int k = 1; k < view.n_atoms; k++)
        if (view.stride[k] >= view.stride[k - 1]) return false;
    return judd_strided_size(&view, 0, view.rank) == judd_net_elements(scores->rank, scores->dims);
}

/* Equal leading dimensions: nothing is repeated. */
static bool set_sizes(judd_attention *a, const judd_net *net, const judd_step *qk,
                      const judd_step *softmax, const judd_step *pv) {
    const judd_net_value *q = judd_net_input(net, qk, 0), *k = judd_net_input(net, qk, 1);
    const judd_net_value *p = judd_net_output(net, softmax), *v = judd_net_input(net, pv, 1);
    int rank = q->rank;
    size_t lead = (size_t)(rank - 2) * sizeof *q->dims;
    if (rank < 2 || k->rank != rank || v->rank != rank || p->rank != rank ||
        memcmp(q->dims, k->dims, lead) != 0 || memcmp(q->dims, v->dims, lead) != 0 ||
        memcmp(q->dims, p->dims, lead) != 0 || p->dims[rank - 2] != q->dims[rank - 2] ||
        p->dims[rank - 1] != k->dims[rank - 1])
        return false;
    a->rank = rank;
    a->groups = judd_net_elements(rank - 2, q->dims);
    a->m = q->dims[rank - 2];
    a->d = q->dims[rank - 1];
    a->n = v->dims[rank - 2];
    a->e = v->dims[rank - 1];
    return true;
}

/* The result goes where the steps that move it would have moved it. */
static void write_moved(judd_attention *a, judd_net *net, int i) {
    int64_t stride[JUDD_GRAPH_MAX_RANK];
    judd_strided view;
    judd_net_value x = *judd_net_output(net, &net->steps[i]);
    judd_strided_plain(&view, x.rank, x.dims);
    product_last(net, net->steps[i].output);
    for (;;) {
        int next = judd_rewrite_only_reader(net, &net->steps[i]);
        judd_strided moved = view;
        if (next < 0 || !moves(&net->steps[next]) ||
            !judd_strided_follow(&moved, net, &net->steps[next]) || moved.offset != 0 ||
            judd_strided_size(&moved, 0, moved.rank) != judd_net_elements(x.rank, x.dims))
            break;
        view = moved;
        net->steps[i].output = net->steps[next].output;
        judd_rewrite_kill(&net->steps[next]);
    }
    const judd_net_value *y = judd_net_output(net, &net->steps[i]);
    judd_view_strides(stride, y->rank, y->dims);
    judd_strided_invert(&a->view[JUDD_ATTENTION_OUT], &view, stride, x.rank, x.dims);
}

/* q, k and v from where they are made. */
static void read_moved(judd_attention *a, judd_net *net, const int *values, int *sources,
                       double *scale) {
    for (int i = 0; i < 3; i++) {
        double factor = 1.0, *f = i == JUDD_ATTENTION_V ? NULL : &factor;
        product_first(net, source_of(net, values[i], &a->view[i], f, 0));
        sources[i] = source_of(net, values[i], &a->view[i], f, 0);
        *scale *= factor;
    }
}

judd_status judd_rewrite_attention(judd_net *net, int i) {
    judd_status status = JUDD_OK;
    judd_attention *a = NULL;
    chain c;
    int inputs[3 + JUDD_ATTENTION_MAX_MASKS];
    judd_step *pv = &net->steps[i], *softmax = NULL;
    if (!judd_rewrite_is(pv, "MatMul") || pv->n_operands != 2) goto done;
    softmax = judd_rewrite_producer(net, pv->inputs[0]);
    if (!softmax || !judd_rewrite_is(softmax, "Softmax") || judd_net_input(net, pv, 1)->data ||
        judd_rewrite_uses(net, softmax->output) != 1 ||
        judd_graph_attribute_int(softmax->node, "axis", -1) !=
            judd_net_output(net, softmax)->rank - 1 ||
        !find_scores(net, softmax->inputs[0], &c))
        goto done;
    JUDD_TRY(judd_memory_alloc(&a, 1, sizeof *a));
    const judd_step *qk = &net->steps[c.product];
    if (!set_sizes(a, net, qk, softmax, pv) || !follow_scores(a, inputs + 3, net, &c)) goto done;
    const int values[3] = {qk->inputs[0], qk->inputs[1], pv->inputs[1]};
    judd_rewrite_kill(softmax);
    for (int k = 0; k < c.n; k++) judd_rewrite_kill(&net->steps[c.steps[k]]);
    judd_rewrite_kill(&net->steps[c.product]);
    read_moved(a, net, values, inputs, &c.scale);
    a->scale = (float)c.scale;
    JUDD_TRY(judd_rewrite_inputs(pv, 3, 3 + a->n_masks, inputs));
    pv->op = JUDD_OP_ATTENTION;
    pv->attention = a;
    write_moved(a, net, i);
    a = NULL;
done:
    free(a);
    return status;
}
