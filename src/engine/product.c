/* Matrix products. The fast one is our own: every output of judd_gemm has the same bits at every
 * row, whereas oneDNN's inner product (2.6, AVX2) gives the last rows of a batch other bits, and
 * cuts the inner dimension between threads.
 */
#include "engine/kernel.h"
#include "engine/view.h"

#include <judd/base/integers.h>
#include <judd/linalg/gemm.h>

#include <stdlib.h>
#include <string.h>

/* Columns of constant weights that stand together. A few rows read weights once, as fast as memory
 * gives them in their order: one tile wide. Many rows are packed anew for every panel: wide ones.
 */
enum { FEW_ROWS = 32, NARROW_PANEL = 32, WIDE_PANEL = 1024 };

typedef struct product_state {
    int64_t m, n, k;
    judd_view batch;                               /* leading dimensions of MatMul */
    int64_t a_stride[2], b_stride[2], c_stride[2]; /* of rows and columns */
    float *b, *c;                                  /* constants, or NULL */
    float alpha, beta;
    judd_activation activation;
    judd_gemm *gemm; /* NULL: plain loops */
    bool packed;     /* b is in panels instead */
    float *panels;   /* [panel of columns][k][column]; NULL in a hollow net */
} product_state;

static void product_destroy(void *state) {
    product_state *s = state;
    if (!s) return;
    judd_gemm_destroy(s->gemm);
    free(s->b);
    free(s->panels);
    free(s->c);
    free(s);
}

/* MatMul: b may be computed; vectors were refused before. */
static judd_status set_product(product_state *s, const judd_kernel_binding *bind) {
    judd_status status = JUDD_OK;
    const judd_net_value *a = judd_net_input(bind->net, bind->step, 0);
    const judd_net_value *b = judd_net_input(bind->net, bind->step, 1);
    const judd_net_value *y = judd_net_output(bind->net, bind->step);
    bool ta = judd_graph_attribute_int(bind->step->node, "transA", 0) != 0;
    bool tb = judd_graph_attribute_int(bind->step->node, "transB", 0) != 0;
    int64_t aw = a->dims[a->rank - 1], bw = b->dims[b->rank - 1];
    s->m = y->dims[y->rank - 2];
    s->n = y->dims[y->rank - 1];
    s->k = ta ? a->dims[a->rank - 2] : aw;
    s->a_stride[ta ? 1 : 0] = aw;
    s->a_stride[ta ? 0 : 1] = 1;
    s->b_stride[tb ? 1 : 0] = bw;
    s->b_stride[tb ? 0 : 1] = 1;
    s->batch.rank = y->rank - 2;
    memcpy(s->batch.dims, y->dims, (size_t)s->batch.rank * sizeof(int64_t));
    const judd_net_value *from[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        judd_operand out = {.rank = y->rank - 2}, in = {.rank = from[i]->rank - 2};
        memcpy(out.dims, y->dims, sizeof out.dims);
        memcpy(in.dims, from[i]->dims, sizeof in.dims);
        JUDD_TRY(judd_view_broadcast(s->batch.stride[i], &out, &in, bind->step->name));
        int64_t matrix = from[i]->dims[from[i]->rank - 2] * from[i]->dims[from[i]->rank - 1];
        for (int d = 0; d < s->batch.rank; d++) s->batch.stride[i][d] *= matrix;
    }
done:
    return status;
}

/* All but b. */
static judd_status begin(product_state **out, const judd_kernel_binding *bind) {
    judd_status status = JUDD_OK;
    product_state *s = NULL;
    const judd_step *step = bind->step;
    const float *c = judd_net_floats(bind->net, step, 2);
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    JUDD_TRY(set_product(s, bind));
    s->alpha = judd_graph_attribute_float(step->node, "alpha", 1.0f);
    s->beta = judd_graph_attribute_float(step->node, "beta", 1.0f);
    s->activation = step->activation;
    if (c) {
        const judd_net_value *v = judd_net_input(bind->net, step, 2);
        judd_operand in = {.rank = v->rank}, y = {.rank = 2, .dims = {s->m, s->n}};
        int64_t n = judd_net_elements(v->rank, v->dims);
        memcpy(in.dims, v->dims, sizeof in.dims);
        JUDD_TRY(judd_view_broadcast(s->c_stride, &y, &in, step->name));
        JUDD_TRY(judd_memory_alloc(&s->c, n, sizeof *c));
        memcpy(s->c, c, (size_t)n * sizeof *c);
    }
    *out = s;
    s = NULL;
done:
    product_destroy(s);
    return status;
}

/* The constant b that is no operand, or NULL. */
static const judd_net_value *constant_b(const judd_kernel_binding *bind) {
    bool constant = judd_net_floats(bind->net, bind->step, 1) && bind->step->n_operands == 1;
    return constant ? judd_net_input(bind->net, bind->step, 1) : NULL;
}

static judd_status copy_b(product_state *s, const judd_net_value *b) {
    int64_t n = judd_net_elements(b->rank, b->dims);
    judd_status status = judd_memory_alloc(&s->b, n, sizeof *s->b);
    if (status == JUDD_OK) memcpy(s->b, b->data, (size_t)n * sizeof *s->b);
    return status;
}

static judd_status product_create(void **out, const judd_kernel_binding *bind) {
    judd_status status = JUDD_OK;
    product_state *s = NULL;
    const judd_net_value *b = constant_b(bind);
    *out = NULL;
    JUDD_TRY(begin(&s, bind));
    if (b) JUDD_TRY(copy_b(s, b));
    *out = s;
    s = NULL;
done:
    product_destroy(s);
    return status;
}

