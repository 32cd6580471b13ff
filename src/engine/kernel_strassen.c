/* Rows of the kernel table that run products with constant weights by Strassen's algorithm. */
#include "engine/indirect.h"
#include "engine/kernel.h"
#include "engine/strassen.h"

#include <stdlib.h>

typedef struct state {
    judd_strassen *strassen;
    judd_onednn *onednn; /* threads and workspace */
    const float *src;    /* of this run */
    float *dst;
} state;

static void destroy(void *data) {
    state *s = data;
    if (!s) return;
    judd_strassen_destroy(s->strassen);
    free(s);
}

static judd_strassen_problem describe(const judd_net *net, const judd_step *step) {
    const judd_net_value *y = judd_net_output(net, step), *w = judd_net_input(net, step, 1);
    bool turned = judd_graph_attribute_int(step->node, "transB", 0) != 0;
    int64_t columns = y->dims[y->rank - 1];
    judd_strassen_problem p = {.images = y->dims[0],
                               .rows = judd_net_elements(y->rank - 2, y->dims + 1),
                               .columns = columns,
                               .n_terms = w->dims[turned ? 1 : 0],
                               .weights = judd_net_weights(net, step),
                               .bias = judd_net_floats(net, step, 2),
                               .residual = step->residual >= 0,
                               .activation = step->activation};
    p.column_weight = turned ? p.n_terms : 1;
    p.term_weight = turned ? 1 : columns;
    return p;
}

/* Rows of one image make pairs, so it must be known which those are. */
static bool accepts(const judd_net *net, const judd_step *step) {
    const judd_net_value *y = judd_net_output(net, step);
    if (!net->winograd || !judd_net_is_linear(net, step) || y->rank < 3 || !y->images) return false;
    judd_strassen_problem p = describe(net, step);
    return judd_strassen_wins(p.rows, p.columns, p.n_terms);
}

static judd_status create(void **out, const judd_kernel_binding *b) {
    judd_status status = JUDD_OK;
    state *s = NULL;
    judd_strassen_problem p = describe(b->net, b->step);
    JUDD_TRY(judd_memory_alloc(&s, 1, sizeof *s));
    s->onednn = b->onednn;
    JUDD_TRY(judd_strassen_create(&s->strassen,
                                  judd_indirect_kernel_of(judd_onednn_isa(JUDD_FLOAT32)), &p));
    judd_onednn_reserve(b->onednn,
                        judd_onednn_threads(b->onednn) * judd_strassen_workspace(s->strassen));
    *out = s;
    s = NULL;
done:
    destroy(s);
    return status;
}

static void visit_constants(void *data, judd_constant_visit *visit, void *visitor) {
    judd_strassen_constants(((state *)data)->strassen, visit, visitor);
}

static void run_part(void *data, int part, int parts) {
    const state *s = data;
    char *workspace = judd_onednn_scratch(s->onednn);
    judd_strassen_run(s->strassen, s->src, s->dst,
                      workspace + part * judd_strassen_workspace(s->strassen), part, parts);
}

static judd_status run(void *data, const float *const *in, float *out) {
    state *s = data;
    s->src = in[0];
    s->dst = out;
    judd_onednn_parallel(s->onednn, run_part, s);
    return JUDD_OK;
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        .op = name, .accepts = accepts, .create = create, .run = run,                              \
        .constants = visit_constants, .destroy = destroy                                           \
    }

const judd_kernel_ops judd_strassen_kernels[] = {ROW("Gemm"), ROW("MatMul"), {.op = NULL}};
