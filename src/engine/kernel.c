#include "engine/kernel.h"

#include <string.h>

static const judd_kernel_ops *find_in(const judd_kernel_ops *table, const judd_net *net,
                                      const judd_step *step) {
    for (; table->op; table++)
        if (strcmp(table->op, step->op) == 0 && (!table->accepts || table->accepts(net, step)))
            return table;
    return NULL;
}

const judd_kernel_ops *judd_kernel_find(const judd_net *net, const judd_step *step, bool onednn) {
    const judd_kernel_ops *const tables[] = {
        judd_bf16_kernels,           judd_winograd_kernels,
        judd_strassen_kernels,       judd_indirect_kernels,
        judd_attention_kernels,      judd_vector_kernels,
        judd_mean_kernels,           judd_onednn_kernels,
        judd_product_kernels,        judd_reference_window_kernels,
        judd_reference_math_kernels, judd_product_reference_kernels,
        judd_reference_shape_kernels};
    enum { N_TABLES = sizeof tables / sizeof *tables, FIRST_REFERENCE = 9 };
    for (int i = onednn ? 0 : FIRST_REFERENCE; i < N_TABLES; i++) {
        const judd_kernel_ops *found = find_in(tables[i], net, step);
        if (found) return found;
    }
    return NULL;
}

bool judd_kernel_is_of(const judd_kernel_ops *ops, const judd_kernel_ops *table) {
    for (; table->op; table++)
        if (table == ops) return true;
    return false;
}