static judd_status product_run(void *state, const float *const *in, float *out) {
    product_state *s = state;
    judd_view_reset(&s->batch);
    do {
        const float *a = in[0] + s->batch.offset[0],
                    *b = (s->b ? s->b : in[1]) + s->batch.offset[1];
        for (int64_t i = 0; i < s->m; i++)
            for (int64_t j = 0; j < s->n; j++, out++) {
                double sum = 0.0;
                for (int64_t k = 0; k < s->k; k++)
                    sum += (double)a[i * s->a_stride[0] + k * s->a_stride[1]] *
                           (double)b[k * s->b_stride[0] + j * s->b_stride[1]];
                sum *= (double)s->alpha;
                if (s->c)
                    sum += (double)s->beta * (double)s->c[i * s->c_stride[0] + j * s->c_stride[1]];
                *out = judd_net_activate(s->activation, (float)sum);
            }
    } while (judd_view_next(&s->batch));
    return JUDD_OK;
}

/* ---- the same on judd_gemm --------------------------------------------------------------------
 */

static int64_t panel_width(const product_state *s) {
    return s->m <= FEW_ROWS ? NARROW_PANEL : WIDE_PANEL;
}

/* Weights of one product, put once into the order in which the products read them: a row of a few
 * images reads each of them once, so that any other order costs as much as the product. */
static judd_status pack_weights(product_state *s, const float *b) {
    enum { STEP = 16 }; /* rows at a time: both sides stay in the first-level cache */
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&s->panels, s->k * s->n, sizeof *s->panels));
    int64_t width = panel_width(s);
    for (int64_t first = 0; first < s->n; first += width) {
        int64_t columns = judd_least(width, s->n - first);
        float *panel = s->panels + first * s->k;
        for (int64_t k = 0; k < s->k; k += STEP)
            for (int64_t j = 0; j < columns; j++)
                for (int64_t i = k; i < judd_least(k + STEP, s->k); i++)
                    panel[i * columns + j] = b[i * s->b_stride[0] + (first + j) * s->b_stride[1]];
    }
done:
    return status;
}

static judd_status fast_create(void **out, const judd_kernel_binding *bind) {
    judd_status status = JUDD_OK;
    product_state *s = NULL;
    const judd_net_value *b = constant_b(bind);
    const float *weights = judd_net_weights(bind->net, bind->step);
    *out = NULL;
    JUDD_TRY(begin(&s, bind));
    JUDD_TRY(judd_gemm_create(&s->gemm));
    s->packed = b && b->rank == 2;
    if (b && !s->packed) JUDD_TRY(copy_b(s, b));
    if (s->packed && weights) JUDD_TRY(pack_weights(s, weights));
    *out = s;
    s = NULL;
done:
    product_destroy(s);
    return status;
}

/* y = f(alpha y + beta c) for one matrix. */
static void finish(const product_state *s, float *y) {
    for (int64_t i = 0; i < s->m; i++)
        for (int64_t j = 0; j < s->n; j++, y++) {
            float v = s->alpha * *y;
            if (s->c) v += s->beta * s->c[i * s->c_stride[0] + j * s->c_stride[1]];
            *y = judd_net_activate(s->activation, v);
        }
}

/* out = a b with packed weights; where a panel ends changes no bit. */
static judd_status multiply_panels(const product_state *s, judd_gemm_matrix a, float *out) {
    judd_status status = JUDD_OK;
    int64_t width = panel_width(s);
    for (int64_t first = 0; first < s->n; first += width) {
        int64_t columns = judd_least(width, s->n - first);
        judd_gemm_matrix b = {s->panels + first * s->k, columns, 1};
        JUDD_TRY(judd_gemm_multiply(s->gemm, s->m, columns, s->k, a, b, out + first, s->n, false));
    }
done:
    return status;
}

static void visit_constants(void *state, judd_constant_visit *visit, void *data) {
    product_state *s = state;
    if (s->packed) visit(data, &s->panels, s->k * s->n * (int64_t)sizeof *s->panels);
}

static judd_status fast_run(void *state, const float *const *in, float *out) {
    judd_status status = JUDD_OK;
    product_state *s = state;
    judd_view_reset(&s->batch);
    do {
        judd_gemm_matrix a = {in[0] + s->batch.offset[0], s->a_stride[0], s->a_stride[1]};
        if (s->packed) {
            JUDD_TRY(multiply_panels(s, a, out));
        } else {
            judd_gemm_matrix b = {(s->b ? s->b : in[1]) + s->batch.offset[1], s->b_stride[0],
                                  s->b_stride[1]};
            JUDD_TRY(judd_gemm_multiply(s->gemm, s->m, s->n, s->k, a, b, out, s->n, false));
        }
        finish(s, out);
        out += s->m * s->n;
    } while (judd_view_next(&s->batch));
done:
    return status;
}

const judd_kernel_ops judd_product_kernels[] = {
    {.op = "Gemm",
     .create = fast_create,
     .run = fast_run,
     .constants = visit_constants,
     .destroy = product_destroy},
    {.op = "MatMul",
     .create = fast_create,
     .run = fast_run,
     .constants = visit_constants,
     .destroy = product_destroy},
    {.op = NULL},
};

const judd_kernel_ops judd_product_reference_kernels[] = {
    {.op = "Gemm", .create = product_create, .run = product_run, .destroy = product_destroy},
    {.op = "MatMul", .create = product_create, .run = product_run, .destroy = product_destroy},
    {.op = NULL},
};
