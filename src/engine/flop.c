#include "engine/flop.h"

#include "engine/attention.h"

#include <string.h>

double judd_flop_count(const judd_net *net, const judd_step *step) {
    const judd_net_value *out = judd_net_output(net, step);
    double terms = 0.0, results = (double)judd_net_elements(out->rank, out->dims);
    if (strcmp(step->op, "Conv") == 0) { /* [out, in / groups, height, width] */
        int64_t dims[4];
        judd_net_convolved(dims, net, step);
        results = (double)judd_net_elements(4, dims);
        terms = (double)judd_net_elements(3, judd_net_input(net, step, 1)->dims + 1);
    } else if (strcmp(step->op, "MatMul") == 0) {
        const judd_net_value *a = judd_net_input(net, step, 0);
        terms = (double)a->dims[a->rank - 1];
    } else if (strcmp(step->op, "Gemm") == 0) {
        const judd_net_value *b = judd_net_input(net, step, 1);
        terms = (double)(judd_net_elements(b->rank, b->dims) / out->dims[out->rank - 1]);
    } else if (step->attention) {
        const judd_attention *a = step->attention;
        terms = (double)a->n * (double)(a->d + a->e) / (double)a->e;
    }
    return 2.0 * results * terms;
}
